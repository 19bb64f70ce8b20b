"""Limits while it trades: what they are, what a person's wish comes to, and the file that keeps them over a restart.

Safer is instant, riskier waits for 00:00 UTC. What the engine has is the truth; risk.yml follows it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from app.core import portfolio
from app.core.errors import ConfigError
from app.core.limits import Limit, carried, changed, differing, is_safer, named
from app.core.messages import AnyCommand, ChangeRisk, Event, TakeBack
from app.core.money import ZERO, pct_of, plain
from app.core.rules import RiskLimits
from app.core.state import State, held, liquidated, open_positions
from app.faces import LimitKey, LimitsFace, Waits
from app.ports import Conflict
from app.seam import Clock, Tasks
from app.session import Session
from app.strategy_files import Unfit

AGAIN_SECONDS = 60
TOGETHER = "; this counts what waits for 00:00 UTC, too: take that back first, or change both"

log = logging.getLogger(__name__)
TakeItBack = Callable[[], Awaitable[None]]


class LimitsFile(Protocol):
    """risk.yml, and what it takes for each key."""

    @property
    def keys(self) -> Sequence[LimitKey]: ...

    def read(self, name: str, value: object) -> Limit:
        """What somebody typed or sent. Unfit: it is none, or out of bounds."""

    def check(self, limits: RiskLimits) -> None:
        """Whether they go together. Unfit, with the cure."""

    async def save(self, values: Mapping[str, Limit]) -> TakeItBack:
        """Returns what puts the file back. ConfigError: nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a wish comes to: at once, at 00:00 UTC, and changes that wait no more."""

    now: Mapping[str, Limit]
    later: Mapping[str, Limit]
    dropped: tuple[str, ...] = ()  # ids

    @property
    def empty(self) -> bool:
        return not (self.now or self.later or self.dropped)


class LimitsDesk:
    """`saved` are the limits that the file held when this process read it."""

    def __init__(
        self,
        session: Session,
        file: LimitsFile,
        saved: RiskLimits,
        *,
        new_id: Callable[[], str],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._session, self._file, self._saved = session, file, saved
        self._new_id, self._clock, self._tasks = new_id, clock, tasks
        self._seen: RiskLimits | None = None
        self._keeping = False
        self._one_save = asyncio.Lock()

    @property
    def _state(self) -> State:
        return self._session.engine.state

    # ------------------------------------------------------------ what people see

    def look(self) -> LimitsFace:
        state = self._state
        waiting = tuple(
            Waits(id=each.id, name=each.name, value=each.value, effective_at=each.effective_at)
            for each in state.pending
        )
        values = named(state.rules.risk)
        return LimitsFace(keys=tuple(self._file.keys), values=values, pending=waiting, used=used(state))

    # ------------------------------------------------------------ a person's wish

    def planned(self, wanted: Mapping[str, object]) -> Plan:
        """Unfit: a value cannot be, or not beside the others."""
        state = self._state
        limits, old = state.rules.risk, named(state.rules.risk)
        values = {name: self._file.read(name, value) for name, value in wanted.items()}
        new = {name: value for name, value in values.items() if value != old[name]}
        now = {name: value for name, value in new.items() if is_safer(name, old[name], value)}
        later = {name: value for name, value in new.items() if name not in now}
        dropped = tuple(each.id for each in state.pending if each.name in values and each.name not in new)
        self._file.check(changed(limits, now))
        self._check_midnight(changed(self._coming(without=frozenset(values)), new))
        return Plan(now=now, later=later, dropped=dropped)

    def _coming(self, without: frozenset[str] = frozenset(), id: str = "") -> RiskLimits:
        """The limits as they will be after 00:00 UTC."""
        limits = self._state.rules.risk
        for change in self._state.pending:
            if change.name not in without and change.id != id:
                limits = carried(limits, change.before, change.limits)
        return limits

    def _check_midnight(self, limits: RiskLimits) -> None:
        try:
            self._file.check(limits)
        except Unfit as unfit:
            raise Unfit(f"{unfit}{TOGETHER if self._state.pending else ''}") from unfit

    def commands(self, plan: Plan, actor: str) -> list[AnyCommand]:
        before, at = self._state.rules.risk, self._session.now()
        found: list[AnyCommand] = [TakeBack(at=at, id=self._new_id(), actor=actor, change_id=id) for id in plan.dropped]
        for values, now in ((plan.now, True), (plan.later, False)):
            found += [
                ChangeRisk(
                    at=at,
                    id=self._new_id(),
                    actor=actor,
                    limits=changed(before, {name: value}),
                    name=name,
                    value=shown(value),
                    now=now,
                    before=before,
                )
                for name, value in values.items()
            ]
        return found

    def taking_back(self, id: str, actor: str) -> TakeBack:
        """KeyError: nothing with this id waits. Conflict: what else waits does not go without it."""
        if all(change.id != id for change in self._state.pending):
            raise KeyError(id)
        try:
            self._file.check(self._coming(id=id))
        except Unfit as unfit:
            text = f"what else waits for 00:00 UTC does not go without it: {unfit}; take that back first"
            raise Conflict(text) from unfit
        return TakeBack(at=self._session.now(), id=self._new_id(), actor=actor, change_id=id)

    # ------------------------------------------------------------ the file in step with the engine

    async def save(self, values: Mapping[str, Limit]) -> TakeItBack:
        """What is about to be commanded. ConfigError: nothing was written, and nothing may be commanded."""
        if not values:
            return _nothing
        async with self._one_save:
            undo, before = await self._file.save(values), self._saved
            self._saved = changed(before, values)

        async def take_back() -> None:
            async with self._one_save:
                await undo()
                self._saved = before
            self._look_again()

        return take_back

    def hear(self, message: Event | AnyCommand) -> None:
        """An observer of the session: a change that waited came into force, or the file was never written."""
        if self._state.rules.risk is not self._seen:
            self._seen = self._state.rules.risk
            self._look_again()

    def _look_again(self) -> None:
        if self._state.rules.risk != self._saved and not self._keeping:
            self._keeping = True
            self._tasks.start(self._keep(), "limits into risk.yml")

    async def _keep(self) -> None:
        """Until the file says what counts: a restart must not go back to what was before."""
        try:
            while values := differing(self._saved, self._state.rules.risk):
                try:
                    async with self._one_save:
                        await self._file.save(values)
                        self._saved = changed(self._saved, values)
                except ConfigError as error:
                    log.error("limits in force are not in risk.yml yet (%s); trying again", error)
                    await self._clock.sleep(AGAIN_SECONDS)
        finally:
            self._keeping = False


async def _nothing() -> None:
    return None


def shown(value: Limit) -> str:
    """As risk.yml has it."""
    return "null" if value is None else value if isinstance(value, str) else plain(Decimal(value))


def used(state: State) -> dict[str, object]:
    """How much of the limits is taken now."""
    account = state.account
    if account is None:
        return {}
    worth = liquidated(state)
    return {
        "exposure_pct": pct_of(held(state) * state.quote.bid, worth) if state.quote and worth > ZERO else ZERO,
        "open_positions": len(open_positions(state)),
        "entries_today": account.day_entries,
        "day_loss_pct": portfolio.day_loss_pct(account, worth) if state.quote else ZERO,
        "total_loss_pct": portfolio.total_loss_pct(account, worth) if state.quote else ZERO,
    }
