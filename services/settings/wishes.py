"""What a person wants of the configuration files, as typed, turned into what their writer takes.

Whether it is right as a whole, the reader of the start says. Nothing is written here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from app.ports import Conflict
from app.settings_ports import Counts, Edit, FieldKind, SettingRow, SettingTable
from app.strategy_files import Unfit
from services.settings.kinds import Choice, Kind, ListOf, Wrong, shown
from services.settings.reading import AMBIGUOUS
from services.settings.rows import QUIET, Parts, pattern_of
from services.settings.saving import REMOVED, Change
from services.settings.schema import FILES, NAMES, Anything, Key

Changes = dict[str, dict[Parts, Change]]  # by file
WHOLE = ("strategies", "deepseek.prices", "deepseek.cutoffs")  # where a file names one, only what it names exists
_TABLES = ("prices", "cutoffs", "settings")  # what a person adds names to, by the last part of its path
_SHOWN = 60


def changes_of(
    edits: Sequence[Edit],
    rows: Sequence[SettingRow],
    tables: Sequence[SettingTable],
    given: Mapping[str, Mapping[str, object]],
) -> tuple[Changes, list[tuple[str, str]]]:
    """And what is said of each in the audit trail. `given`: what the files hold themselves.

    Unfit: it cannot be. Conflict: it is not what was shown.
    """
    known, wanted = {row.name: row for row in rows}, dict[str, str]()
    for edit in edits:
        row = known.get(edit.name) or _new(edit, tables)
        wanted[edit.name] = edit.text.strip()
        _may_be_changed(edit, row)
        known[edit.name] = row
    gone = _gone(wanted, known)
    stays = [row for row in rows if row.value and row.name not in wanted and not _below(row, gone)]
    changes: Changes = {}
    for table in WHOLE:
        if any(name.startswith(f"{table}.") for name in wanted) and not _holds(given, table):
            for row in stays:
                if row.name.startswith(f"{table}."):
                    changes.setdefault(row.file, {})[_parts(row)] = _typed(row, row.value)
    for name, text in wanted.items():
        row = known[name]
        if name not in QUIET and not _below(row, gone):
            changes.setdefault(row.file, {})[_parts(row)] = _typed(row, text)
    if any(name in wanted for name in QUIET):
        start, end = (wanted.get(name, known[name].value) for name in QUIET)
        changes.setdefault("app.yml", {}).update(_quiet(known[QUIET[0]], known[QUIET[1]], start, end))
    _remove(gone, [*stays, *(known[name] for name in wanted)], changes)
    return changes, [(name, told(known[name], text)) for name, text in wanted.items()]


def _new(edit: Edit, tables: Sequence[SettingTable]) -> SettingRow:
    """A key that a table may hold and does not yet."""
    for table in tables:
        if not (entry := table.entry_of(edit.name)):
            continue
        if edit.was:
            raise Conflict(f"{edit.name} has been removed meanwhile; look again before you save")
        try:
            NAMES[table.name.rpartition(".")[2]].read(entry)
        except Wrong as wrong:
            raise Unfit(f"{table.name}: the name {_named(entry)} cannot be: {wrong}") from None
        column = next(each for each in table.columns if edit.name == each.name.replace("*", entry))
        return replace(column, name=edit.name)
    raise Unfit(f"{edit.name[:_SHOWN]}: is no setting")


def _may_be_changed(edit: Edit, row: SettingRow) -> None:
    if row.counts is not Counts.NEXT_START and not _is_farewell(row, edit.text.strip()):
        where = "on the Controls tab" if row.counts is Counts.CONTROLS else "in a backtest's own configuration"
        raise Unfit(f"{row.name}: is changed {where}")
    if edit.was != row.value:
        raise Conflict(f"{row.name} has been changed to {shown(row.value)} meanwhile; look again before you save")


# ---------------------------------------------------------------- entries that go


def _gone(wanted: Mapping[str, str], known: Mapping[str, SettingRow]) -> set[Parts]:
    """Paths of entries that are removed: all that they hold is wanted empty."""
    found = set()
    for name, text in wanted.items():
        row = known[name]
        if text or row.optional or row.kind is FieldKind.WORDS:
            continue
        entry = _parts(row)[:2] if _is_farewell(row, text) else _entry(row)
        if entry is None:
            continue
        rest = [each.name for each in known.values() if _entry(each) == entry and wanted.get(each.name, each.value)]
        if rest and not _is_farewell(row, text):
            raise Unfit(f"{name}: it cannot be empty; remove all of {'.'.join(entry)}, or none of it")
        found.add(entry)
    return found


def _is_farewell(row: SettingRow, text: str) -> bool:
    """A strategy that is off may be taken out of the list."""
    key = _key(row)
    return key.path == "strategies.*.enabled" and row.value == "false" and not text


def _entry(row: SettingRow) -> Parts | None:
    """The path of the table's entry that a key belongs to."""
    path = _key(row).path.split(".")
    at = next((at for at, part in enumerate(path) if part == "*" and path[at - 1] in _TABLES), None)
    return None if at is None else _parts(row)[: at + 1]


def _below(row: SettingRow, entries: set[Parts]) -> bool:
    parts = _parts(row)
    return any(parts[: len(entry)] == entry for entry in entries)


def _remove(entries: set[Parts], left: Sequence[SettingRow], changes: Changes) -> None:
    """A table of which nothing is left stays, empty: without it the default entries would come back."""
    for entry in sorted(entries):
        table, file = entry[:-1], "strategies.yml" if entry[0] == "strategies" else "app.yml"
        if any(_parts(row)[: len(table)] == table and not _below(row, entries) for row in left):
            changes.setdefault(file, {})[entry] = REMOVED
        else:
            changes.setdefault(file, {})[table] = REMOVED if table[-1] == "settings" else {}


# ---------------------------------------------------------------- the file's side


def _holds(given: Mapping[str, Mapping[str, object]], table: str) -> bool:
    for file in given.values():
        branch: object = file
        for part in table.split("."):
            branch = branch.get(part) if isinstance(branch, Mapping) else None
        if branch is not None:
            return True
    return False


def _quiet(start_row: SettingRow, end_row: SettingRow, start: str, end: str) -> dict[Parts, Change]:
    if not start and not end:
        return {("alerts", "quiet_hours"): None}
    if not start or not end:
        raise Unfit("alerts.quiet_hours: give a start and an end, or leave both empty for no quiet hours")
    return {_parts(start_row): _typed(start_row, start), _parts(end_row): _typed(end_row, end)}


def _parts(row: SettingRow) -> Parts:
    found = pattern_of(_key(row).path).fullmatch(row.name)
    return found.groups() if found else tuple(row.name.split("."))


def _key(row: SettingRow) -> Key:
    return next(key for key in FILES[row.file] if pattern_of(key.path).fullmatch(row.name))


def _typed(row: SettingRow, text: str) -> Change:
    if not text and row.optional:
        return REMOVED
    kind: Kind = _key(row).kind
    if isinstance(kind, Anything):
        return _any(row.name, text)
    if isinstance(kind, ListOf):
        return _list(row.name, kind, text)
    try:
        value = kind.read(text)
    except Wrong as wrong:
        raise Unfit(f"{row.name} is {shown(text)}; {wrong}") from None
    if isinstance(value, (bool, int, Decimal)):
        return value
    return text if isinstance(kind, Choice) else quoted(text)


def _list(name: str, kind: ListOf, text: str) -> Change:
    entries = lines_of(text)
    if len(entries) > kind.most:
        raise Unfit(f"{name} has {len(entries)} entries; it may have {kind.most}: remove some")
    seen: set[str] = set()
    for entry in entries:
        try:
            kind.item.read(entry)
        except Wrong as wrong:
            raise Unfit(f"{name}: the entry {_named(entry)} cannot be: {wrong}") from None
        if entry.lower() in seen:
            raise Unfit(f"{name}: the entry {_named(entry)} is there twice; remove one")
        seen.add(entry.lower())
    return [quoted(entry) for entry in entries]


def _named(text: str) -> str:
    """An entry as a refusal names it."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def lines_of(text: str) -> list[str]:
    """A list as it is typed: an entry a line."""
    return [entry.strip() for entry in text.split("\n") if entry.strip()]


def _any(name: str, text: str) -> Change:
    """A number, true or false, a list; else a text, which needs no quotes here."""

    def no_number(word: str) -> object:
        raise Unfit(f"{name} is {word}; it must be {Anything().cure}")

    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=no_number)
    except (ValueError, RecursionError):
        value = text
    if isinstance(value, (bool, int, Decimal)):
        return value
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list) and all(isinstance(each, (bool, int, Decimal, str)) for each in value):
        return [quoted(each) if isinstance(each, str) else each for each in value]
    raise Unfit(f"{name}: it must be {Anything().cure}")


def quoted(text: str) -> str:
    """In quotes in the file where a reader of YAML might take it for something else."""
    return DoubleQuotedScalarString(text) if not text or AMBIGUOUS.fullmatch(text) else text


def told(row: SettingRow, text: str) -> str:
    """A change for the audit trail: from what to what; of lists, what came and went."""
    if row.kind is not FieldKind.WORDS:
        return f"{row.value or 'not given'} → {text or 'not given'}"[:300]
    before, after = lines_of(row.value), lines_of(text)
    came = [f"+{word}" for word in after if word not in before]
    return " ".join([*came, *(f"-{word}" for word in before if word not in after)])[:300]
