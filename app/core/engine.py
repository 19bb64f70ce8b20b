"""`Engine.handle(message) -> list[Action]`: the only place where trading state changes.

Pure and synchronous: the same messages give the same actions and the same state, whoever feeds them. A price tick
may change one thing, the latest quote; `touched` says whether the last message changed anything more, and thus
belongs into the journal.
"""

from typing import assert_never

from app.core import entries, flows, guards, life, orders, portfolio, recovery, reports, retries, watching
from app.core.alerts import AlertEvent
from app.core.errors import InvariantError
from app.core.guards import Sample
from app.core.latches import latch, lift
from app.core.limits import carried
from app.core.messages import (
    AccountSeen,
    Action,
    AnyCommand,
    CancelUncertain,
    CandleClosed,
    ChangeRisk,
    ChangeVoting,
    CloseAll,
    ClosePosition,
    Event,
    FlowSeen,
    Gate,
    GateClosed,
    GateOpened,
    InstrumentChanged,
    NoticeGiven,
    OrderNotFound,
    OrderNotSent,
    OrderRefused,
    OrderReported,
    OrderSending,
    OrdersListed,
    OrderUncertain,
    Pause,
    PriceSeen,
    Resume,
    SignalGiven,
    Started,
    TakeBack,
    TimePassed,
    Unlock,
    UnsealKillSwitch,
    VoteCalled,
)
from app.core.model import ExitReason, LatchKind, OrderStatus, Quote
from app.core.money import ONE, ZERO
from app.core.state import PendingChange, State, at_of, liquidated, open_positions, standing
from app.core.turn import Changed, Turn
from app.core.values import changed

__all__ = ["Engine"]

BEGINS_BY_ITSELF = (PriceSeen, CandleClosed, Started)  # a new day begins on the new price, or by the new rules
WEIGHED_AFTERWARDS = (OrderReported, OrderRefused, VoteCalled, AccountSeen)

# Gates that people are told of when they close. Whoever watches the connection tells of it in its own time.
TOLD = {
    Gate.LIVE_CHECK: AlertEvent.LIVE_CHECK,
    Gate.CLOCK: AlertEvent.CLOCK,
    Gate.DISK: AlertEvent.DISK,
    Gate.DATABASE: AlertEvent.DATABASE,
    Gate.MARKET_ENDED: AlertEvent.MARKET_ENDED,
}


class Engine:
    """Feed it messages in order; perform the actions it returns."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.changes: tuple[Changed, ...] = ()  # rows that the last message changed
        self.touched = False

    @property
    def trading(self) -> bool:
        """Whether votes are held and strategies asked."""
        return standing(self.state, self.state.now)[0] == "TRADING"

    def handle(self, message: Event | AnyCommand) -> list[Action]:
        """Take one message in. InvariantError means a bug: stop, recover from the journal."""
        turn = Turn(self.state, at_of(message, self.state))
        self.state.now = turn.now
        if not isinstance(message, BEGINS_BY_ITSELF):
            guards.new_day(turn)
        self._take(turn, message)
        if isinstance(message, WEIGHED_AFTERWARDS):
            guards.check(turn)
        self.changes = tuple(turn.changes.values())
        self.touched = turn.touched or bool(turn.actions)
        return turn.actions

    def _take(self, turn: Turn, message: Event | AnyCommand) -> None:
        match message:
            case PriceSeen():
                _price(turn, message)
            case CandleClosed():
                _candle(turn, message)
            case OrderReported(report=report):
                reports.apply_report(turn, report)
            case TimePassed():
                _time(turn)
            case SignalGiven(signal=signal):
                turn.state.signals[signal.strategy] = signal
                turn.touch()
            case VoteCalled():
                entries.vote_called(turn, message)
            case Pause() | Resume() | ClosePosition() | CloseAll() | Unlock():
                _command(turn, message)
            case ChangeRisk() | TakeBack() | ChangeVoting():
                _change(turn, message)
            case _:
                _exchange(turn, message)


# ---------------------------------------------------------------- the market


def _price(turn: Turn, message: PriceSeen) -> None:
    if not _possible(message):
        return
    if message.source == "reference":
        turn.state.reference_price = message.bid
        turn.touch()
        return
    turn.state.quote = Quote(bid=message.bid, ask=message.ask, at=turn.now)
    guards.new_day(turn)
    guards.check_losses(turn, liquidated(turn.state), sample=Sample.ASKED if message.source == "asked" else Sample.FEED)
    _time(turn)


def _possible(message: PriceSeen) -> bool:
    """Impossible prices change nothing: the last good one grows stale instead."""
    return message.bid.is_finite() and message.ask.is_finite() and ZERO < message.bid <= message.ask


def _candle(turn: Turn, message: CandleClosed) -> None:
    state, candle = turn.state, message.candle
    candle_fed = state.started is not None and state.started.candle_fed
    if candle_fed or message.late:
        state.quote = Quote(bid=candle.close, ask=candle.close, at=turn.now)
    guards.new_day(turn)
    if candle_fed and not message.late:
        guards.check_losses(turn, liquidated(state), sample=Sample.FEED)
    for position in open_positions(state):
        if candle.closed_at > position.opened_at:
            life.trail(turn, position, candle.close, late=message.late)
    _time(turn)
    if turn.touched:
        state.last_candle_at = candle.opened_at


def _time(turn: Turn) -> None:
    """What time alone may bring."""
    if not turn.state.reconciled:
        return
    reports.chase_doubts(turn)
    guards.seek_certainty(turn)
    for position in open_positions(turn.state):
        watching.watch(turn, position)
    life.cancel_again(turn)


# ---------------------------------------------------------------- the exchange


def _exchange(turn: Turn, message: Event | AnyCommand) -> None:
    state = turn.state
    match message:
        case OrderSending() | OrderNotSent() | OrderUncertain() | CancelUncertain():
            _order(turn, message)
        case Started():
            recovery.started(turn, message)
        case AccountSeen():
            recovery.account_seen(turn, message)
        case OrdersListed(at=at, open_ids=ids):
            recovery.doubt_the_missing(turn, at, frozenset(ids))
        case InstrumentChanged(instrument=instrument):
            if instrument.trading and state.instrument is not None and not state.instrument.trading:
                retries.start_anew(turn)
            state.instrument = instrument
            turn.touch()
        case OrderRefused():
            reports.refused(turn, message)
        case OrderNotFound():
            reports.not_found(turn, message)
        case FlowSeen():
            flows.seen(turn, message)
        case NoticeGiven(event=event, text=text):
            turn.alert(event, text)
        case GateClosed(gate=gate, text=text):
            if gate is Gate.EXCHANGE_REFUSES:
                latch(turn, LatchKind.AUTH, text)  # a person looks, though the key may be taken again
            if gate not in state.gates and gate in TOLD:
                turn.alert(TOLD[gate], text)
            if state.gates.get(gate) != text:
                state.gates[gate] = text
                turn.touch()
        case GateOpened(gate=gate):
            if state.gates.pop(gate, None) is not None:
                turn.touch()
                if gate in (Gate.EXCHANGE_REFUSES, Gate.EXCHANGE_UNREACHABLE):
                    retries.exchange_is_back(turn)
        case _:
            raise InvariantError(f"nobody takes {type(message).__name__}")


def _order(turn: Turn, message: OrderSending | OrderNotSent | OrderUncertain | CancelUncertain) -> None:
    order = turn.state.orders.get(message.client_order_id)
    if order is None or order.status in orders.TERMINAL:
        return
    match message:
        case OrderSending():
            if order.status is OrderStatus.INTENT:
                turn.put(orders.moved(order, OrderStatus.SENDING, turn.now, sent_at=turn.now))
        case OrderNotSent(reason=reason) if orders.can_become(order, OrderStatus.NOT_SENT):
            reports.follow_up(turn, turn.move(order, OrderStatus.NOT_SENT, reason))
        case OrderNotSent(reason=reason):
            turn.doubt(order, OrderStatus.UNKNOWN, reason)
        case OrderUncertain(reason=reason):
            turn.doubt(order, OrderStatus.UNKNOWN, reason)
        case CancelUncertain(reason=reason):
            turn.doubt(order, OrderStatus.CANCEL_UNKNOWN, reason)
        case _ as unexpected:
            assert_never(unexpected)


# ---------------------------------------------------------------- people


def _command(turn: Turn, command: Pause | Resume | ClosePosition | CloseAll | Unlock) -> None:
    state = turn.state
    turn.touch()
    match command:
        case Pause():
            state.paused = True
        case Resume():
            state.paused = False
            state.acknowledged = state.gates.pop(Gate.EXTERNAL_CHANGE, state.acknowledged)
            for each in open_positions(state):
                life.release(turn, each)
        case ClosePosition(position_id=id):
            position = turn.position(id)
            if position is not None:
                life.release(turn, position)
                life.begin_close(turn, state.positions[id], ExitReason.MANUAL, command_id=command.id)
        case CloseAll():
            guards.close_all(turn, ExitReason.MANUAL, command_id=command.id)
        case Unlock(kind=kind):
            _unlock(turn, kind)
        case _ as unexpected:
            assert_never(unexpected)


def _unlock(turn: Turn, kind: LatchKind) -> None:
    state = turn.state
    if kind not in state.latches:
        return
    lift(turn, kind)
    retries.start_anew(turn)
    state.stop_outs = 0
    state.order_times, state.reject_times = [], []
    if kind is LatchKind.KILL_SWITCH:
        turn.do(UnsealKillSwitch())
        _new_baseline(turn)


def _new_baseline(turn: Turn) -> None:
    """After the kill switch was unlocked losses are measured from here."""
    value = liquidated(turn.state)
    turn.set_account(units=max(value, ZERO), day_nav=ONE, idle_nav=ONE, first_equity=value, flows=ZERO)


def _change(turn: Turn, command: ChangeRisk | TakeBack | ChangeVoting) -> None:
    state = turn.state
    turn.touch()
    match command:
        case ChangeRisk():
            _change_risk(turn, command)
        case TakeBack(change_id=id):
            state.pending = [change for change in state.pending if change.id != id]
        case ChangeVoting(rules=rules):
            state.rules = changed(state.rules, voting=rules.voting)
        case _ as unexpected:
            assert_never(unexpected)


def _change_risk(turn: Turn, command: ChangeRisk) -> None:
    """What waits under the same name gives way: a person's last word counts."""
    state = turn.state
    state.pending = [change for change in state.pending if change.name != command.name]
    if command.now:
        state.rules = changed(state.rules, risk=carried(state.rules.risk, command.before, command.limits))
        return
    state.pending.append(
        PendingChange(
            id=command.id,
            name=command.name,
            value=command.value,
            limits=command.limits,
            effective_at=portfolio.next_midnight(turn.now),
            before=command.before,
        )
    )
