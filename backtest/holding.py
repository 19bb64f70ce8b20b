"""Buying bitcoin at the start of a span and keeping it: what stands beside everything that was traded in it."""

from dataclasses import dataclass

import numpy as np

from app.core.performance import buy_and_hold_pct
from backtest.series import CandleSeries, Floats, Times
from backtest.walk_forward import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """`return_pct` with the fee at both ends; `growth` at each moment asked for, 1 at the start."""

    return_pct: float
    growth: Floats


def held(series: CandleSeries, span: Span, fee_pct: float, at_ms: Times | None = None) -> Held:
    """Over the candles of the span; nothing where there are none."""
    part = series.between(span.since, span.until)
    moments = np.empty(0, np.int64) if at_ms is None else at_ms
    if not len(part):
        return Held(return_pct=0.0, growth=np.ones(len(moments)))
    first = float(part.open[0])
    kept = (1 - fee_pct / 100) ** 2
    closed = part.ts + part.seconds * 1000
    rows = np.clip(np.searchsorted(closed, moments, side="right") - 1, 0, len(part) - 1)
    return Held(
        return_pct=buy_and_hold_pct(first, float(part.close[-1]), fee_pct), growth=part.close[rows] / first * kept
    )
