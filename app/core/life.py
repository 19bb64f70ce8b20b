"""The life of a position after its entry: protected, trailed, closed. Each step asks for one thing and waits.

An exit never oversells: the stop holds the balance, so it is cancelled first, and only what is proved left is sold.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.core import orders, risk, stops
from app.core.latches import latch
from app.core.messages import AlertLevel, CancelOrder, PlaceOrder, ReplaceStop
from app.core.model import (
    Decision,
    ExitReason,
    LatchKind,
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionStatus,
    Role,
    Trade,
)
from app.core.money import ZERO
from app.core.state import liquidated
from app.core.turn import Turn

MAX_EXITS = 5  # market sells tried for one position before a person must look
MAX_STOP_FAILURES = 3
TRAIL_PAUSE = timedelta(seconds=60)
UNPROTECTED_LIMIT = timedelta(seconds=30)
RESCUE_AFTER = timedelta(seconds=5)

# ---------------------------------------------------------------- protection


def protect(turn: Turn, position: Position) -> None:
    """Place the stop that `position` needs, at its standing level or at the protective one.

    What the exchange would not take as a stop (too small) is sold; what it would not take at all becomes dust.
    """
    level = position.stop_price or stops.protective_price(position.entry_price, turn.limits, turn.instrument)
    quantity = turn.instrument.quantity_down(position.remaining)
    limit = stops.limit_price(level, turn.limits, turn.instrument)
    if quantity * limit < turn.instrument.min_notional:
        begin_close(turn, position, ExitReason.EMERGENCY)
        return
    position, place = _stop_order(turn, position, level, quantity)
    turn.put(
        replace(
            position,
            status=PositionStatus.OPEN,
            stop_price=level,
            stop_order_id=place.client_order_id,
            stop_confirmed=False,
            unprotected_since=position.unprotected_since or turn.now,
        )
    )
    turn.do(place)


def _stop_order(turn: Turn, position: Position, level: Decimal, quantity: Decimal) -> tuple[Position, PlaceOrder]:
    kind = turn.instrument.stop_type
    limit = stops.limit_price(level, turn.limits, turn.instrument) if kind is OrderType.STOP_LOSS_LIMIT else None
    return turn.order(position, Role.STOP, kind, quantity, price=limit, stop_price=level)


def stop_confirmed(turn: Turn, position: Position) -> None:
    """The exchange holds the stop."""
    if not position.stop_confirmed or position.unprotected_since:
        turn.put(replace(position, stop_confirmed=True, unprotected_since=None, stop_failures=0))


def stop_lost(turn: Turn, position: Position, why: str, *, again: bool) -> None:
    """The stop is gone and nobody here asked for it: put it back, or get out when it cannot be put back.

    While another stop of this position may still be live (the old half of a failed replacement), that one is its
    stop again: two stops could sell twice.
    """
    if others := [order for order in _live(turn, position) if order.role is Role.STOP]:
        old = others[-1]
        position = replace(position, stop_order_id=old.id, stop_price=old.stop_price, stop_confirmed=False)
        turn.put(position)
        if old.status is OrderStatus.OPEN:
            stop_confirmed(turn, position)
        return
    position = replace(
        position,
        stop_confirmed=False,
        stop_order_id="",
        stop_failures=position.stop_failures + 1,
        unprotected_since=position.unprotected_since or turn.now,
    )
    turn.put(position)
    turn.alert("stop_missing", AlertLevel.CRITICAL, f"the stop of position {position.id} is gone: {why}")
    if again and position.stop_failures < MAX_STOP_FAILURES:
        protect(turn, position)
    else:
        begin_close(turn, position, ExitReason.EMERGENCY)


def trail(turn: Turn, position: Position, close: Decimal, *, late: bool) -> None:
    """Follow the highest close since entry; move the stop up when it is worth it. Late candles only mark."""
    trailing = turn.limits.trailing
    if position.status is not PositionStatus.OPEN or trailing is None:
        return
    if close > position.highest_close:
        position = replace(position, highest_close=close)
        turn.put(position)
    level = stops.trailed_price(position, trailing, turn.instrument)
    stop = turn.state.orders.get(position.stop_order_id)
    if late or level is None or stop is None or stop.status is not OrderStatus.OPEN:
        return
    if position.stop_moved_at is not None and turn.now - position.stop_moved_at < TRAIL_PAUSE:
        return
    quantity = turn.instrument.quantity_down(position.remaining)
    position, place = _stop_order(turn, position, level, quantity)
    turn.move(stop, OrderStatus.CANCELLING, f"replaced by {place.client_order_id}")
    turn.put(
        replace(
            position,
            stop_price=level,
            stop_order_id=place.client_order_id,
            stop_confirmed=False,
            trailing_active=True,
            stop_moved_at=turn.now,
            unprotected_since=turn.now,
        )
    )
    turn.do(ReplaceStop(old_id=stop.id, order=place))


# ---------------------------------------------------------------- closing


def begin_close(
    turn: Turn,
    position: Position,
    reason: ExitReason,
    *,
    decision: Decision | None = None,
    command_id: str = "",
) -> None:
    """Start closing once; asking again changes nothing. An entry in flight is closed when it has its answer."""
    if position.exit_reason is not None or position.status in (PositionStatus.CLOSED, PositionStatus.QUARANTINE):
        return
    entering = position.status is PositionStatus.ENTERING
    position = replace(
        position,
        status=PositionStatus.ENTERING if entering else PositionStatus.CLOSING,
        exit_reason=reason,
        exit_decision_id=decision.id if decision else "",
        close_command_id=command_id,
    )
    turn.put(position)
    if not entering:
        clear_the_way(turn, position)


def clear_the_way(turn: Turn, position: Position) -> None:
    """Cancel what holds the balance, or sell when nothing does."""
    blocking = [order for order in _live(turn, position) if order.role is Role.STOP]
    exits = [order for order in _live(turn, position) if order.role is Role.EXIT]
    if exits:
        return
    for order in blocking:
        if order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, "the position is being closed")
        elif order.status in (OrderStatus.OPEN, OrderStatus.PARTIAL):
            cancel(turn, order)
    if not [order for order in _live(turn, position) if order.role is Role.STOP]:
        sell_rest(turn, position)


def cancel(turn: Turn, order: Order) -> None:
    turn.move(order, OrderStatus.CANCELLING)
    turn.do(CancelOrder(client_order_id=order.id, position_id=order.position_id, symbol=order.symbol))


def sell_rest(turn: Turn, position: Position) -> None:
    """Market-sell what is left; too little to sell becomes dust; after too many tries a person must look."""
    quantity = turn.instrument.quantity_down(position.remaining)
    bid = turn.state.quote.bid if turn.state.quote else ZERO
    if quantity <= ZERO or (bid > ZERO and quantity * bid < turn.instrument.min_notional):
        finish(turn, position)
        return
    tried = sum(
        1 for order in turn.state.orders.values() if order.position_id == position.id and order.role is Role.EXIT
    )
    if tried >= MAX_EXITS:
        _give_up(turn, position)
        return
    position, place = turn.order(
        position,
        Role.EXIT,
        OrderType.MARKET,
        quantity,
        decision_id=position.exit_decision_id,
    )
    turn.do(place)


def _give_up(turn: Turn, position: Position) -> None:
    """Keep what is left under a stop and call for a person."""
    turn.alert("position_stuck", AlertLevel.CRITICAL, f"position {position.id} could not be sold; look at the exchange")
    position = replace(position, status=PositionStatus.QUARANTINE)
    turn.put(position)
    if not position.stop_order_id or position.stop_order_id not in {order.id for order in _live(turn, position)}:
        level = position.stop_price or stops.protective_price(position.entry_price, turn.limits, turn.instrument)
        position, place = _stop_order(turn, position, level, turn.instrument.quantity_down(position.remaining))
        turn.put(replace(position, stop_order_id=place.client_order_id, stop_price=level, stop_confirmed=False))
        turn.do(place)


def finish(turn: Turn, position: Position) -> None:
    """Nothing more to sell: book the trade, keep the rest as dust, watch the tripwires."""
    left = position.remaining
    turn.set_account(dust=turn.account.dust + left)
    position = replace(
        position, quantity=position.sold_quantity, closed_at=turn.now, stop_confirmed=False, unprotected_since=None
    )
    reason = position.exit_reason or ExitReason.EMERGENCY
    if position.sold_quantity:
        _book_trade(turn, position, reason)
    turn.forget_position(position)
    turn.state.exit_at = turn.now


def _book_trade(turn: Turn, position: Position, reason: ExitReason) -> None:
    profit = position.proceeds - position.cost
    trade = Trade(
        id=position.id,
        position_id=position.id,
        symbol=position.symbol,
        opened_at=position.opened_at,
        closed_at=turn.now,
        quantity=position.sold_quantity,
        entry_price=position.entry_price,
        exit_price=(position.proceeds + position.exit_fees) / position.sold_quantity,
        cost=position.cost,
        fees=position.entry_fees + position.exit_fees,
        profit_loss=profit,
        exit_reason=reason,
        decision_id=position.decision_id,
        exit_decision_id=position.exit_decision_id,
        reasoning=position.reasoning,
        signals=position.signals,
    )
    turn.note(trade)
    account = turn.account
    turn.set_account(day_realised=account.day_realised + profit, day_trades=account.day_trades + 1)
    stopped_out = reason is ExitReason.STOP and profit < ZERO
    turn.state.stop_outs = turn.state.stop_outs + 1 if stopped_out else 0
    equity = liquidated(turn.state)
    if wire := risk.trade_loss_trips(profit, equity, turn.limits.tripwires):
        latch(turn, LatchKind.RUNAWAY, wire)


# ---------------------------------------------------------------- watching


def watch(turn: Turn, position: Position) -> None:
    """What time alone must notice: a position without a stop for too long, a stop that should have fired."""
    if position.status is not PositionStatus.OPEN or position.exit_reason is not None:
        return
    stop = turn.state.orders.get(position.stop_order_id)
    bare_for = turn.now - position.unprotected_since if position.unprotected_since else timedelta(0)
    if stop is None or stop.status in orders.TERMINAL:
        if position.remaining > ZERO:
            stop_lost(turn, position, "no live stop order", again=True)
    elif bare_for >= UNPROTECTED_LIMIT and stop.status in (OrderStatus.UNKNOWN, OrderStatus.SENDING):
        turn.alert("stop_missing", AlertLevel.CRITICAL, f"position {position.id} has had no certain stop for 30 s")
        begin_close(turn, position, ExitReason.EMERGENCY)
        _probe(turn, stop)
    elif _jumped(turn, position, stop):
        turn.alert("stop_rescued", AlertLevel.CRITICAL, f"price jumped the stop of position {position.id}; selling")
        begin_close(turn, position, ExitReason.EMERGENCY)


def _probe(turn: Turn, stop: Order) -> None:
    """A cancel is answered by the matching engine itself: it proves whether a doubtful stop exists."""
    if stop.status is OrderStatus.UNKNOWN:
        turn.move(stop, OrderStatus.CANCELLING, "is it there?")
        turn.do(CancelOrder(client_order_id=stop.id, position_id=stop.position_id, symbol=stop.symbol))


def _jumped(turn: Turn, position: Position, stop: Order) -> bool:
    """Whether the price has been so far below the stop for so long that it cannot be working."""
    quote, started = turn.state.quote, turn.state.started
    if quote is None or started is None or started.candle_fed or stop.stop_price is None:
        return False
    line = stop.price if stop.price is not None else stops.below(stop.stop_price, Decimal("0.5"))
    if quote.price > line or stop.status not in (OrderStatus.OPEN, OrderStatus.PARTIAL):
        if stop.id in turn.state.jumped:
            del turn.state.jumped[stop.id]
            turn.touch()
        return False
    if stop.id not in turn.state.jumped:
        turn.state.jumped[stop.id] = turn.now
        turn.touch()
    return turn.now - turn.state.jumped[stop.id] >= RESCUE_AFTER


def _live(turn: Turn, position: Position) -> list[Order]:
    return [
        order
        for order in turn.state.orders.values()
        if order.position_id == position.id and order.status in orders.LIVE
    ]


def entry_ended(turn: Turn, position: Position) -> None:
    """The entry has its final answer: forget a position that bought nothing, else protect it or get out.

    What was bought is floored to the step and the rest joins the dust; dust of earlier trades that now makes a
    whole step is sold with this position.
    """
    if not position.net_quantity:
        turn.forget_position(replace(position, closed_at=turn.now))
        return
    available = position.net_quantity + turn.account.dust
    quantity = turn.instrument.quantity_down(available)
    turn.set_account(dust=available - quantity)
    wanted_out = position.exit_reason is not None
    position = replace(
        position,
        status=PositionStatus.CLOSING if wanted_out else PositionStatus.OPEN,
        quantity=quantity,
        highest_close=position.entry_price,
        unprotected_since=turn.now,
    )
    turn.put(position)
    if wanted_out:
        clear_the_way(turn, position)
    else:
        protect(turn, position)
