"""Candles for the tests of strategies: real ones, random ones, flat ones."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.core.model import Candle, MarketData
from app.core.rules import StrategyRule

REAL = Path(__file__).parents[2] / "shared/data/btc/binanceus_BTCUSD_1m_2023-03-01_2023-03-21.parquet"
START = datetime(2023, 3, 1, tzinfo=UTC)


def a_rule(name: str = "technical_indicators", **settings: object) -> StrategyRule:
    values = tuple(sorted((key, json.dumps(value)) for key, value in settings.items()))
    return StrategyRule(name=name, enabled=True, weight=Decimal(30), settings=values)


def candle(at: datetime, open: float, high: float, low: float, close: float, volume: float) -> Candle:
    prices = [Decimal(str(round(value, 2))) for value in (open, high, low, close)]
    return Candle(
        symbol="BTC/USD",
        opened_at=at,
        seconds=900,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[3],
        volume=Decimal(str(round(volume, 8))),
    )


def candles_of(closes: Sequence[float], volumes: Sequence[float] | None = None) -> tuple[Candle, ...]:
    """15-minute candles with these closes; each opens where the one before closed."""
    opens = [closes[0], *closes[:-1]]
    return tuple(
        candle(START + timedelta(minutes=15 * at), o, max(o, c), min(o, c), c, volumes[at] if volumes else 1.0)
        for at, (o, c) in enumerate(zip(opens, closes, strict=True))
    )


def random_candles(seed: int, count: int) -> tuple[Candle, ...]:
    """A random walk with quiet times, jumps, flat stretches and candles without volume."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, 0.004, count) * rng.choice([0.0, 0.3, 1.0, 4.0], count, p=[0.1, 0.3, 0.5, 0.1])
    still = int(rng.integers(0, count))
    moves[still : still + int(rng.integers(0, 300))] = 0
    volumes = rng.exponential(3, count) * rng.choice([0.0, 1.0], count, p=[0.1, 0.9])
    return candles_of((20_000 * np.exp(np.cumsum(moves))).tolist(), volumes.tolist())


@cache
def real_candles() -> tuple[Candle, ...]:
    """Three weeks of Binance.US, March 2023, as 2,016 candles of 15 minutes."""
    if not REAL.exists():
        pytest.skip("the shared data (../shared/data) is not there")
    minutes = pd.read_parquet(REAL).set_index("ts")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    rows = minutes.resample("15min").agg(how).itertuples()  # type: ignore[arg-type]
    return tuple(candle(row.Index.to_pydatetime(), *row[1:]) for row in rows)


def shown(candles: Sequence[Candle]) -> MarketData:
    last = candles[-1]
    return MarketData(symbol="BTC/USD", timeframe="15m", at=last.closed_at, price=last.close, candles=tuple(candles))
