"""Start-up is recovery: what a new process makes of the books it finds, and of the exchange's own truth."""

from collections.abc import Set
from datetime import datetime, timedelta
from decimal import Decimal

from app.core import flows, guards, life, orders, orphans, portfolio, reports
from app.core.alerts import AlertEvent
from app.core.latches import latch
from app.core.messages import AccountSeen, Gate, SealKillSwitch, Started
from app.core.model import ExitReason, LatchKind, OrderStatus, PositionStatus, Quote, Role
from app.core.money import ZERO, plain
from app.core.state import held, live_orders, open_positions
from app.core.turn import BALANCES_LAG, Turn
from app.core.values import changed

SEEN_AGAIN = timedelta(seconds=10)
FLOWS_LAG = timedelta(minutes=10)  # how long the exchange's list of deposits and withdrawals may not know one


def started(turn: Turn, message: Started) -> None:
    """A process began. Orders that had not left never will; those that may have are doubtful; ask for the truth.

    The truth is asked about the doubtful ones too. They are not asked about by name before: an answer that comes
    first would be acted upon, and no order leaves before the truth is known.
    """
    state = turn.state
    turn.touch()
    state.cancel_asked = {}  # whoever was asked is gone
    state.started, state.rules, state.instrument = message, message.rules, message.instrument
    guards.new_day(turn)  # a limit that came into force meanwhile changes the rules of this process
    state.reconciled = False
    state.gates = {gate: text for gate, text in state.gates.items() if gate == Gate.EXTERNAL_CHANGE}
    if message.live_check:
        state.gates[Gate.LIVE_CHECK] = message.live_check
    state.signals = {}
    state.kill = None
    if message.kill_sealed:
        latch(turn, LatchKind.KILL_SWITCH, message.kill_sealed)
    elif closed := state.latches.get(LatchKind.KILL_SWITCH):
        turn.do(SealKillSwitch(reason=closed.reason))
    for order in live_orders(state):
        if order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, "the program stopped before it left")
        elif order.status is OrderStatus.SENDING:
            turn.doubt(order, OrderStatus.UNKNOWN, "the program stopped while it was being sent", ask=False)
        elif order.status is OrderStatus.CANCELLING:
            reason = "the program stopped while it was being cancelled"
            turn.doubt(order, OrderStatus.CANCEL_UNKNOWN, reason, ask=False)
    _close_bare_entries(turn)
    reports.ask_for_truth(turn, "start")


def _close_bare_entries(turn: Turn) -> None:
    """Positions whose entry never left hold nothing."""
    for position in open_positions(turn.state):
        entries = [o for o in turn.state.orders.values() if o.position_id == position.id and o.role is Role.ENTRY]
        if all(order.status in orders.TERMINAL for order in entries) and not position.net_quantity:
            life.entry_ended(turn, position)


def account_seen(turn: Turn, message: AccountSeen) -> None:
    """The exchange's truth wins. Trading opens once the books agree with it."""
    state = turn.state
    if state.quote is None and message.price is not None:
        state.quote = Quote(bid=message.price, ask=message.price, at=turn.now)
        turn.touch()
    first = state.account is None
    if first:
        turn.touch()
        state.account = portfolio.opened(message.quote_total, turn.now)
    if state.locked_elsewhere != message.quote_locked:
        state.locked_elsewhere = message.quote_locked
        turn.touch()
    for report in message.reports:  # all first: no id that was used since these books may be given out again
        orphans.use_up(turn, report.client_order_id)
    for report in message.reports:
        reports.apply_report(turn, report, message.at)
    mentioned = {report.client_order_id for report in message.reports} | set(message.open_ids)
    doubt_the_missing(turn, message.at, mentioned)
    if _quiet(turn):
        flows.explain(turn, message)
        if not first:
            _compare(turn, message)
    if not state.reconciled:
        turn.touch()
        state.reconciled = True
        _resume_positions(turn)


def doubt_the_missing(turn: Turn, asked_at: datetime, mentioned: Set[str]) -> None:
    """Orders that we hold for open but that the exchange did not mention. A stop among them protects nothing."""
    for order in live_orders(turn.state):
        resting = order.status in (OrderStatus.OPEN, OrderStatus.PARTIAL, OrderStatus.CANCELLING)
        if not resting or order.id in mentioned or order.updated_at >= asked_at:
            continue
        turn.doubt(order, OrderStatus.UNKNOWN, "the exchange did not mention it")
        position = turn.position(order.position_id)
        if position is not None and position.stop_order_id == order.id:
            since = position.unprotected_since or turn.now
            turn.put(changed(position, stop_confirmed=False, unprotected_since=since))


def _quiet(turn: Turn) -> bool:
    """No order whose fills could still be under way: only then can balances be compared.

    Nor a fill or a flow of a moment ago: the exchange answers from copies of its balances that may lag behind.
    """
    waiting = any(
        order.role is not Role.STOP or order.status is not OrderStatus.OPEN for order in live_orders(turn.state)
    )
    moved = [order.updated_at for order in turn.state.orders.values() if order.filled_quantity]
    moved += [turn.state.flow_at] if turn.state.flow_at is not None else []
    return not waiting and all(turn.now - at > BALANCES_LAG for at in moved)


def _compare(turn: Turn, message: AccountSeen) -> None:
    """Balances against books: missing bitcoin stops entries; missing money is a loss; a surplus is not ours.

    Balances, orders, trades and flows are not read in the same instant, and each list may lag: a difference shuts
    entries when it is seen again, takes bitcoin from positions once no fill can be on its way any more, and is booked
    as a loss once a withdrawal would have been listed.
    """
    state, texts = turn.state, list[str]()
    missing = held(state) - message.base_total
    if missing > turn.instrument.dust:
        texts.append(f"{plain(missing)} {turn.instrument.base} of ours are missing on the exchange")
    residual = message.quote_total - turn.account.cash
    unexplained = abs(residual) > flows.tolerance(turn)
    if unexplained:
        texts.append(f"cash differs by {residual:.2f} {turn.instrument.quote} from what our trades explain")
    text = "; ".join(texts)
    if text != state.difference:
        state.difference, state.difference_at = text, turn.now if text else None
        turn.touch()
    if state.difference_at is None:
        return
    seen_for = turn.now - state.difference_at
    if seen_for >= SEEN_AGAIN:
        _close_gate(turn, text)
    if seen_for >= BALANCES_LAG and missing > turn.instrument.dust:
        _give_up(turn, missing)
    if seen_for >= FLOWS_LAG and unexplained and residual < ZERO and message.flows is not None:
        turn.set_account(cash=turn.account.cash + residual)


def _give_up(turn: Turn, missing: Decimal) -> None:
    """Bitcoin of ours was sold or taken by somebody else: what is gone is a loss, and never made up with the owner's.

    Dust goes first, then the newest positions shrink; what is left of them waits under a stop for a person.
    """
    dust = min(missing, max(turn.account.dust, ZERO))
    turn.set_account(dust=turn.account.dust - dust)
    missing -= dust
    for position in reversed(open_positions(turn.state)):
        gone = min(missing, position.remaining)
        if gone > ZERO:
            missing -= gone
            life.shrink(turn, position, gone)


def _close_gate(turn: Turn, text: str) -> None:
    """Told once; what a person has seen and let pass does not close it again."""
    if text not in (turn.state.gates.get(Gate.EXTERNAL_CHANGE), turn.state.acknowledged):
        turn.touch()
        turn.state.gates[Gate.EXTERNAL_CHANGE] = text
        turn.alert(AlertEvent.EXTERNAL_CHANGE, text)


def _resume_positions(turn: Turn) -> None:
    """Go on where the last process stopped: protect what is bare, close what was being closed."""
    killed = LatchKind.KILL_SWITCH in turn.state.latches
    for position in open_positions(turn.state):
        stopped = position.stop_order_id in {order.id for order in life.live(turn, position)}
        waits = position.status is PositionStatus.QUARANTINE  # for a person, and under a stop meanwhile
        if killed and position.exit_reason is None and not waits:
            life.begin_close(turn, position, ExitReason.KILL_SWITCH)
        elif position.status is PositionStatus.CLOSING:
            life.clear_the_way(turn, position)
        elif position.status is not PositionStatus.ENTERING and not stopped and not life.adopt_stop(turn, position):
            life.protect(turn, position)
