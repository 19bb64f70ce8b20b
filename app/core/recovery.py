"""Start-up is recovery: what a new process makes of the books it finds, and of the exchange's own truth."""

from app.core import flows, life, orders, portfolio, reports
from app.core.alerts import AlertEvent
from app.core.latches import latch
from app.core.messages import AccountSeen, Gate, ReadAccount, SealKillSwitch, Started
from app.core.model import ExitReason, LatchKind, OrderStatus, PositionStatus, Quote, Role
from app.core.money import ZERO, plain
from app.core.state import held, live_orders, open_positions
from app.core.turn import Turn


def started(turn: Turn, message: Started) -> None:
    """A process began. Orders that had not left never will; those that may have are doubtful; ask for the truth."""
    state = turn.state
    turn.touch()
    state.started, state.rules, state.instrument = message, message.rules, message.instrument
    state.reconciled = False
    state.gates = {gate: text for gate, text in state.gates.items() if gate == Gate.EXTERNAL_CHANGE}
    state.signals = {}
    state.kill_samples = []
    if message.kill_sealed:
        latch(turn, LatchKind.KILL_SWITCH, message.kill_sealed)
    elif closed := state.latches.get(LatchKind.KILL_SWITCH):
        turn.do(SealKillSwitch(reason=closed.reason))
    for order in live_orders(state):
        if order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, "the program stopped before it left")
        elif order.status is OrderStatus.SENDING:
            turn.doubt(order, OrderStatus.UNKNOWN, "the program stopped while it was being sent")
        elif order.status is OrderStatus.CANCELLING:
            turn.doubt(order, OrderStatus.CANCEL_UNKNOWN, "the program stopped while it was being cancelled")
    _close_bare_entries(turn)
    ask_for_truth(turn, "start")


def _close_bare_entries(turn: Turn) -> None:
    """Positions whose entry never left hold nothing."""
    for position in open_positions(turn.state):
        entries = [o for o in turn.state.orders.values() if o.position_id == position.id and o.role is Role.ENTRY]
        if all(order.status in orders.TERMINAL for order in entries) and not position.net_quantity:
            life.entry_ended(turn, position)


def ask_for_truth(turn: Turn, reason: str) -> None:
    """Balances, open orders, and every order of ours that may still change."""
    doubtful = tuple(order.id for order in live_orders(turn.state))
    turn.do(ReadAccount(symbol=turn.instrument.symbol, doubtful=doubtful, reason=reason))


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
    for report in message.reports:
        reports.apply_report(turn, report)
    _doubt_the_missing(turn, message)
    if _quiet(turn):
        flows.explain(turn, message)
        if not first:
            _compare(turn, message)
    if not state.reconciled:
        turn.touch()
        state.reconciled = True
        _resume_positions(turn)


def _doubt_the_missing(turn: Turn, message: AccountSeen) -> None:
    """Orders that we hold for open but that the exchange did not mention."""
    mentioned = {report.client_order_id for report in message.reports} | set(message.open_ids)
    for order in live_orders(turn.state):
        resting = order.status in (OrderStatus.OPEN, OrderStatus.PARTIAL, OrderStatus.CANCELLING)
        if resting and order.id not in mentioned and order.updated_at < message.at:
            turn.doubt(order, OrderStatus.UNKNOWN, "the exchange did not mention it")


def _quiet(turn: Turn) -> bool:
    """No order whose fills could still be under way: only then can balances be compared."""
    return all(order.role is Role.STOP and order.status is OrderStatus.OPEN for order in live_orders(turn.state))


def _compare(turn: Turn, message: AccountSeen) -> None:
    """Balances against books: missing bitcoin stops entries; missing money is a loss; a surplus is not ours.

    Balances and orders are not read in the same instant, so a difference counts when it is seen a second time.
    """
    state, texts = turn.state, []
    missing = held(state) - message.base_total
    if missing > turn.instrument.dust:
        texts.append(f"{plain(missing)} {turn.instrument.base} of ours are missing on the exchange")
    residual = message.quote_total - turn.account.cash
    unexplained = abs(residual) > flows.tolerance(turn)
    if unexplained:
        texts.append(f"cash differs by {residual:.2f} {turn.instrument.quote} from what our trades explain")
    text = "; ".join(texts)
    if text != state.difference:
        state.difference = text
        turn.touch()
    elif text:
        _close_gate(turn, text)
        if unexplained and residual < ZERO and message.flows is not None:  # else it may yet be a withdrawal
            turn.set_account(cash=turn.account.cash + residual)


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
        if killed and position.exit_reason is None:
            life.begin_close(turn, position, ExitReason.KILL_SWITCH)
        elif position.status is PositionStatus.CLOSING:
            life.clear_the_way(turn, position)
        elif position.status is not PositionStatus.ENTERING and not stopped and not life.adopt_stop(turn, position):
            life.protect(turn, position)
