"""Histories as arrays, for replays: made of candles, or a seeded random walk of any length; and who is asked there."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.core.errors import StrategyError
from app.core.model import Candle, Direction, MarketData, NewsEvent, timeframe_seconds
from app.core.rules import StrategyRule
from app.core.voting import SIGNS
from backtest.series import COLUMNS, CandleSeries, Floats, candles, ms_of
from tests.builders import NOON
from tests.fakes import Answer, ScriptedStrategies


def series_of(candles: Sequence[Candle]) -> CandleSeries:
    columns = {name: np.array([float(getattr(candle, name)) for candle in candles]) for name in COLUMNS}
    times = np.array([ms_of(candle.opened_at) for candle in candles], dtype=np.int64)
    return CandleSeries(symbol=candles[0].symbol, seconds=candles[0].seconds, ts=times, **columns)


def random_walk(seed: int, minutes: int, start: datetime = NOON, price: float = 20_000.0) -> CandleSeries:
    """Some 60 % volatility a year, prices in cents."""
    dice = np.random.Generator(np.random.PCG64(seed))
    closes = np.round(price * np.exp(np.cumsum(dice.normal(0, 0.0008, minutes))), 2)
    opens = np.concatenate(([price], closes[:-1]))
    reach = np.abs(dice.normal(0, 0.0004, (2, minutes)))
    return CandleSeries(
        symbol="BTC/USD",
        seconds=60,
        ts=ms_of(start) + np.arange(minutes, dtype=np.int64) * 60_000,
        open=opens,
        high=np.round(np.maximum(opens, closes) * (1 + reach[0]), 2),
        low=np.round(np.minimum(opens, closes) * (1 - reach[1]), 2),
        close=closes,
        volume=np.round(dice.exponential(2, minutes), 5),
    )


class Scripted(ScriptedStrategies):
    """backtest.replay.LocalStrategies that answer by a function of what is shown."""

    def ask(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Answer:  # type: ignore[override]
        return self.now(rule, data, news)

    def opinions(
        self, name: str, rows: Floats, symbol: str, timeframe: str
    ) -> tuple[NDArray[np.int8], Floats, Callable[[int], str]]:
        columns = dict(zip(COLUMNS, rows.T[1:], strict=True))
        times = rows[:, 0].astype(np.int64)
        whole = [*candles(CandleSeries(symbol=symbol, seconds=timeframe_seconds(timeframe), ts=times, **columns))]
        said: list[Answer | None] = []
        for end in range(1, len(whole) + 1):
            shown = tuple(whole[max(0, end - self.startup_candles) : end])
            said.append(self._answer_or_fail(shown, symbol, timeframe))
        signs = [0 if each is None else SIGNS[Direction(each[0])] for each in said]
        sure = [float("nan") if each is None else float(each[1]) for each in said]
        words = ["it was told to fail" if each is None else each[2] for each in said]
        return np.array(signs, dtype=np.int8), np.array(sure), words.__getitem__

    def _answer_or_fail(self, shown: tuple[Candle, ...], symbol: str, timeframe: str) -> Answer | None:
        newest = shown[-1]
        data = MarketData(symbol=symbol, timeframe=timeframe, at=newest.closed_at, price=newest.close, candles=shown)
        try:
            return self._answer(data)
        except StrategyError:
            return None
