"""Compiled indicators beside the library that the live path uses, and where they are meant to differ from it."""

import numpy as np
import pandas as pd
import pytest
from ta.trend import MACD, EMAIndicator, SMAIndicator

from app.seam import seeded
from backtest.kernels import indicators
from strategies.technical_indicators import relative_strength

WARM = 250


def prices(count: int = 3_000) -> np.ndarray:
    dice = seeded(7)
    return np.round(20_000 * np.exp(np.cumsum([dice.gauss(0, 0.001) for _ in range(count)])), 2)


CLOSE = prices()
SERIES = pd.Series(CLOSE)


def test_rsi_is_the_strategies_own() -> None:
    for period in (2, 14, 28):
        np.testing.assert_allclose(indicators.rsi(CLOSE, period), relative_strength(CLOSE, period), rtol=1e-9)


def test_a_market_that_stands_still_has_rsi_50() -> None:
    flat = np.full(50, 20_000.0)
    assert np.isnan(indicators.rsi(flat, 14)[0])
    assert (indicators.rsi(flat, 14)[1:] == 50).all()


def test_averages_and_macd_agree_with_the_library_once_warm() -> None:
    line, signal, histogram = indicators.macd(CLOSE, 12, 26, 9)
    library = MACD(SERIES, 26, 12, 9)
    scale = CLOSE[WARM:].mean()
    for ours, theirs in (
        (line, library.macd()),
        (signal, library.macd_signal()),
        (histogram, library.macd_diff()),
    ):
        assert np.abs(ours - theirs.to_numpy())[WARM:].max() / scale < 1e-9
    ema = EMAIndicator(SERIES, 20).ema_indicator().to_numpy()
    np.testing.assert_allclose(indicators.ema(CLOSE, 20)[WARM:], ema[WARM:], rtol=1e-9)
    sma = SMAIndicator(SERIES, 50).sma_indicator().to_numpy()
    np.testing.assert_allclose(indicators.sma(CLOSE, 50), sma, rtol=1e-11)


def test_an_average_does_not_drift() -> None:
    """After a million steep values the mean of equal ones is that value exactly: a tie stays a tie."""
    values = np.concatenate((np.tile([1e9, 0.01, 7e8], 100_000), np.full(60, 0.1)))
    assert (indicators.sma(values, 10)[-20:] == indicators.sma(np.full(60, 0.1), 10)[-20:]).all()
    assert (indicators.sma(values, 50)[-5:] == indicators.sma(values, 10)[-5:]).all()


@pytest.mark.parametrize("period", [1, 2, 20])
def test_highest_and_lowest_of_a_window(period: int) -> None:
    steps = np.repeat(CLOSE[:400], 2)
    np.testing.assert_array_equal(indicators.rolling_max(steps, period), pd.Series(steps).rolling(period).max())
    np.testing.assert_array_equal(indicators.rolling_min(steps, period), pd.Series(steps).rolling(period).min())


def test_the_fused_rule_says_what_its_parts_say() -> None:
    votes = np.empty(len(CLOSE), np.int8)
    indicators.rsi_macd_votes(CLOSE, 14, 40.0, 60.0, 12, 26, 9, WARM, votes)
    rsi, histogram = indicators.rsi(CLOSE, 14), indicators.macd(CLOSE, 12, 26, 9)[2]
    parts = np.where((rsi < 40) & (histogram > 0), 1, np.where(rsi > 60, -1, 0))
    parts[:WARM] = 0
    np.testing.assert_array_equal(votes, parts)
    assert {-1, 0, 1} == set(votes.tolist())


def test_the_compiler_changed_nothing() -> None:
    some = CLOSE[:300]
    for name, arguments in (
        ("ema", (20,)),
        ("rsi", (14,)),
        ("macd", (12, 26, 9)),
        ("sma", (10,)),
        ("rolling_max", (9,)),
        ("rolling_min", (9,)),
    ):
        function = getattr(indicators, name)
        np.testing.assert_allclose(function.py_func(some, *arguments), function(some, *arguments), rtol=1e-12)
    plain, fast = np.empty(300, np.int8), np.empty(300, np.int8)
    indicators.rsi_macd_votes.py_func(some, 14, 40.0, 60.0, 12, 26, 9, 50, plain)
    indicators.rsi_macd_votes(some, 14, 40.0, 60.0, 12, 26, 9, 50, fast)
    np.testing.assert_array_equal(plain, fast)
    assert indicators._added.py_func(1e16, 0.0, 1.0) == (1e16, 1.0)
    assert indicators._added.py_func(1.0, 0.0, 1e16) == (1e16, 1.0)
