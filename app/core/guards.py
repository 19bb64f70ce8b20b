"""What every price and every message is checked against: a new day, loss limits, kill switch, tripwires, warnings."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from app.core import life, portfolio, risk
from app.core.alerts import AlertEvent
from app.core.latches import latch, lift
from app.core.limits import carried
from app.core.messages import ConfirmPrice, SealKillSwitch
from app.core.model import ExitReason, LatchKind, OrderStatus, Role
from app.core.state import KillEvidence, equity, liquidated, live_orders, open_positions
from app.core.turn import Turn
from app.core.values import changed

# The kill switch believes two sources so far apart, three prices of one over so long, or two closes of a candle feed.
KILL_APART = timedelta(seconds=2)
KILL_SPAN = timedelta(seconds=10)
ASK_EVERY = timedelta(seconds=1)
DAY = timedelta(days=1)


class Sample(Enum):
    """What kind of price losses are looked at with."""

    NONE = "no new price"
    FEED = "the market's feed"
    ASKED = "asked for by another way"


def new_day(turn: Turn) -> None:
    """Start the day of `turn.now` if it is a later one. The exchange's date decides, and it never goes back."""
    state = turn.state
    if state.account is None or turn.now < state.account.day + DAY:
        return
    turn.touch()
    state.account = portfolio.new_day(state.account, turn.now, equity(state), liquidated(state))
    state.warned = []
    if lift(turn, LatchKind.DAILY_LOSS):
        turn.alert(AlertEvent.DAILY_LOSS_OVER, "a new UTC day has begun; entries are possible again")
    due = [change for change in state.pending if change.effective_at <= turn.now]
    for change in due:
        state.rules = changed(state.rules, risk=carried(state.rules.risk, change.before, change.limits))
        state.pending.remove(change)


def check(turn: Turn) -> None:
    """After anything that moves money or orders."""
    if turn.state.account is not None:
        value = liquidated(turn.state)
        check_losses(turn, value)
        check_tripwires(turn, value)


def check_losses(turn: Turn, value: Decimal, *, sample: Sample = Sample.NONE) -> None:
    """Daily limit and kill switch on the current price, at which all is worth `value`; a `sample` may count towards
    the kill."""
    state, limits = turn.state, turn.limits
    if state.account is None or state.quote is None or not state.reconciled:
        return
    day_loss, total_loss = portfolio.losses_pct(state.account, value)
    if risk.reached(day_loss, limits.daily_loss_limit_pct):
        latch(turn, LatchKind.DAILY_LOSS, f"down {day_loss:.2f} % today, limit {limits.daily_loss_limit_pct} %")
    if sample is not Sample.NONE:
        _sample_kill(turn, sample, total_loss)
    if day_loss >= limits.warnings.daily_loss_pct:
        _warn(turn, AlertEvent.DAILY_LOSS_WARNING, f"down {day_loss:.2f} % today")
    if total_loss >= limits.warnings.total_loss_pct:
        _warn(turn, AlertEvent.TOTAL_LOSS_WARNING, f"down {total_loss:.2f} % in all")


def _warn(turn: Turn, event: AlertEvent, text: str) -> None:
    """Once a day."""
    if event not in turn.state.warned:
        turn.state.warned.append(event)
        turn.alert(event, text)


def _sample_kill(turn: Turn, sample: Sample, loss_pct: Decimal) -> None:
    """One bad price must not fire: the loss has to stand in several prices, and in two sources where there are two."""
    state = turn.state
    if LatchKind.KILL_SWITCH in state.latches:
        return
    if not risk.reached(loss_pct, turn.limits.kill_switch_loss_pct):
        if state.kill is not None:
            state.kill = None
            turn.touch()
        return
    turn.touch()
    candle_fed = state.started is not None and state.started.candle_fed
    state.kill = _with_sample(state.kill or KillEvidence(ask_at=turn.now), sample, turn.now)
    if _is_believed(state.kill, candle_fed=candle_fed):
        kill(turn, f"down {loss_pct:.2f} % in all, limit {turn.limits.kill_switch_loss_pct} %")


def seek_certainty(turn: Turn) -> None:
    """While a live market's prices say that the kill switch is due, another source is asked, once a second."""
    seen, started = turn.state.kill, turn.state.started
    candle_fed = started is not None and started.candle_fed
    if seen is not None and not candle_fed and turn.now >= seen.ask_at:
        turn.state.kill = changed(seen, ask_at=turn.now + ASK_EVERY)
        turn.do(ConfirmPrice(symbol=turn.instrument.symbol))


def _with_sample(seen: KillEvidence, sample: Sample, at: datetime) -> KillEvidence:
    if sample is Sample.ASKED:
        return changed(seen, asked=(*seen.asked, at))
    return changed(seen, feed=(*seen.feed, at))


def _is_believed(seen: KillEvidence, *, candle_fed: bool) -> bool:
    if candle_fed:
        return len(seen.feed) >= 2
    two_sources = bool(seen.feed and seen.asked)
    return (two_sources and seen.span >= KILL_APART) or (len(seen.feed) >= 3 and seen.span >= KILL_SPAN)


def kill(turn: Turn, reason: str) -> None:
    """The kill switch: the durable seal first, then everything is closed, and only a person unlocks it."""
    turn.do(SealKillSwitch(reason=reason))
    latch(turn, LatchKind.KILL_SWITCH, reason)
    turn.state.kill = None
    close_all(turn, ExitReason.KILL_SWITCH)


def close_all(turn: Turn, reason: ExitReason, command_id: str = "") -> list[str]:
    """Take back entries that have not left, close every position, even one in quarantine; returns their ids."""
    for order in live_orders(turn.state, Role.ENTRY):
        if order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, "everything is being closed")
            life.entry_ended(turn, turn.state.positions[order.position_id])
    closing = [position.id for position in open_positions(turn.state)]
    for id in closing:
        life.release(turn, turn.state.positions[id])
        life.begin_close(turn, turn.state.positions[id], reason, command_id=command_id)
    return closing


def check_tripwires(turn: Turn, value: Decimal) -> None:
    """Latch RUNAWAY where trading does more than it ever should."""
    state = turn.state
    if state.account is None or LatchKind.RUNAWAY in state.latches:
        return
    activity = risk.Activity(
        order_times=state.order_times,
        reject_times=state.reject_times,
        day_notional=state.account.day_notional,
        stop_outs=state.stop_outs,
        equity=value,
    )
    if wire := risk.tripped(activity, turn.limits.tripwires, turn.now):
        latch(turn, LatchKind.RUNAWAY, wire)
