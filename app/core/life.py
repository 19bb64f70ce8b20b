"""The life of a position after its entry: protected, trailed, closed. Each step asks for one thing and waits.

An exit never oversells: the stop holds the balance, so it is cancelled first, and only what is proved left is sold.
"""

from datetime import timedelta
from decimal import Decimal

from app.core import orders, retries, risk, stops
from app.core.alerts import AlertEvent
from app.core.decisions import Decision
from app.core.latches import latch
from app.core.messages import CancelOrder, Gate, PlaceOrder, ReplaceStop
from app.core.model import (
    ExitReason,
    Instrument,
    LatchKind,
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionStatus,
    Role,
    Trade,
)
from app.core.money import ZERO, plain
from app.core.state import liquidated, live_orders
from app.core.turn import Turn
from app.core.values import changed

MAX_EXITS = 5  # market sells tried for one position before a person must look
MAX_STOP_FAILURES = 3
STEADY_AFTER = timedelta(seconds=60)  # a stop that stood for this long makes earlier failures forgotten
TRAIL_PAUSE = timedelta(seconds=60)
TRAIL_REST = timedelta(minutes=10)  # after a move that was refused or that failed
TRAIL_UNTIL = 800  # orders made for a position: the numbers left are for its stops and sales
TAKES_NO_MOVE = (Gate.EXCHANGE_REFUSES, Gate.EXCHANGE_UNREACHABLE)
CANCEL_AGAIN = timedelta(seconds=1)
RESTING = (OrderStatus.OPEN, OrderStatus.PARTIAL)

# ---------------------------------------------------------------- protection


def protect(turn: Turn, position: Position) -> None:
    """Place the stop that `position` needs, at its standing level or at the protective one.

    What the exchange would not take as a stop (too small) is sold; what it would not take at all becomes dust.
    """
    turn.state.retry_at.pop(position.id, None)
    level = position.stop_price or stops.protective_price(position.entry_price, turn.limits, turn.instrument)
    quantity = turn.instrument.quantity_down(position.remaining)
    limit = stops.limit_price(level, turn.limits, turn.instrument)
    if quantity * limit < turn.instrument.min_notional:
        begin_close(turn, position, ExitReason.EMERGENCY)
        return
    if not _has_a_number(turn, position):
        return
    position, place = _stop_order(turn, position, level, quantity)
    turn.put(
        changed(
            position,
            stop_price=level,
            stop_order_id=place.client_order_id,
            stop_confirmed=False,
            unprotected_since=position.unprotected_since or turn.now,
        )
    )
    turn.do(place)


def _has_a_number(turn: Turn, position: Position) -> bool:
    """Whether one more order can be made for `position`; where none can, only a person can help."""
    if position.attempts < orders.LAST_ATTEMPT:
        return True
    if position.status is not PositionStatus.QUARANTINE:
        text = f"position {position.id} has used up its order numbers; look at the exchange"
        turn.alert(AlertEvent.POSITION_STUCK, text)
    bare_since = position.unprotected_since or turn.now
    turn.put(changed(position, status=PositionStatus.QUARANTINE, stop_confirmed=False, unprotected_since=bare_since))
    return False


def _stop_order(turn: Turn, position: Position, level: Decimal, quantity: Decimal) -> tuple[Position, PlaceOrder]:
    kind = turn.instrument.stop_type
    limit = stops.limit_price(level, turn.limits, turn.instrument) if kind is OrderType.STOP_LOSS_LIMIT else None
    return turn.order(position, Role.STOP, kind, quantity, price=limit, stop_price=level)


def stop_confirmed(turn: Turn, position: Position, stop: Order) -> None:
    """The exchange holds `stop`. Where the old half of a replacement stands beside the new one, it is cancelled."""
    if stop.id == position.stop_order_id:
        position = changed(position, stop_price=stop.stop_price, stop_confirmed=True, unprotected_since=None)
        turn.put(position)
    if position.stop_confirmed:
        for other in live(turn, position):
            if other.id != position.stop_order_id and other.status in RESTING:
                cancel(turn, other)


def fit_stop(turn: Turn, position: Position) -> None:
    """Where a late fill changed what is held, the stop of another size is taken back; the right one follows."""
    stop = turn.state.orders.get(position.stop_order_id)
    if stop is None or stop.status is not OrderStatus.OPEN or position.exit_reason is not None:
        return
    if stop.quantity != turn.instrument.quantity_down(position.remaining):
        cancel(turn, stop)


def adopt_stop(turn: Turn, position: Position) -> bool:
    """Where another stop of this position may still be live (the old half of a replacement), it is the stop again.

    Placing a third one beside it could sell twice.
    """
    others = [order for order in live(turn, position) if order.role is Role.STOP]
    if not others:
        return False
    stop = others[-1]
    sure = stop.status in RESTING
    turn.put(
        changed(
            position,
            stop_order_id=stop.id,
            stop_price=stop.stop_price if sure else position.stop_price,
            stop_confirmed=sure,
            unprotected_since=None if sure else position.unprotected_since or turn.now,
        )
    )
    return True


def stop_lost(turn: Turn, position: Position, why: str, *, again: bool) -> None:
    """The stop is gone and nobody here asked for it: put it back, or get out when it cannot be put back."""
    lost = turn.state.orders.get(position.stop_order_id)
    _rest_after_a_failed_move(turn, position, lost)
    if adopt_stop(turn, position):
        return
    steady = lost is not None and turn.now - lost.created_at >= STEADY_AFTER
    position = changed(
        position,
        stop_confirmed=False,
        stop_order_id="",
        stop_failures=1 if steady else position.stop_failures + 1,
        unprotected_since=position.unprotected_since or turn.now,
    )
    turn.put(position)
    quarantined = position.status is PositionStatus.QUARANTINE
    if not quarantined or position.id not in turn.state.bare:
        tell_bare(turn, position, f"the stop of position {position.id} is gone: {why}")
    if again and position.stop_failures < MAX_STOP_FAILURES:
        protect(turn, position)
    elif quarantined:
        _later(turn, position)  # nobody bought it, so a sale is for a person; a stop may stand once the price is back
    else:
        begin_close(turn, position, ExitReason.EMERGENCY)


def tell_bare(turn: Turn, position: Position, text: str) -> None:
    """People are told that a position has no stop, and that they were told is kept until it has one."""
    turn.state.bare = [*(id for id in turn.state.bare if id != position.id), position.id]
    turn.alert(AlertEvent.STOP_MISSING, text)


def trail(turn: Turn, position: Position, close: Decimal, *, late: bool) -> None:
    """Follow the highest close since entry; move the stop up when it is worth it. Late candles only mark.

    The level counts once the exchange has confirmed it: should only the cancel be carried out, the old one comes back.
    """
    trailing = turn.limits.trailing
    if position.status is not PositionStatus.OPEN or trailing is None:
        return
    if close > position.highest_close:
        position = changed(position, highest_close=close)
        turn.put(position)
    level = stops.trailed_price(position, trailing, turn.instrument)
    stop = turn.state.orders.get(position.stop_order_id)
    if late or level is None or stop is None or stop.status is not OrderStatus.OPEN or not _may_move(turn, position):
        return
    quantity = turn.instrument.quantity_down(position.remaining)
    position, place = _stop_order(turn, position, level, quantity)
    turn.move(stop, OrderStatus.CANCELLING, f"replaced by {place.client_order_id}")
    turn.put(
        changed(
            position,
            stop_order_id=place.client_order_id,
            stop_confirmed=False,
            stop_failures=0 if turn.now - stop.created_at >= STEADY_AFTER else position.stop_failures,
            trailing_active=True,
            stop_moved_at=turn.now,
            unprotected_since=turn.now,
        )
    )
    turn.do(ReplaceStop(old_id=stop.id, order=place))


def _may_move(turn: Turn, position: Position) -> bool:
    """Each move uses up an order's number, so none is asked for where it would be in vain."""
    state = turn.state
    if LatchKind.AUTH in state.latches or any(gate in state.gates for gate in TAKES_NO_MOVE):
        return False
    moved_at, not_before = position.stop_moved_at, state.trail_at.get(position.id)
    rested = moved_at is None or turn.now - moved_at >= TRAIL_PAUSE
    return rested and (not_before is None or turn.now >= not_before) and position.attempts < TRAIL_UNTIL


def _rest_after_a_failed_move(turn: Turn, position: Position, stop: Order | None) -> None:
    """`stop` has ended: where it was to replace another and never stood, the next move waits."""
    if stop is not None and stop.created_at == position.stop_moved_at and not position.stop_confirmed:
        turn.state.trail_at[position.id] = turn.now + TRAIL_REST


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
    position = changed(
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
    if any(order.role is Role.EXIT for order in live(turn, position)):
        return
    take_back_stops(turn, position, "the position is being closed")
    if not live(turn, position):
        sell_rest(turn, position)


def take_back_stops(turn: Turn, position: Position, why: str) -> None:
    """Those that have not left never will; resting ones are cancelled; doubtful ones are being asked for."""
    for order in live(turn, position):
        if order.role is Role.STOP and order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, why)
        elif order.role is Role.STOP and order.status in RESTING:
            cancel(turn, order)


def cancel(turn: Turn, order: Order) -> None:
    """Take `order` back. While the exchange says that it is open all the same, `cancel_again` asks once a second."""
    asked_at = turn.state.cancel_asked.get(order.id)
    if asked_at is not None and turn.now - asked_at < CANCEL_AGAIN:
        return
    turn.state.cancel_asked[order.id] = turn.now
    turn.move(order, OrderStatus.CANCELLING)
    turn.do(CancelOrder(client_order_id=order.id, position_id=order.position_id, symbol=order.symbol))


def cancel_again(turn: Turn) -> None:
    """Orders that were to be taken back and still rest on the exchange."""
    for id in sorted(turn.state.cancel_asked):
        order = turn.state.orders[id]
        if order.status in RESTING:
            cancel(turn, order)


def sell_rest(turn: Turn, position: Position) -> None:
    """Market-sell what is left; too little to sell becomes dust; after too many tries a person must look."""
    quantity = turn.instrument.quantity_down(position.remaining)
    bid = turn.state.quote.bid if turn.state.quote else ZERO
    if quantity <= ZERO or (bid > ZERO and quantity * bid < turn.instrument.min_notional):
        finish(turn, position)
        return
    tried = turn.state.exits.get(position.id, 0)
    if tried >= MAX_EXITS:
        _give_up(turn, position)
        return
    if not _has_a_number(turn, position):
        return
    turn.state.exits[position.id] = tried + 1
    turn.state.retry_at.pop(position.id, None)
    position, place = turn.order(
        position,
        Role.EXIT,
        OrderType.MARKET,
        quantity,
        decision_id=position.exit_decision_id,
    )
    turn.do(place)


def try_later(turn: Turn, position: Position, order: Order, *, counts: bool) -> None:
    """The exchange takes no such order now: `watching` tries again. `counts` says that it was the order's fault."""
    if order.role is Role.STOP:
        _rest_after_a_failed_move(turn, position, order)
        if adopt_stop(turn, position):
            return
    if order.role is Role.EXIT and not counts:
        turn.state.exits[position.id] = max(turn.state.exits.get(position.id, 0) - 1, 0)
    _later(turn, position)


def _later(turn: Turn, position: Position) -> None:
    if not retries.wait(turn, position):
        _call_for_a_person(turn, position)
        return
    turn.put(changed(position, stop_confirmed=False, unprotected_since=position.unprotected_since or turn.now))


def _give_up(turn: Turn, position: Position) -> None:
    """Keep what is left under a stop and call for a person."""
    protect(turn, _call_for_a_person(turn, position))


def _call_for_a_person(turn: Turn, position: Position) -> Position:
    turn.alert(AlertEvent.POSITION_STUCK, f"position {position.id} could not be sold; look at the exchange")
    position = changed(position, status=PositionStatus.QUARANTINE)
    turn.put(position)
    return position


def release(turn: Turn, position: Position) -> None:
    """A position in quarantine is one like the others again: a person has looked, or everything is to be sold."""
    if position.status is PositionStatus.QUARANTINE:
        turn.put(changed(position, status=PositionStatus.OPEN, exit_reason=None))
        turn.state.exits.pop(position.id, None)
        turn.state.refusals.pop(position.id, None)


def finish(turn: Turn, position: Position) -> None:
    """Nothing more to sell: book the trade, keep the rest as dust, watch the tripwires."""
    left = position.remaining
    take_back_stops(turn, position, "the position is closed")
    turn.set_account(dust=turn.account.dust + left)
    position = changed(
        position,
        status=PositionStatus.CLOSED,
        quantity=position.sold_quantity,
        closed_at=turn.now,
        stop_confirmed=False,
        unprotected_since=None,
    )
    reason = position.exit_reason or ExitReason.EMERGENCY
    if position.sold_quantity:
        _book_trade(turn, position, reason)
    turn.forget_position(position)
    turn.state.exit_at = turn.now


def shrink(turn: Turn, position: Position, gone: Decimal) -> None:
    """So much of `position` no longer exists. The rest is kept under a stop of its size and waits for a person."""
    left = changed(position, quantity=position.quantity - gone, exit_reason=None, status=PositionStatus.QUARANTINE)
    turn.state.exits.pop(position.id, None)
    turn.state.retry_at.pop(position.id, None)
    turn.put(left)
    if turn.instrument.quantity_down(left.remaining) <= ZERO:
        finish(turn, left)
    elif any(order.role is Role.STOP for order in live(turn, left)):
        fit_stop(turn, left)
    else:
        protect(turn, left)


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
    turn.alert(AlertEvent.EXIT_FILL, _sold(trade, turn.instrument))
    account = turn.account
    turn.set_account(day_realised=account.day_realised + profit, day_trades=account.day_trades + 1)
    stopped_out = reason is ExitReason.STOP and profit < ZERO
    turn.state.stop_outs = turn.state.stop_outs + 1 if stopped_out else 0
    equity = liquidated(turn.state)
    if wire := risk.trade_loss_trips(profit, equity, turn.limits.tripwires):
        latch(turn, LatchKind.RUNAWAY, wire)


def _sold(trade: Trade, instrument: Instrument) -> str:
    return (
        f"{plain(trade.quantity)} {instrument.base} at {trade.exit_price:.2f} {instrument.quote}, "
        f"{trade.profit_loss:+.2f} {instrument.quote} ({trade.profit_loss_pct:+.2f} %), "
        f"{trade.exit_reason.replace('_', ' ')}"
    )


def _bought(turn: Turn, position: Position) -> str:
    instrument = turn.instrument
    stop = stops.protective_price(position.entry_price, turn.limits, instrument)
    return (
        f"{plain(position.quantity)} {instrument.base} at {position.entry_price:.2f} {instrument.quote} "
        f"({position.cost:.2f}), stop at {stop:.2f}"
    )


def live(turn: Turn, position: Position) -> list[Order]:
    """Orders of `position` that money may still move through."""
    return [order for order in live_orders(turn.state) if order.position_id == position.id]


def entry_ended(turn: Turn, position: Position) -> None:
    """The entry has its final answer: forget a position that bought nothing, else protect it or get out.

    What was bought is floored to the step and the rest joins the dust; dust of earlier trades that now makes a
    whole step is sold with this position.
    """
    if not position.net_quantity:
        turn.forget_position(changed(position, status=PositionStatus.CLOSED, closed_at=turn.now))
        return
    dust = max(turn.account.dust, ZERO)  # less than none is what was sold beyond the books: not this position's matter
    available = position.net_quantity + dust
    quantity = turn.instrument.quantity_down(available)
    turn.set_account(dust=turn.account.dust - dust + available - quantity)
    wanted_out = position.exit_reason is not None
    position = changed(
        position,
        status=PositionStatus.CLOSING if wanted_out else PositionStatus.OPEN,
        quantity=quantity,
        highest_close=position.entry_price,
    )
    turn.put(position)
    turn.alert(AlertEvent.ENTRY_FILL, _bought(turn, position))
    if wanted_out:
        clear_the_way(turn, position)
    elif not any(order.role is Role.STOP for order in live(turn, position)):
        protect(turn, position)
