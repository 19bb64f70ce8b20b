"""When something is wrong with the settings: everything that is wrong, and what can be read all the same.

For looking at an installation, never for trading: a wrong value stands at its default here. Shows no value.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream

from app.core.errors import ConfigError
from services.secrets import STORE, is_sealed
from services.settings.environment import (
    SECRETS,
    SETTINGS,
    Settings,
    check_together,
    load_settings,
    opened_raw,
    settled,
    value_of,
    values_of,
    vault_of,
)
from services.settings.sources import (
    MAX_FILE,
    Raw,
    binding_line,
    file_text,
    from_environment,
    refuse_misspelt,
    resolved,
)

_ROWS = {row.name: row for row in SETTINGS}
_KNOWN = set(_ROWS) | {f"{name}_FILE" for name in SECRETS}


@dataclass(frozen=True, slots=True)
class Salvaged:
    """`wrong`: one line each. `lost`: the settings that could not be read; here they stand at their default."""

    settings: Settings
    wrong: tuple[str, ...] = ()
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Lost:
    """What is wrong with a line, and the settings that are lost with it."""

    wrong: str
    names: set[str]


def salvage(environ: Mapping[str, str], env_file: Path | None) -> Salvaged:
    """As `load_settings` where all is well. Nothing is written."""
    try:
        return Salvaged(load_settings(environ, env_file))
    except ConfigError as error:
        first = str(error)
    wrong: dict[str, None] = {first: None}
    lost: set[str] = set()
    given = _opened(_plain(environ, env_file, wrong, lost), wrong, lost)
    values = values_of(given)
    try:
        check_together(values, given)
    except ConfigError as error:
        wrong[str(error)] = None
    return Salvaged(settled(values), tuple(wrong), frozenset(lost))


def secrets_in_clear(env_file: Path | None) -> tuple[str, ...]:
    """Names of the secrets whose value anybody can read who can read the file."""
    found = []
    for raw in _of_file(env_file):
        if isinstance(raw, Raw) and raw.name in SECRETS and raw.text and not is_sealed(raw.text):
            found += [] if raw.text.startswith("sqlite:") else [raw.name]
    return tuple(dict.fromkeys(found))


def _plain(environ: Mapping[str, str], env_file: Path | None, wrong: dict[str, None], lost: set[str]) -> dict[str, Raw]:
    """What is given and can be read by itself, before anything sealed is opened."""
    given: dict[str, Raw] = {}
    for raw in (*_of_file(env_file), *_of_environment(environ)):
        if isinstance(raw, _Lost):
            wrong[raw.wrong] = None
            lost |= raw.names
            continue
        owner = raw.name if raw.name in _ROWS else raw.name.removesuffix("_FILE")
        try:
            found = resolved({raw.name: raw}, SECRETS)
            for each in found.values():
                if not is_sealed(each.text):
                    value_of(_ROWS[each.name], each)
        except ConfigError as error:
            wrong[str(error)] = None
            lost.add(owner)
            given.pop(owner, None)
        else:
            given.update(found)
            lost -= set(found)
    return given


def _opened(given: dict[str, Raw], wrong: dict[str, None], lost: set[str]) -> dict[str, Raw]:
    """With the sealed values, as far as they open."""
    vault = vault_of(given)
    try:
        with vault.reading():
            kept = {name: Raw(name, text, STORE) for name, text in vault.kept().values.items()}
    except (ConfigError, OSError) as error:
        wrong[str(error)] = None
        lost |= SECRETS - set(given)
        kept = {}
    values = {}
    for name, raw in {**kept, **given}.items():
        try:
            values[name] = opened_raw(vault, raw)
            value_of(_ROWS[name], values[name])
        except ConfigError as error:
            wrong[str(error)] = None
            lost.add(name)
            values.pop(name, None)
    return values


def _of_environment(environ: Mapping[str, str]) -> Iterator[Raw | _Lost]:
    for name, text in environ.items():
        try:
            yield from from_environment({name: text}, _KNOWN).values()
        except ConfigError as error:
            yield _Lost(str(error), set())


def _of_file(path: Path | None) -> Iterator[Raw | _Lost]:
    """Line by line."""
    if path is None:
        return
    try:
        text = file_text(path, str(path), MAX_FILE)
    except ConfigError as error:
        yield _Lost(str(error), set(_ROWS))
        return
    for binding in parse_stream(io.StringIO(text)):
        name, place = binding.key, f"{path} line {binding_line(binding)}"
        if binding.error:
            begun = binding.original.string.strip().partition("=")[0].removeprefix("export").strip()
            lost = {begun, begun.removesuffix("_FILE")} & set(_ROWS)
            yield _Lost(f"{place}: cannot be read; write NAME=value and close each quote", lost)
        elif name in _KNOWN and binding.value is None:
            text = f"{place}: {name} has no value; write {name}=value or remove the line"
            yield _Lost(text, {name, name.removesuffix("_FILE")} & set(_ROWS))
        elif name in _KNOWN:
            yield Raw(name, binding.value or "", place)
        elif name is not None:
            try:
                refuse_misspelt(name, place, _KNOWN)
            except ConfigError as error:
                yield _Lost(str(error), set())
