"""Histories as arrays, for replays: made of candles, or a seeded random walk of any length."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from app.core.model import Candle
from backtest.series import COLUMNS, CandleSeries, ms_of
from tests.builders import NOON


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
