"""What the exchange's answers mean, in the language of the core. Doubt is never turned into a no."""

from datetime import datetime

from app.core.errors import ExchangeBusy, ExchangeRefused
from app.core.messages import CancelUncertain, Event, OrderRefused, OrderUncertain, Refusal

# Binance's own codes and words; a refusal that is not listed here counts as one of a rule.
AUTH_CODES = frozenset({"-2014", "-2015", "-1002", "-1022", "401"})
ACCESS_CODES = frozenset({"403", "451"})  # a firewall or a law stands between us: no order got through
TEXTS = {
    "insufficient balance": Refusal.FUNDS,
    "would trigger immediately": Refusal.WOULD_TRIGGER,
    "market is closed": Refusal.MARKET_CLOSED,
}


def refusal_of(error: ExchangeRefused) -> Refusal:
    """Why it was refused, sorted by cure."""
    if error.code in AUTH_CODES:
        return Refusal.AUTH
    if error.code in ACCESS_CODES:
        return Refusal.ACCESS
    if error.code == "-1021":
        return Refusal.CLOCK
    said = str(error).lower()
    return next((refusal for text, refusal in TEXTS.items() if text in said), Refusal.RULES)


def placing_failed(client_order_id: str, error: Exception, at: datetime) -> Event:
    """The event for an order that could not simply be placed."""
    if isinstance(error, ExchangeRefused) and "duplicate" not in str(error).lower():
        return OrderRefused(at=at, client_order_id=client_order_id, refusal=refusal_of(error), reason=str(error))
    if isinstance(error, ExchangeBusy):
        return OrderRefused(at=at, client_order_id=client_order_id, refusal=Refusal.BUSY, reason=str(error))
    return OrderUncertain(at=at, client_order_id=client_order_id, reason=str(error))


def cancelling_failed(client_order_id: str, error: Exception, at: datetime) -> Event:
    """Whatever went wrong with a cancel, the cure is to ask what became of the order."""
    return CancelUncertain(at=at, client_order_id=client_order_id, reason=str(error))
