"""The owner's own limits, lowered so far that an ordinary fall of the price reaches them. All else stays as it is.

A position's stop bounds what a fall can lose, so a loss limit becomes half of what all stops together would lose.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from app.core.money import HUNDRED, plain
from app.core.rules import RiskLimits

POSITIONS = 3  # what a scene opens; one more must still be possible, or nothing is shown by its absence
HALF = Decimal(2)
Number = TypeVar("Number", int, Decimal)
FALL = Decimal("0.75")  # of the way from an entry to its stop: past the lowered limits, short of the stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """`limits` with room for every scene; `daily` and `kill` (per cent) are set by the scene that is about them."""

    limits: RiskLimits
    daily: Decimal
    kill: Decimal
    fall_pct: Decimal
    told: tuple[str, ...]

    def with_daily(self) -> RiskLimits:
        return replace(self.limits, daily_loss_limit_pct=self.daily)

    def with_kill(self) -> RiskLimits:
        return replace(self.limits, kill_switch_loss_pct=self.kill)


def lowered(own: RiskLimits) -> Lowered:
    """The drill's limits, and in words what was changed."""
    at_stops = own.position_size_pct * own.stop_loss_pct * POSITIONS / HUNDRED
    daily, kill = _at_most(own.daily_loss_limit_pct, at_stops), _at_most(own.kill_switch_loss_pct, at_stops)
    limits = _with_room(own)
    told = (
        f"daily loss limit {_pct(own.daily_loss_limit_pct)} lowered to {_pct(daily)}, "
        f"kill switch {_pct(own.kill_switch_loss_pct)} to {_pct(kill)}: a fall of {_pct(own.stop_loss_pct * FALL)} "
        f"with {POSITIONS} positions reaches them",
        f"as configured: {_pct(own.position_size_pct)} of equity a position, stops {_pct(own.stop_loss_pct)} below, "
        f"their limits {_pct(own.stop_limit_gap_pct)} below that",
        *_widened(own, limits),
    )
    return Lowered(limits=limits, daily=daily, kill=kill, fall_pct=own.stop_loss_pct * FALL, told=told)


def _at_most(own: Decimal | None, at_stops: Decimal) -> Decimal:
    reachable = at_stops / HALF
    return reachable if own is None else min(own, reachable)


def _with_room(own: RiskLimits) -> RiskLimits:
    """Limits that count are no tighter than a scene needs: else it would end before what it is about."""
    entry, wires, of_one = own.entry, own.tripwires, own.position_size_pct * own.stop_loss_pct / HUNDRED
    return replace(
        own,
        daily_loss_limit_pct=_at_least(own.daily_loss_limit_pct, of_one * 6),
        max_open_positions=max(own.max_open_positions, POSITIONS + 1),
        max_exposure_pct=max(own.max_exposure_pct, own.position_size_pct * (POSITIONS + 1)),
        entry=replace(entry, cooldown_candles=0, max_entries_per_day=_at_least(entry.max_entries_per_day, 10)),
        tripwires=replace(
            wires,
            orders_per_minute=_at_least(wires.orders_per_minute, 10),
            orders_per_hour=_at_least(wires.orders_per_hour, 60),
            stop_outs_in_a_row=_at_least(wires.stop_outs_in_a_row, 5),
            notional_per_day_pct=_at_least(wires.notional_per_day_pct, own.position_size_pct * 10),
            trade_loss_pct=_at_least(wires.trade_loss_pct, of_one * 2),
        ),
    )


def _at_least(own: Number | None, needed: Number) -> Number | None:
    return None if own is None else max(own, needed)


def _widened(own: RiskLimits, limits: RiskLimits) -> tuple[str, ...]:
    pairs = (
        (
            "daily_loss_limit_pct (where another limit is drilled)",
            own.daily_loss_limit_pct,
            limits.daily_loss_limit_pct,
        ),
        ("max_open_positions", own.max_open_positions, limits.max_open_positions),
        ("max_exposure_pct", own.max_exposure_pct, limits.max_exposure_pct),
        ("cooldown_candles", own.entry.cooldown_candles, limits.entry.cooldown_candles),
        ("max_entries_per_day", own.entry.max_entries_per_day, limits.entry.max_entries_per_day),
        ("orders_per_minute", own.tripwires.orders_per_minute, limits.tripwires.orders_per_minute),
        ("orders_per_hour", own.tripwires.orders_per_hour, limits.tripwires.orders_per_hour),
        ("stop_outs_in_a_row", own.tripwires.stop_outs_in_a_row, limits.tripwires.stop_outs_in_a_row),
        ("notional_per_day_pct", own.tripwires.notional_per_day_pct, limits.tripwires.notional_per_day_pct),
        ("trade_loss_pct", own.tripwires.trade_loss_pct, limits.tripwires.trade_loss_pct),
    )
    changed = [f"{name} {before} → {after}" for name, before, after in pairs if before != after]
    return (f"widened to make room for the scenes: {', '.join(changed)}",) if changed else ()


def _pct(value: Decimal | None) -> str:
    return "none" if value is None else f"{plain(value)} %"
