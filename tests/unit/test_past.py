"""What a start is told of the time before it: long candles, then minutes, and never the same minute twice."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from app.core.candles import fingerprint
from app.core.model import EPOCH, Candle
from app.core.rules import VotingRules
from app.cycle import Cycle
from app.past import Past, PastWanted
from app.ports import StrategyFace
from app.seam import Clock
from backtest.feeds import ReplayFeed, SimulatedFeed
from backtest.grounds import PastFeed
from backtest.series import candles
from tests.builders import a_strategy_rule

NOW = datetime(2024, 3, 10, 9, 17, 30, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
STARTUP = 12
ROOT = Path(__file__).resolve().parents[2]
FOUR_HOURS = 4 * 3600


def wanted(lived_until: datetime = EPOCH, startup: int = 500, seconds: int = FOUR_HOURS) -> PastWanted:
    return PastWanted(lived_until=lived_until, startup=startup, seconds=seconds)


# ---------------------------------------------------------------- how far back


def test_minutes_are_told_of_today_and_of_the_two_candles_before_it() -> None:
    assert wanted().minutes_from(NOW) == datetime(2024, 3, 9, 16, tzinfo=UTC)
    assert (NOW - wanted().begins(NOW)) // (4 * HOUR) == 550  # some to spare, for holes
    assert wanted().begins(NOW) == datetime(2023, 12, 9, 16, tzinfo=UTC)


@pytest.mark.parametrize(("down", "day"), [(HOUR, 9), (20 * HOUR, 8), (72 * HOUR, 6)])
def test_who_was_down_is_told_the_minutes_of_the_whole_day_in_which_he_last_lived(down: timedelta, day: int) -> None:
    assert wanted(NOW - down).minutes_from(NOW) == datetime(2024, 3, day, 16, tzinfo=UTC)


def test_nobody_is_told_of_more_minutes_than_the_strategies_are_shown_or_than_a_month_that_was_missed() -> None:
    old = NOW - timedelta(days=900)
    assert wanted(old).minutes_from(NOW) == datetime(2024, 2, 8, 8, tzinfo=UTC)
    short = wanted(startup=10, seconds=60)
    assert short.minutes_from(NOW) == short.begins(NOW) == datetime(2024, 3, 10, 8, 57, tzinfo=UTC)
    assert wanted(old, startup=10, seconds=60).minutes_from(NOW) == NOW.replace(second=0) - timedelta(days=31)


def test_all_that_was_missed_is_told_however_short_the_candles_are() -> None:
    """A stop that was reached in it has fired, on paper too."""
    short = wanted(NOW - 30 * HOUR, startup=10, seconds=60)
    assert short.minutes_from(NOW) == datetime(2024, 3, 8, 23, 58, tzinfo=UTC)


# ---------------------------------------------------------------- the same as from minutes


def a_cycle(timeframe: str) -> Cycle:
    face = StrategyFace(name="all", title="all", startup_candles=STARTUP, reads_text=False, sha256="")
    return Cycle(VotingRules(timeframe=timeframe), {"all": face}, "BTC/USD")


def simulated() -> SimulatedFeed:
    start = datetime(2024, 3, 10, 7, 31, tzinfo=UTC)
    return SimulatedFeed(symbol="BTC/USD", seed=7, start_at=start, speed=1, clock=Clock())


def told(feed: PastFeed, want: PastWanted) -> Past:
    now = feed.starts_at()
    first, then = want.begins(now), want.minutes_from(now)
    long = list(feed.past(since=first, until=then, seconds=want.seconds))
    return Past(long=long, minutes=list(feed.past(since=then)))


@pytest.mark.parametrize("timeframe", ["5m", "1h", "4h", "12h", "1d"])
def test_a_start_from_long_candles_shows_what_one_from_minutes_shows(timeframe: str) -> None:
    feed, rules = simulated(), VotingRules(timeframe=timeframe)
    want = wanted(startup=STARTUP, seconds=rules.timeframe_seconds)
    from_minutes, mixed = a_cycle(timeframe), a_cycle(timeframe)
    from_minutes.remember_all(feed.past(since=want.begins(feed.starts_at())))
    past = told(feed, want)
    mixed.remember_all(past)
    assert mixed.shown() == from_minutes.shown()  # the fingerprint is in it
    assert mixed.remembered == from_minutes.remembered
    if rules.timeframe_seconds >= 3600:
        assert {each.seconds for each in past.long} == {rules.timeframe_seconds}


def test_a_replayed_file_with_gaps_shows_the_same_both_ways(tmp_path: Path) -> None:
    """One gap lies within a long candle, one at the end of the last long one, one reaches over a whole candle."""
    feed = simulated()
    minutes = list(feed.past(since=datetime(2024, 3, 7, tzinfo=UTC)))
    holes = [(1000, 1100), (1440, 1690), (3650, 3840)]  # minute 3840 is where minutes begin to be told
    left = [each for row, each in enumerate(minutes) if not any(one <= row < two for one, two in holes)]
    names = ("open", "high", "low", "close", "volume")
    rows = [[each.opened_at, *(str(getattr(each, name)) for name in names)] for each in left]
    path = tmp_path / "file.csv"
    pd.DataFrame(rows, columns=["date", *names]).to_csv(path, index=False)
    replay = ReplayFeed(path, symbol="BTC/USD", warmup_minutes=len(minutes) - 2, speed=1, clock=Clock())
    want = wanted(startup=STARTUP)
    assert want.minutes_from(replay.starts_at()) == minutes[3840].opened_at
    from_minutes, mixed = a_cycle("4h"), a_cycle("4h")
    from_minutes.remember_all(replay.past(since=want.begins(replay.starts_at())))
    mixed.remember_all(told(replay, want))
    assert mixed.shown() == from_minutes.shown()


def test_the_simulated_market_is_the_same_as_arrays() -> None:
    feed = simulated()
    since = feed.starts_at() - 30 * HOUR
    again, market = simulated(), feed._market
    assert list(again.past(since=since)) == list(candles(market.series(since, feed.starts_at())))
    following = market.candles(since)
    assert [next(following) for _ in range(1800)] == list(again.past(since=since))


# ---------------------------------------------------------------- what was missed


def minutes_to(at: datetime, count: int) -> Sequence[Candle]:
    return list(simulated().past(since=at - count * MINUTE, until=at))


def shown(cycle: Cycle) -> str:
    """Of the newest candles."""
    rule = a_strategy_rule("all")
    return fingerprint(cycle.market_data(rule, NOW).candles)


def test_what_was_missed_is_told_again_and_not_shown_twice() -> None:
    """The trader is told of each missed minute after the strategies were given the past with these minutes in it."""
    end = datetime(2024, 3, 10, 2, 20, tzinfo=UTC)
    past = Past(minutes=minutes_to(end, 500))
    cycle, undisturbed = a_cycle("1h"), a_cycle("1h")
    cycle.remember_all(past)
    undisturbed.remember_all(past)
    missed = past.missed(end - 100 * MINUTE)
    assert len(missed) == 100
    assert not any(cycle.remember(each) for each in missed)
    later = list(simulated().past(since=end, until=end + HOUR))
    assert [cycle.remember(each) for each in later] == [undisturbed.remember(each) for each in later]
    assert shown(cycle) == shown(undisturbed)


# ---------------------------------------------------------------- what is loaded


def test_who_trades_on_real_prices_loads_no_library_of_arrays() -> None:
    assert loaded("backtest.grounds, backtest.unsent, services.binance_us.market, services.binance_us.ground") == set()


def test_the_simulated_market_loads_numpy_and_nothing_heavier() -> None:
    assert loaded("backtest.feeds, backtest.grounds") == {"numpy"}


def loaded(modules: str) -> set[str]:
    heavy = ("numpy", "pandas", "pyarrow", "numba", "optuna", "scipy")
    code = f"import {modules}, sys; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
