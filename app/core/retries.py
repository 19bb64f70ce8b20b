"""When an order that the exchange would not take is tried again: often at first, then seldom, at once on news.

Refusals in a row count, not orders: a stop that was moved a hundred times has been refused never. Every try uses up an
order number, so none may be without a pause.
"""

from datetime import timedelta

from app.core.model import ExitReason, Position
from app.core.turn import Turn

AFTER = timedelta(seconds=10)
STEADILY = timedelta(minutes=1)  # what the kill switch wants sold, and what there is news for
SELDOM = timedelta(minutes=10)
OFTEN_UNTIL = 60  # refusals in a row before it is tried seldom …
MOST = 1000  # … and before a person must look


def wait(turn: Turn, position: Position) -> bool:
    """One more refusal: when to try again. False where it was one too many."""
    refusals = turn.state.refusals.get(position.id, 0) + 1
    turn.state.refusals[position.id] = refusals
    if refusals >= MOST:
        return False
    turn.state.retry_at[position.id] = turn.now + _pause(position, refusals)
    return True


def _pause(position: Position, refusals: int) -> timedelta:
    if refusals < OFTEN_UNTIL:
        return AFTER
    return STEADILY if position.exit_reason is ExitReason.KILL_SWITCH else SELDOM


def exchange_is_back(turn: Turn) -> None:
    """What waits for long is tried at once, though a minute after its last refusal: a gate may flap for days."""
    for id, due in turn.state.retry_at.items():
        turn.state.retry_at[id] = min(due, max(turn.now, due - SELDOM + STEADILY))
    turn.touch()


def start_anew(turn: Turn) -> None:
    """A person has looked, or the market trades again: everything is tried at once, and often."""
    turn.state.refusals.clear()
    for id in turn.state.retry_at:
        turn.state.retry_at[id] = turn.now
    turn.touch()
