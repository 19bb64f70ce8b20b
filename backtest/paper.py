"""The simulator behind the Exchange port, a second party with books of its own.

Its state is committed by itself before it answers, and it never reads the trader's journal. So a crash between its
commit and ours is a real doubt, found out through the port like any other.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app import codec
from app.core.errors import ExchangeRefused
from app.core.messages import (
    AccountSeen,
    CandleClosed,
    Event,
    Gate,
    GateClosed,
    OrderNotFound,
    OrderReported,
    PlaceOrder,
    PriceSeen,
)
from app.core.model import Candle, Instrument, OrderReport, Quote
from app.core.rules import Simulation
from app.ports import Inbox, PaperStore
from backtest.simulator import Book, Resting, Simulator

for kind in (Book, Resting):
    codec.register(kind)


@codec.register
@dataclass(frozen=True, slots=True, kw_only=True)
class PaperState:
    """What is stored. `candle_at` is the newest candle lived through; `closed` whether the trader was given it."""

    book: Book
    candle_at: datetime | None = None
    closed: bool = True


class PaperExchange:
    """Implements app.ports.Exchange. Reports that nobody asked for are posted to whoever listens."""

    def __init__(
        self,
        *,
        instrument: Instrument,
        simulation: Simulation,
        cash_of_a_new_account: Book,
        store: PaperStore,
        now: Callable[[], datetime],
        candle_fed: bool,
        latency: Callable[[], timedelta] = timedelta,
        ask_price: Callable[[str], Awaitable[PriceSeen]] | None = None,
    ) -> None:
        self._second_price = ask_price
        self._store, self._now, self._candle_fed, self._latency = store, now, candle_fed, latency
        stored = store.load()
        state = codec.decode(stored) if stored else PaperState(book=cash_of_a_new_account)
        self.candle_at: datetime | None = state.candle_at
        self.closed: bool = state.closed
        self._simulator = Simulator(instrument, simulation, state.book)
        self._post: Callable[[Event], None] = lambda event: None
        self._quote: Quote | None = None
        if not stored:
            self._commit([])  # the account is opened once, whatever the settings say later

    # ------------------------------------------------------------ the port

    def listen(self, post: Callable[[Event], None]) -> None:
        self._post = post

    async def place(self, order: PlaceOrder) -> OrderReport:
        report = self._simulator.place(order, self._now() + self._latency())
        self._commit([report])
        return report

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        report = self._simulator.cancel(client_order_id, self._now(), now=not self._candle_fed)
        self._commit([report])
        return report

    async def replace(self, old_id: str, order: PlaceOrder) -> tuple[OrderReport, OrderReport | None]:
        old, new = self._simulator.replace(old_id, order, self._now())
        self._commit([old, new])
        return old, new

    async def find(
        self, symbol: str, client_order_id: str, sent_at: datetime, complete: bool
    ) -> OrderReport | OrderNotFound:
        report = self._report_of(client_order_id)
        return report or OrderNotFound(at=self._now(), client_order_id=client_order_id, complete=complete)

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        book = self._simulator.book
        asked = [report for id in doubtful if (report := self._report_of(id)) is not None]
        return AccountSeen(
            at=self._now(),
            quote_total=book.quote_total,
            base_total=book.base_total,
            base_free=self._simulator.base_free,
            reports=tuple(asked),
            open_ids=tuple(book.resting),
        )

    async def ask_price(self, symbol: str) -> PriceSeen:
        if self._second_price is None:
            raise ExchangeRefused("this market has one source of prices")
        return await self._second_price(symbol)

    # ------------------------------------------------------------ the market's side

    async def live_through(self, candle: Candle, inbox: Inbox) -> None:
        """Steps 1 to 3 of one candle; after each the trader answers everything before the next."""
        simulator = self._simulator
        if not simulator.quiet(candle):
            for step in (
                lambda: simulator.stops_first(candle),
                lambda: simulator.cancels(candle.opened_at),
                lambda: simulator.at_open(candle),
                lambda: simulator.new_stops(candle),
            ):
                await self._step(step, candle, inbox)
        self.candle_at, self.closed = candle.opened_at, False

    async def _step(self, step: Callable[[], list[OrderReport]], candle: Candle, inbox: Inbox) -> None:
        reports = step()
        if reports:
            self.candle_at, self.closed = candle.opened_at, False
            self._commit(reports)
        for report in reports:
            self._post(OrderReported(at=report.at, report=report))
        await inbox.drained()

    def price(self, quote: Quote) -> None:
        """A live price: stops and waiting orders fill at the first one after they arrived."""
        self._quote = quote
        reports = self._simulator.at_price(quote.bid, quote.ask, quote.at, quote.at)
        if reports:
            self._commit(reports)
        for report in reports:
            self._post(OrderReported(at=report.at, report=report))

    def use(self, instrument: Instrument) -> None:
        """The rules of the symbol, once they are known."""
        self._simulator.instrument = instrument

    def slept_through(self, candle: Candle) -> None:
        """A candle that passed while nobody looked: its stops fired. Who starts now asks and is told."""
        reports = self._simulator.stops_first(candle, watched=False)
        if reports:
            self._commit(reports)

    def candle_given(self) -> None:
        """The trader was given the close of the candle just lived through."""
        self.closed = True

    # ------------------------------------------------------------ its own books

    def _report_of(self, client_order_id: str) -> OrderReport | None:
        report = self._simulator.book.reports.get(client_order_id)
        if report is not None:
            return report
        stored = self._store.report(client_order_id)
        return codec.decode(stored) if stored else None

    def _commit(self, reports: Sequence[OrderReport]) -> None:
        """State and reports in one transaction, before anybody hears of them. Ended reports leave the memory."""
        book = self._simulator.book
        changed = [(report.client_order_id, codec.encode(book.reports[report.client_order_id])) for report in reports]
        for report in reports:
            if report.client_order_id not in book.resting:
                del book.reports[report.client_order_id]
        state = PaperState(book=book, candle_at=self.candle_at, closed=self.closed)
        self._store.save(codec.encode(state), changed)


class CandleFeed(Protocol):
    """Candles paced by the wall clock: never faster than the market's speed, never dropping one."""

    name: str

    def candles(self) -> AsyncIterator[Candle]: ...


class MarketTime:
    """The clock of a candle-fed market: the candle being lived through says what time it is."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def __call__(self) -> datetime:
        return self._at

    def advance(self, at: datetime) -> None:
        self._at = max(self._at, at)


class CandleMarket:
    """Drives a candle-fed market, one candle after the other, in four steps."""

    def __init__(self, feed: CandleFeed, paper: PaperExchange, time: MarketTime) -> None:
        self._feed, self._paper, self._time = feed, paper, time

    async def run(self, inbox: Inbox) -> None:
        """Until the feed ends. Nothing is dropped: each candle waits until the trader has answered everything."""
        async for candle in self._feed.candles():
            await inbox.drained()
            self._time.advance(candle.opened_at)
            if self._paper.candle_at is None or candle.opened_at > self._paper.candle_at:
                await self._paper.live_through(candle, inbox)
            self._time.advance(candle.closed_at)
            inbox.post(CandleClosed(at=candle.closed_at, candle=candle))
            await inbox.drained()
            self._paper.candle_given()
        text = f"{self._feed.name} has ended; positions are kept"
        inbox.post(GateClosed(at=self._time(), gate=Gate.MARKET_ENDED, text=text))
