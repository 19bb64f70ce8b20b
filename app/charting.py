"""Candles for people to look at, in the time frame they choose: from what is known. Never asks the market.

Those of the strategies' own time frame are exactly what the strategies are shown; finer ones are built from the
minutes that were written down, coarser ones from either.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from app.core.candles import Resampler
from app.core.model import EPOCH, Candle, timeframe_seconds
from app.cycle import Cycle
from app.seam import Tasks

MOST_MINUTES = 10 * 24 * 60  # read for one look: more takes too long

Minutes = Callable[[datetime, datetime], Sequence[Candle]]


class Charts:
    """`minutes` gives the 1-minute candles of a span, oldest first, beside the loop. `now` is market time."""

    def __init__(self, cycle: Cycle, minutes: Minutes, now: Callable[[], datetime], tasks: Tasks) -> None:
        self._cycle, self._minutes, self._now, self._tasks = cycle, minutes, now, tasks

    async def candles(self, timeframe: str | None, limit: int) -> list[Candle]:
        """The newest, oldest first; the last may not be closed yet. None: the strategies' time frame.

        StoreError where finer ones cannot be read; DataError for a time frame that is none.
        """
        shown = self._cycle.rules.timeframe_seconds
        seconds = timeframe_seconds(timeframe) if timeframe else shown
        if seconds % shown == 0:
            found = resampled(self._cycle.candles(), seconds)
        else:
            found = await self._from_minutes(seconds, limit)
        return found[-limit:]

    async def _from_minutes(self, seconds: int, limit: int) -> list[Candle]:
        until = self._now()
        length = min(timedelta(seconds=seconds * limit), timedelta(minutes=MOST_MINUTES))

        def read() -> list[Candle]:
            return resampled(self._minutes(until - length, until), seconds)

        return await self._tasks.in_thread(read)


def resampled(candles: Iterable[Candle], seconds: int) -> list[Candle]:
    """Larger candles from smaller ones, the unfinished last one included."""
    candles = list(candles)
    first = candles[0].opened_at if candles else None
    resampler = Resampler(seconds)
    closed = [larger for candle in candles for larger in resampler.add(candle)]
    found = [*closed, resampler.forming] if resampler.forming else closed
    whole = first is None or (first - EPOCH) % timedelta(seconds=seconds) == timedelta(0)
    return found if whole else found[1:]  # a first one without its beginning says nothing true
