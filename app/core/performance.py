"""Trades and daily equity → Report: the same words for backtest, paper and live.

Statistics, so floats. Sharpe, Sortino and volatility are of daily UTC returns of equity, × √365, risk-free 0, with the
sample standard deviation; drawdown comes as a summary that the caller takes over every candle's close.
"""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from statistics import fmean, stdev

from app.core.model import Trade
from app.core.values import value

DAYS_A_YEAR = 365
MIN_DAYS = 30  # fewer daily returns than this tell nothing: the ratios are null


@value
class Drawdown:
    """Deepest fall from a high, as a positive percentage; days at candle resolution; null where not recovered."""

    max_pct: float
    max_days: float  # longest time from a high to its recovery, or to the end
    recovery_days: float | None  # from the deepest point back to the old high


@value
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


@value
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
    sqn: float | None
    expectancy_ratio: float | None
    longest_losing_streak: int
    average_holding_hours: float | None
    best_day_pct: float | None
    worst_day_pct: float | None
    days_won: int
    days_even: int
    days_lost: int
    cvar_95_pct: float | None
    ulcer_index_pct: float


def report(trades: Sequence[Trade], curve: Curve) -> Report:
    """All metrics of one run.

    expectancy: dollars a trade after fees; profit_factor: what the winners won over what the losers lost;
    calmar_ratio: annual growth over the deepest drawdown, over the whole run (Young 1991 took three years).
    """
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
        sqn=system_quality(results),
        expectancy_ratio=fmean(results) / -fmean(losses) if losses else None,
        longest_losing_streak=longest_losing_streak(results),
        average_holding_hours=fmean(holding_hours(trades)) if trades else None,
        best_day_pct=max(returns) * 100 if returns else None,
        worst_day_pct=min(returns) * 100 if returns else None,
        days_won=sum(each > 0 for each in returns),
        days_even=sum(each == 0 for each in returns),
        days_lost=sum(each < 0 for each in returns),
        cvar_95_pct=expected_shortfall_pct(returns),
        ulcer_index_pct=ulcer_index_pct([curve.initial_cash, *curve.daily]),
    )


def daily_returns(equity: Sequence[float]) -> list[float]:
    """Simple returns from one day's end to the next."""
    return [after / before - 1 for before, after in pairwise(equity) if before > 0]


def volatility_pct(returns: Sequence[float]) -> float | None:
    """Sample standard deviation of daily returns, × √365, in per cent: bitcoin is traded on every day of a year."""
    return stdev(returns) * math.sqrt(DAYS_A_YEAR) * 100 if len(returns) >= MIN_DAYS else None


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean over sample standard deviation of daily returns, × √365, risk-free 0.

    Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994).
    """
    if len(returns) < MIN_DAYS or not (deviation := stdev(returns)):
        return None
    return fmean(returns) / deviation * math.sqrt(DAYS_A_YEAR)


def sortino(returns: Sequence[float]) -> float | None:
    """Mean over downside deviation: the root mean square of losing days' returns, taken over all days; × √365.

    Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 3 (1994); target 0.
    """
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


def system_quality(results: Sequence[float]) -> float | None:
    """√n × mean over sample standard deviation of the trades' results: how sure it is that they earn.

    Van Tharp, "Definitive Guide to Position Sizing" (2008), where n counts as 100 at most, so that many small trades
    do not look like skill.
    """
    if len(results) < 2 or not (deviation := stdev(results)):
        return None
    return math.sqrt(min(len(results), 100)) * fmean(results) / deviation


def longest_losing_streak(results: Sequence[float]) -> int:
    """Losers one after the other, in the order in which they were closed."""
    longest = current = 0
    for result in results:
        current = current + 1 if result < 0 else 0
        longest = max(longest, current)
    return longest


def holding_hours(trades: Sequence[Trade]) -> list[float]:
    """From the first fill of each trade to its last."""
    return [(trade.closed_at - trade.opened_at) / timedelta(hours=1) for trade in trades]


def expected_shortfall_pct(returns: Sequence[float], worst: int = 5) -> float | None:
    """Mean return of the worst 5 % of days, rounded up to whole days: what a bad day costs, as a negative percentage.

    Conditional value at risk at 95 %: Rockafellar and Uryasev, Journal of Risk 2 (2000).
    """
    if len(returns) < MIN_DAYS:
        return None
    count = -(-len(returns) * worst // 100)
    return fmean(sorted(returns)[:count]) * 100


def ulcer_index_pct(equity: Sequence[float]) -> float:
    """Root mean square of every day's drawdown in per cent: deep and long falls weigh most.

    Martin and McCann, "The Investor's Guide to Fidelity Funds" (1989).
    """
    highs = accumulate(equity, max)
    falls = [(high - value) / high * 100 for high, value in zip(highs, equity, strict=True) if high > 0]
    return math.sqrt(fmean([fall**2 for fall in falls])) if falls else 0.0


def same_exposure_pct(buy_and_hold: float, average_exposure_pct: float) -> float:
    """Buy and hold with as much of the money as the run had in bitcoin on average, the rest in cash: the fair rival."""
    return buy_and_hold * average_exposure_pct / 100


def monthly_returns(first: float, daily: Sequence[tuple[date, float]]) -> dict[str, float]:
    """Return in per cent of each calendar month that has a day, such as {"2023-03": -1.5}; the first from `first`."""
    ends: dict[str, float] = {}
    for day, equity in daily:
        ends[f"{day:%Y-%m}"] = equity
    before = [first, *ends.values()]
    return {
        month: (end / start - 1) * 100 if start > 0 else 0.0
        for (month, end), start in zip(ends.items(), before, strict=False)
    }
