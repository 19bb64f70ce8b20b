"""The read-only face of the running engine for pages and the API: figures, positions, and news of changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from app.channels import ChannelState
from app.core.decisions import Decision
from app.core.messages import AnyCommand, Event
from app.core.model import Order, Position, PositionStatus, Signal
from app.core.money import HUNDRED, ONE, ZERO
from app.core.portfolio import Account
from app.core.state import State, equity, open_positions, price_of, protection, standing
from app.faces import LimitKey, LimitsFace, VoteFace
from app.notices import Told
from app.ports import Row, Status
from app.seam import Clock, Tasks
from app.session import Session

QUIET_SECONDS = 0.2  # at most five renders a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What does not change while the process runs."""

    mode: str
    market: str
    symbol: str
    ledger: str
    version: str


class Alerts(Protocol):
    """How alerts stand, for whoever looks."""

    @property
    def unseen(self) -> Sequence[Told]: ...

    @property
    def latest(self) -> str: ...

    def states(self) -> Sequence[ChannelState]: ...


class NoAlerts:
    unseen: tuple[Told, ...] = ()
    latest = ""

    def states(self) -> Sequence[ChannelState]:
        return ()


class View:
    """Implements app.ports.EngineView."""

    def __init__(
        self,
        session: Session,
        labels: Labels,
        *,
        clock: Clock,
        tasks: Tasks,
        two_factor: Callable[[], bool],
        user_data: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._session, self._labels, self._clock, self._tasks = session, labels, clock, tasks
        self._two_factor, self._user_data = two_factor, user_data
        self.alerts: Alerts = NoAlerts()
        self.last_replay: Callable[[], Row | None] = lambda: None
        self.strategy_rows: Callable[[], Sequence[Row]] = lambda: ()
        self.limits_face: Callable[[], LimitsFace] = lambda: LimitsFace(keys=(), values={})
        self.threshold_keys: Sequence[LimitKey] = ()
        self._callbacks: list[Callable[[], None]] = []
        self._told_at = float("-inf")
        self._later = False
        session.observe(self._hear)

    @property
    def _state(self) -> State:
        return self._session.engine.state

    # ------------------------------------------------------------ figures

    def status(self) -> Status:
        state, labels, now = self._state, self._labels, self._session.now()
        name, reason, resumes_at = standing(state, now)
        worth = equity(state)
        covered, at_risk = protection(state)
        day, day_pct, total, total_pct = profits(state.account, worth)
        return Status(
            mode=labels.mode,
            market=labels.market,
            symbol=labels.symbol,
            ledger=labels.ledger,
            state=name,
            reason=reason,
            resumes_at=resumes_at,
            price=price_of(state) if state.quote else None,
            price_at=state.quote.at if state.quote else None,
            market_at=now,
            connected=state.reconciled and "exchange_unreachable" not in state.gates,
            equity=worth,
            cash=state.account.cash if state.account else ZERO,
            day_pnl=day,
            day_pnl_pct=day_pct,
            total_pnl=total,
            total_pnl_pct=total_pct,
            open_positions=len(self.positions()),
            trades_today=state.account.day_trades if state.account else 0,
            protected_pct=covered,
            max_loss_if_server_dies=at_risk,
            two_factor=self._two_factor(),
            version=labels.version,
            user_data=self._user_data(),
            channels=tuple(self.alerts.states()),
            unseen_alerts=tuple(self.alerts.unseen),
            latest_alert=self.alerts.latest,
            last_replay=self.last_replay(),
        )

    def positions(self) -> Sequence[Position]:
        """Those that hold bitcoin; an entry still on its way is an order, not yet a position."""
        return [each for each in open_positions(self._state) if each.status is not PositionStatus.ENTERING]

    def order(self, id: str) -> Order | None:
        return self._state.orders.get(id)

    def unrealized(self, position: Position) -> Decimal:
        """Of what is left, at the price, with its share of the cost."""
        if not position.quantity:
            return ZERO
        share = position.remaining / position.quantity
        return position.remaining * price_of(self._state) - position.cost * share

    def latest_decision(self) -> Decision | None:
        return self._state.last_decision

    def latest_signals(self) -> Sequence[Signal]:
        return [signal for _, signal in sorted(self._state.signals.items())]

    def strategies(self) -> Sequence[Row]:
        return self.strategy_rows()

    def limits(self) -> LimitsFace:
        return self.limits_face()

    def vote(self) -> VoteFace:
        last, keys = self._state.last_decision, tuple(self.threshold_keys)
        if last is None:
            return VoteFace(keys=keys, rules=self._state.rules.voting)
        signals = {signal.strategy: signal for signal in last.signals}
        return VoteFace(keys=keys, rules=self._state.rules.voting, signals=signals, at=last.at)

    # ------------------------------------------------------------ news

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)

        def end() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return end

    def _hear(self, message: Event | AnyCommand) -> None:
        """The first change is told at once; a flood is told five times a second, the last one always."""
        if not self._callbacks:
            return
        waited = self._clock.monotonic() - self._told_at
        if waited >= QUIET_SECONDS:
            self._tell()
        elif not self._later:
            self._later = True
            self._tasks.start(self._tell_later(QUIET_SECONDS - waited), "telling pages")

    async def _tell_later(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._later = False
        self._tell()

    def _tell(self) -> None:
        self._told_at = self._clock.monotonic()
        for callback in list(self._callbacks):
            callback()


def profits(account: Account | None, worth: Decimal) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """(today's, in per cent, in all, in per cent): money without flows, per cent per unit."""
    if account is None:
        return ZERO, ZERO, ZERO, ZERO
    day = worth - account.day_equity - account.day_flows
    total = worth - account.first_equity - account.flows
    if not account.units:
        return day, ZERO, total, ZERO
    value = worth / account.units
    then = account.day_equity / account.day_units if account.day_units else ONE
    return day, (value / then - ONE) * HUNDRED if then else ZERO, total, (value - ONE) * HUNDRED
