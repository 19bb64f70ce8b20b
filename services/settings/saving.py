"""Writes changes back into `config/*.yml`: comments and layout stay, a file is replaced whole or not at all.

Nothing is written unless all of it, read again, is right. A limit cannot be switched off from here.
"""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RepresenterError

from app.core.errors import ConfigError, DataError
from app.core.money import decimal, plain
from app.core.rules import StrategyRule
from services.settings.config_files import LoadedRules, load_rules, rules_of, text_of
from services.settings.in_place import removed_in_place, replaced_in_place, with_lines_kept
from services.settings.schema import FILES

_NULL = "tag:yaml.org,2002:null"


class Removed:
    """In place of a value: the key goes, and its default counts."""


REMOVED = Removed()
Change = Decimal | int | bool | str | list[str] | dict[str, Any] | Removed | None
P = TypeVar("P", bound=str | tuple[str, ...])  # a path: dotted, or in parts where a name itself holds dots


def save_rules(config_dir: Path, changes: Mapping[str, Mapping[P, Change]]) -> LoadedRules:
    """Set keys by dotted path, such as {"risk.yml": {"trailing.distance_pct": Decimal("2.5")}}.

    Returns the rules as they now stand. Raises ConfigError, every file untouched, where one is refused.
    """
    load_rules(config_dir)
    loaded, texts = changed_rules(config_dir, changes)
    config_dir.mkdir(parents=True, exist_ok=True)
    for name in changes:
        _replace(config_dir / name, texts[name] or "")
    return loaded


def changed_rules(
    config_dir: Path, changes: Mapping[str, Mapping[P, Change]], *, backtest: bool = False
) -> tuple[LoadedRules, dict[str, str | None]]:
    """What the files would say with these changes, and their texts by name; nothing is written. Raises ConfigError."""
    texts = {name: text_of(config_dir / name) for name in FILES}
    for name, values in changes.items():
        if name not in FILES:
            known = ", ".join(FILES)
            raise ConfigError(f"{config_dir / name}: is no configuration file; known are {known}")
        try:
            texts[name] = changed_text(texts[name] or "", values)
        except DataError as error:
            raise ConfigError(f"{config_dir / name}: {error}; nothing was saved, give another value") from None
    return rules_of(texts, config_dir, backtest), texts


def save_votes(
    config_dir: Path,
    rules: Sequence[tuple[StrategyRule, str]],
    others: Sequence[StrategyRule],
    thresholds: Mapping[str, Decimal],
) -> Callable[[], None]:
    """Enablement and weight of strategies, each with the SHA-256 of its approved file unless empty, and thresholds.

    `others` are those that the file does not name where it names none: once it names one, only named ones exist.
    Returns the function that puts the file back as it was. Raises ConfigError with nothing changed.
    """
    path = config_dir / "strategies.yml"
    undo, values = put_back(path), dict[str, Change](thresholds)
    new = () if not rules or _names_strategies(text_of(path)) else others
    for each, sha256 in (*((other, "") for other in new), *rules):
        values |= {f"strategies.{each.name}.enabled": each.enabled, f"strategies.{each.name}.weight": each.weight}
        if sha256:
            values[f"strategies.{each.name}.sha256"] = sha256
    save_rules(config_dir, {"strategies.yml": values})
    return undo


def put_back(path: Path) -> Callable[[], None]:
    """A function that gives a file its present text again."""
    before = text_of(path)
    return lambda: path.unlink(missing_ok=True) if before is None else _replace(path, before)


def _names_strategies(text: str | None) -> bool:
    root = _yaml().load(text) if text else None
    return isinstance(root, CommentedMap) and isinstance(root.get("strategies"), CommentedMap)


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(Decimal, _decimal)
    yaml.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar(_NULL, "null"))
    return yaml


def _decimal(representer: Any, value: Decimal) -> Any:
    text = plain(decimal(value))
    return representer.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


def changed_text(text: str, values: Mapping[P, Change]) -> str:
    """A file's text with these keys set. Raises DataError for a value that cannot be written."""
    for path, value in values.items():
        parts = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
        replaced = _in_place(text, parts, value) if text else None
        text = _written_anew(text, parts, value) if replaced is None else replaced
    return text


def _in_place(text: str, parts: tuple[str, ...], value: Change) -> str | None:
    return removed_in_place(text, parts) if isinstance(value, Removed) else replaced_in_place(text, parts, value)


def _written_anew(text: str, parts: tuple[str, ...], value: Change) -> str:
    """By way of the whole tree."""
    yaml = _yaml()
    root = yaml.load(text) if text else CommentedMap()
    *parents, last = parts
    branch = root
    for parent in parents:
        if not isinstance(branch.get(parent), CommentedMap):
            if isinstance(value, Removed):
                return text
            branch[parent] = CommentedMap()
        branch = branch[parent]
    if isinstance(value, Removed):
        branch.pop(last, None)
    else:
        branch[last] = value
    out = io.StringIO()
    try:
        yaml.dump(root, out)
    except RepresenterError as error:
        raise DataError(str(error)) from error
    return with_lines_kept(text, out.getvalue()) if text else out.getvalue()


def _replace(path: Path, text: str) -> None:
    """Write beside, flush to disk, rename over: a crash leaves the old file or the new one."""
    beside = path.with_name(f".{path.name}.new")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be saved ({error.strerror}); check space and permissions") from error
