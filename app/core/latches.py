"""Latches: locks that trading does not lift by itself. They survive restarts and never lift because P&L recovers."""

from app.core.alerts import AlertEvent
from app.core.model import Latch, LatchKind
from app.core.portfolio import next_midnight
from app.core.turn import Turn
from app.core.values import changed


def latch(turn: Turn, kind: LatchKind, reason: str) -> bool:
    """Close the lock; False where it is closed already. The daily one lifts at the next 00:00 UTC."""
    if kind in turn.state.latches:
        return False
    lifts_at = next_midnight(turn.now) if kind is LatchKind.DAILY_LOSS else None
    closed = Latch(kind=kind, at=turn.now, reason=reason, lifts_at=lifts_at)
    turn.state.latches[kind] = closed
    turn.note(closed)
    turn.alert(AlertEvent(kind.value), reason)
    return True


def lift(turn: Turn, kind: LatchKind) -> bool:
    """Open the lock again (the daily one at midnight, the others by a person); False where it was open."""
    closed = turn.state.latches.pop(kind, None)
    if closed is not None:
        turn.note(changed(closed, cleared_at=turn.now))
    return closed is not None
