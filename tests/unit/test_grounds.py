"""Play money on live prices, what passed while nobody looked, and a dry run that sends nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.core.errors import ExchangeRefused
from app.core.messages import AccountSeen, Event, OrderNotFound, OrderReported, PlaceOrder, PriceSeen
from app.core.model import Candle, Instrument, OrderBook, OrderReport, OrderStatus, OrderType, Role, Side
from app.core.rules import Simulation
from app.past import Past, PastWanted
from app.ports import Inbox
from app.seam import Tasks
from backtest.grounds import PriceGround, resume_after
from backtest.paper import PaperExchange
from backtest.simulator import Book, instrument_for
from backtest.unsent import WHY, Unsent
from tests.builders import MINUTE, NOON, a_candle, d
from tests.fakes import MemoryPaperStore

SYMBOL = "BTC/USD"


def an_order(role: Role = Role.ENTRY, **changes: object) -> PlaceOrder:
    values: dict[str, object] = {
        "client_order_id": f"bt1-Ptest-0000001-{role[0].upper()}01-00",
        "position_id": "test-0000001",
        "symbol": SYMBOL,
        "role": role,
        "side": Side.BUY if role is Role.ENTRY else Side.SELL,
        "type": OrderType.MARKET,
        "quantity": d("0.01"),
        "price": None,
        "stop_price": None,
    }
    return PlaceOrder(**{**values, **changes})  # type: ignore[arg-type]


class Prices:
    """app.ports.MarketFeed of a script: what `run` posts is what it was given."""

    name = "script"

    def __init__(self, past: Sequence[Candle] = (), events: Sequence[Event] = ()) -> None:
        self._past, self._events = past, events

    async def past(self, wanted: PastWanted) -> Past:
        return Past(minutes=self._past)

    async def order_book(self) -> OrderBook:
        return OrderBook(bids=((d(50000), d(1)),), asks=((d(50010), d(1)),), at=NOON)

    async def run(self, inbox: Inbox) -> None:
        for event in self._events:
            inbox.post(event)


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def post(self, event: Event) -> None:
        self.events.append(event)

    async def drained(self) -> None: ...


class Floor:
    """A paper account on scripted live prices."""

    def __init__(self, past: Sequence[Candle] = (), events: Sequence[Event] = (), latency: float = 0.1) -> None:
        self.at = NOON
        self.heard, self.began = Heard(), False
        self.instrument = instrument_for(SYMBOL, Simulation())
        self.paper = PaperExchange(
            instrument=self.instrument,
            simulation=Simulation(),
            cash_of_a_new_account=Book(quote_total=Decimal(10_000)),
            store=MemoryPaperStore(),
            now=lambda: self.at,
            candle_fed=False,
            latency=lambda: timedelta(seconds=latency),
        )
        self.paper.listen(self.heard.post)
        self.ground = PriceGround(
            "script",
            self.paper,
            Prices(past, events),
            now=lambda: self.at,
            connect=self.connect,
            begin=self.begin,
            disconnect=self.disconnect,
            tasks=Tasks(),
        )

    async def connect(self) -> Instrument:
        return self.instrument

    def begin(self, post: object) -> None:
        self.began = True

    async def disconnect(self) -> None:
        self.began = False

    @property
    def reports(self) -> list[OrderReport]:
        return [event.report for event in self.heard.events if isinstance(event, OrderReported)]


def price(at: datetime, bid: str, ask: str, source: str = "feed") -> PriceSeen:
    return PriceSeen(at=at, bid=d(bid), ask=d(ask), source=source)


async def test_an_order_fills_at_the_first_price_after_it_arrived() -> None:
    soon, later = NOON + timedelta(seconds=0.05), NOON + timedelta(seconds=0.5)
    floor = Floor(events=[price(soon, "49990", "50000"), price(later, "50090", "50100")])
    await floor.paper.place(an_order())
    await floor.ground.run(floor.heard)
    (report,) = floor.reports
    assert (report.status, report.at) == (OrderStatus.FILLED, later)
    assert report.fills[0].price > d(50100)  # the ask, and slippage
    assert floor.began


async def test_the_trader_is_given_the_price_before_what_it_brings() -> None:
    floor = Floor(events=[price(NOON + MINUTE, "50000", "50010")])
    await floor.paper.place(an_order())
    await floor.ground.run(floor.heard)
    assert [type(event) for event in floor.heard.events] == [PriceSeen, OrderReported]


async def test_nothing_fills_at_the_reference() -> None:
    floor = Floor(events=[price(NOON + MINUTE, "50000", "50000", "reference")])
    await floor.paper.place(an_order())
    await floor.ground.run(floor.heard)
    assert floor.reports == []


async def bought_with_a_stop(floor: Floor, stop: str) -> None:
    await floor.paper.place(an_order())
    floor.paper.price(_quote(NOON + timedelta(seconds=1), "50000"))
    await floor.paper.place(an_order(Role.STOP, type=OrderType.STOP_LOSS, quantity=d("0.00999"), stop_price=d(stop)))


def _quote(at: datetime, level: str):  # type: ignore[no-untyped-def]
    from app.core.model import Quote

    return Quote(bid=d(level), ask=d(level), at=at)


async def test_a_stop_that_was_passed_while_nobody_looked_has_fired() -> None:
    past = [
        a_candle(opened_at=NOON + MINUTE * n, open=level, high=level, low=low, close=level)
        for n, (level, low) in enumerate([("50000", "49990"), ("48000", "46000"), ("50000", "49990")])
    ]
    floor = Floor(past=past)
    await bought_with_a_stop(floor, "47500")
    heard = len(floor.reports)
    await floor.ground.open()
    wanted = PastWanted(lived_until=NOON + timedelta(seconds=30), startup=2, seconds=60)
    assert list(await floor.ground.past(wanted)) == past
    assert floor.ground.missed() == past
    found = await floor.paper.find(SYMBOL, "bt1-Ptest-0000001-S01-00", NOON, complete=True)
    assert isinstance(found, OrderReport)
    assert found.status is OrderStatus.FILLED
    assert found.fills[0].price < d(47500)
    assert len(floor.reports) == heard  # who starts now asks; nobody is told before that


async def test_a_trader_that_never_lived_has_missed_nothing() -> None:
    past = Past(minutes=[a_candle(opened_at=NOON)])
    assert past.missed(datetime(1970, 1, 1, tzinfo=NOON.tzinfo)) == ()
    assert past.missed(NOON + MINUTE) == []
    assert past.missed(NOON) == past.minutes
    assert resume_after(datetime(1970, 1, 1, tzinfo=NOON.tzinfo), None, True) is None
    assert resume_after(NOON, NOON, False) == NOON - MINUTE


# ---------------------------------------------------------------- a dry run


class Untouchable:
    """An exchange that may be read, and nothing else."""

    def listen(self, post: object) -> None:
        self.listening = post

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        assert doubtful == ()
        return AccountSeen(at=NOON, quote_total=d(5000), base_total=d(0), base_free=d(0))

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a dry run asked the exchange to {name}")


async def test_a_dry_run_reads_the_account_and_sends_nothing() -> None:
    dry = Unsent(Untouchable(), lambda: NOON)  # type: ignore[arg-type]
    dry.listen(print)
    assert (await dry.account(SYMBOL, ("any",))).quote_total == 5000
    report = await dry.place(an_order())
    assert (report.status, report.fills, report.reason) == (OrderStatus.EXPIRED, (), WHY)
    found = await dry.find(SYMBOL, report.client_order_id, NOON, complete=True)
    assert not isinstance(found, OrderNotFound)
    for work in (dry.cancel(SYMBOL, "x"), dry.replace("x", an_order(Role.STOP))):
        with pytest.raises(ExchangeRefused, match="nothing is sent"):
            await work
