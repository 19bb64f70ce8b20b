"""What the bench's rules give, counted by a plain loop that shares nothing with the product.

The rules: an entry signal at a candle's close fills at the next open × 1.0005 with 5 % of equity, fee of 0.1 % on
top; one position, long only; an exit signal fills at the next open × 0.9995; the stop stands below the slipped fill,
is tried from the entry's own candle on, before any exit, and fills at min(open, stop) × 0.9995.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest.series import CandleSeries

CASH, SHARE, FEE, SLIPPAGE = 100_000.0, 0.05, 0.001, 0.0005

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one run over all candles."""

    trades: int
    stops: int
    final_equity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A strategy of the bench, its stop in per cent, and what the whole series gave when the bench was made."""

    key: str
    name: str
    strategy: str
    stop_pct: float
    expected: Outcome
    signals: Callable[[Floats], tuple[Flags, Flags]]


def traded(series: CandleSeries, entries: Flags, exits: Flags, stop_pct: float) -> Outcome:
    """Every candle looked at in turn. Signals stand at the candle whose close gave them."""
    cash = CASH
    quantity = stop = 0.0
    trades = stops = 0
    columns = (getattr(series, name).tolist() for name in ("open", "low"))
    due_in = due_out = False
    for opened, low, enters, leaves in zip(*columns, entries.tolist(), exits.tolist(), strict=True):
        if quantity and low <= stop:
            cash += quantity * min(opened, stop) * (1 - SLIPPAGE) * (1 - FEE)
            quantity, trades, stops = 0.0, trades + 1, stops + 1
        elif quantity and due_out:
            cash += quantity * opened * (1 - SLIPPAGE) * (1 - FEE)
            quantity, trades = 0.0, trades + 1
        elif not quantity and due_in:
            price = opened * (1 + SLIPPAGE)
            quantity, stop = SHARE * cash / price, price * (1 - stop_pct / 100)
            cash -= quantity * price * (1 + FEE)
            if low <= stop:
                cash += quantity * min(opened, stop) * (1 - SLIPPAGE) * (1 - FEE)
                quantity, trades, stops = 0.0, trades + 1, stops + 1
        due_in, due_out = enters, leaves
    return Outcome(trades=trades, stops=stops, final_equity=cash + quantity * float(series.close[-1]))


def rsi_macd(close: Floats) -> tuple[Flags, Flags]:
    """RSI(14, Wilder) below 30 while the MACD (12, 26, 9) stands above its signal line; out above 70."""
    strength, histogram = rsi(close, 14), macd_histogram(close)
    return (strength < 30) & (histogram > 0), strength > 70


def sma_cross(close: Floats) -> tuple[Flags, Flags]:
    """The average of 10 closes crosses that of 50, upward and downward; a tie counts as the side it came from.

    Compared in whole cents: running sums drift, and ties are ties.
    """
    cents = np.round(close * 100).astype(np.int64)
    lead = 5 * sums(cents, 10) - sums(cents, 50)
    above, below, known = lead > 0, lead < 0, np.arange(len(close)) >= 49
    before = slice(None, -1)
    up, down = np.zeros(len(close), bool), np.zeros(len(close), bool)
    up[1:] = above[1:] & ~above[before] & known[before]
    down[1:] = below[1:] & ~below[before] & known[before]
    return up, down


def rsi(close: Floats, period: int) -> Floats:
    """Wilder's: plain averages of the first `period` moves, then each new move counts 1 / period. NaN before."""
    values = np.full(len(close), np.nan)
    moves = np.diff(close)
    up = float(np.maximum(moves[:period], 0).mean())
    down = float(np.maximum(-moves[:period], 0).mean())
    found = [_strength(up, down)]
    for move in moves[period:].tolist():
        up = (up * (period - 1) + max(move, 0.0)) / period
        down = (down * (period - 1) + max(-move, 0.0)) / period
        found.append(_strength(up, down))
    values[period:] = found
    return values


def _strength(up: float, down: float) -> float:
    """50 where the market stands still."""
    return 100 * up / (up + down) if up + down else 50.0


def macd_histogram(close: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Floats:
    """Both averages begin with the plain one of their first closes, at the same candle; NaN before all is known."""
    both = ema(close[slow - fast :], fast)[fast - 1 :] - ema(close, slow)[slow - 1 :]
    lines = ema(both, signal)
    return np.concatenate((np.full(slow - 1, np.nan), both - lines))


def ema(values: Floats, period: int) -> Floats:
    found = np.full(len(values), np.nan)
    average = float(values[:period].mean())
    kept, weight = [average], 2 / (period + 1)
    for value in values[period:].tolist():
        average += (value - average) * weight
        kept.append(average)
    found[period - 1 :] = kept
    return found


def sums(values: NDArray[np.int64], period: int) -> NDArray[np.int64]:
    """Of the newest `period` values; 0 before there are so many."""
    total = np.concatenate(([0], np.cumsum(values)))
    found = np.zeros(len(values), np.int64)
    found[period - 1 :] = total[period:] - total[:-period]
    return found


CASES = (
    Case(
        key="rsi",
        name="RSI and MACD",
        strategy="bench_rsi_macd",
        stop_pct=5,
        expected=Outcome(trades=1047, stops=2, final_equity=86_326.93),
        signals=rsi_macd,
    ),
    Case(
        key="tight",
        name="RSI and MACD, stop at 1 %",
        strategy="bench_rsi_macd",
        stop_pct=1,
        expected=Outcome(trades=1131, stops=206, final_equity=84_819.76),
        signals=rsi_macd,
    ),
    Case(
        key="sma",
        name="SMA 10/50 cross",
        strategy="bench_sma_cross",
        stop_pct=5,
        expected=Outcome(trades=14_369, stops=0, final_equity=10_889.35),
        signals=sma_cross,
    ),
)


def case_of(key: str) -> Case:
    return next(case for case in CASES if case.key == key)
