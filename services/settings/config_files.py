"""`config/risk.yml`, `strategies.yml` and `app.yml` as the rules of the core. A missing key: its default.

Anything wrong is refused with file, line and cure before any rule exists: there are no half-read rules.
"""

import dataclasses
import hashlib
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from app import codec
from app.core.errors import ConfigError
from app.core.rules import (
    Asking,
    EntryOrder,
    EntryRules,
    RiskLimits,
    Rules,
    Simulation,
    StrategyRule,
    Trailing,
    Tripwires,
    VotingRules,
    Warnings,
)
from app.notices import AlertRules, Loud, Matrix
from app.retention import Keep
from services.settings.app_config import AppConfig, default_app_config
from services.settings.reading import Reading, read_file
from services.settings.schema import FILES, TOGETHER
from services.settings.sources import MAX_FILE, file_text

__all__ = ["AppConfig", "LoadedRules", "load_rules"]

_SECTIONS: dict[str, type] = {
    "trailing": Trailing,
    "entry": EntryRules,
    "warnings": Warnings,
    "tripwires": Tripwires,
}
DECIDING_NOTHING = frozenset({"alerts", "keep"})
_ENUMS: dict[str, type] = {"order": EntryOrder, "ask": Asking}

DEFAULT_STRATEGIES = (
    StrategyRule(
        name="deepseek_analyzer",
        enabled=True,
        weight=Decimal(50),
        reads_text=True,
        ask=Asking.CYCLE,
        every_seconds=300,
    ),
    StrategyRule(name="technical_indicators", enabled=True, weight=Decimal(30)),
    StrategyRule(name="news_analyzer", enabled=True, weight=Decimal(20), reads_text=True, ask=Asking.CYCLE),
)
_KNOWN_STRATEGIES = {rule.name: rule for rule in DEFAULT_STRATEGIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRules:
    """What the files say. `sha256` is of the meaning, not of comments or layout."""

    rules: Rules
    simulation: Simulation
    app: AppConfig
    sha256: str


def load_rules(config_dir: Path, backtest: bool = False) -> LoadedRules:
    """Read and check the three files. Only a backtest's own configuration may switch limits off with null."""
    if config_dir.exists() and not config_dir.is_dir():
        raise ConfigError(f"{config_dir}: is not a directory; name the one that holds risk.yml and strategies.yml")
    return rules_of({name: text_of(config_dir / name) for name in FILES}, config_dir, backtest)


def text_of(path: Path) -> str | None:
    """A file's text, or None where there is none."""
    if path.is_symlink():
        raise ConfigError(f"{path}: is a symbolic link; put the file itself there")
    if not path.exists():
        return None
    if not path.is_file():
        raise ConfigError(f"{path}: is not a file; replace it by one")
    return file_text(path, str(path), MAX_FILE)


def rules_of(texts: MappingOf[str, str | None], config_dir: Path, backtest: bool) -> LoadedRules:
    """The rules that these texts, as files of `config_dir`, give."""
    return assembled({name: read_file(texts[name], FILES[name], str(config_dir / name), backtest) for name in FILES})


def assembled(readings: MappingOf[str, Reading]) -> LoadedRules:
    """The rules that the three files give together."""
    risk_given = dict(readings["risk.yml"].values)
    simulation = _build(Simulation, risk_given.pop("simulation", {}))
    rules = Rules(risk=_build(RiskLimits, risk_given), voting=_voting(readings["strategies.yml"]))
    _check_together(rules.risk, readings["risk.yml"])
    app = _app(readings["app.yml"])
    deciding = {name: part for name, part in app.items() if name not in DECIDING_NOTHING}
    canonical = codec.encode([rules, simulation, deciding])
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    return LoadedRules(rules=rules, simulation=simulation, app=app, sha256=sha256)


def _build(kind: type, given: dict[str, Any]) -> Any:
    """A rules dataclass with what is given, and its own defaults for the rest."""
    values = {}
    for name, value in given.items():
        if isinstance(value, dict):
            value = _build(_SECTIONS[name], value)
        elif name in _ENUMS:
            value = _ENUMS[name](value)
        values[name] = value
    return kind(**values)


def _voting(reading: Reading) -> VotingRules:
    given = dict(reading.values)
    named = given.pop("strategies", None)
    if named is None:
        return VotingRules(**given, strategies=DEFAULT_STRATEGIES)
    strategies = tuple(_strategy(name, values) for name, values in named.items())
    if not any(rule.weight > 0 for rule in strategies):
        raise ConfigError(f"{reading.where('strategies')}: strategies has no weight above 0; give one a weight")
    return VotingRules(**given, strategies=strategies)


def _strategy(name: str, given: dict[str, Any]) -> StrategyRule:
    """A shipped strategy keeps its defaults; any other is off and weightless until its owner says more."""
    rule = _KNOWN_STRATEGIES.get(name) or StrategyRule(name=name, enabled=False, weight=Decimal(0))
    values = dict(given)
    if "ask" in values:
        values["ask"] = Asking(values["ask"])
    if "settings" in values:
        values["settings"] = tuple(sorted(values["settings"].items()))
    return dataclasses.replace(rule, **values)


def _check_together(risk: RiskLimits, reading: Reading) -> None:
    for rule in TOGETHER:
        if cure := rule.broken(risk):
            value = risk
            for part in rule.path.split("."):
                value = getattr(value, part)
            raise ConfigError(f"{reading.where(rule.path)}: {rule.path} is {value}; {cure}")


def _app(reading: Reading) -> AppConfig:
    """Tables that are given replace the default ones, keywords list by list."""
    app: Any = default_app_config()
    for section, tables in reading.values.items():
        if section == "alerts":
            app["alerts"] = _alerts(tables, reading)
            continue
        if section == "keep":
            app["keep"] = Keep(**tables)
            continue
        for name, value in tables.items():
            app[section][name] = {**app[section][name], **value} if name == "keywords" else value
    result: AppConfig = app
    for model, prices in result["deepseek"]["prices"].items():
        if len(prices) != 3:
            path = f"deepseek.prices.{model}"
            raise ConfigError(f"{reading.where(path)}: {path} needs cached_usd, input_usd and output_usd; add them")
    return result


def _alerts(given: dict[str, Any], reading: Reading) -> AlertRules:
    """The matrix keeps its defaults where nothing is said."""
    rules = AlertRules()
    quiet = given.get("quiet_hours")
    if quiet is not None and (len(quiet) != 2 or quiet["start"] == quiet["end"]):
        path = "alerts.quiet_hours"
        raise ConfigError(f"{reading.where(path)}: {path} needs a start and another end; correct it or write null")
    alive = given.get("alive_at")
    return AlertRules(
        max_per_hour=given.get("max_per_hour", rules.max_per_hour),
        repeat=timedelta(minutes=given["repeat_minutes"]) if "repeat_minutes" in given else rules.repeat,
        alive_at=rules.alive_at if alive is None else None if alive == "never" else time.fromisoformat(alive),
        zone=given.get("timezone", rules.zone),
        quiet=(time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"])) if quiet else None,
        levels=_over(rules.levels, given.get("levels", {})),
        events=_over(rules.events, given.get("events", {})),
    )


def _over(default: Matrix, given: dict[str, dict[str, str]]) -> Matrix:
    named = {name: {channel: Loud(how) for channel, how in row.items()} for name, row in given.items()}
    return {name: {**default.get(name, {}), **named.get(name, {})} for name in [*default, *named]}
