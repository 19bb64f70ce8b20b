"""Who votes, with which version of its file: keeps the voting rules, the strategies' faces and their files in step.

Nothing votes that nobody approved. What goes wrong with a file never disturbs the version that votes.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from app.core.alerts import AlertEvent
from app.core.errors import ConfigError
from app.core.messages import AnyCommand, ChangeVoting, Event, Started, VoteCalled
from app.core.model import SignalStatus
from app.core.money import ZERO, plain
from app.core.rules import Rules, StrategyRule, VotingRules
from app.cycle import Cycle
from app.faces import Wish
from app.ports import Conflict, Row, Strategies, StrategyFace
from app.session import Session
from app.strategy_files import StrategyFile, StrategyFiles, StrategyTrouble, Unfit

FIRST_WEIGHT = Decimal(10)  # of one that is switched on and was never given a weight
LARGEST_WEIGHT = Decimal(1000)

log = logging.getLogger("strategies")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person's wish comes to: the rule as it will be, and in words."""

    rule: StrategyRule
    approved: str  # the SHA-256 that is pinned; empty where the program's own version needs none
    note: str


class Voters:
    """Files, approvals and rules. `lacks` says what a strategy needs that is not set up (a language model, news);
    `resting`, whether it is held back for now; `performance`, how it did."""

    def __init__(
        self,
        session: Session,
        files: StrategyFiles,
        trouble: StrategyTrouble,
        *,
        new_id: Callable[[], str],
        tell: Callable[[AlertEvent, str], None],
    ) -> None:
        self._session, self._files, self._trouble = session, files, trouble
        self._new_id, self._tell = new_id, tell
        self.lacks: Callable[[StrategyFace], str] = lambda face: ""
        self.resting: Callable[[StrategyFace], bool] = lambda face: False
        self.performance: Callable[[str], Row] = lambda name: {}
        self._approved: dict[str, str] = {}
        self._known: dict[tuple[str, str], StrategyFace] = {}  # (name, SHA-256) → face
        self._cycle: Cycle | None = None
        self._told: dict[str, tuple[str, str]] = {}
        self._silent = False
        self._commanded: VotingRules | None = None  # posted, and not handled yet
        files.listen(self._changed, self._trusted)

    # ------------------------------------------------------------ start

    async def begin(self, rules: Rules, strategies: Strategies) -> tuple[Rules, Sequence[StrategyFace]]:
        """Rules with the version that votes for each name, and the faces of those. Proofs that are needed come first.

        Raises ConfigError for one that is switched on, approved, and does not load.
        """
        named = rules.voting.strategies
        self._approved = {rule.name: rule.sha256 for rule in named if rule.sha256}
        await self._files.look()
        if not any(rule.name in self._files.files for rule in named):
            names = ", ".join(rule.name for rule in named) or "none"
            raise ConfigError(
                f"no strategy can vote: none of those in strategies.yml ({names}) has its file in TRADER_STRATEGIES_DIR"
            )
        await self._files.settled([rule.name for rule in named if rule.enabled and rule.sha256])
        voters = [replace(rule, sha256=self._version(rule.name)) for rule in named]
        faces = await self._load([rule for rule in voters if rule.sha256], strategies)
        named_ones = {rule.name for rule in named}
        await self._load(
            [
                replace(self._unnamed(file.name), sha256=file.sha256)
                for file in self._files.files.values()
                if file.status == "good" and file.name not in named_ones
            ],
            strategies,
        )
        settled = replace(rules, voting=replace(rules.voting, strategies=tuple(map(self._settled, voters))))
        for rule in settled.voting.strategies:
            if rule.enabled and not rule.configured:
                log.warning("strategy %s is switched on and does not vote: %s", rule.name, self._why_not(rule))
        return settled, faces

    async def _load(self, rules: Sequence[StrategyRule], strategies: Strategies) -> list[StrategyFace]:
        """Their faces. One that nobody wants to vote may fail."""
        faces = await strategies.start(rules)
        for rule, face in zip(rules, faces, strict=True):
            if face.status == "failed" and rule.enabled:
                raise ConfigError(f"strategy {rule.name}: {face.error}")
            if face.status != "failed":
                self._known[rule.name, face.sha256] = face
        return [face for face in faces if face.status != "failed"]

    def _trusted(self, name: str) -> str:
        """At the start the program's own files are not proved once more."""
        approved = self._approved.get(name, "")
        if approved and (self._cycle is None or (name, approved) in self._known):
            return approved
        return self._files.shipped(name) if self._cycle is None else ""

    def watch(self, cycle: Cycle) -> None:
        """From now on changes take effect: in the engine by a command, in `cycle` when that was handled."""
        self._cycle = cycle
        self._session.observe(self._hear)
        self._settle()
        for name in sorted(self._files.files):
            self._say(name)
        if not any(rule.votes and rule.weight > ZERO for rule in self._rules.strategies):
            self._tell(AlertEvent.STRATEGIES_FAIL, "nobody votes, so nothing is bought: enable a strategy in Controls")

    # ------------------------------------------------------------ what people see

    def rows(self) -> list[Row]:
        named = {rule.name for rule in self._rules.strategies}
        return [self._row(name) for name in sorted(named | set(self._files.files))]

    def _row(self, name: str) -> Row:
        rule, file = self._rule(name), self._files.files.get(name)
        face = self._known.get((name, rule.sha256)) or (file.face if file else None)
        version = self._version(name)
        offered = file is not None and file.status == "good" and file.sha256 != version
        return {
            "name": name,
            "title": face.title if face else name,
            "enabled": rule.enabled,
            "configured": rule.configured,
            "offered": offered,
            "weight": rule.weight,
            "reads_text": rule.reads_text or bool(face and face.reads_text),
            "ask": rule.ask.value,
            "sha256": (file.sha256 if file else "") or None,
            "enabled_sha256": (version if rule.enabled else "") or None,
            "status": self._status(rule, file, face, offered=offered),
            "error": self._error(rule, file) or None,
            "performance": self.performance(name),
        }

    def _status(
        self, rule: StrategyRule, file: StrategyFile | None, face: StrategyFace | None, *, offered: bool
    ) -> str:
        if rule.votes:
            if self._failing(rule):
                return "failed"
            return "safe_mode" if face and self.resting(face) else "running"
        if file is None:
            return "not_configured"
        if not self._version(rule.name):
            return {"good": "offered", "failed": "failed"}.get(file.status, "off")
        if rule.enabled or (face and self.lacks(face)):
            return "not_configured"
        return "offered" if offered else "off"

    def _error(self, rule: StrategyRule, file: StrategyFile | None) -> str:
        if rule.votes and (why := self._failing(rule)):
            return why
        if file is None:
            return self._why_not(rule) if self._is_named(rule.name) else ""
        version = self._version(rule.name)
        if file.sha256 == version and version:
            return self._waits_for(rule) if rule.configured else self._why_not(rule)
        going_on = f"; version {version[:12]} goes on" if version else ""
        if file.status == "failed":
            return f"{file.error}{going_on}"
        if file.status == "new":
            return f"its file is being proved{going_on}"
        return f"the file is another one now{going_on} until a person enables it" if version else ""

    def _failing(self, rule: StrategyRule) -> str:
        """Why it is switched off in its process, or what went wrong when it was last asked; "" where nothing did."""
        signal = self._session.engine.state.signals.get(rule.name)
        failed = signal is not None and signal.status is SignalStatus.FAILED and signal.sha256 == rule.sha256
        return self._trouble.trouble(rule.name) or (signal.reasoning if signal is not None and failed else "")

    def _waits_for(self, rule: StrategyRule) -> str:
        face = self._known.get((rule.name, rule.sha256))
        seen = self._cycle.remembered if self._cycle else 0
        if not rule.votes or face is None or not self._cycle or seen >= face.startup_candles:
            return ""
        return f"is shown {face.startup_candles} candles, and {seen} are known so far"

    def _why_not(self, rule: StrategyRule) -> str:
        file = self._files.files.get(rule.name)
        if file is None:
            return f"there is no file {rule.name}.py"
        if not self._version(rule.name):
            if file.status == "failed":
                return file.error
            hint = "enable it in Controls, or pin the hash in strategies.yml"
            return f"nobody approved its file yet (SHA-256 {file.sha256}); {hint}"
        face = self._known.get((rule.name, self._version(rule.name)))
        return self.lacks(face) if face else ""

    def approved(self) -> dict[str, str]:
        """The SHA-256 of each strategy that may run, by name: a person approved it, or it came with the program."""
        versions = {name: self._version(name) for name in list(self._files.files)}
        return {name: version for name, version in versions.items() if version}

    def versions(self) -> set[str]:
        """The SHA-256 of every version that votes, may vote, or lies in the folder."""
        voting = self._session.engine.state.rules.voting.strategies
        lying = (file.sha256 for file in list(self._files.files.values()))
        known = (*self._approved.values(), *self.approved().values(), *(rule.sha256 for rule in voting), *lying)
        return set(known) - {""}

    # ------------------------------------------------------------ a person's wish

    def planned(self, name: str, enabled: bool | None, weight: Decimal | None, sha256: str | None) -> Change:
        """What is to be saved and commanded. KeyError: no such name. Unfit, Conflict: it cannot be."""
        return self.planned_all([Wish(name=name, enabled=enabled, weight=weight, sha256=sha256)])[0]

    def planned_all(self, wishes: Sequence[Wish]) -> list[Change]:
        """The same for several at once, all or none."""
        if len({wish.name for wish in wishes}) < len(wishes):
            raise Unfit("strategies: each may be named once")
        changes = [self._planned(wish.name, wish.enabled, wish.weight, wish.sha256) for wish in wishes]
        after = {rule.name: rule for rule in self._rules.strategies} | {each.rule.name: each.rule for each in changes}
        if changes and not any(each.weight > ZERO for each in after.values()):
            raise Unfit("weight: at least one strategy must have a weight above 0; give another one a weight first")
        return changes

    def _planned(self, name: str, enabled: bool | None, weight: Decimal | None, sha256: str | None) -> Change:
        if not self._is_named(name) and name not in self._files.files:
            raise KeyError(name)
        rule, file = self._rule(name), self._files.files.get(name)
        if enabled is None and weight is None:
            raise Unfit("enabled, weight: give at least one of them")
        if weight is not None and not (weight.is_finite() and ZERO <= weight <= LARGEST_WEIGHT):
            raise Unfit(f"weight: must be from 0 to {plain(LARGEST_WEIGHT)}")
        wanted = rule.enabled if enabled is None else enabled
        version = self._version(name)
        if sha256 is not None:
            version = self._approvable(name, sha256, file, wanted=wanted)
        elif wanted and not rule.enabled and not version:
            self._approvable(name, "", file, wanted=True)
        if wanted and file is None and not rule.enabled:
            raise Conflict(f"{name} is not configured: there is no file {name}.py")
        heavy = rule.weight if weight is None else weight
        if wanted and not rule.enabled and weight is None and not heavy:
            heavy = FIRST_WEIGHT
        after = self._settled(replace(rule, enabled=wanted, weight=heavy, sha256=version))
        if wanted and not rule.enabled and not after.configured:
            raise Conflict(f"{name} is not configured: {self._why_not(after)}")
        pinned = "" if version == self._files.shipped(name) and name not in self._approved else version
        on = f"on, weight {plain(after.weight)}" if after.enabled else f"off, weight {plain(after.weight)}"
        return Change(rule=after, approved=pinned, note=f"{name}: {on}{f', SHA-256 {version}' if version else ''}")

    def _approvable(self, name: str, sha256: str, file: StrategyFile | None, *, wanted: bool) -> str:
        """The version that a person saw, if it is the file's and was proved."""
        if file is None:
            raise Conflict(f"{name} is not configured: there is no file {name}.py")
        if file.status == "failed":
            raise Conflict(f"{name} did not pass its proof: {file.error}")
        if not sha256:
            raise Unfit(f"sha256: give the SHA-256 of the file that you looked at; it is {file.sha256}")
        if sha256 != file.sha256:
            raise Conflict(
                f"{name}: the file has changed; its SHA-256 is now {file.sha256}. Look at it, then enable it"
            )
        if file.status == "new":
            raise Conflict(f"{name} is being proved; try again in a moment")
        if not wanted:
            raise Unfit("sha256: approves a file that is to vote; send enabled: true with it")
        return sha256

    def command(self, changes: Sequence[Change], thresholds: Mapping[str, Decimal], actor: str) -> ChangeVoting:
        told = [change.note for change in changes]
        told += [f"{name} {plain(value)}" for name, value in thresholds.items()]
        return self._command([change.rule for change in changes], "; ".join(told), actor, thresholds)

    def adopt(self, changes: Sequence[Change]) -> Callable[[], None]:
        """They were saved: from now on this is what was approved. Returns what takes it back."""
        before = dict(self._approved)
        for change in changes:
            name = change.rule.name
            if change.approved:
                self._approved[name] = change.approved
            if change.rule.enabled:
                self._trouble.forgive(name)
            self._told[name] = self._said(name)

        def take_back() -> None:
            self._approved, self._commanded = before, None

        return take_back

    # ------------------------------------------------------------ rules, versions and files in step

    @property
    def _coming(self) -> VotingRules:
        """The rules as they will be: who changes them next must not undo what waits in the inbox."""
        return self._commanded or self._rules

    @property
    def _rules(self) -> VotingRules:
        return self._session.engine.state.rules.voting

    def _is_named(self, name: str) -> bool:
        return any(rule.name == name for rule in self._rules.strategies)

    def _rule(self, name: str) -> StrategyRule:
        """Its rule; of one that is in no configuration: off, and without weight."""
        return next((rule for rule in self._rules.strategies if rule.name == name), self._unnamed(name))

    @staticmethod
    def _unnamed(name: str) -> StrategyRule:
        return StrategyRule(name=name, enabled=False, weight=ZERO, configured=False)

    def _version(self, name: str) -> str:
        """The SHA-256 of the version that may vote: approved, or the program's own; "" where there is none."""
        file, wanted = self._files.files.get(name), self._approved.get(name) or self._files.shipped(name)
        if file is None or not wanted:
            return ""
        return wanted if (file.sha256 == wanted and file.status == "good") or self._files.has(wanted) else ""

    def _settled(self, rule: StrategyRule) -> StrategyRule:
        """With what is known of the version in it."""
        face = self._known.get((rule.name, rule.sha256))
        if face is None or not rule.sha256:
            return replace(rule, configured=False)
        return replace(rule, configured=not self.lacks(face), reads_text=face.reads_text)

    def _changed(self, name: str) -> None:
        """The folder says that something happened to this file."""
        file = self._files.files.get(name)
        if file is not None and file.face is not None:
            self._known[name, file.sha256] = file.face
        if self._cycle is not None:
            self._settle()
            self._say(name)

    def _settle(self) -> None:
        """Post what has to change in the rules by itself: a file that is gone, back, or able to vote again."""
        changed = []
        for rule in self._coming.strategies:
            after = self._settled(replace(rule, sha256=self._version(rule.name) or rule.sha256))
            after = replace(after, configured=after.configured and bool(self._version(rule.name)))
            if after != rule:
                changed.append(after)
        if changed:
            names = ", ".join(f"{rule.name} {'can vote' if rule.configured else 'cannot vote'}" for rule in changed)
            self._session.post(self._command(changed, names, "trader"))

    def settle(self) -> None:
        """Something that strategies need was set up, or is gone."""
        if self._cycle is not None:
            self._settle()

    def _command(
        self, changed: Iterable[StrategyRule], note: str, actor: str, thresholds: Mapping[str, Decimal] | None = None
    ) -> ChangeVoting:
        by_name = {rule.name: rule for rule in changed}
        numbers: dict[str, Any] = dict(thresholds or {})
        now = self._coming
        kept = tuple(by_name.pop(rule.name, rule) for rule in now.strategies)
        voting = self._commanded = replace(now, strategies=(*kept, *by_name.values()), **numbers)
        rules = replace(self._session.engine.state.rules, voting=voting)
        return ChangeVoting(at=self._session.now(), id=self._new_id(), actor=actor, rules=rules, note=note)

    async def look(self) -> None:
        """A job: what was dropped, changed or removed."""
        await self._files.look()

    # ------------------------------------------------------------ what is heard and told

    def _hear(self, message: Event | AnyCommand) -> None:
        if isinstance(message, Started):
            self._commanded = None  # the session started over: what waited may be lost
            self.settle()
        elif isinstance(message, ChangeVoting) and self._cycle is not None:
            if self._commanded == message.rules.voting:
                self._commanded = None
            named = message.rules.voting.strategies
            self._cycle.meet({rule.name: face for rule in named if (face := self._face(rule))})
        elif isinstance(message, VoteCalled):
            self._watch_silence()

    def _face(self, rule: StrategyRule) -> StrategyFace | None:
        return self._known.get((rule.name, rule.sha256)) if rule.configured else None

    def _watch_silence(self) -> None:
        """When everybody who votes has failed nothing is decided any more, and people must know."""
        signals = self._session.engine.state.signals
        voters = [rule for rule in self._rules.strategies if rule.votes and rule.weight > ZERO]
        said = [signals[rule.name] for rule in voters if rule.name in signals]
        silent = bool(voters) and len(said) == len(voters) and all(s.status is SignalStatus.FAILED for s in said)
        if silent and not self._silent:
            reasons = "; ".join(f"{signal.strategy}: {signal.reasoning}" for signal in said)
            self._tell(
                AlertEvent.STRATEGIES_FAIL, f"none of {len(voters)} answers, so nothing is bought: {reasons}"[:500]
            )
        self._silent = silent

    def _said(self, name: str) -> tuple[str, str]:
        file = self._files.files.get(name)
        if file is None:
            return "gone", ""
        if file.status == "good":
            return ("fine" if file.sha256 == self._version(name) else "offered"), file.sha256
        return file.status, file.error

    def _say(self, name: str) -> None:
        """Tell people once what became of a file."""
        before, now = self._told.get(name), self._said(name)
        if now[0] == "new" or before == now or (before is None and now[0] == "gone"):
            return
        self._told[name] = now
        if now[0] == "fine" and before is None:
            return
        going_on = f"; version {self._version(name)[:12]} goes on voting" if self._rule(name).votes else ""
        text = {
            "gone": f"{name}: its file is gone, so it does not vote any more",
            "fine": f"{name}: its file is the approved one again",
            "offered": f"{name}: a file that nobody approved yet (SHA-256 {now[1]}) passed its proof{going_on}; "
            "enable it in Controls if it is yours",
            "failed": f"{name}: its file cannot be used: {now[1]}{going_on}",
        }[now[0]]
        log.warning("%s", text)
        self._tell(AlertEvent.STRATEGY, text[:500])
