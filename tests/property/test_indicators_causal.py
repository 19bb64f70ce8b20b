"""No look-ahead, and one answer however it is asked: by window, over a history, vectorised."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.core.model import Candle
from strategies.base_strategy import BaseStrategy, rows_of, table_of
from strategies.custom_strategy import CustomStrategy
from strategies.runtime import LocalStrategies
from strategies.technical_indicators import TechnicalIndicators
from tests.strategy_cases import a_rule, random_candles, real_candles, shown

SHIPPED = {"technical_indicators": TechnicalIndicators, "custom_strategy": CustomStrategy}
seeds = some.integers(0, 2**32 - 1)
names = some.sampled_from(sorted(SHIPPED))


def table(candles: tuple[Candle, ...]) -> pd.DataFrame:
    return table_of(rows_of(candles))


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, cut=some.integers(250, 799))
def test_what_comes_later_changes_nothing_before(seed: int, name: str, cut: int) -> None:
    strategy: BaseStrategy = SHIPPED[name]()
    candles = table(random_candles(seed, 800))
    whole, part = strategy.indicators(candles), strategy.indicators(candles.iloc[:cut])
    pd.testing.assert_frame_equal(whole.iloc[:cut], part, check_exact=True)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=names, end=some.integers(600, 1200))
def test_a_window_reads_what_the_history_reads(seed: int, name: str, end: int) -> None:
    strategy: BaseStrategy = SHIPPED[name]()
    candles = table(random_candles(seed, 1200))
    whole = strategy.indicators(candles).iloc[end - 1]
    window = strategy.indicators(candles.iloc[end - strategy.startup_candles : end]).iloc[-1]
    assert np.allclose(whole, window, rtol=1e-6, atol=1e-6)


def all_answers(candles: tuple[Candle, ...], name: str) -> None:
    """Window by window, prepared, and as arrays: the same opinions."""
    windowed, prepared, rule = LocalStrategies(), LocalStrategies(), a_rule(name)
    count = windowed.load([rule])[0].startup_candles
    prepared.load([rule])
    prepared.prepare(name, candles)
    asked = [shown(candles[end - count : end]) for end in range(count, len(candles) + 1)]
    answers = [windowed.ask(rule, data) for data in asked]
    assert [prepared.ask(rule, data) for data in asked] == answers
    said = prepared.signals(name, candles, "BTC/USD", "15m")
    assert set(said["action"][: count - 1]) == {"HOLD"}
    rows = zip(said["action"][count - 1 :], said["confidence"][count - 1 :], strict=True)
    assert list(rows) == [(action, float(confidence)) for action, confidence, _ in answers]


@settings(max_examples=5, deadline=None)
@given(seed=seeds, name=names)
def test_every_way_to_ask_gives_the_same_answer(seed: int, name: str) -> None:
    all_answers(random_candles(seed, 650), name)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_way_to_ask_gives_the_same_answer_on_three_real_weeks(name: str) -> None:
    all_answers(real_candles(), name)


def test_what_is_asked_beside_the_prepared_history_is_computed_as_ever() -> None:
    strategies, rule = LocalStrategies(), a_rule()
    strategies.load([rule])
    other = shown(random_candles(2, 500))
    fresh = strategies.ask(rule, other)
    strategies.prepare(rule.name, random_candles(1, 800))  # the same times, other prices
    assert strategies.ask(rule, other) == fresh
