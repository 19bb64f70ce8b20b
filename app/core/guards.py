"""What every price and every message is checked against: a new day, loss limits, kill switch, tripwires, warnings."""

from dataclasses import replace
from datetime import timedelta

from app.core import life, portfolio, risk
from app.core.alerts import AlertEvent
from app.core.latches import latch, lift
from app.core.messages import SealKillSwitch
from app.core.model import ExitReason, LatchKind, OrderStatus, Role
from app.core.state import equity, liquidated, live_orders, open_positions
from app.core.turn import Turn

KILL_SPAN = timedelta(seconds=10)  # three live prices over this long, or two closes of a candle feed


def new_day(turn: Turn) -> None:
    """Start the day of `turn.now` if it is a later one. The exchange's date decides, and it never goes back."""
    state = turn.state
    if state.account is None or portfolio.midnight(turn.now) <= state.account.day:
        return
    turn.touch()
    state.account = portfolio.new_day(state.account, turn.now, equity(state), liquidated(state))
    state.warned = []
    if lift(turn, LatchKind.DAILY_LOSS):
        turn.alert(AlertEvent.DAILY_LOSS_OVER, "a new UTC day has begun; entries are possible again")
    due = [change for change in state.pending if change.effective_at <= turn.now]
    for change in due:
        state.rules = replace(state.rules, risk=change.limits)
        state.pending.remove(change)


def check_losses(turn: Turn, *, sample: bool) -> None:
    """Daily limit and kill switch on the current price; `sample` is a price that may count towards the kill."""
    state, limits = turn.state, turn.limits
    if state.account is None or state.quote is None or not state.reconciled:
        return
    value = liquidated(state)
    day_loss = portfolio.day_loss_pct(state.account, value)
    total_loss = portfolio.total_loss_pct(state.account, value)
    if risk.reached(day_loss, limits.daily_loss_limit_pct):
        latch(turn, LatchKind.DAILY_LOSS, f"down {day_loss:.2f} % today, limit {limits.daily_loss_limit_pct} %")
    if sample:
        _sample_kill(turn, risk.reached(total_loss, limits.kill_switch_loss_pct), f"{total_loss:.2f}")
    _warn(
        turn, AlertEvent.DAILY_LOSS_WARNING, day_loss >= limits.warnings.daily_loss_pct, f"down {day_loss:.2f} % today"
    )
    _warn(
        turn,
        AlertEvent.TOTAL_LOSS_WARNING,
        total_loss >= limits.warnings.total_loss_pct,
        f"down {total_loss:.2f} % in all",
    )


def _warn(turn: Turn, event: AlertEvent, reached: bool, text: str) -> None:
    """Once a day."""
    if reached and event not in turn.state.warned:
        turn.state.warned.append(event)
        turn.alert(event, text)


def _sample_kill(turn: Turn, reached: bool, loss: str) -> None:
    """One bad price must not fire: the loss has to stand in several prices."""
    state = turn.state
    if LatchKind.KILL_SWITCH in state.latches:
        return
    if not reached:
        if state.kill_samples:
            state.kill_samples = []
            turn.touch()
        return
    state.kill_samples.append(turn.now)
    turn.touch()
    candle_fed = state.started is not None and state.started.candle_fed
    enough = len(state.kill_samples) >= (2 if candle_fed else 3)
    if enough and (candle_fed or turn.now - state.kill_samples[0] >= KILL_SPAN):
        kill(turn, f"down {loss} % in all, limit {turn.limits.kill_switch_loss_pct} %")


def kill(turn: Turn, reason: str) -> None:
    """The kill switch: the durable seal first, then everything is closed, and only a person unlocks it."""
    turn.do(SealKillSwitch(reason=reason))
    latch(turn, LatchKind.KILL_SWITCH, reason)
    turn.state.kill_samples = []
    close_all(turn, ExitReason.KILL_SWITCH)


def close_all(turn: Turn, reason: ExitReason, command_id: str = "") -> list[str]:
    """Take back entries that have not left, close every position; returns the ids of the positions closing."""
    for order in live_orders(turn.state, Role.ENTRY):
        if order.status is OrderStatus.INTENT:
            turn.move(order, OrderStatus.NOT_SENT, "everything is being closed")
            life.entry_ended(turn, turn.state.positions[order.position_id])
    closing = open_positions(turn.state)
    for position in closing:
        life.begin_close(turn, position, reason, command_id=command_id)
    return [position.id for position in closing]


def check_tripwires(turn: Turn) -> None:
    """Latch RUNAWAY where trading does more than it ever should."""
    state = turn.state
    if state.account is None or LatchKind.RUNAWAY in state.latches:
        return
    activity = risk.Activity(
        order_times=state.order_times,
        reject_times=state.reject_times,
        day_notional=state.account.day_notional,
        stop_outs=state.stop_outs,
        equity=liquidated(state),
    )
    if wire := risk.tripped(activity, turn.limits.tripwires, turn.now):
        latch(turn, LatchKind.RUNAWAY, wire)
