"""Orders with our mark that are not in the books, as after a backup was restored: they are taken in, not taken back.

An entry that bought becomes a position again; a stop that stands goes on protecting it; a sale is booked. Orders of
other books (another tag) are left alone, and told of: another trader may be using the account.
"""

from datetime import datetime

from app.core import life, orders
from app.core.alerts import AlertEvent
from app.core.messages import CancelOrder, OrderNotFound, QueryOrder
from app.core.model import Order, OrderReport, OrderStatus, OrderType, Position, PositionStatus, Role, Side
from app.core.money import ZERO
from app.core.turn import Turn
from app.core.values import changed

NOT_FOUND_NEEDED = 3
USED = 100  # attempts that may have been made for a position before it was lost: their ids are never used again
MOST = 50
SIDES = {Role.ENTRY: Side.BUY, Role.STOP: Side.SELL, Role.EXIT: Side.SELL}


def taken_in(turn: Turn, report: OrderReport) -> Order | None:
    """The order, now in the books and still to be reported on; None where there is nothing to take in."""
    id = report.client_order_id
    if not orders.is_ours(id) or turn.state.started is None:
        return None
    if orders.tag_of(id) != turn.state.started.tag:
        _tell_of_others(turn, report)
        return None
    use_up(turn, id)
    resting, role = report.status in orders.RESTING, orders.role_of(id)
    if not resting and not report.fills:
        if role is Role.ENTRY:
            without_entry(turn, id)
        return None
    position = turn.position(orders.position_of(id))
    if position is None and role is Role.ENTRY:
        why = "found at the exchange; the decision that led to it is not in these books"
        position = _entering(turn, orders.position_of(id), report.at, why)
    if position is None:
        _ask_for_entry(turn, report, resting=resting)
        return None
    turn.alert(AlertEvent.ORPHAN_ORDER, f"{role} order {id} was not in the books; it is taken in")
    if role is Role.STOP and resting and not position.stop_confirmed:
        position = _stand_under(turn, position, report)
    order = _order(turn, report, role)
    turn.put(order)
    if role is Role.ENTRY:
        _take_in_stops(turn, position)
    elif role is Role.EXIT and position.exit_reason is None:
        turn.put(changed(position, status=PositionStatus.CLOSING))
    return order


def waiting(turn: Turn, position_id: str) -> list[OrderReport]:
    """Stops of this position that were found before their entry was: what is said of them counts now."""
    found = [report for id, report in turn.state.orphans.items() if orders.position_of(id) == position_id]
    for report in found:
        del turn.state.orphans[report.client_order_id]
        turn.state.entries_missed.pop(orders.entry_of(report.client_order_id), None)
    return found


def entry_not_found(turn: Turn, message: OrderNotFound) -> None:
    """Once proves nothing: lists lag, and the stop may be all that protects what the entry bought."""
    id, missed = message.client_order_id, turn.state.entries_missed
    if id not in missed or not message.complete:
        return
    turn.touch()
    missed[id] += 1
    if missed[id] >= NOT_FOUND_NEEDED:
        without_entry(turn, id)


def without_entry(turn: Turn, entry_id: str) -> None:
    """The entry bought nothing, or never was: the stops that were found for it would sell what is not ours."""
    turn.state.entries_missed.pop(entry_id, None)
    for stop in waiting(turn, orders.position_of(entry_id)):
        id = stop.client_order_id
        turn.do(CancelOrder(client_order_id=id, position_id=orders.position_of(id), symbol=turn.instrument.symbol))
        turn.alert(AlertEvent.ORPHAN_ORDER, f"stop {id} protects nothing of ours; cancelling")


def revived(turn: Turn, order: Order) -> Position:
    """The position of an entry that was given up for having bought nothing, and did buy."""
    why = "its entry was filled after it had been given up"
    return _entering(turn, order.position_id, order.created_at, why, order.decision_id)


def _tell_of_others(turn: Turn, report: OrderReport) -> None:
    """Once for each of them."""
    tag = orders.tag_of(report.client_order_id)
    if report.status in orders.RESTING and tag not in turn.state.others:
        turn.state.others = [*turn.state.others, tag][-MOST:]
        text = f"order {report.client_order_id} is of other books and left alone: does another trader use this account?"
        turn.alert(AlertEvent.ORPHAN_ORDER, text)


def use_up(turn: Turn, id: str) -> None:
    """An id is never used twice: books of yesterday would count anew."""
    started = turn.state.started
    if not orders.is_ours(id) or started is None or orders.tag_of(id) != started.tag:
        return
    if orders.trade_of(id) > turn.state.trade_number:
        turn.state.trade_number = orders.trade_of(id)
        turn.touch()
    position = turn.position(orders.position_of(id))
    if position is not None and orders.attempt_of(id) > position.attempts:
        turn.put(changed(position, attempts=orders.attempt_of(id)))


def _entering(turn: Turn, id: str, at: datetime, why: str, decision_id: str = "") -> Position:
    position = Position(
        id=id,
        symbol=turn.instrument.symbol,
        status=PositionStatus.ENTERING,
        opened_at=at,
        decision_id=decision_id,
        candle_at=at,
        attempts=USED,
        reasoning=why,
    )
    turn.put(position)
    return position


def _order(turn: Turn, report: OrderReport, role: Role) -> Order:
    types = {Role.ENTRY: OrderType.LIMIT, Role.EXIT: OrderType.MARKET}
    stop = OrderType.STOP_LOSS if report.price is None else OrderType.STOP_LOSS_LIMIT
    return Order(
        id=report.client_order_id,
        position_id=orders.position_of(report.client_order_id),
        decision_id="",
        symbol=turn.instrument.symbol,
        role=role,
        side=SIDES[role],
        type=types.get(role, stop),
        status=OrderStatus.SENDING,
        quantity=report.quantity or sum((fill.quantity for fill in report.fills), ZERO),
        price=report.price,
        stop_price=report.stop_price,
        created_at=report.at,
        updated_at=report.at,
        sent_at=report.at,
        reason="found at the exchange",
    )


def _stand_under(turn: Turn, position: Position, report: OrderReport) -> Position:
    """The stop that stands is the position's; one that was about to leave need not."""
    for order in life.live(turn, position):
        if order.role is Role.STOP and order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, "another stop stands already")
    level = report.stop_price if report.stop_price is not None else position.stop_price
    position = changed(position, stop_order_id=report.client_order_id, stop_price=level)
    turn.put(position)
    return position


def _take_in_stops(turn: Turn, position: Position) -> None:
    """Before the entry is booked, so that no second stop is placed beside the one that stands."""
    for id, report in turn.state.orphans.items():
        if orders.position_of(id) == position.id:
            position = _stand_under(turn, position, report)
            turn.put(_order(turn, report, Role.STOP))


def _ask_for_entry(turn: Turn, report: OrderReport, *, resting: bool) -> None:
    """What does it belong to? A stop is left standing meanwhile: it may be all that protects what it is for."""
    id, state = report.client_order_id, turn.state
    entry_id = orders.entry_of(id)
    if orders.role_of(id) is not Role.STOP or not resting:
        state.orphans.pop(id, None)
        text = f"order {id} is not in the books, nor is what it was for; look at the exchange"
        turn.alert(AlertEvent.ORPHAN_ORDER, text)
        return
    if id not in state.orphans:
        if len(state.orphans) >= MOST:
            return
        turn.alert(AlertEvent.ORPHAN_ORDER, f"stop {id} is not in the books; its entry is looked for")
    state.orphans[id] = report
    state.entries_missed.setdefault(entry_id, 0)
    turn.do(
        QueryOrder(
            client_order_id=entry_id,
            position_id=orders.position_of(id),
            symbol=turn.instrument.symbol,
            sent_at=report.at,
            complete=True,
        )
    )
