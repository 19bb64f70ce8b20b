"""The configuration files as rows for people: each key with its value, its default and what it takes, all as texts.

What is typed becomes what the file's writer takes; whether it is right, the reader of the start says.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import time, timedelta
from decimal import Decimal
from functools import cache

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from app.core.alerts import KINDS, AlertEvent
from app.core.limits import named
from app.core.money import plain
from app.core.rules import RiskLimits, Simulation, StrategyRule
from app.notices import CHANNELS, AlertRules
from app.ports import Conflict
from app.settings_ports import AlertRow, Counts, Edit, FieldKind, SettingRow
from app.strategy_files import Unfit
from services.settings.config_files import LoadedRules
from services.settings.kinds import Choice, Flag, Integer, Kind, ListOf, Number, Wrong, shown
from services.settings.limits import THRESHOLDS
from services.settings.reading import AMBIGUOUS
from services.settings.saving import REMOVED, Change
from services.settings.schema import FILES, Anything, Key

Parts = tuple[str, ...]
TABLES = (
    "strategies",
    "deepseek.prices",
    "deepseek.cutoffs",
)  # where a file names one of them, only those it names exist
QUIET = ("alerts.quiet_hours.start", "alerts.quiet_hours.end")
_DOTTED = ("prices", "cutoffs")  # names below may hold dots
_OPTIONAL = re.compile(
    r"strategies\..+\.(every_seconds|opinion_ttl_seconds)|alerts\.quiet_hours\..+|alerts\.events\..+"
)
_VOTES = re.compile(r"strategies\.[^.]+\.(enabled|weight|sha256)")
_LIMITS = frozenset(named(RiskLimits()))
_KINDS: tuple[tuple[type, FieldKind], ...] = (
    (Number, FieldKind.NUMBER),
    (Integer, FieldKind.WHOLE),
    (Flag, FieldKind.SWITCH),
    (Choice, FieldKind.CHOICE),
    (ListOf, FieldKind.WORDS),
    (Anything, FieldKind.VALUE),
)

# ---------------------------------------------------------------- what the files say


def rows_of(file: LoadedRules, running: LoadedRules, standard: LoadedRules) -> tuple[SettingRow, ...]:
    """`file`: as it stands now; `running`: as this process read it; `standard`: with no file at all."""
    now, then, usual = texts_of(file), texts_of(running), texts_of(standard)
    return tuple(
        _row(place, key, name, now[name], then.get(name, ""), usual.get(name, ""))
        for place, keys in FILES.items()
        for key in keys
        for name in _names(key, now)
    )


def _row(place: str, key: Key, name: str, value: str, running: str, default: str) -> SettingRow:
    low, high = key.kind.bounds or ("", "")
    kind = next((kind for type_, kind in _KINDS if isinstance(key.kind, type_)), FieldKind.TEXT)
    return SettingRow(
        name=name,
        file=place,
        kind=kind,
        meaning=key.meaning,
        value=value,
        running=running,
        default=default,
        cure=key.kind.cure,
        low=low,
        high=high,
        options=key.kind.options if isinstance(key.kind, Choice) else (),
        optional=_OPTIONAL.fullmatch(name) is not None,
        counts=_counts(key, name),
    )


def _counts(key: Key, name: str) -> Counts:
    if key.backtest:
        return Counts.BACKTEST
    if name in _LIMITS or name in THRESHOLDS or _VOTES.fullmatch(name):
        return Counts.CONTROLS
    return Counts.NEXT_START


def _names(key: Key, texts: Mapping[str, str]) -> Iterator[str]:
    pattern = _pattern(key.path)
    yield from (name for name in texts if pattern.fullmatch(name))


@cache
def _pattern(path: str) -> re.Pattern[str]:
    parts, found = path.split("."), []
    for before, part in zip(["", *parts], parts, strict=False):
        found.append(re.escape(part) if part != "*" else ".+" if before in _DOTTED else r"[^.]+")
    return re.compile(r"\.".join(f"({part})" for part in found))


def texts_of(loaded: LoadedRules) -> dict[str, str]:
    """Every key that the files give or that has a default, and what it says; "" where it is not given at all."""
    rules, app = loaded.rules, loaded.app
    texts = {name: _text(value) for name, value in named(rules.risk).items()}
    texts |= {f"simulation.{each.name}": _text(getattr(loaded.simulation, each.name)) for each in fields(Simulation)}
    texts |= {name: _text(getattr(rules.voting, name)) for name in ("cycle_seconds", "timeframe", *THRESHOLDS)}
    for strategy in rules.voting.strategies:
        texts |= _strategy(strategy)
    texts |= {f"news.keywords.{name}": ", ".join(words) for name, words in app["news"]["keywords"].items()}
    for model, prices in app["deepseek"]["prices"].items():
        texts |= {f"deepseek.prices.{model}.{name}": _text(price) for name, price in prices.items()}
    texts |= {f"deepseek.cutoffs.{model}": day for model, day in app["deepseek"]["cutoffs"].items()}
    texts["history.update_at"] = app["history"]["update_at"]
    texts |= {f"keep.{name}": _text(value) for name, value in asdict(app["keep"]).items()}
    return texts | _alerts(app["alerts"])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Decimal, int)):
        return plain(Decimal(value))
    return "" if value is None else str(value)


def _strategy(rule: StrategyRule) -> dict[str, str]:
    start = f"strategies.{rule.name}"
    names = ("enabled", "weight", "ask", "every_seconds", "opinion_ttl_seconds", "sha256")
    texts = {f"{start}.{name}": _text(getattr(rule, name)) for name in names}
    return texts | {f"{start}.settings.{name}": value for name, value in rule.settings}


def _alerts(rules: AlertRules) -> dict[str, str]:
    def hour(at: time) -> str:
        return f"{at:%H:%M}"

    start, end = rules.quiet or (None, None)
    texts = {
        "alerts.max_per_hour": str(rules.max_per_hour),
        "alerts.repeat_minutes": str(rules.repeat // timedelta(minutes=1)),
        "alerts.alive_at": hour(rules.alive_at) if rules.alive_at else "never",
        "alerts.timezone": str(rules.zone),
        QUIET[0]: hour(start) if start else "",
        QUIET[1]: hour(end) if end else "",
    }
    for level, row in rules.levels.items():
        texts |= {f"alerts.levels.{level}.{channel}": row[channel] for channel in CHANNELS}
    for event in AlertEvent:
        if event is not AlertEvent.TEST:
            row = rules.events.get(event, {})
            texts |= {f"alerts.events.{event}.{channel}": str(row.get(channel, "")) for channel in CHANNELS}
    return texts


def events() -> tuple[AlertRow, ...]:
    return tuple(
        AlertRow(name=event, title=kind.title, meaning=kind.meaning, level=kind.level)
        for event, kind in KINDS.items()
        if event is not AlertEvent.TEST
    )


# ---------------------------------------------------------------- what a person wants of them


def changes_of(
    edits: Sequence[Edit], rows: Sequence[SettingRow], given: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[Parts, Change]]:
    """By file. `given`: what the files hold themselves. Unfit: it cannot be. Conflict: it is not what was shown."""
    known = {row.name: row for row in rows}
    wanted: dict[str, str] = {}
    for edit in edits:
        wanted[edit.name] = edit.text.strip()
        _may_be_changed(edit, known.get(edit.name))
    changes: dict[str, dict[Parts, Change]] = {}
    for table in TABLES:
        if any(name.startswith(f"{table}.") for name in wanted) and not _holds(given, table):
            same = [row for row in rows if row.name.startswith(f"{table}.") and row.value and row.name not in wanted]
            for row in same:
                changes.setdefault(row.file, {})[_parts(row)] = _typed(row, row.value)
    for name, text in wanted.items():
        row = known[name]
        if name not in QUIET:
            changes.setdefault(row.file, {})[_parts(row)] = _typed(row, text)
    if any(name in wanted for name in QUIET):
        start, end = (wanted.get(name, known[name].value) for name in QUIET)
        changes.setdefault("app.yml", {}).update(_quiet(known[QUIET[0]], known[QUIET[1]], start, end))
    return changes


def _may_be_changed(edit: Edit, row: SettingRow | None) -> None:
    if row is None:
        raise Unfit(f"{edit.name[:60]}: is no setting")
    if row.counts is not Counts.NEXT_START:
        where = "on the Controls tab" if row.counts is Counts.CONTROLS else "in a backtest's own configuration"
        raise Unfit(f"{row.name}: is changed {where}")
    if edit.was != row.value:
        raise Conflict(f"{row.name} has been changed to {shown(row.value)} meanwhile; look again before you save")


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
    found = _pattern(_key(row).path).fullmatch(row.name)
    return found.groups() if found else tuple(row.name.split("."))


def _key(row: SettingRow) -> Key:
    return next(key for key in FILES[row.file] if _pattern(key.path).fullmatch(row.name))


def _typed(row: SettingRow, text: str) -> Change:
    if not text and row.optional:
        return REMOVED
    kind: Kind = _key(row).kind
    if isinstance(kind, Anything):
        return _any(row.name, text)
    try:
        value = kind.read(text)
    except Wrong as wrong:
        raise Unfit(f"{row.name} is {shown(text)}; {wrong}") from None
    if isinstance(value, (bool, int, Decimal)):
        return value
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return text if isinstance(kind, Choice) else quoted(text)


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
    before, after = ([word.strip() for word in each.split(",")] for each in (row.value, text))
    came = [f"+{word}" for word in after if word not in before]
    return " ".join([*came, *(f"-{word}" for word in before if word not in after)])[:300]
