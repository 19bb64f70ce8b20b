"""The technical strategy: its readings, its opinions, its words, and what it refuses."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from ta.momentum import RSIIndicator
from ta.trend import MACD

from app.core.errors import ConfigError, StrategyError
from app.core.model import Candle
from strategies.base_strategy import Signal, rows_of, table_of
from strategies.runtime import LocalStrategies
from strategies.technical_indicators import TechnicalIndicators
from tests.strategy_cases import a_rule, candles_of, random_candles, real_candles, shown


def readings(candles: tuple[Candle, ...], **settings: object) -> pd.DataFrame:
    return TechnicalIndicators(settings).indicators(table_of(rows_of(candles)))


def opinion(candles: tuple[Candle, ...], **settings: object) -> tuple[str, float, str]:
    strategies, rule = LocalStrategies(), a_rule(**settings)
    strategies.load([rule])
    action, confidence, reasoning = strategies.ask(rule, shown(candles))
    return action, float(confidence), reasoning


def test_a_market_that_stands_still_is_neutral() -> None:
    now = readings(candles_of([20_000.0] * 500)).iloc[-1]
    assert (now["rsi"], now["macd_histogram"], now["volume_ratio"]) == (50, 0, 1)
    assert opinion(candles_of([20_000.0] * 500))[0] == "HOLD"


def test_a_market_that_froze_after_a_fall_becomes_neutral_again() -> None:
    closes = [20_000 - 10 * step for step in range(300)] + [17_010.0] * 400
    rsi = readings(candles_of(closes))["rsi"]
    assert rsi.iloc[299] < 1
    assert rsi.iloc[-1] == 50


def test_no_volume_at_all_is_neither_much_nor_little() -> None:
    after_trading = candles_of([20_000.0] * 600, [5.0] * 300 + [0.0] * 300)
    assert readings(after_trading)["volume_ratio"].iloc[-1] == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_readings_are_those_of_the_books(seed: int) -> None:
    candles = random_candles(seed, 600)
    ours, close = readings(candles), table_of(rows_of(candles))["close"]
    theirs = RSIIndicator(close).rsi()
    moving = close.diff().rolling(100).apply(lambda moves: float((moves != 0).any()), raw=True) > 0
    moving &= np.arange(len(close)) > 350  # seeds are forgotten
    assert np.allclose(ours["rsi"][moving], theirs[moving], atol=1e-6)
    assert np.allclose(ours["macd"].dropna(), MACD(close).macd().dropna(), atol=1e-6)
    assert ours["average_long"].iloc[-1] == pytest.approx(close.iloc[-200:].mean(), abs=1e-6)


def test_a_rise_in_order_that_gains_momentum_is_bought() -> None:
    slopes = np.where(np.arange(560) % 20 < 13, 1.0012, 0.9985)  # 13 candles up, 7 down, a little higher each time
    closes = (20_000 * np.cumprod(slopes)).tolist()
    answers = [opinion(candles_of(closes[:end])) for end in range(500, 560)]
    following = [each for each in answers if each[0] == "BUY" and "averages are in order upward" in each[2]]
    _, confidence, reasoning = max(following, key=lambda answer: answer[1])
    assert confidence >= 70
    assert "MACD crossed above its signal line" in reasoning


def test_the_mirror_of_a_market_is_judged_as_its_mirror() -> None:
    candles = random_candles(5, 700)
    turned = candles_of([40_000 - float(each.close) for each in candles], [float(each.volume) for each in candles])
    buys = readings(candles)[["buy_points", "sell_points"]].iloc[300:]
    sells = readings(turned)[["sell_points", "buy_points"]].iloc[300:]
    assert (buys.to_numpy() == sells.to_numpy()).mean() > 0.99  # rounding to cents may move a tie
    assert (buys["buy_points"] > 0).any()
    assert (buys["sell_points"] > 0).any()


def test_three_weeks_of_real_candles_bring_buys_and_sells_that_pass_the_threshold() -> None:
    candles = real_candles()
    strategies = LocalStrategies()
    strategies.load([a_rule()])
    said = strategies.signals("technical_indicators", candles, "BTC/USD", "15m")
    strong = said["action"].where(said["confidence"] >= 70, "-").tolist()
    begun = [now for before, now in pairwise(strong) if now != before]
    assert begun.count("BUY") >= 10
    assert begun.count("SELL") >= 5
    assert 0.5 < strong.count("-") / len(strong) < 0.97  # most of the time nothing is to be done


def test_the_reasons_are_sentences() -> None:
    _, _, reasoning = opinion(real_candles()[:700])
    assert len(reasoning) < 400
    for word in ("RSI", "MACD", "200-candle average", "Volume", "For buying"):
        assert word in reasoning
    assert "nan" not in reasoning


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rsi_period": 0}, "rsi_period is 0; use 2 to 40"),
        ({"rsi_period": 14.5}, "rsi_period is 14.5; use a whole number"),
        ({"rsi_period": True}, "use a whole number"),
        ({"rsi_oversold": float("nan")}, "rsi_oversold is nan; use 5 to 45"),
        ({"macd_fast": 26}, "macd_fast is 26; use less than macd_slow, which is 26"),
        ({"average_short": 60}, "use less than average_medium"),
        ({"rsi_perod": 14}, "unknown setting 'rsi_perod'; known: rsi_period"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_cure(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        TechnicalIndicators(settings)


def test_slow_settings_are_shown_more_candles() -> None:
    assert TechnicalIndicators().startup_candles == 500
    assert 500 < TechnicalIndicators({"rsi_period": 40}).startup_candles <= 1000


def test_too_few_candles_is_an_error_and_more_change_nothing() -> None:
    candles = random_candles(1, 640)
    with pytest.raises(StrategyError, match="needs 500 closed candles, was shown 499"):
        opinion(candles[-499:])
    assert opinion(candles) == opinion(candles[-500:])


@pytest.mark.parametrize(
    ("action", "confidence"), [("buy", 50), ("BUY", -1), ("BUY", 101), ("BUY", float("nan")), ("HOLD", "high")]
)
def test_a_signal_that_is_none_cannot_be_made(action: str, confidence: float) -> None:
    with pytest.raises(ValueError, match="use"):
        Signal(action, confidence, "")  # type: ignore[arg-type]
