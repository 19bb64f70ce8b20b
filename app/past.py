"""What a market tells of the time before a start: long candles for the strategies, made by the market itself, and the
newest minutes one by one. Pure. A minute is never in both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.model import EPOCH, Candle

MINUTE = timedelta(minutes=1)
BEFORE_A_DAY = 2  # candles of the strategies' whose minutes a day is traded on again with
LEAST_SPARE = 10  # candles
MOST_MISSED = timedelta(days=31)  # of whoever was away for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class PastWanted:
    """`startup` candles of `seconds` are needed to warm up; the trader last looked at `lived_until` (1970: never)."""

    lived_until: datetime
    startup: int
    seconds: int

    @property
    def warmup_minutes(self) -> int:
        return self.startup * self.seconds // 60

    @property
    def window_minutes(self) -> int:
        """Some candles more: the oldest one shown is to be whole, and a market that was down for hours told none."""
        return (self.startup + max(LEAST_SPARE, self.startup // 10)) * self.seconds // 60

    def begins(self, now: datetime) -> datetime:
        """From when on anything is told, on the grid of the strategies' candles."""
        return self._on_grid(now - MINUTE * self.window_minutes)

    def minutes_from(self, now: datetime) -> datetime:
        """From when on minutes are told: what was missed, the whole day in which the trader last lived, and the two
        candles before it. So the newest long candles, too, are made of minutes, and their gaps are seen.

        What was missed may go further back than what short candles need: stops may have been reached in it.
        """
        lived = self.lived_until.year > 1970
        day = min(self.lived_until if lived else now, now).replace(hour=0, minute=0, second=0, microsecond=0)
        first = self._on_grid(now - MOST_MISSED) if lived else self.begins(now)
        return max(self._on_grid(day - timedelta(seconds=BEFORE_A_DAY * self.seconds)), first)

    def _on_grid(self, at: datetime) -> datetime:
        step = timedelta(seconds=self.seconds)
        return EPOCH + (at - EPOCH) // step * step


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Closed candles, oldest first: `long` ones, and the `minutes` after them."""

    long: Sequence[Candle] = ()
    minutes: Sequence[Candle] = ()

    def __iter__(self) -> Iterator[Candle]:
        yield from self.long
        yield from self.minutes

    def missed(self, lived_until: datetime) -> Sequence[Candle]:
        """The minutes that closed after the trader last looked; none for one that has never lived."""
        if lived_until.year <= 1970:
            return ()
        return [candle for candle in self.minutes if candle.closed_at > lived_until]
