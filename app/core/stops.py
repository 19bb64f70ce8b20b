"""Protective and trailing stop prices. A stop never moves down."""

from decimal import Decimal

from app.core.model import Instrument, Position
from app.core.money import HUNDRED, ZERO
from app.core.rules import RiskLimits, Trailing


def below(price: Decimal, pct: Decimal) -> Decimal:
    """`pct` per cent under `price`, unrounded."""
    return price * (HUNDRED - pct) / HUNDRED


def protective_price(entry_price: Decimal, limits: RiskLimits, instrument: Instrument) -> Decimal:
    """Where the first stop of a position stands: `stop_loss_pct` below its average fill."""
    return instrument.price_down(below(entry_price, limits.stop_loss_pct))


def limit_price(stop_price: Decimal, limits: RiskLimits, instrument: Instrument) -> Decimal:
    """The limit of a stop-limit order: `stop_limit_gap_pct` below its trigger."""
    return instrument.price_down(below(stop_price, limits.stop_limit_gap_pct))


def is_activated(position: Position, trailing: Trailing) -> bool:
    """Whether the highest close since entry is far enough in profit for the stop to trail."""
    return position.highest_close >= position.entry_price * (HUNDRED + trailing.activate_pct) / HUNDRED


def trailed_price(position: Position, trailing: Trailing, instrument: Instrument) -> Decimal | None:
    """The stop's new price under the highest close, or None while it is not worth a move.

    A move is at least `min_step_pct` of the standing stop, and always up.
    """
    if position.stop_price is None or not is_activated(position, trailing):
        return None
    candidate = instrument.price_down(below(position.highest_close, trailing.distance_pct))
    least = position.stop_price * (HUNDRED + trailing.min_step_pct) / HUNDRED
    return candidate if candidate >= least and candidate > position.stop_price else None


def loss_at_stop(quantity: Decimal, price: Decimal, stop_price: Decimal, fee_pct: Decimal) -> Decimal:
    """What `quantity` loses from `price` if its stop fills at its trigger, fee included."""
    return max(quantity * price - below(quantity * stop_price, fee_pct), ZERO)
