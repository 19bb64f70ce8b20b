"""Limits by their dotted names, as in risk.yml: what differs, which way is safer, and changes carried from one set of
limits to another. None: switched off.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any

from app.core.rules import EntryOrder, RiskLimits, Trailing

Limit = Decimal | int | EntryOrder | None

# Of the other names (stop and trailing distances, the kind of order) neither way is plainly the safer one.
LOWER_IS_SAFER = frozenset(
    {
        "position_size_pct",
        "max_open_positions",
        "max_exposure_pct",
        "daily_loss_limit_pct",
        "kill_switch_loss_pct",
        "entry.max_slippage_pct",
        "entry.max_entries_per_day",
        "entry.max_spread_pct",
        "entry.max_basis_pct",
        "warnings.daily_loss_pct",
        "warnings.total_loss_pct",
        "tripwires.orders_per_minute",
        "tripwires.orders_per_hour",
        "tripwires.notional_per_day_pct",
        "tripwires.trade_loss_pct",
        "tripwires.stop_outs_in_a_row",
        "tripwires.rejects_in_10_minutes",
    }
)
HIGHER_IS_SAFER = frozenset({"entry.cooldown_candles", "entry.min_depth_pct"})
# Of the vote, in strategies.yml: what it takes to buy.
THRESHOLDS_HIGHER_IS_SAFER = frozenset({"buy_threshold", "min_participation"})


def named(limits: RiskLimits) -> dict[str, Limit]:
    """Every limit by its name."""
    found: dict[str, Limit] = {}
    for field in fields(limits):
        value = getattr(limits, field.name)
        if field.name == "trailing" and value is None:
            found |= {f"trailing.{each.name}": None for each in fields(Trailing)}
        elif is_dataclass(value):
            found |= {f"{field.name}.{each.name}": getattr(value, each.name) for each in fields(value)}
        else:
            found[field.name] = value
    return found


def changed(limits: RiskLimits, values: Mapping[str, Limit]) -> RiskLimits:
    """With these in place of its own. KeyError: no limit is called so."""
    known = named(limits)
    for name in values:
        known[name]
    sections: dict[str, dict[str, Any]] = {}
    top: dict[str, Any] = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        (sections.setdefault(section, {}) if section else top)[key] = value
    for section, inside in sections.items():
        before = getattr(limits, section) or Trailing()
        after = replace(before, **inside)
        top[section] = None if section == "trailing" and after.distance_pct is None else after
    return replace(limits, **top)


def differing(before: RiskLimits, after: RiskLimits) -> dict[str, Limit]:
    """Names and new values of what is not the same."""
    old = named(before)
    return {name: value for name, value in named(after).items() if value != old[name]}


def carried(limits: RiskLimits, before: RiskLimits | None, after: RiskLimits) -> RiskLimits:
    """`limits` with what was changed from `before` to `after`: whatever else became of them meanwhile stays."""
    return after if before is None else changed(limits, differing(before, after))


def is_safer(name: str, before: Limit, after: Limit) -> bool:
    """Whether a limit's change can only make less happen. What is not plainly so is not."""
    if after is None or isinstance(before, str) or isinstance(after, str):
        return False
    if name in LOWER_IS_SAFER:
        return before is None or after <= before
    if name in HIGHER_IS_SAFER | THRESHOLDS_HIGHER_IS_SAFER:
        return before is None or after >= before
    return False
