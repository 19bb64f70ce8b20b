"""The adapter against an exchange that was written apart from it, over real HTTP and WebSocket.

What counts is the exchange's own truth afterwards: how many orders, which fills, whose money.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

import services.binance_us.client as client_module
from app.core.errors import ConfigError, ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.core.messages import Event, FlowSeen, OrderNotFound, OrderReported, PlaceOrder
from app.core.model import OrderReport, OrderStatus, OrderType, Role, Side
from app.core.orders import client_order_id
from app.seam import Clock, Tasks
from services.binance_us import Addresses, BinanceUs, Client
from services.binance_us.user_stream import LISTEN_KEY, POLLING, SUBSCRIPTION
from tests.binance_us_double import BinanceDouble

PLACE, CANCEL, FIND = "POST /api/v3/order", "DELETE /api/v3/order", "GET /api/v3/order"
REPLACE, OPEN, TRADES = "POST /api/v3/order/cancelReplace", "GET /api/v3/openOrders", "GET /api/v3/myTrades"
ACCOUNT = "GET /api/v3/account"


def an_id(role: Role = Role.ENTRY, attempt: int = 1) -> str:
    return client_order_id(live=True, tag="test", trade=1, role=role, attempt=attempt)


def an_entry(quantity: str = "0.01", price: str = "50150.00", attempt: int = 1) -> PlaceOrder:
    return PlaceOrder(
        client_order_id=an_id(attempt=attempt),
        position_id="test-0000001",
        symbol="BTC/USD",
        role=Role.ENTRY,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(quantity),
        price=Decimal(price),
    )


def a_stop(
    level: str = "47500.00", attempt: int = 1, quantity: str = "0.00998", limit: str | None = None
) -> PlaceOrder:
    return replace(
        an_entry(quantity),
        client_order_id=an_id(Role.STOP, attempt),
        role=Role.STOP,
        side=Side.SELL,
        type=OrderType.STOP_LOSS_LIMIT if limit else OrderType.STOP_LOSS,
        price=Decimal(limit) if limit else None,
        stop_price=Decimal(level),
    )


def an_exit(quantity: str = "0.00998", attempt: int = 1) -> PlaceOrder:
    return replace(
        an_entry(quantity),
        client_order_id=an_id(Role.EXIT, attempt),
        role=Role.EXIT,
        side=Side.SELL,
        type=OrderType.MARKET,
        price=None,
    )


class Hurried(Clock):
    """Pauses take a twentieth of their time; clocks go as always."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


@dataclass
class Room:
    """Both sides of one connection."""

    exchange: BinanceDouble
    adapter: BinanceUs
    posted: list[Event]

    def reports(self, id: str) -> list[OrderReport]:
        found = [event.report for event in self.posted if isinstance(event, OrderReported)]
        return [report for report in found if report.client_order_id == id]

    def count(self, id: str) -> int:
        """How many orders of this id the exchange ever took."""
        return sum(1 for order in self.exchange.engine.orders if order.wish.client_id == id)

    async def find(self, id: str, *, complete: bool = False) -> OrderReport | OrderNotFound:
        return await self.adapter.find("BTC/USD", id, self.adapter.now(), complete)


@asynccontextmanager
async def connected(
    exchange: BinanceDouble, symbol: str = "BTC/USD", clock: Clock | None = None
) -> AsyncIterator[Room]:
    clock = clock or Hurried()
    addresses = Addresses(rest=exchange.rest_url, ws=exchange.ws_url, ws_api=exchange.ws_api_url)
    client = Client(addresses, clock=clock, key=exchange.key, secret=exchange.secret)
    crashed: list[tuple[str, BaseException]] = []
    tasks = Tasks(on_crash=lambda name, error: crashed.append((name, error)))
    adapter, posted = BinanceUs(client, symbol, clock=clock, tasks=tasks), list[Event]()
    adapter.listen(posted.append)
    try:
        await adapter.open()
        yield Room(exchange, adapter, posted)
    finally:
        await tasks.stop()
        await adapter.close()
    assert crashed == []


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceDouble]:
    async with BinanceDouble() as running:
        running.market.move(50_000)
        yield running


@pytest.fixture
async def room(exchange: BinanceDouble) -> AsyncIterator[Room]:
    async with connected(exchange) as both:
        yield both


@asynccontextmanager
async def listening(exchange: BinanceDouble, how: str = LISTEN_KEY) -> AsyncIterator[Room]:
    """A started adapter that hears of its orders in this way."""
    async with connected(exchange) as room:
        room.adapter.start()
        if how != POLLING:
            await until(lambda: room.adapter.user_data == how)
        yield room


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- the life of a position


async def test_an_entry_a_stop_a_moved_stop_and_an_exit(room: Room) -> None:
    entry = await room.adapter.place(an_entry())
    assert entry.status is OrderStatus.FILLED
    [fill] = entry.fills
    assert (fill.quantity, fill.fee, fill.fee_asset) == (Decimal("0.01"), Decimal("0.000015"), "BTC")

    stop = await room.adapter.place(a_stop())
    assert stop.status is OrderStatus.OPEN
    old, new = await room.adapter.replace(an_id(Role.STOP), a_stop("48000.00", attempt=2))
    assert new is not None
    assert (old.status, new.status) == (OrderStatus.CANCELED, OrderStatus.OPEN)
    assert [order.wish.stop_price for order in room.exchange.engine.open_orders()] == [Decimal(48000)]

    assert (await room.adapter.cancel("BTC/USD", an_id(Role.STOP, 2))).status is OrderStatus.CANCELED
    sold = await room.adapter.place(an_exit())
    assert (sold.status, sum(fill.quantity for fill in sold.fills)) == (OrderStatus.FILLED, Decimal("0.00998"))
    assert room.exchange.engine.open_orders() == []


async def test_a_stop_limit_where_the_symbol_lists_no_stop() -> None:
    async with BinanceDouble(stop_loss_orders=False, balances={"BTC": "1"}) as exchange:
        exchange.market.move(50_000)
        async with connected(exchange) as room:
            assert room.adapter.instrument.stop_type is OrderType.STOP_LOSS_LIMIT
            with pytest.raises(ExchangeRefused, match="lists no STOP_LOSS orders"):
                await room.adapter.place(a_stop())
            report = await room.adapter.place(a_stop(attempt=2, limit="46550.00"))
            assert report.status is OrderStatus.OPEN


async def test_a_partial_fill_tells_what_was_filled_and_that_it_ended(room: Room) -> None:
    room.exchange.market.quote("49990", "50010", ask_quantity="0.0037")
    report = await room.adapter.place(an_entry())
    assert (report.status, [fill.quantity for fill in report.fills]) == (OrderStatus.EXPIRED, [Decimal("0.0037")])


async def test_nothing_on_offer_buys_nothing(room: Room) -> None:
    report = await room.adapter.place(an_entry(price="40000.00"))
    assert (report.status, report.fills) == (OrderStatus.EXPIRED, ())


@pytest.mark.parametrize(("paid_in", "asset"), [("quote", "USD"), ("BNB", "BNB"), ("received", "BTC")])
async def test_fees_in_whatever_they_are_taken(room: Room, paid_in: str, asset: str) -> None:
    room.exchange.account.set("BNB", "1")
    room.exchange.markets["BNBUSD"].move(600)
    room.exchange.account.fee_in = paid_in
    [fill] = (await room.adapter.place(an_entry())).fills
    assert fill.fee_asset == asset
    assert fill.fee > 0
    if asset == "BNB":
        assert fill.fee_quote == fill.fee * 600


async def test_refusals_come_in_the_exchanges_words(room: Room) -> None:
    for order, words in (
        (an_entry("0.9"), "insufficient balance"),
        (a_stop(attempt=2), "insufficient balance"),
    ):
        with pytest.raises(ExchangeRefused, match=words) as caught:
            await room.adapter.place(order)
        assert caught.value.code == "-2010"
    await room.adapter.place(an_entry(attempt=3))
    with pytest.raises(ExchangeRefused, match="would trigger immediately"):
        await room.adapter.place(a_stop("50500.00", attempt=3))


async def test_a_symbol_that_is_halted_is_refused_and_told_at_the_next_start(exchange: BinanceDouble) -> None:
    async with connected(exchange) as room:
        exchange.listing.status = "BREAK"
        with pytest.raises(ExchangeRefused):
            await room.adapter.place(an_entry())
    with pytest.raises(ConfigError, match=r"TRADER_SYMBOL is BTC/USD.*set TRADER_SYMBOL=BTC/USDT$"):
        async with connected(exchange):
            pass


# ---------------------------------------------------------------- doubt

DOUBTS: list[tuple[str, dict[str, Any]]] = [
    ("lost", {}),
    ("html", {"status": 502}),
    ("html", {"status": 504}),
    ("html", {"status": 200}),
    ("error", {"code": -1000, "status": 500}),
    ("error", {"code": -1006}),
    ("error", {"code": -1007, "status": 408}),
    ("error", {"code": -1008, "status": 503}),
    ("raw", {"status": 200, "body": ""}),
    ("raw", {"status": 200, "body": "null"}),
    ("raw", {"status": 200, "body": "{}"}),
    ("raw", {"status": 503, "body": "Unknown error, please check your request or try again later."}),
    ("cut", {"keep": 31}),
    ("broken", {"keep": 31}),
    ("huge", {"size": 6_000_000}),
]


@pytest.mark.parametrize(
    ("kind", "options", "done"),
    [
        pytest.param(kind, options, done, id=f"{kind} {list(options.values())} {'done' if done else 'not done'}")
        for kind, options in DOUBTS
        for done in (True, False)
        if done or kind not in ("cut", "broken")  # a true answer is only cut where there is one
    ],
)
async def test_an_order_in_doubt_is_asked_for_and_never_sent_twice(
    room: Room, kind: str, options: dict[str, Any], done: bool
) -> None:
    room.exchange.faults.add(kind, PLACE, acts=done, **options)
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.place(an_entry())
    assert len(room.exchange.requests.of(PLACE)) == 1
    found = await room.find(an_id(), complete=True)
    if done:
        assert isinstance(found, OrderReport)
        assert (found.status, len(found.fills)) == (OrderStatus.FILLED, 1)
    else:
        assert found == OrderNotFound(at=found.at, client_order_id=an_id(), complete=True)
    with pytest.raises(ExchangeUnreachable, match="was sent before"):
        await room.adapter.place(an_entry())
    assert room.count(an_id()) == done


async def test_an_answer_that_never_comes_is_a_doubt(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ORDER_SECONDS", 0.3)
    for attempt, kind in ((1, "silent"), (2, "drip")):
        room.exchange.faults.add(kind, PLACE, acts=True, seconds=0.1)
        with pytest.raises(ExchangeUnreachable):
            await room.adapter.place(an_entry(attempt=attempt))
        found = await room.find(an_id(attempt=attempt))
        assert isinstance(found, OrderReport)


async def test_an_order_that_exists_but_is_not_seen_yet_is_not_called_absent(room: Room) -> None:
    room.exchange.lag.orders.hold()
    room.exchange.lag.trades.hold()
    room.exchange.faults.lost_after(PLACE)
    await room.adapter.account("BTC/USD", [])
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.place(an_entry())
    first = await room.find(an_id(), complete=True)
    assert isinstance(first, OrderNotFound)
    assert not first.complete  # the dollars are gone, and nothing that is visible explains it
    room.exchange.lag.release()
    found = await room.find(an_id(), complete=True)
    assert isinstance(found, OrderReport)


async def test_an_end_whose_trades_lag_is_not_told_before_they_are_there(room: Room) -> None:
    room.exchange.lag.trades.hold()
    room.exchange.faults.lost_after(PLACE)
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.place(an_entry())
    with pytest.raises(ExchangeUnreachable, match="not whole yet"):
        await room.find(an_id())
    seen = await room.adapter.account("BTC/USD", [an_id()])
    assert seen.reports == ()
    room.exchange.lag.release()
    found = await room.find(an_id())
    assert isinstance(found, OrderReport)
    assert len(found.fills) == 1


async def test_a_stop_not_seen_in_the_lists_is_not_missed_right_after_its_confirmation(room: Room) -> None:
    await room.adapter.place(an_entry())
    room.exchange.lag.orders.hold()
    await room.adapter.place(a_stop())
    seen = await room.adapter.account("BTC/USD", [an_id(Role.STOP)])
    assert an_id(Role.STOP) in seen.open_ids


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_a_cancel_in_doubt(room: Room, done: bool) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.faults.add("lost", CANCEL, acts=done)
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.cancel("BTC/USD", an_id(Role.STOP))
    assert len(room.exchange.requests.of(CANCEL)) == 1  # no library sent it again by itself
    found = await room.find(an_id(Role.STOP))
    assert isinstance(found, OrderReport)
    assert found.status is (OrderStatus.CANCELED if done else OrderStatus.OPEN)


async def test_a_cancel_of_a_stop_that_fired_is_refused_and_the_stop_is_found_filled(room: Room) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.market.move(47_000)
    with pytest.raises(ExchangeRefused, match="Unknown order") as caught:
        await room.adapter.cancel("BTC/USD", an_id(Role.STOP))
    assert caught.value.code == "-2011"
    found = await room.find(an_id(Role.STOP))
    assert isinstance(found, OrderReport)
    assert found.status is OrderStatus.FILLED


@pytest.mark.parametrize("renames", [False, True])
async def test_a_cancelled_stop_is_found_under_its_own_id(room: Room, renames: bool) -> None:
    room.exchange.engine.cancel_renames = renames
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    await room.adapter.cancel("BTC/USD", an_id(Role.STOP))
    found = await room.find(an_id(Role.STOP))
    assert isinstance(found, OrderReport)
    assert found.status is OrderStatus.CANCELED
    await room.adapter.place(a_stop(attempt=3))
    room.exchange.owner.cancel(an_id(Role.STOP, 3))
    found = await room.find(an_id(Role.STOP, 3))
    assert isinstance(found, OrderReport)
    assert found.status is OrderStatus.CANCELED


# ---------------------------------------------------------------- replacing


async def test_the_cancel_done_and_the_new_stop_refused(room: Room) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    old, new = await room.adapter.replace(an_id(Role.STOP), a_stop("51000.00", attempt=2))
    assert (old.status, new) == (OrderStatus.CANCELED, None)
    assert room.exchange.engine.open_orders() == []  # bare: the engine puts the old level back
    again = await room.adapter.place(a_stop(attempt=3))
    assert again.status is OrderStatus.OPEN


async def test_nothing_done_where_the_old_stop_is_gone(room: Room) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.owner.cancel(an_id(Role.STOP))
    with pytest.raises(ExchangeRefused, match="could not be cancelled"):
        await room.adapter.replace(an_id(Role.STOP), a_stop("48000.00", attempt=2))
    assert room.count(an_id(Role.STOP, 2)) == 0


async def test_nothing_done_where_the_new_stop_breaks_a_rule_that_we_do_not_know_yet(room: Room) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.listing.tick = room.exchange.listing.min_price = Decimal("0.50")
    with pytest.raises(ExchangeRefused, match="PRICE_FILTER"):
        await room.adapter.replace(an_id(Role.STOP), a_stop("48000.01", attempt=2))
    assert [order.wish.client_id for order in room.exchange.engine.open_orders()] == [an_id(Role.STOP)]
    await until(lambda: room.adapter.instrument.price_tick == Decimal("0.5"))


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_a_replacement_in_doubt_is_found_out_half_by_half(room: Room, done: bool) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.faults.add("lost", REPLACE, acts=done)
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.replace(an_id(Role.STOP), a_stop("48000.00", attempt=2))
    old, new = await room.find(an_id(Role.STOP)), await room.find(an_id(Role.STOP, 2), complete=True)
    assert isinstance(old, OrderReport)
    assert old.status is (OrderStatus.CANCELED if done else OrderStatus.OPEN)
    assert isinstance(new, OrderReport) is done
    assert len(room.exchange.engine.open_orders()) == 1


# ---------------------------------------------------------------- the account


async def test_the_account_tells_ours_from_the_owners(room: Room) -> None:
    room.exchange.account.set("BTC", "2")
    room.exchange.owner.sell("BTCUSD", "0.5", "60000")
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    seen = await room.adapter.account("BTC/USD", [])
    assert seen.open_ids == (an_id(Role.STOP),)
    assert seen.base_total == Decimal("2.009985")
    assert seen.base_free == Decimal("2.009985") - Decimal("0.5") - Decimal("0.00998")
    assert seen.quote_total == room.exchange.account.total("USD")


async def test_an_account_without_our_assets_is_not_believed(room: Room) -> None:
    for missing in ("USD", "BTC"):
        room.exchange.account.hidden = {missing}
        with pytest.raises(ExchangeUnreachable, match=f"there is no {missing}"):
            await room.adapter.account("BTC/USD", [])
    room.exchange.account.hidden = set()
    room.exchange.faults.add("cut", ACCOUNT, keep=200)
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.account("BTC/USD", [])


async def test_a_stop_that_fired_untold_is_in_the_account(room: Room) -> None:
    await room.adapter.account("BTC/USD", [])
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.market.move(47_000)
    room.exchange.owner.buy("BTCUSD", "0.001")  # a person trades too
    seen = await room.adapter.account("BTC/USD", [])
    stops = [report for report in seen.reports if report.client_order_id == an_id(Role.STOP)]
    assert [report.status for report in stops] == [OrderStatus.FILLED]
    assert {report.client_order_id for report in seen.reports} <= {an_id(), an_id(Role.STOP)}


async def test_more_trades_than_a_page_are_all_read(room: Room) -> None:
    await room.adapter.account("BTC/USD", [])
    for _ in range(1_040):
        room.exchange.owner.buy("BTCUSD", "0.00002")
        room.exchange.market.quote("49990", "50010")
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.market.move(47_000)
    room.exchange.requests.clear()
    rows = await room.adapter._history.trades_from(0)
    assert len({row["id"] for row in rows}) == len(rows) == 1_042
    assert len(room.exchange.requests.of(TRADES)) == 2
    seen = await room.adapter.account("BTC/USD", [an_id(Role.STOP)])
    assert an_id(Role.STOP) in {report.client_order_id for report in seen.reports}


# ---------------------------------------------------------------- hearing of our orders


@pytest.mark.parametrize("how", [LISTEN_KEY, SUBSCRIPTION, POLLING])
async def test_a_stop_that_fires_is_told_in_each_of_three_ways(exchange: BinanceDouble, how: str) -> None:
    exchange.user_data.refuse(listen_key=None if how == LISTEN_KEY else 410, subscription=how == POLLING)
    async with listening(exchange, how) as room:
        await room.adapter.place(an_entry())
        await room.adapter.place(a_stop())
        exchange.clock.advance(30)
        if how == POLLING:  # a list that lags is given 20 s to know what was just confirmed
            room.adapter._orders.confirmed.clear()
        exchange.market.move(47_000)
        await until(lambda: any(each.status is OrderStatus.FILLED for each in room.reports(an_id(Role.STOP))))
        assert room.adapter.user_data == how
        filled = room.reports(an_id(Role.STOP))[-1]
        assert sum(fill.quantity for fill in filled.fills) == Decimal("0.00998")


async def test_events_lost_doubled_and_shuffled_still_give_whole_reports(exchange: BinanceDouble) -> None:
    async with listening(exchange) as room:
        room.exchange.market.book([("49990", 20)], [("50010", "0.003"), ("50020", "0.003"), ("50030", "0.004")])
        exchange.streams.user.hold()
        await room.adapter.place(an_entry())
        count = len(exchange.streams.user.held)
        exchange.streams.user.release([*reversed(range(count))], copies=3)
        await until(lambda: any(each.status is OrderStatus.FILLED for each in room.reports(an_id())))
        for report in room.reports(an_id()):
            filled = sum(fill.quantity for fill in report.fills)
            assert report.status is not OrderStatus.FILLED or filled == Decimal("0.01")
            assert len({fill.id for fill in report.fills}) == len(report.fills) <= 3


async def test_a_stop_cancelled_by_hand_is_seen_though_the_stream_is_half_open(exchange: BinanceDouble) -> None:
    async with listening(exchange) as room:
        await room.adapter.place(an_entry())
        await room.adapter.place(a_stop())
        await until(lambda: bool(room.reports(an_id(Role.STOP))))
        room.adapter._orders.confirmed.clear()
        exchange.streams.user.lose = 1_000  # the line stands, pings are answered, but no event arrives
        exchange.owner.cancel(an_id(Role.STOP))
        await until(lambda: room.reports(an_id(Role.STOP))[-1].status is OrderStatus.CANCELED)


async def test_a_frozen_stream_is_left_and_another_one_opened(
    exchange: BinanceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PING_SECONDS", 0.2)
    async with listening(exchange) as room:
        opened = len(exchange.requests.sockets)
        exchange.streams.user.freeze()
        await until(lambda: len(exchange.requests.sockets) > opened)
        exchange.streams.user.thaw()
        await until(lambda: room.adapter.user_data == LISTEN_KEY)


async def test_an_expired_listen_key_and_a_dropped_line_lose_no_fill(exchange: BinanceDouble) -> None:
    back: list[str] = []
    async with listening(exchange) as room:
        room.adapter.reconnected = lambda: back.append("back")
        await room.adapter.place(an_entry())
        for end in (exchange.user_data.expire, exchange.streams.user.drop, lambda: exchange.streams.user.close(1001)):
            known = len(back)
            end()
            await until(lambda known=known: len(back) > known and room.adapter.user_data == LISTEN_KEY)  # type: ignore[misc]
        await room.adapter.place(a_stop())
        exchange.market.move(47_000)
        await until(lambda: any(each.status is OrderStatus.FILLED for each in room.reports(an_id(Role.STOP))))


async def test_money_that_comes_and_goes_is_told(exchange: BinanceDouble) -> None:
    exchange.streams.user.copies = 2
    async with listening(exchange) as room:
        exchange.owner.deposit("USD", "500")
        exchange.owner.withdraw("USD", "20")
        exchange.owner.deposit("BTC", "1")
        await until(lambda: sum(isinstance(event, FlowSeen) for event in room.posted) == 2)
        flows = [event.amount for event in room.posted if isinstance(event, FlowSeen)]
        assert flows == [500, -20]


# ---------------------------------------------------------------- limits, clock, key


@pytest.mark.parametrize("banned", [False, True])
async def test_silence_is_kept_while_the_exchange_asks_for_it(room: Room, banned: bool) -> None:
    (room.exchange.weights.ban if banned else room.exchange.weights.silence)(120)
    with pytest.raises(ExchangeBusy) as caught:
        await room.adapter.account("BTC/USD", [])
    assert 110 < caught.value.retry_after_seconds <= 121
    asked = len(room.exchange.requests.asked)
    for attempt in range(5):
        with pytest.raises(ExchangeBusy, match="nothing was sent"):
            await room.adapter.place(an_entry(attempt=attempt))
        with pytest.raises(ExchangeBusy, match="nothing was sent"):
            await room.adapter.account("BTC/USD", [])
    assert len(room.exchange.requests.asked) == asked


async def test_too_many_orders_shuts_orders_and_nothing_else(room: Room) -> None:
    await room.adapter.place(an_entry())
    await room.adapter.place(a_stop())
    room.exchange.faults.too_many_orders()
    with pytest.raises(ExchangeBusy) as caught:
        await room.adapter.place(an_exit())
    assert caught.value.retry_after_seconds <= 10
    assert (await room.adapter.cancel("BTC/USD", an_id(Role.STOP))).status is OrderStatus.CANCELED


async def test_used_weight_stops_entries_first(room: Room) -> None:
    room.exchange.weights.use(3_100)
    await room.adapter.client.sync()
    with pytest.raises(ExchangeBusy, match="nothing was sent"):
        await room.adapter.place(an_entry())
    assert (await room.adapter.account("BTC/USD", [])).open_ids == ()
    assert room.exchange.requests.of(PLACE) == []


@pytest.mark.parametrize("seconds", [3, -3, 86_400, -86_400])
async def test_a_clock_that_is_off_is_no_trouble(exchange: BinanceDouble, seconds: int) -> None:
    exchange.clock.skew(seconds)
    async with connected(exchange) as room:
        assert (await room.adapter.place(an_entry())).status is OrderStatus.FILLED
        assert abs(room.adapter.client.time.wall_offset_seconds() - seconds) < 0.5


@pytest.mark.parametrize("seconds", [8, -8])
async def test_a_clock_that_jumps_is_set_and_the_order_is_not_sent_again(room: Room, seconds: int) -> None:
    room.exchange.clock.skew(seconds)
    with pytest.raises(ExchangeRefused) as caught:
        await room.adapter.place(an_entry())
    assert caught.value.code == "-1021"
    assert len(room.exchange.requests.of(PLACE)) == 1
    assert (await room.adapter.place(an_entry(attempt=2))).status is OrderStatus.FILLED
    room.exchange.clock.skew(0)
    await room.adapter.account("BTC/USD", [])  # a question is simply asked once more


async def test_a_revoked_key_is_said_at_once(room: Room) -> None:
    await room.adapter.account("BTC/USD", [])
    room.exchange.revoke_key()
    with pytest.raises(ExchangeRefused) as caught:
        await room.adapter.place(an_entry())
    assert caught.value.code == "-2015"
    assert room.adapter.client.key_refused


@pytest.mark.parametrize("how", ["reset", "silent"])
async def test_without_a_network_everything_is_a_doubt_or_was_not_sent(
    room: Room, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ORDER_SECONDS", 0.3)
    monkeypatch.setattr(client_module, "READ_SECONDS", 0.3)
    room.exchange.cut_off(how)
    for doing in (
        room.adapter.place(an_entry()),
        room.adapter.cancel("BTC/USD", an_id(Role.STOP)),
        room.adapter.replace(an_id(Role.STOP), a_stop(attempt=2)),
        room.adapter.account("BTC/USD", []),
        room.find(an_id(), complete=True),
    ):
        with pytest.raises((ExchangeUnreachable, ExchangeBusy)):
            await doing
    room.exchange.cut_off("")
    monkeypatch.setattr(client_module, "READ_SECONDS", 10)
    assert isinstance(await room.find(an_id(), complete=True), OrderNotFound)


async def test_maintenance_is_a_doubt_and_passes(room: Room) -> None:
    room.exchange.down_for_maintenance()
    with pytest.raises(ExchangeError):
        await room.adapter.place(an_entry())
    room.exchange.down_for_maintenance(False)
    assert (await room.adapter.place(an_entry(attempt=2))).status is OrderStatus.FILLED


# ---------------------------------------------------------------- strangers


async def test_fields_and_filters_of_tomorrow_are_passed_over(room: Room) -> None:
    room.exchange.faults.edit(PLACE, lambda body: {**body, "pegPriceType": {"a": [1]}, "expiryReason": None})
    assert (await room.adapter.place(an_entry())).status is OrderStatus.FILLED


@pytest.mark.parametrize(
    "change",
    [
        {"executedQty": "-0.01"},
        {"executedQty": "NaN"},
        {"executedQty": "1e999"},
        {"status": "OF_TOMORROW"},
        {"orderId": None},
        {"symbol": "DOGEUSD"},
        {"clientOrderId": "web_1"},
        {"fills": [{"price": "-1", "qty": "0.01", "commission": "0", "commissionAsset": "USD", "tradeId": 1}]},
        {"fills": "many"},
    ],
    ids=lambda change: str(change)[:40],
)
async def test_a_yes_with_impossible_numbers_is_a_doubt_and_the_truth_is_found(
    room: Room, change: dict[str, Any]
) -> None:
    room.exchange.faults.edit(PLACE, lambda body: {**body, **change})
    with pytest.raises(ExchangeUnreachable):
        await room.adapter.place(an_entry())
    found = await room.find(an_id())
    assert isinstance(found, OrderReport)
    assert found.status is OrderStatus.FILLED


async def test_only_our_exchange_is_ever_asked(exchange: BinanceDouble) -> None:
    async with listening(exchange) as room:
        await room.adapter.place(an_entry())
        await room.adapter.account("BTC/USD", [])
    assert exchange.requests.hosts == {exchange.host}
