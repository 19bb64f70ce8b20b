"""Does the journal alone give the same actions and decisions again? Nothing but messages is fed to a new engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import codec
from app.core.decisions import Decision
from app.core.engine import Engine
from app.core.errors import DataError, TraderError
from app.ports import Journal, JournalRow
from app.session import handle_again

PAGE = 1_000
SHOWN = 20  # differences printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    same: bool
    lines: list[str]


def replayed_day(journal: Journal, day: datetime, program_version: str) -> Verdict:
    """Every row of that UTC day of market time. DataError where the journal has none."""
    until = day + timedelta(days=1)
    engine, differences, rows, versions = Engine(), [], 0, set()
    for row in _all(journal):
        if row.at >= until:
            break
        problem = _differs(engine, row)
        if row.at >= day:
            rows += 1
            versions.add(row.version)
            differences += [problem] if problem else []
        if problem and "cannot be replayed" in problem:
            break
    if not rows and not differences:
        raise DataError(f"{day:%Y-%m-%d}: the journal has nothing on this day (market time, UTC)")
    made_by = ", ".join(sorted(versions))
    if not differences:
        return Verdict(
            same=True, lines=[f"{day:%Y-%m-%d}: {rows} messages give the same actions again (made by {made_by})"]
        )
    why = (
        ""
        if versions == {program_version}
        else f"; the program changed: made by {made_by}, replayed by {program_version}"
    )
    head = f"{day:%Y-%m-%d}: {len(differences)} of {rows} messages differ{why}"
    return Verdict(same=False, lines=[head, *differences[:SHOWN]])


def replayed_decision(journal: Journal, id: str) -> Verdict:
    """The decision as the engine makes it again, in its own words. DataError where it is not in the journal."""
    engine = Engine()
    for row in _all(journal):
        problem = _differs(engine, row)
        for changed in engine.changes:
            if isinstance(changed, Decision) and changed.id == id:
                lines = [f"{changed.id} at {changed.at:%Y-%m-%d %H:%M:%S} UTC: {changed.action}, {changed.outcome}"]
                lines += [changed.vote.text, changed.reason]
                lines += [
                    f"  {'ok ' if check.passed else 'NO '} {check.name}: {check.text}" for check in changed.risk_checks
                ]
                return Verdict(same=problem is None, lines=[*lines, problem or "the same actions again"])
    raise DataError(f"{id}: no such decision in the journal, and no date such as 2023-03-14")


def _all(journal: Journal) -> Iterator[JournalRow]:
    seq = 0
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
