"""Whatever a script and a trader do to the double, its books stay those of an exchange: nothing is made or lost."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.binance_us_double.core import Core
from tests.binance_us_double.orders import Order, Wish
from tests.binance_us_double.refusals import Refused

START = {"USD": Decimal(10_000), "BTC": Decimal("0.5"), "BNB": Decimal(2)}

prices = st.integers(55_000, 65_000).map(Decimal)
quantities = st.integers(1, 20_000).map(lambda steps: steps * Decimal("0.00001"))
sides = st.sampled_from(["BUY", "SELL"])
books = st.lists(st.tuples(st.integers(1, 200), quantities), min_size=0, max_size=4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), sides, prices, quantities, st.sampled_from(["GTC", "IOC", "FOK"])),
        st.tuples(st.just("market"), sides, quantities),
        st.tuples(st.just("spend"), sides, st.integers(1, 20_000).map(Decimal)),
        st.tuples(st.just("stop"), sides, prices, prices, quantities),
        st.tuples(st.just("stop market"), sides, prices, quantities),
        st.tuples(st.just("trail"), sides, prices, quantities, st.integers(10, 500)),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("replace"), st.integers(0, 20), prices, quantities),
        st.tuples(st.just("quote"), prices, books, books),
        st.tuples(st.just("trade"), prices, quantities, sides),
        st.tuples(st.just("fee"), st.sampled_from(["received", "quote", "BNB", "nothing"])),
        st.tuples(st.just("flow"), st.sampled_from(["USD", "BTC"]), st.integers(-100, 100).map(Decimal)),
    ),
    min_size=15,
    max_size=60,
)


def do(core: Core, number: int, step: tuple[Any, ...]) -> None:
    """One step; the exchange may refuse it, and then nothing has happened."""
    kind, rest = step[0], step[1:]
    name = {"symbol": "BTCUSD", "client_id": f"n-{number}"}
    match kind:
        case "limit":
            core.engine.place(Wish(**name, type="LIMIT", side=rest[0], price=rest[1], quantity=rest[2], tif=rest[3]))
        case "market":
            core.engine.place(Wish(**name, type="MARKET", side=rest[0], quantity=rest[1]))
        case "spend":
            core.engine.place(Wish(**name, type="MARKET", side=rest[0], quote_quantity=rest[1]))
        case "stop" | "trail":
            trailing = rest[3] if kind == "trail" else None
            stop_price, quantity = (None, rest[2]) if kind == "trail" else (rest[2], rest[3])
            wish = Wish(
                **name,
                type="STOP_LOSS_LIMIT",
                side=rest[0],
                price=rest[1],
                stop_price=stop_price,
                quantity=quantity,
                trailing_delta=trailing,
            )
            core.engine.place(wish)
        case "stop market":
            core.engine.place(Wish(**name, type="STOP_LOSS", side=rest[0], stop_price=rest[1], quantity=rest[2]))
        case "cancel" | "replace":
            order = core.engine.orders[rest[0]] if rest[0] < len(core.engine.orders) else None
            if kind == "cancel":
                core.engine.cancel(order)
            else:
                wish = Wish(**name, type="LIMIT", side="SELL", price=rest[1], quantity=rest[2])
                core.engine.replace(order, wish, must_cancel=True)
        case "quote":
            bids = [(rest[0] - away, quantity) for away, quantity in rest[1]]
            core.market.book(bids, [(rest[0] + away, quantity) for away, quantity in rest[2]])
        case "trade":
            core.market.trade(rest[0], rest[1], rest[2])
        case "fee":
            core.account.fee_in = rest[0]
        case _:
            core.account.deposit(rest[0], max(rest[1], -core.account.free[rest[0]]))


def expected(core: Core) -> dict[str, Decimal]:
    """The balances that flows and fills amount to."""
    owned: dict[str, Decimal] = defaultdict(Decimal, START)
    for flow in core.account.flows:
        owned[flow["asset"]] += flow["amount"]
    for order in core.engine.orders:
        sign = 1 if order.wish.side == "BUY" else -1
        for fill in order.fills:
            owned["BTC"] += sign * fill.quantity
            owned["USD"] -= sign * fill.worth
            if fill.fee_asset:
                owned[fill.fee_asset] -= fill.fee
    return owned


def check_order(order: Order) -> None:
    assert order.executed <= order.quantity
    assert (order.status == "FILLED") == (order.left == 0 and order.quantity > 0)
    assert order.versions[-1][1] == order.row()
    if not order.is_open:
        assert order.locked == 0
    if order.is_limit and order.is_open:
        assert order.locked == order.left * (order.price if order.wish.side == "BUY" else 1)
    if order.is_limit:
        for fill in order.fills:
            assert fill.price <= order.price if order.wish.side == "BUY" else fill.price >= order.price
    if order.is_stop and order.fills:
        assert order.works


def check_events(core: Core) -> None:
    """The stream tells the same story as the books."""
    last: dict[int, dict[str, Any]] = {}
    fills: dict[int, Decimal] = defaultdict(Decimal)
    balances: dict[str, tuple[Decimal, Decimal]] = {}
    for event in core.user_data.events:
        if event["e"] == "executionReport":
            last[event["i"]] = event
            fills[event["i"]] += Decimal(event["l"])
        elif event["e"] == "outboundAccountPosition":
            balances |= {row["a"]: (Decimal(row["f"]), Decimal(row["l"])) for row in event["B"]}
    for order in core.engine.orders:
        assert (last[order.id]["X"], fills[order.id]) == (order.status, order.executed)
    for asset, told in balances.items():
        assert told == (core.account.free[asset], core.account.locked[asset])


# Three stops that buy at the market, dearer than their triggers, one of them in part: what is locked pays for it.
DEARER: list[tuple[Any, ...]] = [
    ("limit", "BUY", Decimal(55000), Decimal("0.00001"), "GTC"),
    ("limit", "BUY", Decimal(55000), Decimal("0.00001"), "GTC"),
    ("market", "BUY", Decimal("0.00328")),
    ("limit", "BUY", Decimal(55001), Decimal("0.00001"), "IOC"),
    ("spend", "BUY", Decimal(1)),
    ("market", "BUY", Decimal("0.00002")),
    ("stop market", "BUY", Decimal(60007), Decimal("0.07089")),
    ("stop market", "BUY", Decimal(55148), Decimal("0.05008")),
    ("stop market", "BUY", Decimal(62329), Decimal("0.08874")),
    ("limit", "SELL", Decimal(55002), Decimal("0.00001"), "IOC"),
    ("limit", "SELL", Decimal(55007), Decimal("0.00001"), "GTC"),
    ("limit", "BUY", Decimal(55000), Decimal("0.00001"), "GTC"),
    ("limit", "BUY", Decimal(55000), Decimal("0.00001"), "GTC"),
    ("limit", "SELL", Decimal(60007), Decimal("0.00002"), "GTC"),
    ("quote", Decimal(64997), [(4, Decimal("0.00001"))], [(1, Decimal("0.14994"))]),
]


@settings(max_examples=200, deadline=None)
@given(steps)
@example(DEARER)
def test_the_books_of_the_double_are_those_of_an_exchange(script: list[tuple[Any, ...]]) -> None:
    core = Core("BTCUSD", balances=START, now=lambda: 1_700_000_000.0)  # type: ignore[arg-type]
    core.markets["BNBUSD"].move(600)
    core.market.move(60_000)
    for number, step in enumerate(script):
        before = core.settled()
        try:
            do(core, number, step)
        except Refused:
            assert core.settled() == before or step[0] == "replace"
        owned = expected(core)
        for asset, amount in owned.items():
            assert core.account.total(asset) == amount, (asset, step)
        for asset, side in (("USD", "BUY"), ("BTC", "SELL")):
            assert core.account.free[asset] >= 0
            locked = sum((each.locked for each in core.engine.orders if each.wish.side == side), Decimal(0))
            assert core.account.locked[asset] == locked
        for order in core.engine.orders:
            check_order(order)
        bids, asks = core.engine.own_levels("BTCUSD")
        assert not any(others.price <= own.price for own in bids for others in core.market.asks)
        assert not any(others.price >= own.price for own in asks for others in core.market.bids)
    check_events(core)
