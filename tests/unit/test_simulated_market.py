"""The pretend market looks like bitcoin by its figures, and is the same every time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise

import numpy as np
import pytest

from app.core.errors import DataError
from app.core.model import Candle
from backtest.market import SimulatedMarket

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
MINUTES_A_YEAR = 525_600


def market(seed: int = 7) -> SimulatedMarket:
    return SimulatedMarket(seed, START)


def first(count: int, seed: int = 7) -> list[Candle]:
    return list(islice(market(seed).candles(), count))


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_figures_of_many_days(seed: int) -> None:
    closes = np.array([float(candle.close) for candle in first(DAYS * 1440, seed)])
    returns = np.diff(np.log(closes), prepend=np.log(60_000))
    moves = np.abs(returns)
    by_day = returns.reshape(DAYS, 1440)
    volatility = by_day.std(axis=1) * np.sqrt(MINUTES_A_YEAR) * 100
    day_returns = by_day.sum(axis=1) * 100
    kurtosis = float(((returns - returns.mean()) ** 4).mean() / returns.var() ** 2)
    clustering = float(np.corrcoef(moves[1:], moves[:-1])[0, 1])
    print(
        f"seed {seed}: day {day_returns.min():.1f} to {day_returns.max():.1f} %, a year's volatility "
        f"{np.median(volatility):.0f} % (days {volatility.min():.0f} to {volatility.max():.0f}), "
        f"largest minute {moves.max() * 100:.2f} %, clustering {clustering:.2f}, kurtosis {kurtosis:.0f}"
    )
    assert 30 < np.median(volatility) < 100
    assert 30 < day_returns.std() * np.sqrt(365) < 100
    assert volatility.max() > 1.5 * volatility.min(), "calm days and wild days"
    assert np.abs(day_returns).max() < 20
    assert 0.004 < moves.max() < 0.04
    assert clustering > 0.1
    assert kurtosis > 5


def test_volume_follows_the_moves() -> None:
    candles = first(20 * 1440)
    moves = [abs(float(candle.close / candle.open) - 1) for candle in candles]
    volumes = [float(candle.volume) for candle in candles]
    assert np.corrcoef(moves, volumes)[0, 1] > 0.3


def test_trends_turn_within_hours() -> None:
    """A fast and a slow average cross both ways a few times a day, neither never nor all the time."""
    closes = np.array([float(candle.close) for candle in first(DAYS * 1440)])[14::15]
    fast, slow = (np.convolve(closes, np.ones(n) / n, "valid")[-len(closes) + 40 :] for n in (10, 40))
    crossings = int((np.diff(np.sign(fast - slow)) != 0).sum())
    assert 1 * DAYS < crossings < 8 * DAYS


def test_candles_follow_each_other_on_the_tick() -> None:
    candles = first(3000)
    assert candles[0].opened_at == START
    for before, after in pairwise(candles):
        assert after.opened_at == before.closed_at
        assert abs(after.open / before.close - 1) < Decimal("0.002")
        assert after.close == after.close.quantize(Decimal("0.01"))
        assert after.volume > 0


def test_the_same_seed_and_start_give_the_same_market() -> None:
    assert first(2000) == first(2000)
    assert first(10) != first(10, seed=8)


@pytest.mark.parametrize("minutes", [0, 1, 1439, 1440, 1441, 4000])
def test_a_restart_finds_its_place(minutes: int) -> None:
    whole = first(minutes + 20)
    resumed = list(islice(market().candles(START + timedelta(minutes=minutes)), 20))
    assert resumed == whole[minutes:]
    between = START + timedelta(minutes=minutes - 1, seconds=30)
    assert next(market().candles(between)) == (whole[minutes] if minutes else whole[0])


def test_years_do_not_run_away() -> None:
    prices = [next(market(seed).candles(START + timedelta(days=2 * 365))).close for seed in (1, 2)]
    assert all(6_000 < price < 600_000 for price in prices)


def test_a_price_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="start price 0 must be greater"):
        SimulatedMarket(1, START, Decimal(0))
