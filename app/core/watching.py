"""What time alone must notice: a position without a stop for too long, a stop that should have fired, a retry."""

from datetime import timedelta
from decimal import Decimal

from app.core import life, orders, stops
from app.core.alerts import AlertEvent
from app.core.messages import CancelOrder
from app.core.model import ExitReason, Order, OrderStatus, Position, PositionStatus, Role
from app.core.money import ZERO
from app.core.turn import Turn

UNPROTECTED_LIMIT = timedelta(seconds=30)
RESCUE_AFTER = timedelta(seconds=5)


def watch(turn: Turn, position: Position) -> None:
    """One position at the turn's time."""
    _tell_of_a_bare_one(turn, position)
    due = turn.state.retry_at.get(position.id)
    if due is not None:
        if turn.now >= due:
            _try_again(turn, position)
        return
    if position.status is not PositionStatus.OPEN or position.exit_reason is not None:
        return
    stop = turn.state.orders.get(position.stop_order_id)
    bare_for = turn.now - position.unprotected_since if position.unprotected_since else timedelta(0)
    if stop is None or stop.status in orders.TERMINAL:
        if position.remaining > ZERO:
            life.stop_lost(turn, position, "no live stop order", again=True)
    elif bare_for >= UNPROTECTED_LIMIT and _in_doubt(turn, stop) and not _stands(turn, position):
        life.begin_close(turn, position, ExitReason.EMERGENCY)
        _probe(turn, stop)
    elif _jumped(turn, position, stop):
        turn.alert(AlertEvent.STOP_RESCUED, f"price jumped the stop of position {position.id}; selling")
        life.begin_close(turn, position, ExitReason.EMERGENCY)


def _in_doubt(turn: Turn, stop: Order) -> bool:
    """Without an answer; one that has only just left, after others were refused for now, is given a moment."""
    return stop.status is OrderStatus.UNKNOWN or (
        stop.status is OrderStatus.SENDING and turn.now - stop.created_at >= RESCUE_AFTER
    )


def _tell_of_a_bare_one(turn: Turn, position: Position) -> None:
    """Once for each time without a certain stop: 30 seconds are too long. A candle feed sells a candle later."""
    since, started = position.unprotected_since, turn.state.started
    selling = position.status is PositionStatus.CLOSING and started is not None and started.candle_fed
    bare = since is not None and turn.now - since >= UNPROTECTED_LIMIT and not selling and not _stands(turn, position)
    if bare and position.id not in turn.state.bare:
        life.tell_bare(turn, position, f"position {position.id} has had no certain stop for 30 s")
    elif since is None and position.id in turn.state.bare:
        turn.state.bare.remove(position.id)
        turn.touch()


def _stands(turn: Turn, position: Position) -> bool:
    """Whether some stop of the position is known to be on the exchange's book."""
    return any(order.role is Role.STOP and order.status in life.RESTING for order in life.live(turn, position))


def _try_again(turn: Turn, position: Position) -> None:
    """What the exchange would not take for now: the sale that is asked for, else the stop."""
    del turn.state.retry_at[position.id]
    turn.touch()
    if position.status is PositionStatus.CLOSING:
        life.clear_the_way(turn, position)
    else:
        life.protect(turn, position)


def _probe(turn: Turn, stop: Order) -> None:
    """A cancel is answered by the matching engine itself: it proves whether a doubtful stop exists."""
    if stop.status is OrderStatus.UNKNOWN:
        turn.move(stop, OrderStatus.CANCELLING, "is it there?")
        turn.do(CancelOrder(client_order_id=stop.id, position_id=stop.position_id, symbol=stop.symbol))


def _jumped(turn: Turn, position: Position, stop: Order) -> bool:
    """Whether the price has been so far below the stop for so long that it cannot be working.

    A later price must say so too: one price and then silence may be one wrong price.
    """
    quote, started = turn.state.quote, turn.state.started
    if quote is None or started is None or started.candle_fed or stop.stop_price is None:
        return False
    line = stop.price if stop.price is not None else stops.below(stop.stop_price, Decimal("0.5"))
    if quote.price > line or stop.status not in life.RESTING:
        if stop.id in turn.state.jumped:
            del turn.state.jumped[stop.id]
            turn.touch()
        return False
    if stop.id not in turn.state.jumped:
        turn.state.jumped[stop.id] = turn.now
        turn.touch()
    return quote.at - turn.state.jumped[stop.id] >= RESCUE_AFTER
