"""Cheats are found with the column and the candle where they peeked; their honest twins pass. On random candles."""

from collections.abc import Callable
from time import process_time

import numpy as np
import pandas as pd
import pytest

from strategies.base_strategy import BaseStrategy, DataFrame, Signal, rows_of
from strategies.runtime import Loaded, LocalStrategies
from strategies.truncation import Seen
from tests.strategy_cases import a_rule, random_candles

ROWS = rows_of(random_candles(11, 3000))
Column = Callable[[DataFrame], "pd.Series[float]"]


class Peeker(BaseStrategy):
    """One column that is computed as told."""

    startup_candles = 100
    column: Column

    def indicators(self, candles: DataFrame) -> DataFrame:
        return DataFrame({"mine": type(self).column(candles)}, index=candles.index)

    def analyze(self, market_data: object, news_events: object) -> Signal:
        return Signal("HOLD", 0, "nothing to say")


def looked_at(column: Column, rows: np.ndarray = ROWS) -> Seen:
    kind = type("Peeker", (Peeker,), {"column": staticmethod(column)})
    return Loaded("peeker", kind(), "").seen_ahead(rows)


def days(candles: DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(candles.index).floor("D")


def turns(candles: DataFrame) -> "pd.Series[float]":
    """The closes from which the price rises on both sides: known one candle later."""
    close = candles["close"]
    return close.where((close < close.shift(1)) & (close < close.shift(-1)))


CHEATS: dict[str, tuple[Column, Column]] = {
    "the next close": (lambda c: c["close"].shift(-1), lambda c: c["close"].shift(1)),
    "a close far ahead": (lambda c: c["close"].shift(-1500), lambda c: c["close"].shift(90)),
    "a centred average": (
        lambda c: c["close"].rolling(21, center=True).mean(),
        lambda c: c["close"].rolling(21).mean(),
    ),
    "the mean of everything": (
        lambda c: c["close"] / c["close"].mean(),
        lambda c: c["close"] / c["close"].rolling(50).mean(),
    ),
    "the highest to come": (
        lambda c: c["high"][::-1].rolling(10, min_periods=1).max()[::-1],
        lambda c: c["high"].rolling(10, min_periods=1).max(),
    ),
    "the day's close, from its morning on": (
        lambda c: c["close"].groupby(days(c)).transform("last"),
        lambda c: c["open"].groupby(days(c)).transform("first").rolling(96).max(),
    ),
    "holes filled from behind": (lambda c: turns(c).bfill(), lambda c: turns(c).shift(1).ffill(limit=90)),
    "scaled by its own extremes": (
        lambda c: (c["close"] - c["close"].min()) / (c["close"].max() - c["close"].min()),
        lambda c: c["close"] - c["close"].rolling(100).min(),
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_found_and_its_honest_twin_is_not(name: str) -> None:
    cheat, honest = CHEATS[name]
    assert "column 'mine' at candle 2023-0" in looked_at(cheat).peek
    assert looked_at(honest).peek == ""


def test_the_candle_that_is_named_is_where_it_peeked() -> None:
    said = looked_at(lambda c: c["close"].shift(-1)).peek
    at = pd.Timestamp(said.split("at candle ")[1][:16], tz="UTC")
    newest = pd.Timestamp(said.split("when ")[1][:16], tz="UTC")
    opened = pd.DatetimeIndex(ROWS[:, 0].astype("M8[ms]"), tz="UTC")
    assert at == newest  # the last candle that is known reads nothing yet
    row = opened.get_loc(at)
    assert "reads nan when" in said
    assert f"and {ROWS[row + 1, 4]:.8g} once later ones are known" in said


class SignalPeeker(Peeker):
    """Its column is honest; its vectorised signals buy before a rise."""

    column = staticmethod(lambda c: c["close"].rolling(5).mean())

    def signals(self, candles: DataFrame) -> DataFrame:
        rises = candles["close"].shift(-3) > candles["close"] * 1.02
        return DataFrame({"action": np.where(rises, "BUY", "HOLD"), "confidence": 80.0}, index=candles.index)


def test_signals_that_peek_are_found_where_they_buy() -> None:
    seen = Loaded("peeker", SignalPeeker(), "").seen_ahead(ROWS)
    assert "column 'action of signals'" in seen.peek
    assert "reads HOLD" in seen.peek
    assert "BUY once later ones are known" in seen.peek


class RarePeeker(Peeker):
    """Buys at three candles alone, whose close it raises once later ones are known."""

    column = staticmethod(lambda c: c["close"].rolling(5).mean())
    spoken: tuple[object, object]
    acts = (777, 1403, 2222)

    def signals(self, candles: DataFrame) -> DataFrame:
        buy, hold = type(self).spoken
        opened = np.isin(np.round(candles.index.as_unit("ms").asi8), ROWS[list(self.acts), 0].astype(np.int64))
        later = candles["close"].shift(-1).notna().to_numpy()
        confidence = np.where(opened & later, 90.0, 80.0)
        return DataFrame({"action": np.where(opened, buy, hold), "confidence": confidence}, index=candles.index)


@pytest.mark.parametrize("spoken", [("BUY", "HOLD"), (1, 0)])
def test_where_it_acts_is_looked_at_however_the_action_is_spelt(spoken: tuple[object, object]) -> None:
    kind = type("Rare", (RarePeeker,), {"spoken": spoken})
    assert "column 'confidence of signals'" in Loaded("peeker", kind(), "").seen_ahead(ROWS).peek


def test_what_remembers_more_than_its_warm_up_is_told_and_is_no_look_ahead() -> None:
    seen = looked_at(lambda c: c["close"].ewm(span=100, adjust=False).mean())
    assert seen.peek == ""
    assert "column 'mine' remembers more than the 100 candles of its warm-up" in seen.cold
    assert looked_at(lambda c: c["close"].ewm(span=5, adjust=False).mean()).cold == ""
    total = looked_at(lambda c: c["volume"].cumsum())
    assert (total.peek, "remembers more" in total.cold) == ("", True)


def test_a_history_that_is_hardly_longer_than_the_warm_up_shows_nothing() -> None:
    assert looked_at(lambda c: c["close"].shift(-1), ROWS[:100]) == Seen()
    assert looked_at(lambda c: c["close"].shift(-1), ROWS[:102]).peek != ""


def test_a_strategy_that_fails_is_not_called_a_cheat() -> None:
    assert looked_at(lambda c: c["nothing"]) == Seen()


def test_the_shipped_strategies_do_not_look_ahead_and_two_years_of_hours_take_no_time() -> None:
    local = LocalStrategies()
    local.load([a_rule("technical_indicators"), a_rule("custom_strategy")])
    rows = rows_of(random_candles(3, 17_520))
    for name in ("technical_indicators", "custom_strategy"):
        began = process_time()
        assert local.seen_ahead(name, rows) == Seen()
        assert process_time() - began < 5  # 0.15 s measured
