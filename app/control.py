"""The only door for people: second factor, audit, then the inbox. What lowers risk never needs the second factor."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from app.channels import ChannelState
from app.core.errors import NotAuthorized, SecondFactorNeeded, TraderError
from app.core.limits import is_safer
from app.core.messages import AnyCommand, CloseAll, ClosePosition, Command, Pause, Resume, Unlock
from app.core.model import LatchKind, PositionStatus
from app.core.money import plain
from app.core.rules import StrategyRule
from app.core.state import open_positions, standing
from app.faces import Wish
from app.limits_desk import LimitsDesk, shown
from app.ports import Conflict, Who
from app.seam import Tasks
from app.session import Session
from app.voters import Voters

UNLOCK_PHRASE = "UNLOCK TRADING"
TIME_TO_READ = timedelta(hours=1)  # of market time, after a kill


class SecondFactor(Protocol):
    def enrolled(self, username: str) -> bool: ...

    def verify(self, username: str, code: str) -> bool:
        """True once for a good code; the same code does not work again."""

    async def confirm(self, who: str, password: str, address: str) -> bool:
        """Whether this person knows the password."""


class Record(Protocol):
    """Writes one line of the audit trail."""

    def __call__(self, *, actor: str, action: str, target: str, detail: str, address: str, result: str) -> None: ...


class Saving(Protocol):
    """Writes what is to hold after a restart too. Raises ConfigError with nothing written."""

    async def __call__(
        self,
        rules: Sequence[tuple[StrategyRule, str]],
        others: Sequence[StrategyRule],
        thresholds: Mapping[str, Decimal],
    ) -> Callable[[], Awaitable[None]]:
        """Strategies, each with the SHA-256 that is pinned unless empty, and thresholds. Returns what takes it back."""


class Thresholds(Protocol):
    """What the numbers of the vote may be."""

    def read(self, name: str, value: object) -> Decimal:
        """Unfit: nothing is called so, or the value cannot be."""


class Controls:
    """Implements app.ports.Control."""

    def __init__(
        self,
        session: Session,
        *,
        second_factor: SecondFactor,
        record: Record,
        acknowledge: Callable[[str, Sequence[int] | None], Awaitable[int]],
        tasks: Tasks,
        new_id: Callable[[], str],
        live: bool,
        voters: Voters | None = None,
        save: Saving | None = None,
        thresholds: Thresholds | None = None,
        limits: LimitsDesk | None = None,
        try_channel: Callable[[str], Awaitable[ChannelState]] | None = None,
    ) -> None:
        self._session, self._second_factor, self._record = session, second_factor, record
        self._acknowledge = acknowledge
        self._tasks, self._new_id, self._live = tasks, new_id, live
        self._voters, self._save = voters, save
        self._thresholds, self._limits, self._try_channel = thresholds, limits, try_channel
        self._one_change = asyncio.Lock()

    async def pause(self, who: Who) -> None:
        await self._submit(who, Pause(at=self._session.now(), id=self._new_id(), actor=who.username))

    async def resume(self, who: Who) -> None:
        """Conflict while a latch holds: resuming would only look like it."""
        await self._check_factor(who, "resume")
        state = self._session.engine.state
        if state.latches:
            latch = next(iter(state.latches.values()))
            until = f"it lifts at {latch.lifts_at:%H:%M} UTC" if latch.lifts_at else "it must be unlocked"
            await self._audit(who, "resume", "", latch.kind, "refused")
            raise Conflict(f"{latch.kind.replace('_', ' ')} holds: {until}")
        await self._submit(who, Resume(at=self._session.now(), id=self._new_id(), actor=who.username))

    async def close(self, who: Who, position_id: str) -> str:
        self._refuse_while_reconciling()
        position = self._session.engine.state.positions.get(position_id)
        if position is None:
            raise KeyError(position_id)
        if position.status is PositionStatus.CLOSING:
            return position.close_command_id or position.id
        command = ClosePosition(at=self._session.now(), id=self._new_id(), actor=who.username, position_id=position_id)
        await self._submit(who, command, position_id)
        after = self._session.engine.state.positions.get(position_id)
        return after.close_command_id if after is not None else command.id

    async def close_all(self, who: Who) -> Sequence[str]:
        self._refuse_while_reconciling()
        ids = [position.id for position in open_positions(self._session.engine.state)]
        await self._submit(who, CloseAll(at=self._session.now(), id=self._new_id(), actor=who.username))
        return ids

    async def unlock(self, who: Who, password: str, phrase: str) -> None:
        """Lift what only a person may lift: phrase, password and second factor, and after a kill an hour to read."""
        state, now = self._session.engine.state, self._session.now()
        locked = [latch for latch in state.latches.values() if latch.lifts_at is None]
        if not locked:
            raise Conflict("nothing is locked: it goes on by itself once the cause is gone")
        if phrase != UNLOCK_PHRASE:
            raise NotAuthorized(f"type the phrase {UNLOCK_PHRASE}")
        early = [latch for latch in locked if latch.kind is LatchKind.KILL_SWITCH and now - latch.at < TIME_TO_READ]
        if early:
            await self._audit(who, "unlock", "", "too early", "refused")
            raise Conflict(f"the kill switch can be unlocked from {early[0].at + TIME_TO_READ:%H:%M} UTC on")
        if not await self._second_factor.confirm(who.username, password, who.address):
            await self._audit(who, "unlock", "", "password wrong", "refused")
            raise NotAuthorized("the password is not right")
        await self._check_factor(who, "unlock")
        for latch in locked:
            await self._submit(who, Unlock(at=now, id=self._new_id(), actor=who.username, kind=latch.kind), latch.kind)

    async def acknowledge(self, who: Who, ids: Sequence[int] | None) -> int:
        count = await self._acknowledge(who.username, ids)
        which = "all" if ids is None else " ".join(str(id) for id in ids)
        await self._audit(who, "acknowledge", which, f"{count} alerts", "ok")
        return count

    async def test_channel(self, who: Who, name: str) -> ChannelState:
        if self._try_channel is None:
            raise KeyError(name)
        state = await self._try_channel(name)
        await self._audit(who, "test_channel", name, state.error or state.status, "ok")
        return state

    async def change_strategy(
        self,
        who: Who,
        name: str,
        *,
        enabled: bool | None = None,
        weight: Decimal | None = None,
        sha256: str | None = None,
    ) -> None:
        await self.change_votes(who, [Wish(name=name, enabled=enabled, weight=weight, sha256=sha256)], {})

    async def change_votes(self, who: Who, wishes: Sequence[Wish], thresholds: Mapping[str, object]) -> None:
        """Every change of a strategy may let something be bought that was not, so all of them need the second factor;
        a threshold that makes buying harder does not. Saved first, then commanded: what was not handled is taken
        back."""
        self._refuse_while_reconciling()
        if self._voters is None or self._save is None:
            raise KeyError(wishes[0].name if wishes else "thresholds")
        async with self._one_change:
            self._voters.planned_all(wishes)  # a code works once: it is not used up for nothing
            values, riskier = self._numbers(thresholds)
            if wishes or riskier:
                await self._check_factor(who, "change_strategy")
            changes = self._voters.planned_all(wishes)
            if not changes and not values:
                return
            pinned = [(change.rule, change.approved) for change in changes]
            take_back = await self._save(pinned, self._session.engine.state.rules.voting.strategies, values)
            forget = self._voters.adopt(changes)
            try:
                await self._session.committed(self._voters.command(changes, values, who.username))
            except BaseException:
                forget()
                await take_back()
                raise
        for change in changes:
            await self._audit(who, "change_strategy", change.rule.name, change.note, "ok")
        for name, value in values.items():
            await self._audit(who, "change_threshold", name, plain(value), "ok")

    def _numbers(self, thresholds: Mapping[str, object]) -> tuple[dict[str, Decimal], bool]:
        """Those that differ from what counts now, and whether any of them is riskier."""
        if not thresholds:
            return {}, False
        if self._thresholds is None:
            raise Conflict("thresholds cannot be changed here")
        now = self._session.engine.state.rules.voting
        values = {name: self._thresholds.read(name, value) for name, value in thresholds.items()}
        values = {name: value for name, value in values.items() if value != getattr(now, name)}
        return values, not all(is_safer(name, getattr(now, name), value) for name, value in values.items())

    async def change_limits(self, who: Who, wanted: Mapping[str, object]) -> None:
        """Safer ones at once and without a code. The others need the second factor, wait for 00:00 UTC, and can be
        taken back until then. Saved first, then commanded."""
        self._refuse_while_reconciling()
        desk = self._limits
        if desk is None:
            raise Conflict("limits cannot be changed here")
        async with self._one_change:
            plan = desk.planned(wanted)
            if plan.later:
                await self._check_factor(who, "change_limits")
            again = desk.planned(wanted)  # while the code was looked at, something may have come into force
            if again.later and not plan.later:
                await self._check_factor(who, "change_limits")
            take_back = await desk.save(again.now)
            try:
                for command in desk.commands(again, who.username):
                    await self._session.committed(command)
            except BaseException:
                await take_back()
                raise
        for values, when in ((again.now, "at once"), (again.later, "from 00:00 UTC on")):
            for name, value in values.items():
                await self._audit(who, "change_limits", name, f"{shown(value)} {when}", "ok")
        for id in again.dropped:
            await self._audit(who, "take_back", id, "", "ok")

    async def take_back(self, who: Who, change_id: str) -> None:
        """It leaves everything as it is, and needs no code."""
        if self._limits is None:
            raise KeyError(change_id)
        async with self._one_change:
            await self._submit(who, self._limits.taking_back(change_id, who.username), change_id)

    async def guarded(self, who: Who, action: str, work: Callable[[], Awaitable[Sequence[tuple[str, str]]]]) -> None:
        """What no command is for, such as a file of settings: with the second factor, one at a time with every other
        change, and each (target, detail) that `work` returns in the audit trail."""
        async with self._one_change:
            await self._check_factor(who, action)
            try:
                done = await work()
            except TraderError:
                await self._audit(who, action, "", "could not be done", "refused")
                raise
        for target, detail in done:
            await self._audit(who, action, target, detail, "ok")

    def _refuse_while_reconciling(self) -> None:
        if standing(self._session.engine.state, self._session.now())[0] == "RECONCILING":
            raise Conflict("RECONCILING: the exchange is being asked what is true; try again in a moment")

    async def _check_factor(self, who: Who, action: str) -> None:
        """Needed where one is enrolled, and always in live mode."""
        if not self._live and not self._second_factor.enrolled(who.username):
            return
        code = who.otp
        if not code or not await self._tasks.in_thread(lambda: self._second_factor.verify(who.username, code)):
            await self._audit(who, action, "", "second factor missing or wrong", "refused")
            raise SecondFactorNeeded("a fresh code of your second factor is needed")

    async def _submit(self, who: Who, command: AnyCommand, target: str = "") -> None:
        await self._session.committed(command)
        await self._audit(who, _name(command), target, command.id, "ok")

    async def _audit(self, who: Who, action: str, target: str, detail: str, result: str) -> None:
        await self._tasks.in_thread(
            lambda: self._record(
                actor=who.username, action=action, target=target, detail=detail, address=who.address, result=result
            )
        )


def _name(command: Command) -> str:
    """ClosePosition → close_position."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(command).__name__)[1:]
