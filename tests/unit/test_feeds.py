"""Candle feeds: what strategies are shown first, where a restart goes on, and how fast it may go."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from app.core.errors import ConfigError, DataError
from app.core.model import Candle
from app.seam import Clock
from backtest.feeds import PAST, ReplayFeed, SimulatedFeed

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class FakeClock(Clock):
    """Time passes only while somebody sleeps; each sleep takes `late` seconds longer than asked for."""

    def __init__(self, late: float = 0.0) -> None:
        self.seconds, self.sleeps, self.late = 1000.0, 0, late

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.seconds += seconds + self.late
            self.sleeps += 1


def a_file(path: Path, minutes: int = 60, *, step: int = 1, without: tuple[int, ...] = ()) -> Path:
    rows = [row for row in range(0, minutes * step, step) if row not in without]
    dates = [START + MINUTE * row for row in rows]
    prices = [100 + row for row in rows]
    pd.DataFrame({"date": dates, "open": prices, "high": prices, "low": prices, "close": prices, "volume": 1}).to_csv(
        path, index=False
    )
    return path


def replay(path: Path, warmup: int = 20, *, clock: Clock | None = None, **options: object) -> ReplayFeed:
    settings = {"speed": 1e9} | options
    return ReplayFeed(path, symbol="BTC/USD", warmup_minutes=warmup, clock=clock or FakeClock(), **settings)  # type: ignore[arg-type]


def simulated(*, clock: Clock | None = None, **options: object) -> SimulatedFeed:
    settings = {"speed": 1e9, "seed": 7, "start_at": START} | options
    return SimulatedFeed(symbol="BTC/USD", clock=clock or FakeClock(), **settings)  # type: ignore[arg-type]


async def some(candles: AsyncIterator[Candle], count: int = 10**9) -> list[Candle]:
    taken: list[Candle] = []
    async for candle in candles:
        taken.append(candle)
        if len(taken) == count:
            break
    return taken


async def test_a_file_is_shown_then_traded_on(tmp_path: Path) -> None:
    feed = replay(a_file(tmp_path / "march.csv"))
    assert feed.name == "replay of march.csv"
    assert feed.candle_fed
    past, traded = list(feed.past()), await some(feed.candles())
    assert [candle.opened_at for candle in past] == [START + MINUTE * row for row in range(20)]
    assert [candle.opened_at for candle in traded] == [START + MINUTE * row for row in range(20, 60)]
    assert feed.starts_at() == traded[0].opened_at


@pytest.mark.parametrize("lived", [20, 37, 59])
async def test_after_a_restart_the_file_goes_on_where_it_was(lived: int, tmp_path: Path) -> None:
    path = a_file(tmp_path / "march.csv")
    whole = replay(path)
    everything = list(whole.past()) + await some(whole.candles())
    after = START + MINUTE * lived
    feed = replay(path, resume_after=after)
    assert list(feed.past()) == everything[: lived + 1]
    assert list(feed.past())[-1].opened_at == after
    assert await some(feed.candles()) == everything[lived + 1 :]
    assert feed.starts_at() == after + MINUTE
    assert list(whole.past(after)) == list(feed.past())


async def test_a_restart_within_the_warm_up_changes_nothing(tmp_path: Path) -> None:
    feed = replay(a_file(tmp_path / "march.csv"), resume_after=START)
    assert feed.starts_at() == START + MINUTE * 20


async def test_only_the_newest_part_of_the_past_is_shown(tmp_path: Path) -> None:
    feed = replay(a_file(tmp_path / "march.csv"), window_minutes=5)
    assert [candle.opened_at.minute for candle in list(feed.past())] == [15, 16, 17, 18, 19]
    assert [candle.opened_at for candle in list(simulated(window_minutes=5).past())] == [
        START - MINUTE * back for back in (5, 4, 3, 2, 1)
    ]


async def test_gaps_stay_gaps(tmp_path: Path) -> None:
    feed = replay(a_file(tmp_path / "march.csv", without=(19, 20, 21, 30)))
    assert [candle.opened_at.minute for candle in list(feed.past())][-1] == 18
    assert feed.starts_at().minute == 22
    assert 30 not in [candle.opened_at.minute for candle in await some(feed.candles())]


def test_a_file_too_short_or_of_long_candles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"short\.csv: has 20 minutes; 20 are needed to warm up and at least one"):
        replay(a_file(tmp_path / "short.csv", 20))
    with pytest.raises(DataError, match=r"hours\.csv: a replay needs 1-minute candles; these are 60 minutes long"):
        replay(a_file(tmp_path / "hours.csv", step=60))
    with pytest.raises(ConfigError, match="market speed 0: must be greater than 0"):
        replay(a_file(tmp_path / "march.csv"), speed=0)


async def test_the_simulated_market_goes_on_where_it_was() -> None:
    whole = simulated(window_minutes=20)
    everything = list(whole.past()) + await some(whole.candles(), 50)
    assert everything[0].opened_at == START - MINUTE * 20
    assert everything[20].opened_at == whole.starts_at() == START
    after = everything[40].opened_at
    feed = simulated(resume_after=after, window_minutes=41)
    assert list(feed.past()) == everything[:41]
    assert feed.starts_at() == everything[41].opened_at
    assert await some(feed.candles(), 29) == everything[41:]


async def test_a_past_longer_than_the_simulated_market_is_its_mirror_image_and_changes_no_price() -> None:
    feed, begin = simulated(), START - PAST
    both = list(feed.past(since=begin - HOUR, until=begin + HOUR))
    before, after = both[:60], both[60:]
    assert [candle.opened_at for candle in both] == [begin + MINUTE * row for row in range(-60, 60)]
    assert [(c.open, c.close, c.high, c.low, c.volume) for c in reversed(before)] == [
        (c.close, c.open, c.high, c.low, c.volume) for c in after
    ]
    assert after == list(simulated().past(since=begin, until=begin + HOUR))


# ---------------------------------------------------------------- pace


@pytest.mark.parametrize("speed", [1, 60, 3600, 86_400])
async def test_speed_is_kept_at_any_pace(speed: float) -> None:
    clock = FakeClock()
    await some(simulated(clock=clock, speed=speed).candles(), 1440)
    assert clock.seconds - 1000 == pytest.approx(86_400 / speed, abs=0.006)
    assert clock.sleeps <= 86_400 / speed / 0.005


async def test_real_sleeps_that_come_late_still_reach_a_day_a_second() -> None:
    clock = FakeClock(late=0.001)
    await some(simulated(clock=clock, speed=86_400).candles(), 1440)
    assert clock.seconds - 1000 < 1.02


async def test_a_slow_consumer_delays_and_is_not_hurried_afterwards() -> None:
    clock = FakeClock()
    seen = []
    async for _ in simulated(clock=clock, speed=60).candles():
        seen.append(clock.seconds - 1000)
        if len(seen) == 2:
            clock.seconds += 10
        if len(seen) == 5:
            break
    assert seen == pytest.approx([1, 2, 12, 13, 14])


async def test_gaps_of_a_file_take_their_time_too(tmp_path: Path) -> None:
    clock = FakeClock()
    await some(replay(a_file(tmp_path / "march.csv", without=tuple(range(30, 50))), clock=clock, speed=60).candles())
    assert clock.seconds - 1000 == pytest.approx(40)
