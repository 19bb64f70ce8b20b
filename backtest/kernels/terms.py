"""The rules of a run as plain numbers, and the records that the trading kernel works on."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from app.core.errors import DataError
from app.core.rules import EntryOrder, Rules, Simulation, Trailing

FINEST = 10**9  # percentages are ratios of integers: exact to seven decimals, finer ones are rounded to that
MOST_POSITIONS = 5  # stops that an exchange holds for one symbol
MOST_TICKS = 9 * 10**18

OFF = -1  # of a limit that counts; NaN of one that is measured
STOP, TRAILING_STOP, VOTE, KILL_SWITCH, EMERGENCY = range(5)
REASONS = ("stop", "trailing_stop", "vote", "kill_switch", "emergency")  # values of app.core.model.ExitReason
BUY, HOLD, SELL = 1, 0, -1
NOT_DUE = 2  # no vote is held at this candle; HOLD says the same but for tripwires, which each vote looks at

_I, _F = np.int64, np.float64
TERMS = np.dtype(
    [(name, _I) for name in ("tick_num", "tick_den", "step_num", "step_den")]
    + [(f"{name}_{part}", _I) for name in ("slip_up", "slip_down", "bound", "keep") for part in ("num", "den")]
    + [(f"{name}_{part}", _I) for name in ("stop", "gap", "activate", "distance", "move") for part in ("num", "den")]
    + [(name, _I) for name in ("fee_in_base", "at_market", "trails", "most_positions", "cooldown", "day_entries")]
    + [("at_open", _I)]
    + [(name, _I) for name in ("stop_outs", "per_minute", "per_hour", "frame_ms", "candle_ms")]
    + [(name, _F) for name in ("fee", "part", "exposure", "day_loss", "total_loss", "day_notional", "trade_loss")]
    + [(name, _F) for name in ("min_notional",)]
)
ACCOUNT = np.dtype(
    [(name, _F) for name in ("cash", "dust", "lots", "units", "day_nav", "day_equity", "day_realised", "day_notional")]
    + [(name, _I) for name in ("dust_num", "next_day", "day_entries", "stop_outs", "orders", "sequence", "number")]
    + [(name, _I) for name in ("runaway", "runaway_until", "day_latched", "killed", "kill_seen")]
    + [(name, _I) for name in ("exit_at", "entry_frame", "frame", "positions", "pending", "decided", "busy", "look")]
    + [(name, _F) for name in ("quote", "held", "alarm", "pending_lots", "pending_limit", "top_stop", "least_high")]
    + [(name, _I) for name in ("trades", "stops", "trailing_stops", "wins", "exposed", "refused", "boundary", "moves")]
    + [(name, _I) for name in ("expired", "runaways", "day_latches", "days", "bucket_end")]
    + [(name, _F) for name in ("won", "lost", "fees", "peak", "floor", "drawdown", "equity")]
)
FREE, OPEN, CLOSING, EXITING = range(4)  # of a slot; EXITING has no stop, its sale waits for the next open
SLOT = np.dtype(
    [(name, _I) for name in ("state", "reason", "moved", "orders", "sequence", "number", "decided", "entered")]
    + [(name, _F) for name in ("lots", "entry", "cost", "fees", "stop", "highest")]
)
TRADE = np.dtype(
    [(name, np.int32) for name in ("decided", "entered", "exited", "reason")]
    + [(name, _F) for name in ("lots", "entry_price", "exit_price", "fees", "profit_loss", "cost")]
)


def records(count: int, dtype: "np.dtype[Any]") -> Any:
    """Empty records whose fields can be read by name, compiled or not."""
    return np.zeros(count, dtype).view(np.recarray)


def terms_of(rules: Rules, simulation: Simulation, candle_seconds: int) -> Any:
    """One record of TERMS. DataError for what the kernel cannot do."""
    risk, entry, wires = rules.risk, rules.risk.entry, rules.risk.tripwires
    if not 1 <= risk.max_open_positions <= MOST_POSITIONS:
        raise DataError(f"max_open_positions is {risk.max_open_positions}; use 1 to {MOST_POSITIONS}")
    if rules.voting.timeframe_seconds < candle_seconds:
        raise DataError(
            f"timeframe {rules.voting.timeframe} is shorter than the candles, which last {candle_seconds} s"
        )
    if simulation.decides_at == "open" and (risk.daily_loss_limit_pct, risk.kill_switch_loss_pct) != (None, None):
        raise DataError("simulation.decides_at is open; the kernel looks at loss limits at each close only")
    trailing = risk.trailing or Trailing()
    terms = records(1, TERMS)
    row = terms[0]
    row.tick_num, row.tick_den = _grid(simulation.price_tick)
    row.step_num, row.step_den = _grid(simulation.quantity_step)
    for name, pct in (
        ("slip_up", simulation.slippage_pct),
        ("slip_down", -simulation.slippage_pct),
        ("bound", entry.max_slippage_pct),
        ("keep", -simulation.fee_pct),
        ("stop", -risk.stop_loss_pct),
        ("gap", -risk.stop_limit_gap_pct),
        ("activate", trailing.activate_pct),
        ("distance", -trailing.distance_pct),
        ("move", trailing.min_step_pct),
    ):
        changed = (1 + Fraction(pct) / 100).limit_denominator(FINEST)
        setattr(row, f"{name}_num", changed.numerator)
        setattr(row, f"{name}_den", changed.denominator)
    row.fee_in_base = simulation.fee_in == "base"
    row.at_market = entry.order is EntryOrder.MARKET
    row.trails = risk.trailing is not None
    row.most_positions, row.cooldown = risk.max_open_positions, _count(entry.cooldown_candles)
    row.at_open = simulation.decides_at == "open"
    row.day_entries = _count(entry.max_entries_per_day)
    row.stop_outs = _count(wires.stop_outs_in_a_row)
    row.per_minute, row.per_hour = _count(wires.orders_per_minute), _count(wires.orders_per_hour)
    row.frame_ms, row.candle_ms = rules.voting.timeframe_seconds * 1000, candle_seconds * 1000
    row.fee, row.part = float(simulation.fee_pct), float(risk.position_size_pct)
    row.exposure, row.min_notional = float(risk.max_exposure_pct), float(simulation.min_notional)
    row.day_loss, row.total_loss = _measure(risk.daily_loss_limit_pct), _measure(risk.kill_switch_loss_pct)
    row.day_notional, row.trade_loss = _measure(wires.notional_per_day_pct), _measure(wires.trade_loss_pct)
    return terms


def check_range(terms: Any, highest: float) -> None:
    """DataError where a price in ticks times a percentage's ratio would leave 64 bits."""
    row = terms[0]
    if row.tick_den:
        largest = max(int(row[name]) for name in TERMS.names or () if name.endswith(("_num", "_den")))
        if highest * row.tick_den / row.tick_num * largest > MOST_TICKS:
            raise DataError("prices are too fine for percentages with so many decimals; round the percentages")


def _grid(step: Decimal | None) -> tuple[int, int]:
    if step is None:
        return 1, 0
    ratio = Fraction(step)
    return ratio.numerator, ratio.denominator


def _count(limit: int | None) -> int:
    return OFF if limit is None else limit


def _measure(limit: Decimal | None) -> float:
    return math.nan if limit is None else float(limit)
