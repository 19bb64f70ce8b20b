"""Where play money is traded: a market of candles that waits for the trader, or live prices from outside.

Both have the paper exchange for an exchange; neither knows a key.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.core.messages import AnyCommand, Event, PriceSeen
from app.core.model import Candle, Instrument, OrderBook, Quote
from app.past import Past, PastWanted
from app.ports import Inbox, MarketFeed
from app.seam import Tasks
from backtest.paper import CandleFeed, CandleMarket, MarketTime, PaperExchange

MINUTE = timedelta(minutes=1)


def resume_after(engine_now: datetime, paper_at: datetime | None, paper_closed: bool) -> datetime | None:
    """Opening time of the newest candle that both the engine and the paper exchange have lived through.

    The paper exchange may be ahead by one candle whose close the trader was never given: that one comes again.
    """
    seen = [engine_now.replace(second=0, microsecond=0) - MINUTE] if engine_now.year > 1970 else []
    if paper_at is not None:
        seen.append(paper_at if paper_closed else paper_at - MINUTE)
    return max(seen, default=None)


class PastFeed(CandleFeed, Protocol):
    """A candle feed that also knows what came before."""

    def past(
        self,
        resume_after: datetime | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        seconds: int = 60,
    ) -> Iterable[Candle]: ...

    def starts_at(self, resume_after: datetime | None = None) -> datetime: ...


MakeFeed = Callable[[int, int, datetime | None], PastFeed]  # (warm-up minutes, window minutes, resume after)


class CandleGround:
    """Implements app.ports.Ground on a simulated or replayed market."""

    candle_fed = True
    user_data = None

    def __init__(
        self, name: str, paper: PaperExchange, time: MarketTime, instrument: Instrument, feed: MakeFeed
    ) -> None:
        self.name, self.exchange = name, paper
        self._time, self._instrument, self._make_feed = time, instrument, feed

    def now(self) -> datetime:
        return self._time()

    async def open(self) -> Instrument:
        return self._instrument

    async def past(self, wanted: PastWanted) -> Past:
        resume = resume_after(wanted.lived_until, self.exchange.candle_at, self.exchange.closed)
        self._feed = self._make_feed(wanted.warmup_minutes, wanted.window_minutes, resume)
        now = self._feed.starts_at(resume)
        self._time.advance(now)
        begins, minutes_from = wanted.begins(now), wanted.minutes_from(now)
        long = self._feed.past(resume, since=begins, until=minutes_from, seconds=wanted.seconds)
        return Past(long=[*long], minutes=[*self._feed.past(resume, since=minutes_from)])

    def missed(self) -> Sequence[Candle]:
        return ()

    async def order_book(self) -> OrderBook | None:
        return None

    async def run(self, inbox: Inbox) -> None:
        await CandleMarket(self._feed, self.exchange, self._time).run(inbox)

    async def close(self) -> None:
        pass


class PriceGround:
    """Implements app.ports.Ground: play money on live prices.

    `connect` opens the market and tells its rules; `begin` starts to watch the connection.
    """

    candle_fed = False
    user_data = None

    def __init__(
        self,
        name: str,
        paper: PaperExchange,
        market: MarketFeed,
        *,
        now: Callable[[], datetime],
        connect: Callable[[], Awaitable[Instrument]],
        begin: Callable[[Callable[[Event], None]], None],
        disconnect: Callable[[], Awaitable[None]],
        tasks: Tasks,
    ) -> None:
        self.name, self.exchange = name, paper
        self._market, self._now = market, now
        self._connect, self._begin, self._disconnect, self._tasks = connect, begin, disconnect, tasks
        self._missed: Sequence[Candle] = ()

    def now(self) -> datetime:
        return self._now()

    async def open(self) -> Instrument:
        instrument = await self._connect()
        self.exchange.use(instrument)
        return instrument

    async def past(self, wanted: PastWanted) -> Past:
        past = await self._market.past(wanted)
        self._missed = past.missed(wanted.lived_until)
        await self._tasks.in_thread(self._catch_up)
        return past

    def _catch_up(self) -> None:
        for candle in self._missed:
            self.exchange.slept_through(candle)

    def missed(self) -> Sequence[Candle]:
        return self._missed

    async def order_book(self) -> OrderBook | None:
        return await self._market.order_book()

    async def run(self, inbox: Inbox) -> None:
        self._begin(inbox.post)
        await self._market.run(Beside(inbox, self.exchange))

    async def close(self) -> None:
        await self._disconnect()


class Beside:
    """An inbox that lets the paper exchange see each price, right after the trader was given it."""

    def __init__(self, inbox: Inbox, paper: PaperExchange) -> None:
        self._inbox, self._paper = inbox, paper

    def post(self, event: Event | AnyCommand) -> None:
        self._inbox.post(event)  # type: ignore[arg-type]
        if isinstance(event, PriceSeen) and event.source != "reference":
            self._paper.price(Quote(bid=event.bid, ask=event.ask, at=event.at))

    async def drained(self) -> None:
        await self._inbox.drained()
