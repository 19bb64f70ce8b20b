"""Candles for people to look at: in any time frame, the unfinished one included, from what is known."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from app.charting import MOST_MINUTES, Charts, resampled
from app.core.errors import DataError
from app.core.model import Candle
from app.core.rules import VotingRules
from app.cycle import Cycle
from app.seam import Tasks
from tests.builders import MINUTE, NOON, a_candle, d


def minutes(count: int) -> list[Candle]:
    """From noon on; each closes at its number."""
    return [a_candle(str(100 + n), at=NOON + n * MINUTE, volume="1") for n in range(count)]


class Known:
    """A trader that has seen so many minutes, with candles of 5 minutes for its strategies."""

    def __init__(self, count: int) -> None:
        self.seen = minutes(count)
        self.asked: list[tuple[datetime, datetime]] = []
        cycle = Cycle(VotingRules(timeframe="5m"), {}, "BTC/USD")
        cycle.remember_all(self.seen)
        self.charts = Charts(cycle, self.stored, lambda: NOON + count * MINUTE, Tasks())

    def stored(self, since: datetime, until: datetime) -> Sequence[Candle]:
        self.asked.append((since, until))
        return [each for each in self.seen if since <= each.opened_at < until]


async def test_the_strategies_own_candles_and_the_one_that_is_forming() -> None:
    known = Known(12)
    found = await known.charts.candles(None, 100)
    assert [(each.opened_at, each.close) for each in found] == [
        (NOON, 104),
        (NOON + 5 * MINUTE, 109),
        (NOON + 10 * MINUTE, 111),
    ]
    assert known.asked == []
    assert [each.close for each in await known.charts.candles("5m", 2)] == [109, 111]


async def test_coarser_ones_are_made_of_the_strategies_own() -> None:
    (whole, forming) = await Known(22).charts.candles("15m", 100)
    assert (whole.opened_at, whole.open, whole.close, whole.volume) == (NOON, d(100), 114, 15)
    assert (forming.opened_at, forming.close, forming.seconds) == (NOON + 15 * MINUTE, 121, 900)


async def test_finer_ones_are_made_of_the_minutes_on_record() -> None:
    known = Known(12)
    found = await known.charts.candles("3m", 3)
    assert [each.close for each in found] == [105, 108, 111]
    assert known.asked == [(NOON + 3 * MINUTE, NOON + 12 * MINUTE)]


async def test_a_look_reads_no_more_than_ten_days() -> None:
    known = Known(3)
    await known.charts.candles("3m", 100_000)
    ((since, until),) = known.asked
    assert until - since == timedelta(minutes=MOST_MINUTES)


def test_a_first_candle_without_its_beginning_is_left_out() -> None:
    found = resampled(minutes(12)[3:], 300)
    assert [each.opened_at for each in found] == [NOON + 5 * MINUTE, NOON + 10 * MINUTE]
    assert resampled([], 300) == []


async def test_what_is_no_time_frame_is_refused() -> None:
    with pytest.raises(DataError, match="timeframe"):
        await Known(3).charts.candles("often", 3)


def test_the_candle_that_is_forming_closes_on_the_next_boundary() -> None:
    cycle = Cycle(VotingRules(timeframe="4h"), {}, "BTC/USD")
    assert cycle.closes_next(NOON) == NOON + timedelta(hours=4)
    assert cycle.closes_next(NOON - MINUTE) == NOON
