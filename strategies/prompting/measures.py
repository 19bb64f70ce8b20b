"""Figures of a chart: momentum, trend strength, swings, and the levels at which prices turned. Causal, and pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame, Series

Floats = NDArray[np.float64]

PERIOD = 14  # Wilder's, for RSI, ADX and the true range
SWING = 3  # candles on each side that a turning point must stand out from
CLUSTER = 0.5  # turning points so many true ranges apart are one level
STRONG, WEAK = 25.0, 20.0  # of ADX: the book's words for a trend, and for none
STRAIGHT = 0.3  # of the efficiency ratio: less is a walk to and fro


@dataclass(frozen=True, slots=True)
class Level:
    """A price at which the market turned: how often, and how many candles ago it last did."""

    price: float
    touches: int
    ago: int


@dataclass(frozen=True, slots=True)
class Direction:
    """ADX, its two sides, and what they say: trending, ranging or unclear."""

    adx: float
    up: float
    down: float
    efficiency: float

    @property
    def regime(self) -> str:
        if self.adx >= STRONG and self.efficiency >= STRAIGHT:
            return "trending"
        return "ranging" if self.adx < WEAK or self.efficiency < STRAIGHT / 2 else "unclear"


def wilder(values: "Series[Any]") -> "Series[Any]":
    """Wilder's average: each new value counts one part in 14."""
    return values.ewm(alpha=1 / PERIOD, adjust=False).mean()


def true_range(candles: DataFrame) -> "Series[Any]":
    before = candles["close"].shift(1)
    spans = [candles["high"] - candles["low"], (candles["high"] - before).abs(), (candles["low"] - before).abs()]
    return pd.concat(spans, axis=1).max(axis=1)


def rsi(close: "Series[Any]") -> "Series[Any]":
    """Wilder (1978), 0-100; 50 where nothing moves."""
    moves = close.diff().fillna(0.0)
    rises, falls = wilder(moves.clip(lower=0)), wilder(-moves.clip(upper=0))
    total = rises + falls
    return (100 * rises / total.where(total > 1e-9 * close)).fillna(50.0)


def macd_histogram(close: "Series[Any]") -> "Series[Any]":
    """Appel's, 12-26-9."""
    line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    return line - line.ewm(span=9, adjust=False).mean()


def direction(candles: DataFrame) -> Direction:
    """ADX after Wilder, "New Concepts in Technical Trading Systems" (1978); efficiency ratio after Kaufman, "Smarter
    Trading" (1995), over 20 candles: distance made good by distance walked."""
    rise, fall = candles["high"].diff(), -candles["low"].diff()
    up = wilder(rise.where((rise > fall) & (rise > 0), 0.0))
    down = wilder(fall.where((fall > rise) & (fall > 0), 0.0))
    span = wilder(true_range(candles))
    span = span.where(span > 0)
    up, down = (100 * up / span).fillna(0.0), (100 * down / span).fillna(0.0)
    total = up + down
    adx = wilder((100 * (up - down).abs() / total.where(total > 0)).fillna(0.0))
    return Direction(
        adx=float(adx.iloc[-1]),
        up=float(up.iloc[-1]),
        down=float(down.iloc[-1]),
        efficiency=efficiency(candles["close"].to_numpy()[-21:]),
    )


def efficiency(closes: Floats) -> float:
    walked = float(np.abs(np.diff(closes)).sum())
    return abs(float(closes[-1] - closes[0])) / walked if walked else 0.0


def swings(candles: DataFrame) -> tuple[list[Level], list[Level]]:
    """Turning points (highs, lows), the newest first: higher or lower than the three candles on each side."""
    high, low = candles["high"].to_numpy(), candles["low"].to_numpy()
    return _turns(high, sign=1), _turns(low, sign=-1)


def _turns(prices: Floats, sign: int) -> list[Level]:
    signed = sign * prices
    found = []
    for place in range(len(signed) - 1 - SWING, SWING - 1, -1):
        here = signed[place]
        if here > signed[place - SWING : place].max() and here >= signed[place + 1 : place + 1 + SWING].max():
            found.append(Level(float(prices[place]), 1, len(signed) - 1 - place))
    return found


def levels(turns: list[Level], width: float) -> list[Level]:
    """Turning points within `width` of each other as one level, at their mean price."""
    found: list[list[Level]] = []
    for turn in sorted(turns, key=lambda each: each.price):
        if found and turn.price - found[-1][0].price <= width:
            found[-1].append(turn)
        else:
            found.append([turn])
    return [
        Level(sum(each.price for each in group) / len(group), len(group), min(each.ago for each in group))
        for group in found
    ]
