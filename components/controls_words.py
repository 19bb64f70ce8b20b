"""How limits and thresholds are called, grouped and measured on the Controls tab; what each means says the schema."""

from decimal import Decimal

from app.core.limits import Limit
from app.core.money import plain

GROUPS: dict[str, tuple[str, str]] = {
    "size": ("How much is bought", "Smaller is safer."),
    "loss": ("When losses stop it", "The day's limit rests until 00:00 UTC; the kill switch closes everything."),
    "stop": ("Where a stop stands", "Stops stand on the exchange. Neither nearer nor farther is simply safer."),
    "entry": ("When it may buy", "Gates that each purchase has to pass."),
    "wire": ("Tripwires", "Only something broken reaches these. Trading then stops until a person has looked."),
}
# name → (group, what it is called, its unit)
LIMITS: dict[str, tuple[str, str, str]] = {
    "position_size_pct": ("size", "Position size", "%"),
    "max_open_positions": ("size", "Open positions, at most", ""),
    "max_exposure_pct": ("size", "All positions together, at most", "%"),
    "daily_loss_limit_pct": ("loss", "Daily loss limit", "%"),
    "kill_switch_loss_pct": ("loss", "Kill switch at a total loss of", "%"),
    "warnings.daily_loss_pct": ("loss", "Warn at a day's loss of", "%"),
    "warnings.total_loss_pct": ("loss", "Warn at a total loss of", "%"),
    "stop_loss_pct": ("stop", "Stop loss", "%"),
    "stop_limit_gap_pct": ("stop", "Gap of a stop's limit", "%"),
    "trailing.activate_pct": ("stop", "Stop follows the price from a profit of", "%"),
    "trailing.distance_pct": ("stop", "… and stays below the highest close by", "%"),
    "trailing.min_step_pct": ("stop", "… and moves by at least", "%"),
    "entry.order": ("entry", "Kind of order", ""),
    "entry.max_slippage_pct": ("entry", "Dearer than the price seen, at most", "%"),
    "entry.cooldown_candles": ("entry", "Rest after a sale", "candles"),
    "entry.max_entries_per_day": ("entry", "Purchases a day, at most", ""),
    "entry.max_spread_pct": ("entry", "Gap between bid and ask, at most", "%"),
    "entry.max_basis_pct": ("entry", "Off the reference price, at most", "%"),
    "entry.min_depth_pct": ("entry", "On offer, at least", "% of the order"),
    "tripwires.orders_per_minute": ("wire", "Orders a minute", ""),
    "tripwires.orders_per_hour": ("wire", "Orders an hour", ""),
    "tripwires.notional_per_day_pct": ("wire", "Bought in a day", "% of equity"),
    "tripwires.trade_loss_pct": ("wire", "Lost by one trade", "% of equity"),
    "tripwires.stop_outs_in_a_row": ("wire", "Stops in a row", ""),
    "tripwires.rejects_in_10_minutes": ("wire", "Refused orders in 10 minutes", ""),
}
THRESHOLDS: dict[str, tuple[str, str]] = {
    "buy_threshold": ("Buys from a score of", ""),
    "sell_threshold": ("Sells from a score of minus", ""),
    "min_participation": ("Opinions must weigh at least", "%"),
}
ORDERS = {"limit_ioc": "Limit, at once or not at all", "market": "At any price"}


def called(name: str) -> str:
    """A limit's or threshold's name for people."""
    if name in LIMITS:
        return LIMITS[name][1].removeprefix("… and ")
    return THRESHOLDS[name][0] if name in THRESHOLDS else name


def unit_of(name: str) -> str:
    return LIMITS[name][2] if name in LIMITS else THRESHOLDS[name][1] if name in THRESHOLDS else ""


def said(name: str, value: Limit) -> str:
    """5 %; Limit, at once or not at all."""
    if value is None:
        return "off"
    return with_unit(name, value if isinstance(value, str) else plain(Decimal(value)))


def with_unit(name: str, text: str) -> str:
    """Of a value as risk.yml has it."""
    text, unit = ORDERS.get(text, text), unit_of(name)
    return f"{text}\u00a0{unit}" if unit else text
