"""The configuration of one backtest: the trader's own files, or what a person sent in their place. Checked as on the
command line. Strategies whose files nobody approved do not take part.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError, DataError
from app.core.rules import Rules
from app.strategy_files import Unfit
from services.settings.config_files import rules_of, text_of
from services.settings.saving import Change, changed_text
from services.settings.schema import FILES

LARGEST = 16 * 1024  # characters of a part; reading YAML is slow
PARTS = {"strategies": "strategies.yml", "risk": "risk.yml"}
PLACE = Path("config")
NAMED = re.compile(rf"^{PLACE}/(\w+)\.yml(?: line \d+)?: ")

PATH = re.compile(r"[a-z0-9_]{1,64}(\.[a-z0-9_]{1,64}){0,4}")

Texts = Mapping[str, str | None]
Sent = Mapping[str, Mapping[str, Any]]


def texts_of(sent: Sent | None, own: Path) -> dict[str, str | None]:
    """Name → text of each configuration file; JSON is YAML as well."""
    texts = {name: text_of(own / name) for name in FILES}
    for part, content in (sent or {}).items():
        try:
            text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        except ValueError as error:  # Python's own reader of JSON takes NaN and 1e999
            raise Unfit(f"config.{part}: holds a number that is none, such as NaN; write it out") from error
        if len(text) > LARGEST:
            raise Unfit(f"config.{part}: has {len(text)} characters; at most {LARGEST} are taken")
        texts[PARTS[part]] = text
    return texts


def with_changes(texts: Texts, changes: Mapping[str, Change]) -> Texts:
    """With single settings set, comments and all else as they are. Unfit where one cannot be written."""
    changed = dict(texts)
    for path, value in changes.items():
        name, key = ("risk.yml", path.removeprefix("risk.")) if path.startswith("risk.") else ("strategies.yml", path)
        if not PATH.fullmatch(key):
            raise Unfit(f"changes: {path[:80]!a} is the name of no setting")
        try:
            changed[name] = changed_text(changed.get(name) or "", {key: value})
        except DataError as error:
            raise Unfit(f"changes: {path}: {error}") from error
    return changed


def checked(texts: Mapping[str, str | None], approved: Mapping[str, str]) -> Rules:
    """The rules. Unfit, with the part and the cure, where they are none or where somebody unknown would vote."""
    try:
        rules = rules_of(texts, PLACE, backtest=True).rules
    except ConfigError as error:
        raise Unfit(NAMED.sub(r"config.\1: ", str(error))) from error
    voters = [rule for rule in rules.voting.strategies if rule.enabled and rule.weight > 0]
    for rule in voters:
        if rule.name not in approved:
            raise Unfit(
                f"config.strategies: {rule.name} has no file that a person approved; enable it in Controls once, "
                "or leave it out"
            )
        if rule.sha256 and rule.sha256 != approved[rule.name]:
            raise Unfit(f"config.strategies: {rule.name}: sha256 is not that of the approved file; leave it out")
    if not voters:
        raise Unfit("config.strategies: nobody would vote; enable a strategy and give it a weight")
    return rules
