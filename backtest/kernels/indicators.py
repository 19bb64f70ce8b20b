"""Indicators in one pass. A NaN is the caller's to refuse; warm-up as in `strategies.technical_indicators`.

RSI and EMA start from the first value (pandas' `ewm(adjust=False)`), so they agree with other seeds only after some
250 candles.
"""

from typing import Any

import numpy as np

from backtest.kernels.compiling import compiled

FLAT = 1e-9  # average move, as part of the price, below which the market stands still


@compiled
def ema(values: Any, period: int) -> Any:
    """Exponential moving average with α = 2 / (period + 1)."""
    out = np.empty(len(values))
    alpha = 2.0 / (period + 1.0)
    average = values[0] if len(values) > 0 else 0.0
    for row in range(len(values)):
        average = average + alpha * (values[row] - average)
        out[row] = average
    return out


@compiled
def rsi(close: Any, period: int) -> Any:
    """Wilder's, 0-100; 50 where the market stands still. NaN for the first candle."""
    out = np.empty(len(close))
    alpha = 1.0 / period
    rises = falls = 0.0
    for row in range(len(close)):
        if row == 0:
            out[row] = np.nan
            continue
        move = close[row] - close[row - 1]
        rise, fall = max(move, 0.0), max(-move, 0.0)
        if row == 1:
            rises, falls = rise, fall
        else:
            rises = rises + alpha * (rise - rises)
            falls = falls + alpha * (fall - falls)
        total = rises + falls
        out[row] = 100.0 * rises / total if total > FLAT * close[row] else 50.0
    return out


@compiled
def macd(close: Any, fast: int, slow: int, signal: int) -> Any:
    """Rows: MACD line, its signal line, the histogram."""
    out = np.empty((3, len(close)))
    a, b, c = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    quick = late = close[0] if len(close) > 0 else 0.0
    smooth = 0.0
    for row in range(len(close)):
        quick = quick + a * (close[row] - quick)
        late = late + b * (close[row] - late)
        line = quick - late
        smooth = smooth + c * (line - smooth)
        out[0, row], out[1, row], out[2, row] = line, smooth, line - smooth
    return out


@compiled
def macd_rises(close: Any, fast: int, slow: int, signal: int) -> Any:
    """Where the histogram is above zero."""
    out = np.empty(len(close), np.bool_)
    a, b, c = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    quick = late = close[0] if len(close) > 0 else 0.0
    smooth = 0.0
    for row in range(len(close)):
        quick = quick + a * (close[row] - quick)
        late = late + b * (close[row] - late)
        smooth = smooth + c * (quick - late - smooth)
        out[row] = quick - late - smooth > 0.0
    return out


@compiled
def sma(values: Any, period: int) -> Any:
    """Mean of the last `period` values; NaN before there are as many.

    The running sum is compensated (Neumaier), so that two averages which are equal on paper compare as equal however
    long the history: a plain one drifts, and a tie then counts as a cross.
    """
    out = np.full(len(values), np.nan)
    total = lost = 0.0
    for row in range(len(values)):
        total, lost = _added(total, lost, values[row])
        if row >= period:
            total, lost = _added(total, lost, -values[row - period])
        if row >= period - 1:
            out[row] = (total + lost) / period
    return out


@compiled
def _added(total: float, lost: float, value: float) -> tuple[float, float]:
    """One more value on a sum, and what rounding has lost so far."""
    after = total + value
    lost += (total - after) + value if abs(total) >= abs(value) else (value - after) + total
    return after, lost


@compiled
def rolling_max(values: Any, period: int) -> Any:
    """Highest of the last `period` values; NaN before there are as many. Amortised two steps a value."""
    out = np.full(len(values), np.nan)
    waiting = np.empty(period + 1, np.int64)  # rows that may become the highest yet, a ring
    size = len(waiting)
    first = last = 0
    for row in range(len(values)):
        while last > first and values[waiting[(last - 1) % size]] <= values[row]:
            last -= 1
        waiting[last % size] = row
        last += 1
        if waiting[first % size] <= row - period:
            first += 1
        if row >= period - 1:
            out[row] = values[waiting[first % size]]
    return out


@compiled
def rolling_min(values: Any, period: int) -> Any:
    """Lowest of the last `period` values, likewise."""
    return -rolling_max(-values, period)


@compiled
def rsi_macd_votes(
    close: Any, period: int, lower: float, upper: float, fast: int, slow: int, signal: int, warm_up: int, votes: Any
) -> None:
    """The bench's rule in one pass, into `votes`: BUY where RSI < lower and the histogram > 0, SELL where RSI > upper.

    The three recursions do not wait for one another, which one after the other they would.
    """
    alpha, a, b, c = 1.0 / period, 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    before = quick = late = close[0] if len(close) > 0 else 0.0
    rises = falls = smooth = 0.0
    for row in range(len(close)):
        price = close[row]
        move = price - before
        before = price
        weight = alpha if row > 1 else 1.0
        rises = rises + weight * (max(move, 0.0) - rises)
        falls = falls + weight * (max(-move, 0.0) - falls)
        quick = quick + a * (price - quick)
        late = late + b * (price - late)
        line = quick - late
        smooth = smooth + c * (line - smooth)
        total = rises + falls
        moving = total > FLAT * price
        low = 100.0 * rises < lower * total if moving else lower > 50.0
        high = 100.0 * rises > upper * total if moving else upper < 50.0
        votes[row] = (1 if low and line - smooth > 0.0 else -1 if high else 0) if row >= warm_up else 0
