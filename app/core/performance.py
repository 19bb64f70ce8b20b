"""Trades and daily equity → Report: the same words for backtest, paper and live.

Statistics, so floats. Sharpe, Sortino and volatility are of daily UTC returns of equity, × √365, risk-free 0, with the
sample standard deviation; drawdown comes as a summary that the caller takes over every candle's close.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, stdev

from app.core.model import Trade

DAYS_A_YEAR = 365
MIN_DAYS = 30  # fewer daily returns than this tell nothing: the ratios are null


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """Deepest fall from a high, as a positive percentage; days at candle resolution; null where not recovered."""

    max_pct: float
    max_days: float  # longest time from a high to its recovery, or to the end
    recovery_days: float | None  # from the deepest point back to the old high


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a run looked like over time. `daily` is equity at each UTC day's end, oldest first."""

    start: datetime
    end: datetime
    candles: int
    exposed_candles: int
    initial_cash: float
    final_equity: float
    first_open: float
    last_close: float
    fee_pct: float
    daily: Sequence[float]
    drawdown: Drawdown


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Names of design 7.6. A ratio that cannot be told is None, and None becomes null."""

    return_pct: float
    buy_and_hold_return_pct: float
    cagr_pct: float | None
    volatility_pct: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    max_drawdown_pct: float
    max_drawdown_days: float
    recovery_days: float | None
    exposure_time_pct: float
    trades: int
    win_rate_pct: float | None
    avg_win: float | None
    avg_loss: float | None
    profit_factor: float | None
    expectancy: float | None
    best_trade_pct: float | None
    worst_trade_pct: float | None
    fees_paid: float


def report(trades: Sequence[Trade], curve: Curve) -> Report:
    """All metrics of one run."""
    returns = daily_returns([curve.initial_cash, *curve.daily])
    growth = curve.final_equity / curve.initial_cash - 1
    cagr = annual_growth_pct(curve.initial_cash, curve.final_equity, curve.end - curve.start)
    results = [float(trade.profit_loss) for trade in trades]
    shares = [float(trade.profit_loss_pct) for trade in trades]
    wins = [result for result in results if result > 0]
    losses = [result for result in results if result < 0]
    deepest = curve.drawdown.max_pct
    return Report(
        return_pct=growth * 100,
        buy_and_hold_return_pct=buy_and_hold_pct(curve.first_open, curve.last_close, curve.fee_pct),
        cagr_pct=cagr,
        volatility_pct=volatility_pct(returns),
        sharpe_ratio=sharpe(returns),
        sortino_ratio=sortino(returns),
        calmar_ratio=cagr / deepest if cagr is not None and deepest else None,
        max_drawdown_pct=deepest,
        max_drawdown_days=curve.drawdown.max_days,
        recovery_days=curve.drawdown.recovery_days,
        exposure_time_pct=curve.exposed_candles / curve.candles * 100 if curve.candles else 0.0,
        trades=len(trades),
        win_rate_pct=len(wins) / len(results) * 100 if results else None,
        avg_win=fmean(wins) if wins else None,
        avg_loss=fmean(losses) if losses else None,
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        expectancy=fmean(results) if results else None,
        best_trade_pct=max(shares, default=None),
        worst_trade_pct=min(shares, default=None),
        fees_paid=float(sum(trade.fees for trade in trades)),
    )


def daily_returns(equity: Sequence[float]) -> list[float]:
    """Simple returns from one day's end to the next."""
    return [after / before - 1 for before, after in pairwise(equity) if before > 0]


def volatility_pct(returns: Sequence[float]) -> float | None:
    """Annualised sample standard deviation of daily returns, in per cent."""
    return stdev(returns) * math.sqrt(DAYS_A_YEAR) * 100 if len(returns) >= MIN_DAYS else None


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean over sample standard deviation of daily returns, annualised (Sharpe 1994, risk-free 0)."""
    if len(returns) < MIN_DAYS or not (deviation := stdev(returns)):
        return None
    return fmean(returns) / deviation * math.sqrt(DAYS_A_YEAR)


def sortino(returns: Sequence[float]) -> float | None:
    """Mean over downside deviation (root mean square of negative daily returns over all days), annualised."""
    if len(returns) < MIN_DAYS:
        return None
    downside = math.sqrt(fmean([min(each, 0.0) ** 2 for each in returns]))
    return fmean(returns) / downside * math.sqrt(DAYS_A_YEAR) if downside else None


def annual_growth_pct(first: float, last: float, span: timedelta) -> float | None:
    """Compound annual growth on calendar time; None below 30 days."""
    years = span.total_seconds() / timedelta(days=DAYS_A_YEAR).total_seconds()
    if span < timedelta(days=MIN_DAYS) or first <= 0 or last <= 0:
        return None
    return float((last / first) ** (1 / years) - 1) * 100


def buy_and_hold_pct(first_open: float, last_close: float, fee_pct: float) -> float:
    """Everything bought at the first candle's open and sold at the last close, one fee each side."""
    kept = (1 - fee_pct / 100) ** 2
    return (last_close / first_open * kept - 1) * 100 if first_open else 0.0
