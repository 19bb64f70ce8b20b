"""Does the journal alone give the same actions and decisions again? Nothing but messages is fed to a new engine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from app import codec
from app.core.decisions import Decision
from app.core.engine import Engine
from app.core.errors import DataError, TraderError
from app.core.state import SCHEMA
from app.ports import Journal, JournalRow
from app.session import handle_again

PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The engine's state after row `seq`, as a replay made it: the next night goes on from there."""

    seq: int
    schema: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`head` is the answer in one line. `end` is where a replay that found no difference ended."""

    same: bool
    head: str
    details: list[str] = field(default_factory=list)
    messages: int = 0
    differences: list[str] = field(default_factory=list)
    end: Mark | None = None

    @property
    def lines(self) -> list[str]:
        return [self.head, *self.details, *self.differences]

    def row(self, what: str) -> dict[str, Any]:
        """For programs."""
        return {
            "replayed": what,
            "identical": self.same,
            "messages": self.messages,
            "differences": self.differences,
            "lines": self.lines,
        }


class Witness(Protocol):
    """Sees the engine live through a day again."""

    def before(self, engine: Engine) -> None:
        """The day is about to begin."""

    def after(self, engine: Engine, row: JournalRow) -> None:
        """One message of the day was handled."""


def replayed_day(
    journal: Journal,
    day: datetime,
    program_version: str,
    *,
    since: Mark | None = None,
    witness: Witness | None = None,
) -> Verdict:
    """Every row of that UTC day of market time, each difference in a line. DataError where the journal has none.

    `since`: begin with a state that an earlier replay made, instead of with the first row of all.
    """
    until, past = day + timedelta(days=1), None
    engine, seq = _begun(since)
    differences: list[str] = []
    rows, versions = 0, set()
    for row in _all(journal, seq):
        if row.at >= until:
            break
        if row.at >= day and not rows and witness is not None:
            witness.before(engine)
        problem = _differs(engine, row)
        past = row.seq
        if row.at >= day:
            rows += 1
            versions.add(row.version)
            differences += [problem] if problem else []
            if witness is not None:
                witness.after(engine, row)
        if problem and "cannot be replayed" in problem:
            differences = differences or [problem]
            break
    if not rows and not differences:
        raise DataError(f"{day:%Y-%m-%d}: the journal has nothing on this day (market time, UTC)")
    if broken := journal.verify():
        differences.append(f"the hash chain is broken: {broken}")
    return _judged(day, rows, sorted(versions), differences, program_version, _mark(engine, past))


def _judged(
    day: datetime, rows: int, versions: list[str], differences: list[str], program_version: str, end: Mark | None
) -> Verdict:
    made_by = ", ".join(versions)
    if not differences:
        head = f"{day:%Y-%m-%d}: {rows} messages give the same actions again (made by {made_by})"
        return Verdict(same=True, head=head, messages=rows, end=end)
    changed = versions and versions != [program_version]
    why = f"; the program changed: made by {made_by}, replayed by {program_version}" if changed else ""
    head = f"{day:%Y-%m-%d}: {len(differences)} differences in {rows} messages{why}"
    return Verdict(same=False, head=head, messages=rows, differences=differences)


def replayed_decision(journal: Journal, id: str) -> Verdict:
    """The decision as the engine makes it again, in its own words. DataError where it is not in the journal."""
    engine = Engine()
    for row in _all(journal, 0):
        problem = _differs(engine, row)
        for changed in engine.changes:
            if isinstance(changed, Decision) and changed.id == id:
                head = f"{changed.id} at {changed.at:%Y-%m-%d %H:%M:%S} UTC: {changed.action}, {changed.outcome}"
                details = [changed.vote.text, changed.reason]
                details += [
                    f"  {'ok ' if check.passed else 'NO '} {check.name}: {check.text}" for check in changed.risk_checks
                ]
                details += [] if problem else ["the same actions again"]
                differences = [problem] if problem else []
                return Verdict(same=not problem, head=head, details=details, messages=1, differences=differences)
    raise DataError(f"{id}: no such decision in the journal, and no date such as 2023-03-14")


def _begun(since: Mark | None) -> tuple[Engine, int]:
    if since is None or since.schema != SCHEMA:
        return Engine(), 0
    return Engine(codec.decode(since.state)), since.seq


def _mark(engine: Engine, seq: int | None) -> Mark | None:
    return Mark(seq=seq, schema=SCHEMA, state=codec.encode(engine.state)) if seq is not None else None


def _all(journal: Journal, seq: int) -> Iterator[JournalRow]:
    while page := journal.rows(seq, PAGE):
        yield from page
        seq = page[-1].seq


def _differs(engine: Engine, row: JournalRow) -> str | None:
    try:
        actions = codec.encode(handle_again(engine, row))
    except TraderError as error:
        return f"{row.seq} {row.at:%H:%M:%S} cannot be replayed: {error}"
    if actions == row.actions:
        return None
    return f"{row.seq} {row.at:%H:%M:%S} journalled {row.actions} but replayed {actions}"
