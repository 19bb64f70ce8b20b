"""The configuration files as rows for people: each key with its value, its default and what it takes, all as texts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from datetime import time, timedelta
from decimal import Decimal
from functools import cache

from app.core.alerts import KINDS, AlertEvent
from app.core.limits import named
from app.core.money import plain
from app.core.rules import RiskLimits, Simulation, StrategyRule
from app.notices import CHANNELS, AlertRules
from app.settings_ports import AlertRow, Counts, FieldKind, SettingRow, SettingTable
from services.settings.config_files import LoadedRules
from services.settings.kinds import Choice, Flag, Integer, ListOf, Number
from services.settings.limits import THRESHOLDS
from services.settings.schema import FILES, NAMES, Anything, Key

Parts = tuple[str, ...]
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


def tables_of(file: LoadedRules) -> tuple[SettingTable, ...]:
    """Where names come and go: models, the days they know, and what each strategy is told."""
    told = [f"strategies.{rule.name}.settings" for rule in file.rules.voting.strategies]
    return (
        _table("app.yml", "deepseek.prices", "deepseek.prices"),
        _table("app.yml", "deepseek.cutoffs", "deepseek.cutoffs"),
        *(_table("strategies.yml", name, "strategies.*.settings") for name in told),
    )


def _table(place: str, name: str, path: str) -> SettingTable:
    columns = [key for key in FILES[place] if key.path.startswith(f"{path}.*")]
    return SettingTable(
        name=name,
        takes=NAMES[name.rpartition(".")[2]].cure,
        columns=tuple(_row(place, key, f"{name}{key.path[len(path) :]}", "", "", "") for key in columns),
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
    pattern = pattern_of(key.path)
    yield from (name for name in texts if pattern.fullmatch(name))


@cache
def pattern_of(path: str) -> re.Pattern[str]:
    """Of a key's names, each part a group."""
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
    texts |= {f"news.keywords.{name}": "\n".join(words) for name, words in app["news"]["keywords"].items()}
    texts["news.feeds"] = "\n".join(app["news"]["feeds"])
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
