"""The bench's readings over a whole history, as the product computes them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.technical_indicators import relative_strength

Floats = NDArray[np.float64]


def strength(close: Floats, period: int) -> Floats:
    return relative_strength(close, period)


def histogram(close: Floats) -> Floats:
    """MACD (12, 26, 9) less its signal line."""
    prices = pd.Series(close)
    line = _ema(prices, 12) - _ema(prices, 26)
    return np.asarray(line - _ema(line, 9))


def _ema(values: "pd.Series[float]", period: int) -> "pd.Series[float]":
    return values.ewm(span=period, adjust=False).mean()


def averages_lead(close: Floats) -> Floats:
    """How far the average of 10 closes is above that of 50, to 6 decimals, so that ties are ties."""
    fast, slow = (pd.Series(close).rolling(period).mean().to_numpy() for period in (10, 50))
    return np.round(fast - slow, 6)
