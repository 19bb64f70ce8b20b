"""Many configurations over one history, by the compiled kernel: what optimising and comparing are built on.

    frames = frames_of(series, rules.voting.timeframe_seconds)        # once for a time frame
    figures = evaluate(series, timelines, rules, simulation, cash, warmup=…, frames=frames)

The kernel holds no GIL, so threads scale; `trade_all` gives the trades and the curve of one configuration.
Figures mean what `app.core.performance` says. What a strategy would have said comes as a Timeline; nobody is asked.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core import performance
from app.core.errors import DataError
from app.core.rules import Rules, Simulation
from backtest.kernels import blocks, indicators, terms, trading
from backtest.series import DAY_MS, CandleSeries, Floats
from backtest.timeline import Timeline
from backtest.votes import Frames, frames_of, votes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one configuration came to. Money in quote currency; ratios are None where they cannot be told."""

    final_equity: float
    return_pct: float
    max_drawdown_pct: float
    sharpe_ratio: float | None
    trades: int
    stops: int
    trailing_stops: int
    win_rate_pct: float | None
    profit_factor: float | None
    expectancy: float | None
    fees_paid: float
    exposure_time_pct: float
    open_positions_at_end: int
    refused: int  # BUY votes that the risk rules refused
    runaways: int  # tripwires: entries rested until the next UTC day
    day_latches: int  # days on which the daily loss limit was reached
    killed: bool  # the kill switch ended the run
    candles: int  # lived through: fewer than given where it was killed
    boundary: int  # sizes that float64 could not tell from the next step: the exact engine may differ by one step


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run in full. `trades` has the fields of kernels.terms.TRADE; rows count from the first of `series`.

    `equity[i]` is at the close of row `first + i`; `daily` at each UTC day's end. `step` is what one lot is worth.
    """

    figures: Figures
    trades: Any
    equity: Floats
    daily: Floats
    first: int
    step: Decimal


def evaluate(
    series: CandleSeries,
    timelines: Mapping[str, Timeline],
    rules: Rules,
    simulation: Simulation,
    cash: Decimal,
    *,
    warmup: int = 0,
    frames: Frames | None = None,
) -> Figures:
    """Trade `series` from row `warmup` on by what `timelines` say; the same trades as the exact engine.

    `series`: 1-minute candles. `timelines`: the opinions of every strategy that votes by `rules.voting`, by name.
    `frames`: what `frames_of(series, rules.voting.timeframe_seconds)` gave, to save doing it again.
    Percentages are exact to seven decimals. DataError: no timeline for a voter, too few candles, rules that the kernel
    does not know (more than five positions).
    """
    shown = frames or frames_of(series, rules.voting.timeframe_seconds)
    votes = votes_of(series, shown, timelines, rules.voting, warmup)
    return trade(series, votes, rules, simulation, cash, warmup=warmup, frames=shown)


def trade(
    series: CandleSeries,
    votes: NDArray[np.int8],
    rules: Rules,
    simulation: Simulation,
    cash: Decimal,
    *,
    warmup: int = 0,
    frames: Frames | None = None,
) -> Figures:
    """As `evaluate`, for votes that are known: +1, 0, −1 by row, kernels.terms.NOT_DUE where none is held."""
    shown = frames or frames_of(series, rules.voting.timeframe_seconds)
    return _run(series, votes, rules, simulation, cash, warmup, shown, _NO_TRADES, _NOTHING).figures


def trade_all(
    series: CandleSeries,
    votes: NDArray[np.int8],
    rules: Rules,
    simulation: Simulation,
    cash: Decimal,
    *,
    warmup: int = 0,
    frames: Frames | None = None,
    equity: Floats | None = None,
) -> Outcome:
    """As `trade`, with every trade and the curve. `equity`: a buffer to write the curve into, reused between runs."""
    shown = frames or frames_of(series, rules.voting.timeframe_seconds)
    most = int(np.count_nonzero(votes[warmup:] == terms.BUY))  # memory that no trade fills is never touched
    curve = np.empty(max(len(series) - warmup, 0)) if equity is None else equity
    return _run(series, votes, rules, simulation, cash, warmup, shown, np.empty(most, terms.TRADE), curve)


_NO_TRADES = np.empty(0, terms.TRADE)
_NOTHING = np.empty(0)


def _run(
    series: CandleSeries,
    votes: NDArray[np.int8],
    rules: Rules,
    simulation: Simulation,
    cash: Decimal,
    first: int,
    frames: Frames,
    trades: Any,
    equity: Floats,
) -> Outcome:
    if len(series) <= first:
        raise DataError(f"has {len(series)} candles, and {first} are for the strategies to look at")
    if len(votes) != len(series):
        raise DataError(f"{len(votes)} votes for {len(series)} candles")
    limits = terms.terms_of(rules, simulation, series.seconds)
    terms.check_range(limits, float(series.high.max()))
    accounts = _opened(float(cash), int(series.ts[first]))
    slots = terms.records(rules.risk.max_open_positions, terms.SLOT)
    ring = np.zeros(max(int(limits[0].per_minute), int(limits[0].per_hour), 0) + 1, np.int64)
    daily = np.empty(int((series.ts[-1] - series.ts[first]) // DAY_MS) + 3)
    end = trading.trade(
        series.ts, series.open, series.low, series.close, votes, frames.table, first, limits, accounts, slots, ring,
        trades, equity, daily,
    )  # fmt: skip
    account = accounts[0]
    days = daily[: account.days]
    return Outcome(
        figures=_figures(account, days, float(cash), end - first),
        trades=trades[: account.trades],
        equity=equity[: end - first],
        daily=days,
        first=first,
        step=simulation.quantity_step or Decimal(1),
    )


def _opened(cash: float, at: int) -> Any:
    accounts = terms.records(1, terms.ACCOUNT)
    account = accounts[0]
    account.cash = account.units = account.day_equity = account.peak = account.floor = account.equity = cash
    account.day_nav = 1.0
    account.next_day = (at // DAY_MS + 1) * DAY_MS
    account.exit_at = account.entry_frame = -1
    account.least_high = 1e300
    return accounts


def _figures(account: Any, daily: Floats, cash: float, candles: int) -> Figures:
    trades = int(account.trades)
    returns = performance.daily_returns([cash, *daily.tolist()])
    return Figures(
        final_equity=float(account.equity),
        return_pct=(float(account.equity) / cash - 1) * 100,
        max_drawdown_pct=float(account.drawdown) * 100,
        sharpe_ratio=performance.sharpe(returns),
        trades=trades,
        stops=int(account.stops),
        trailing_stops=int(account.trailing_stops),
        win_rate_pct=int(account.wins) / trades * 100 if trades else None,
        profit_factor=float(account.won / account.lost) if account.lost > 0 else None,
        expectancy=float(account.won - account.lost) / trades if trades else None,
        fees_paid=float(account.fees),
        exposure_time_pct=int(account.exposed) / candles * 100,
        open_positions_at_end=int(account.positions) + int(account.pending),
        refused=int(account.refused),
        runaways=int(account.runaways),
        day_latches=int(account.day_latches),
        killed=bool(account.killed),
        candles=candles,
        boundary=int(account.boundary),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSweep:
    """One row a period, one column a pair of thresholds."""

    final_equity: Floats
    trades: NDArray[np.int64]
    stops: NDArray[np.int64]


def sweep_thresholds(
    series: CandleSeries,
    periods: Sequence[int],
    thresholds: Sequence[tuple[float, float]],
    rules: Rules,
    simulation: Simulation,
    cash: Decimal,
    *,
    macd: tuple[int, int, int] = (12, 26, 9),
    warm_up: int = 250,
    executor: Executor | None = None,
) -> ThresholdSweep:
    """BUY where RSI < lower and the MACD histogram > 0, SELL where RSI > upper, for every period and pair, on the
    candles of `series` themselves. Equal to `trade` on the same votes, and many times as fast (see kernels.blocks).

    DataError for rules under which skipping candles is not exact: more than one position, a trailing stop, or a limit
    by day or loss.
    """
    _only_stateless(rules, series)
    limits = terms.terms_of(rules, simulation, series.seconds)
    terms.check_range(limits, float(series.high.max()))
    shape = (len(periods), len(thresholds))
    found = ThresholdSweep(final_equity=np.zeros(shape), trades=np.zeros(shape, int), stops=np.zeros(shape, int))
    rising = indicators.macd_rises(series.close, *macd)
    lowest_low = np.empty(-(-len(series) // blocks.BLOCK))
    blocks.lowest_by_block(series.low, lowest_low)
    frames = frames_of(series, series.seconds).table

    def one(number: int) -> None:
        rsi, entries = np.empty(len(series)), np.empty(len(series))
        lowest, highest = np.empty(len(lowest_low)), np.empty(len(lowest_low))
        blocks.index_rsi(series.close, periods[number], rising, warm_up, rsi, entries, lowest, highest)
        for column, (lower, upper) in enumerate(thresholds):
            accounts, slots = _opened(float(cash), int(series.ts[0])), terms.records(1, terms.SLOT)
            blocks.trade_thresholds(
                series.ts, series.open, series.low, series.close, frames, rsi, entries, lowest, highest, lowest_low,
                lower, upper, limits, accounts, slots, np.zeros(1, np.int64), _NO_TRADES,
            )  # fmt: skip
            account = accounts[0]
            found.final_equity[number, column] = account.equity
            found.trades[number, column], found.stops[number, column] = account.trades, account.stops

    list(executor.map(one, range(len(periods))) if executor else map(one, range(len(periods))))
    return found


def _only_stateless(rules: Rules, series: CandleSeries) -> None:
    risk, wires = rules.risk, rules.risk.tripwires
    limits = {
        "max_open_positions": risk.max_open_positions != 1,
        "trailing": risk.trailing is not None,
        "daily_loss_limit_pct": risk.daily_loss_limit_pct is not None,
        "kill_switch_loss_pct": risk.kill_switch_loss_pct is not None,
        "max_entries_per_day": risk.entry.max_entries_per_day is not None,
        "timeframe": rules.voting.timeframe_seconds != series.seconds,
        "orders_per_minute": wires.orders_per_minute is not None,
        "orders_per_hour": wires.orders_per_hour is not None,
        "notional_per_day_pct": wires.notional_per_day_pct is not None,
        "trade_loss_pct": wires.trade_loss_pct is not None,
        "stop_outs_in_a_row": wires.stop_outs_in_a_row is not None,
    }
    for name, matters in limits.items():
        if matters:
            raise DataError(f"{name} matters from candle to candle, so thresholds cannot be swept by blocks; use trade")
