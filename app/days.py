"""A day as it was lived, gathered while its journal is replayed: what people and the market did, what was decided,
what came of it. The other side of every comparison with a backtest. Pure.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app import codec
from app.core.decisions import Decision
from app.core.engine import Engine
from app.core.messages import AnyCommand, ChangeRisk, ChangeVoting, Event, SignalGiven, Started
from app.core.model import Instrument, Position, PositionStatus, Signal, Trade
from app.core.money import ZERO
from app.core.rules import Rules
from app.core.state import equity, open_positions, standing
from app.ports import JournalRow


@dataclass(slots=True, kw_only=True)
class Lived:
    """`began` is when trading could begin: the day's start, or the moment the account was first known. `rules`,
    `equity` (cash and bitcoin) and `carried` (open positions) are those of that moment. `standings` says from when on
    trading was open, or why not.
    """

    day: datetime
    began: datetime | None = None
    rules: Rules = field(default_factory=Rules)
    instrument: Instrument | None = None
    live: bool = False  # real money
    config_sha256: str = ""
    equity: Decimal = ZERO
    carried: list[Position] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)  # closed within the day
    open: list[Position] = field(default_factory=list)  # when it ended
    unfilled: list[Position] = field(default_factory=list)  # entries that bought nothing
    standings: list[tuple[datetime, str]] = field(default_factory=list)  # (since, "" or why there was no trading)
    notes: list[str] = field(default_factory=list)
    wall_from: datetime | None = None
    wall_until: datetime | None = None

    def why_shut(self, at: datetime) -> str:
        """Why nobody traded at `at`; "" while trading was open."""
        return next((why for since, why in reversed(self.standings) if since <= at), "")


class DayBook:
    """Implements app.replaying.Witness."""

    def __init__(self, day: datetime) -> None:
        self.lived = Lived(day=day)

    def before(self, engine: Engine) -> None:
        self._begin(engine, self.lived.day)
        self.lived.signals += [signal for _, signal in sorted(engine.state.signals.items())]

    def after(self, engine: Engine, row: JournalRow) -> None:
        lived, state = self.lived, engine.state
        if lived.began is None:
            self._begin(engine, row.at)
        lived.wall_from = lived.wall_from or row.recorded_at
        lived.wall_until = row.recorded_at
        self._hear(codec.decode(row.message))
        for changed in engine.changes:
            if isinstance(changed, Decision):
                lived.decisions.append(changed)
            elif isinstance(changed, Trade):
                lived.trades.append(changed)
            elif isinstance(changed, Position) and changed.closed_at and not changed.net_quantity:
                lived.unfilled.append(changed)
        self._stand(engine, row.at)
        lived.open = [each for each in open_positions(state) if each.status is not PositionStatus.ENTERING]

    def _begin(self, engine: Engine, at: datetime) -> None:
        lived, state = self.lived, engine.state
        if state.account is None or state.started is None or (state.quote is None and state.positions):
            return
        lived.began, lived.rules, lived.instrument = at, state.rules, state.instrument
        lived.live, lived.config_sha256 = state.started.live, state.started.config_sha256
        lived.equity = equity(state)
        lived.carried = list(open_positions(state))
        self._stand(engine, at)

    def _stand(self, engine: Engine, at: datetime) -> None:
        name, reason, _ = standing(engine.state, at)
        why = "" if name == "TRADING" else f"{name.lower()} ({reason})" if reason else name.lower()
        if not self.lived.standings or self.lived.standings[-1][1] != why:
            self.lived.standings.append((at, why))

    def _hear(self, message: Event | AnyCommand) -> None:
        lived = self.lived
        match message:
            case SignalGiven(signal=signal):
                lived.signals.append(signal)
            case Started(at=at) if lived.began is not None and lived.began != at:
                lived.notes.append(f"{at:%H:%M} the trader was started again")
            case ChangeVoting(at=at, note=note):
                lived.notes.append(f"{at:%H:%M} the vote was changed: {note}")
            case ChangeRisk(at=at, name=name, value=value):
                lived.notes.append(f"{at:%H:%M} a limit was changed: {name} {value}")
            case _:
                pass
