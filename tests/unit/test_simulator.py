"""The pretend exchange: what it refuses, and the four steps of a candle."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.core.errors import ExchangeRefused
from app.core.messages import PlaceOrder
from app.core.model import Candle, OrderReport, OrderStatus, OrderType, Role, Side
from app.core.rules import Simulation
from backtest.simulator import JUMPED, Book, Simulator, instrument_for
from tests.builders import MINUTE, NOON, a_candle, d

ENTRY = PlaceOrder(
    client_order_id="e1",
    position_id="p1",
    symbol="BTC/USD",
    role=Role.ENTRY,
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=d("0.01"),
    price=d(50100),
)
STOP = PlaceOrder(
    client_order_id="s1",
    position_id="p1",
    symbol="BTC/USD",
    role=Role.STOP,
    side=Side.SELL,
    type=OrderType.STOP_LOSS,
    quantity=d("0.01"),
    stop_price=d(47500),
)
EXIT = replace(STOP, client_order_id="c1", role=Role.EXIT, type=OrderType.MARKET, stop_price=None)


@pytest.fixture
def simulator() -> Simulator:
    simulation = Simulation()
    return Simulator(
        instrument_for("BTC/USD", simulation), simulation, Book(quote_total=d(10_000), base_total=d("0.03"))
    )


def test_an_entry_fills_at_the_next_open_plus_slippage_with_its_fee_in_bitcoin(simulator: Simulator) -> None:
    assert simulator.place(ENTRY, NOON).status is OrderStatus.OPEN
    (report,) = simulator.at_open(a_candle("50000", at=NOON))
    (fill,) = report.fills
    assert (report.status, fill.price, fill.fee, fill.fee_asset) == (
        OrderStatus.FILLED,
        d("50025"),
        d("0.00001"),
        "BTC",
    )
    assert simulator.book.quote_total == d(10_000) - d("500.25")
    assert simulator.book.base_total == d("0.03999")


def test_an_entry_whose_price_ran_away_expires(simulator: Simulator) -> None:
    simulator.place(ENTRY, NOON)
    (report,) = simulator.at_open(a_candle("50080", at=NOON))
    assert (report.status, report.fills) == (OrderStatus.EXPIRED, ())


@pytest.mark.parametrize(
    ("candle", "price"),
    [
        (a_candle("48000", open="48100", low="47500"), "47476.25"),  # touched exactly
        (a_candle("46000", open="46500"), "46476.75"),  # opened below: the open, not the stop
    ],
)
def test_a_stop_fills_at_the_worse_of_open_and_stop_less_slippage(simulator: Simulator, candle, price: str) -> None:  # type: ignore[no-untyped-def]
    simulator.place(STOP, NOON)
    (report,) = simulator.stops_first(candle)
    assert report.fills[0].price == d(price)
    assert report.fills[0].fee_asset == "USD"


def test_a_stop_that_is_not_reached_rests(simulator: Simulator) -> None:
    simulator.place(STOP, NOON)
    candle = a_candle("48000", low="47500.01", open="48000")
    assert simulator.quiet(candle)
    assert simulator.stops_first(candle) == []
    assert simulator.is_open("s1")


def test_a_waiting_cancel_loses_against_the_stop_of_the_same_candle(simulator: Simulator) -> None:
    simulator.place(STOP, NOON)
    assert simulator.cancel("s1", NOON, now=False).status is OrderStatus.CANCELLING
    assert not simulator.quiet(a_candle("48000"))
    (report,) = simulator.stops_first(a_candle("47000", open="48000"))
    assert report.status is OrderStatus.FILLED
    assert simulator.cancels(NOON) == []


def test_a_waiting_cancel_is_carried_out_when_the_stop_is_not_reached(simulator: Simulator) -> None:
    simulator.place(STOP, NOON)
    simulator.cancel("s1", NOON, now=False)
    assert simulator.stops_first(a_candle("48000")) == []
    (report,) = simulator.cancels(NOON)
    assert report.status is OrderStatus.CANCELED
    simulator.place(EXIT, NOON)
    (sold,) = simulator.at_open(a_candle("48000"))
    assert sold.fills[0].price == d("47976")


def test_a_stop_placed_within_a_candle_is_tried_against_the_same_low(simulator: Simulator) -> None:
    assert simulator.stops_first(a_candle("47000", open="48000")) == []
    simulator.place(STOP, NOON)
    (report,) = simulator.new_stops(a_candle("47000", open="48000"))
    assert report.status is OrderStatus.FILLED
    assert simulator.new_stops(a_candle("47000", open="48000")) == []


def test_a_moved_stop_is_in_force_at_once(simulator: Simulator) -> None:
    simulator.place(STOP, NOON)
    higher = replace(STOP, client_order_id="s2", stop_price=d(48000))
    old, new = simulator.replace("s1", higher, NOON)
    assert (old.status, new.status) == (OrderStatus.CANCELED, OrderStatus.OPEN)
    (report,) = simulator.stops_first(a_candle("47900", open="48500"))
    assert report.client_order_id == "s2"


def test_a_move_that_is_refused_leaves_the_old_stop_standing(simulator: Simulator) -> None:
    simulator.place(STOP, NOON)
    with pytest.raises(ExchangeRefused):
        simulator.replace("s1", replace(STOP, client_order_id="s2", quantity=d(1)), NOON)
    assert simulator.is_open("s1")
    with pytest.raises(ExchangeRefused, match="Unknown order"):
        simulator.replace("nothing", replace(STOP, client_order_id="s3"), NOON)
    simulator.cancel("s1", NOON, now=False)
    with pytest.raises(ExchangeRefused, match="Unknown order"):
        simulator.replace("s1", replace(STOP, client_order_id="s4"), NOON)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (replace(ENTRY, symbol="DOGE/USD"), "Invalid symbol"),
        (replace(ENTRY, quantity=d("0.000001")), "LOT_SIZE"),
        (replace(ENTRY, quantity=d("-1")), "LOT_SIZE"),
        (replace(ENTRY, price=d("50000.001")), "PRICE_FILTER"),
        (replace(ENTRY, quantity=d("0.0001")), "NOTIONAL"),
        (replace(ENTRY, quantity=d("1")), "insufficient balance"),
        (replace(EXIT, quantity=d("1")), "insufficient balance"),
        (replace(STOP, type=OrderType.STOP_LOSS_LIMIT), "Unsupported order type"),
    ],
)
def test_what_breaks_a_rule_is_refused(simulator: Simulator, order: PlaceOrder, says: str) -> None:
    with pytest.raises(ExchangeRefused, match=says):
        simulator.place(order, NOON)
    assert simulator.book.resting == {}


def test_an_id_is_refused_while_its_twin_is_open(simulator: Simulator) -> None:
    simulator.place(ENTRY, NOON)
    with pytest.raises(ExchangeRefused, match="Duplicate"):
        simulator.place(ENTRY, NOON)


def test_five_stops_are_the_most(simulator: Simulator) -> None:
    for number in range(5):
        simulator.place(replace(STOP, client_order_id=f"s{number}", quantity=d("0.001")), NOON)
    with pytest.raises(ExchangeRefused, match="MAX_NUM_ALGO_ORDERS"):
        simulator.place(replace(STOP, client_order_id="s9", quantity=d("0.001")), NOON)


def test_a_cancel_of_nothing_is_refused(simulator: Simulator) -> None:
    with pytest.raises(ExchangeRefused, match="Unknown order"):
        simulator.cancel("nothing", NOON, now=True)


def test_on_live_prices_an_order_fills_at_the_first_price_after_it_arrived(simulator: Simulator) -> None:
    simulator.place(ENTRY, NOON + MINUTE)
    simulator.place(STOP, NOON)
    assert simulator.at_price(d(49990), d(50000), NOON, NOON) == []
    (bought,) = simulator.at_price(d(49990), d(50000), NOON + MINUTE, NOON + MINUTE)
    assert bought.fills[0].price == d("50025")
    (stopped,) = simulator.at_price(d(47400), d(47410), NOON + 2 * MINUTE, NOON + 2 * MINUTE)
    assert stopped.fills[0].price == d("47376.3")
    simulator.place(EXIT, NOON)
    assert simulator.cancel("c1", NOON, now=True).status is OrderStatus.CANCELED


def test_on_live_prices_a_stop_with_a_limit_is_jumped_and_sells_never_below_it() -> None:
    simulation = Simulation()
    instrument = replace(instrument_for("BTC/USD", simulation), order_types=(OrderType.STOP_LOSS_LIMIT,))
    simulator = Simulator(instrument, simulation, Book(quote_total=d(0), base_total=d("0.03")))
    stop = replace(STOP, type=OrderType.STOP_LOSS_LIMIT, price=d(46550))

    def at(price: int) -> list[OrderReport]:
        return simulator.at_price(d(price), d(price), NOON, NOON)

    simulator.place(stop, NOON)
    assert at(47600) == []
    assert at(46000) == [], "jumped: nobody buys at the limit"
    assert simulator.is_open("s1")
    (sold,) = at(47600)
    assert sold.fills[0].price == d("47576.2"), "triggered is triggered, whatever the price does next"
    simulator.place(replace(stop, client_order_id="s2"), NOON)
    (sold,) = at(46555)
    assert sold.fills[0].price == d(46550), "slippage takes it to its limit, not through it"


def test_fees_in_quote_leave_the_bitcoin_whole() -> None:
    simulation = Simulation(fee_in="quote", price_tick=None, quantity_step=None)
    simulator = Simulator(instrument_for("BTC/USD", simulation), simulation, Book(quote_total=d(10_000)))
    simulator.place(replace(ENTRY, type=OrderType.MARKET, price=None), NOON)
    (report,) = simulator.at_open(a_candle("50000"))
    assert report.fills[0].fee_asset == "USD"
    assert simulator.book.base_total == d("0.01")
    assert simulator.book.quote_total == d(10_000) - d("500.25") * Decimal("1.001")


@pytest.fixture
def limited() -> Simulator:
    """A market without real stops: its stops have a limit 2 % below their trigger."""
    simulation = Simulation(stop="limit")
    simulator = Simulator(instrument_for("BTC/USD", simulation), simulation, Book(quote_total=d(0), base_total=d(1)))
    simulator.place(replace(STOP, type=OrderType.STOP_LOSS_LIMIT, price=d(46550)), NOON)
    return simulator


@pytest.mark.parametrize(
    ("candle", "price", "reason"),
    [
        (a_candle("47000", open="48000"), "47476.25", ""),  # fell through it: as a real stop
        (a_candle("47000", open="46560"), "46550", ""),  # opened just above the limit: slippage takes it to its limit
        (a_candle("46500", open="46000", high="47000"), "45977", JUMPED),  # jumped: sold at once, into the hole
        (a_candle("45000", open="46000"), "44977.5", JUMPED),  # jumped, and it fell on: at the worse end
    ],
)
def test_a_stop_with_a_limit_that_a_gap_jumps_is_sold_by_the_watchdog(
    limited: Simulator, candle: Candle, price: str, reason: str
) -> None:
    (report,) = limited.stops_first(candle)
    assert (report.fills[0].price, report.reason) == (d(price), reason)


def test_nobody_rescues_a_jumped_stop_while_the_trader_is_down(limited: Simulator) -> None:
    assert limited.stops_first(a_candle("46000", open="46100"), watched=False) == []
    assert not limited.quiet(a_candle("46400")), "it waits at its limit"
    assert limited.stops_first(a_candle("46400", open="46000"), watched=False) == []
    (report,) = limited.stops_first(a_candle("46600", open="46400"), watched=False)
    assert report.fills[0].price == d(46550)
