"""What the exchange says of our orders: reports, refusals, doubts. Fills first, status second, each fill once."""

from datetime import datetime, timedelta
from decimal import Decimal

from app.core import life, orders, orphans, stops
from app.core.alerts import AlertEvent
from app.core.latches import latch
from app.core.messages import CancelOrder, OrderNotFound, OrderRefused, ReadAccount, Refusal
from app.core.model import (
    ExitReason,
    Fill,
    LatchKind,
    Order,
    OrderReport,
    OrderStatus,
    Position,
    PositionStatus,
    Role,
    Side,
)
from app.core.money import ZERO
from app.core.state import live_orders
from app.core.turn import FENCE, Turn
from app.core.values import changed

# Nothing is wrong with the order: the exchange takes none of ours for now.
NOT_NOW = frozenset({Refusal.BUSY, Refusal.MARKET_CLOSED, Refusal.ACCESS, Refusal.AUTH})
AT_ONCE = frozenset({Refusal.CLOCK, Refusal.FUNDS})  # a stop refused for these may be taken the next moment
UNSOLD = (OrderStatus.EXPIRED, OrderStatus.CANCELED)  # how a sale ends that finds nobody
NOT_FOUND_NEEDED = 3
NOT_FOUND_APART = timedelta(seconds=2)
GIVE_UP_AFTER = timedelta(minutes=10)
REJECTS_KEPT = timedelta(minutes=10)


def apply_report(turn: Turn, report: OrderReport, asked_at: datetime | None = None) -> None:
    """Book what is new in `report` and do what follows from it. Idempotent.

    `asked_at`: when the question was put whose answer it is; what we learned since then is newer."""
    order = turn.state.orders.get(report.client_order_id)
    if order is None:
        _strange(turn, report)
        return
    was_terminal = order.status in orders.TERMINAL
    fresh = [fill for fill in report.fills if fill.id not in turn.state.booked]
    nothing_yet = order.role is Role.ENTRY and not order.filled_quantity and turn.position(order.position_id) is None
    late_entry = orphans.revived(turn, order) if was_terminal and fresh and nothing_yet else None
    for fill in fresh:
        order = book(turn, order, fill)
    if was_terminal:
        overtaken = asked_at is not None and order.updated_at >= asked_at
        _late(turn, order, report, filled=bool(fresh), overtaken=overtaken)
        if late_entry is not None:
            life.entry_ended(turn, turn.state.positions[late_entry.id])
        return
    before = order.status
    after = orders.reported(order, report)
    if after is not order:
        turn.put(after)
    turn.state.doubts.pop(after.id, None)
    if after.status is not before:
        follow_up(turn, after, again=after.status is not OrderStatus.REJECTED)


def _strange(turn: Turn, report: OrderReport) -> None:
    """An order with our mark that is not in the books: taken in, then reported on like any other."""
    order = orphans.taken_in(turn, report)
    if order is None:
        return
    apply_report(turn, report)
    for stop in orphans.waiting(turn, order.position_id):
        apply_report(turn, stop)
    order, position = turn.state.orders[order.id], turn.position(order.position_id)
    if order.role is Role.ENTRY and order.status in life.RESTING:
        life.cancel(turn, order)  # whoever wanted it is gone
    elif position is not None and order.role is not Role.EXIT:
        life.fit_stop(turn, position)


def _late(turn: Turn, order: Order, report: OrderReport, *, filled: bool, overtaken: bool) -> None:
    """A report on an order that had ended: one that is open after all must not stay so."""
    if filled:
        turn.alert(AlertEvent.LATE_FILL, f"order {order.id} was filled after it had ended")
        if position := turn.position(order.position_id):
            life.fit_stop(turn, position)
    if report.status in life.RESTING and not overtaken:
        turn.do(CancelOrder(client_order_id=order.id, position_id=order.position_id, symbol=order.symbol))
        turn.alert(AlertEvent.LATE_ORDER, f"order {order.id} had ended here but is open; cancelling")


def book(turn: Turn, order: Order, fill: Fill) -> Order:
    """One new fill: into the order, the cash and the position."""
    worth = _fee_in_quote(turn, fill)
    fill = changed(fill, position_id=order.position_id, fee_quote=worth)
    turn.state.booked[fill.id] = order.id
    order = orders.with_fill(order, fill)
    turn.put(order)
    turn.note(fill)
    fee_cash = fill.fee if fill.fee_asset == turn.instrument.quote else ZERO
    fee_base = fill.fee if fill.fee_asset == turn.instrument.base else ZERO
    account = turn.account
    if fill.side is Side.BUY:
        turn.set_account(
            cash=account.cash - fill.notional - fee_cash, day_notional=account.day_notional + fill.notional
        )
    else:
        turn.set_account(cash=account.cash + fill.notional - fee_cash, dust=account.dust - fee_base)
    position = turn.position(order.position_id)
    if position is not None:
        turn.put(_position_with(position, fill, worth, fee_cash, fee_base, turn.now))
    else:  # its position is closed: what came late is ours all the same, or was
        moved = fill.quantity - fee_base if fill.side is Side.BUY else -fill.quantity
        turn.set_account(dust=turn.account.dust + moved)
    return order


def _position_with(
    position: Position, fill: Fill, worth: Decimal, fee_cash: Decimal, fee_base: Decimal, now: datetime
) -> Position:
    """`cost` and `proceeds` are what cash really moved, plus fees that were not taken off what was bought or got."""
    third = worth - fee_cash
    if fill.side is Side.BUY:
        third = ZERO if fee_base else third
        got = fill.quantity - fee_base
        bare_since = position.unprotected_since or now
        return changed(
            position,
            entry_quantity=position.entry_quantity + fill.quantity,
            entry_notional=position.entry_notional + fill.notional,
            entry_fees=position.entry_fees + worth,
            net_quantity=position.net_quantity + got,
            quantity=position.quantity + got,
            cost=position.cost + fill.notional + fee_cash + third,
            unprotected_since=position.unprotected_since if position.stop_confirmed else bare_since,
        )
    return changed(
        position,
        sold_quantity=position.sold_quantity + fill.quantity,
        proceeds=position.proceeds + fill.notional - fee_cash - third,
        exit_fees=position.exit_fees + fee_cash + third,
    )


def _fee_in_quote(turn: Turn, fill: Fill) -> Decimal:
    """What the fee is worth in quote currency; a third asset's worth comes with the fill."""
    if fill.fee_asset == turn.instrument.quote:
        return fill.fee
    if fill.fee_asset == turn.instrument.base:
        return fill.fee * fill.price
    return fill.fee_quote


# ---------------------------------------------------------------- what follows


def follow_up(turn: Turn, order: Order, *, again: bool = True) -> None:
    """The order is in a new status: what does its position need now? `again` says that a lost stop may be put back."""
    position = turn.position(order.position_id)
    if position is None:
        if order.status in life.RESTING:
            life.cancel(turn, order)  # its position is closed: it must not sell anything else
        return
    if order.role is Role.ENTRY:
        if order.status in orders.TERMINAL:
            life.entry_ended(turn, position)
    elif order.role is Role.STOP:
        _stop_moved(turn, position, order, again=again)
    elif order.status in orders.TERMINAL:
        _exit_ended(turn, position, order)


def _stop_moved(turn: Turn, position: Position, order: Order, *, again: bool) -> None:
    resting, ended = order.status in life.RESTING, order.status in orders.TERMINAL
    if position.remaining <= ZERO:
        life.finish(turn, changed(position, exit_reason=_stop_reason(turn, position, order)))
    elif position.status is PositionStatus.CLOSING:
        if resting:
            life.cancel(turn, order)  # confirmed only after the close was asked for
        elif ended:
            life.clear_the_way(turn, position)
    elif resting:
        life.stop_confirmed(turn, position, order)
    elif ended and order.id == position.stop_order_id:
        life.stop_lost(turn, position, f"{order.status} {order.reason}".strip(), again=again)


def _stop_reason(turn: Turn, position: Position, stop: Order) -> ExitReason:
    """A stop that stood above the protective level had been trailed there."""
    protective = stops.protective_price(position.entry_price, turn.limits, turn.instrument)
    trailed = position.trailing_active and stop.stop_price is not None and stop.stop_price > protective
    return ExitReason.TRAILING_STOP if trailed else ExitReason.STOP


def _exit_ended(turn: Turn, position: Position, order: Order) -> None:
    """What it did not sell is sold by the next one: at once, or after a pause where nobody bought anything."""
    if position.remaining <= ZERO:
        life.finish(turn, position)
    elif order.status in UNSOLD and not order.filled_quantity and turn.state.exits.get(position.id, 0) < life.MAX_EXITS:
        life.try_later(turn, position, order, counts=True)
    else:
        life.sell_rest(turn, position)


# ---------------------------------------------------------------- refusals and doubts


def ask_for_truth(turn: Turn, reason: str) -> None:
    """Balances, open orders, and every order of ours that may still change."""
    doubtful = tuple(order.id for order in live_orders(turn.state))
    turn.do(ReadAccount(symbol=turn.instrument.symbol, doubtful=doubtful, reason=reason))


def refused(turn: Turn, message: OrderRefused) -> None:
    """Definitely not placed. The cure depends on why."""
    order = turn.state.orders.get(message.client_order_id)
    if order is None or order.status in orders.TERMINAL:
        return
    not_now = message.refusal in NOT_NOW
    if not not_now:
        recent = [at for at in turn.state.reject_times if turn.now - at < REJECTS_KEPT]
        turn.state.reject_times = [*recent, turn.now]
    if message.refusal is Refusal.AUTH:
        latch(turn, LatchKind.AUTH, f"the exchange refuses our key: {message.reason}")
    if message.refusal is Refusal.FUNDS:
        ask_for_truth(turn, "the exchange says that there is less than we think")
    turn.alert(AlertEvent.ORDER_REJECTED, f"{order.role} order refused: {message.reason}")
    if not orders.can_become(order, OrderStatus.REJECTED):
        turn.doubt(order, OrderStatus.UNKNOWN, message.reason)  # more was heard of it meanwhile: which is true?
        return
    after = turn.move(order, OrderStatus.REJECTED, message.reason)
    position = turn.position(order.position_id)
    if position is not None and _waits(position, after, message.refusal):
        life.try_later(turn, position, after, counts=not not_now)
    else:
        follow_up(turn, after, again=message.refusal in AT_ONCE)


def _waits(position: Position, order: Order, refusal: Refusal) -> bool:
    """Whether to wait before the next try. A sale always waits; a stop only where nothing was wrong with it."""
    if order.role is Role.STOP:
        return refusal in NOT_NOW and position.status is not PositionStatus.CLOSING
    return order.role is Role.EXIT


def not_found(turn: Turn, message: OrderNotFound) -> None:
    """Evidence that an order does not exist: counted only after the fence, complete, and some time apart."""
    order = turn.state.orders.get(message.client_order_id)
    doubt = turn.state.doubts.get(message.client_order_id)
    if order is None:
        orphans.entry_not_found(turn, message)
    if order is None or doubt is None or not message.complete or turn.now < doubt.since + FENCE:
        return
    if doubt.not_found_at is not None and turn.now - doubt.not_found_at < NOT_FOUND_APART:
        return
    # Whoever waits for the proof may be without a stop: the next answer is wanted as soon as it counts, and not before.
    next_at = turn.now + NOT_FOUND_APART
    doubt = changed(doubt, not_found=doubt.not_found + 1, not_found_at=turn.now, next_at=next_at)
    turn.state.doubts[order.id] = doubt
    turn.touch()
    if doubt.not_found < NOT_FOUND_NEEDED:
        return
    was_there = order.status is OrderStatus.CANCEL_UNKNOWN or order.exchange_order_id
    absent = OrderStatus.CANCELED if was_there else OrderStatus.NOT_PLACED
    follow_up(turn, turn.move(order, absent, "the exchange does not have it"))


def chase_doubts(turn: Turn) -> None:
    """Ask again for every order in doubt whose time has come; call a person after ten minutes."""
    for id, doubt in sorted(turn.state.doubts.items()):
        order = turn.state.orders[id]
        asked_for = turn.now - (doubt.began or turn.now)
        if order.status is not OrderStatus.STUCK and asked_for >= GIVE_UP_AFTER:
            turn.alert(AlertEvent.ORDER_STUCK, f"order {id} has no certain answer after 10 minutes")
            order = turn.move(order, OrderStatus.STUCK)
        if turn.now >= doubt.next_at:
            turn.ask(order)
