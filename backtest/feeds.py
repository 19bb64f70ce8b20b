"""Markets that are fed by candles: a file replayed, or the simulated market. They never drop or hurry a candle."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from app.core.errors import ConfigError, DataError
from app.core.model import Candle
from app.seam import Clock
from backtest.market import SimulatedMarket
from backtest.series import CandleSeries, at_ms, candles, joined, lengthened, mirrored, ms_of

MINUTE = timedelta(minutes=1)
AHEAD = 0.005  # seconds: shorter waits are saved up, so that very fast replays can be reached
BEHIND = 0.05  # seconds: whoever is later than this is not hurried to make up for it
HURRIED = 1200.0  # market seconds per second: a candle of four hours takes twelve seconds
WINDOW_MINUTES = 1000 * 60
PAST = timedelta(days=90)


class Pace:
    """Lets `speed` seconds of market time pass in a second of wall time, at most; HURRIED while `hurries` says so."""

    def __init__(self, clock: Clock, speed: float, hurries: Callable[[], bool] = lambda: False) -> None:
        if not speed > 0:
            raise ConfigError(f"market speed {speed:g}: must be greater than 0, such as 1 or 60")
        self._clock, self._speed, self._hurries = clock, speed, hurries
        self._last: datetime | None = None
        self._due = 0.0

    async def until(self, candle: Candle) -> None:
        """Returns when `candle` may be shown: once it has closed."""
        now = self._clock.monotonic()
        if self._last is None:
            self._last, self._due = candle.opened_at, now
        speed = max(self._speed, HURRIED) if self._hurries() else self._speed
        self._due += (candle.closed_at - self._last).total_seconds() / speed
        self._last = candle.closed_at
        if self._due - now >= AHEAD:
            await self._clock.sleep(self._due - now)
            return
        if now - self._due > BEHIND:
            self._due = now
        await self._clock.sleep(0)  # others have their turn, however fast the market is


class ReplayFeed:
    """A file of 1-minute candles lived through again. Implements backtest.paper.CandleFeed.

    `resume_after` is the opening time of the newest candle already lived through, after a restart.
    """

    candle_fed = True

    def __init__(
        self,
        path: Path,
        *,
        symbol: str,
        warmup_minutes: int,
        speed: float,
        clock: Clock,
        resume_after: datetime | None = None,
        window_minutes: int = WINDOW_MINUTES,
    ) -> None:
        self.name = f"replay of {path.name}"
        self._pace = Pace(clock, speed)
        self._resume_after, self._window = resume_after, window_minutes
        from backtest.import_candles import read_file  # pandas is loaded only where a file is read

        self._series: CandleSeries = read_file(path, symbol=symbol).series
        if self._series.seconds != 60:
            raise DataError(
                f"{path.name}: a replay needs 1-minute candles; these are {self._series.seconds // 60} minutes long"
            )
        self._times: list[int] = self._series.ts.tolist()
        minutes = (self._times[-1] - self._times[0]) // 60_000 + 1
        if minutes <= warmup_minutes:
            raise DataError(
                f"{path.name}: has {minutes} minutes; {warmup_minutes} are needed to warm up "
                "and at least one to trade; use a longer file"
            )
        self._warm_until = self._times[0] + warmup_minutes * 60_000

    def past(
        self,
        resume_after: datetime | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        seconds: int = 60,
    ) -> Iterator[Candle]:
        """What strategies are shown before the first candle: oldest first, all closed; of `seconds`, and only those
        from `since` on and before `until`, where both lie on the grid of such candles."""
        end = self._start(resume_after)
        if end == 0:
            return iter(())
        first = ms_of(since) if since else self._times[end - 1] - (self._window - 1) * 60_000
        last = min(end, bisect_right(self._times, ms_of(until) - 1)) if until else end
        return candles(lengthened(self._series[bisect_right(self._times, first - 1) : last], seconds))

    def starts_at(self, resume_after: datetime | None = None) -> datetime:
        """Opening time of the next candle; the end of the file when there is none."""
        row = self._start(resume_after)
        return at_ms(self._times[row]) if row < len(self._times) else at_ms(self._times[-1]) + MINUTE

    async def candles(self) -> AsyncIterator[Candle]:
        for candle in candles(self._series[self._start() :]):
            await self._pace.until(candle)
            yield candle

    def _start(self, resume_after: datetime | None = None) -> int:
        """Row of the first candle to trade on."""
        warm = bisect_right(self._times, self._warm_until - 1)
        lived = resume_after or self._resume_after
        return warm if lived is None else max(warm, bisect_right(self._times, ms_of(lived)))


class SimulatedFeed:
    """The pretend market as a feed, without end. Trading begins at `start_at`; the warm-up lies before it.

    How much of a past is asked for never changes the prices: what lies before the market's own beginning is its mirror
    image.
    """

    candle_fed = True
    name = "the simulated market"

    def __init__(
        self,
        *,
        symbol: str,
        seed: int,
        start_at: datetime,
        speed: float,
        clock: Clock,
        resume_after: datetime | None = None,
        window_minutes: int = WINDOW_MINUTES,
        start_price: Decimal = Decimal(60000),
        hurries: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pace = Pace(clock, speed, hurries)
        self._resume_after, self._window = resume_after, window_minutes
        self._start_at = start_at.astimezone(UTC).replace(second=0, microsecond=0)
        self._market = SimulatedMarket(seed, self._start_at - PAST, start_price, symbol=symbol)

    def past(
        self,
        resume_after: datetime | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        seconds: int = 60,
    ) -> Iterator[Candle]:
        """As of a replayed file. The long ones are made of the market's own minutes."""
        end = self.starts_at(resume_after)
        first = since or end - MINUTE * self._window
        return candles(lengthened(self._series(first, min(end, until or end)), seconds))

    def _series(self, first: datetime, end: datetime) -> CandleSeries:
        begin = self._market.start_at
        series = self._market.series(first, end)
        if first >= begin:
            return series
        return joined([mirrored(self._market.series(begin, begin + (begin - first))).between(None, end), series])

    def starts_at(self, resume_after: datetime | None = None) -> datetime:
        """Opening time of the next candle."""
        lived = resume_after or self._resume_after
        if lived is None:
            return self._start_at
        return max(self._start_at, lived.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE)

    async def candles(self) -> AsyncIterator[Candle]:
        for candle in self._market.candles(self.starts_at()):
            await self._pace.until(candle)
            yield candle
