"""YAML files as plain nodes with line numbers. Only the harmless part: no aliases, tags or tabs.

Scalars stay texts, so that no number passes through a float and no word turns into a truth value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, NodeEvent
from ruamel.yaml.nodes import ScalarNode, SequenceNode

from app.core.errors import ConfigError

MAX_DEPTH = 8
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. `quoted`: it can only be a text."""

    text: str
    quoted: bool
    line: int

    @property
    def is_null(self) -> bool:
        return not self.quoted and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple["Node", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    items: tuple[tuple[Scalar, "Node"], ...]
    line: int


Node = Scalar | Listing | Mapping


def parse(text: str, place: str) -> Mapping:
    """The top level of a file. `place` is its name for messages. Raises ConfigError with file and line."""
    for number, line in enumerate(text.split("\n"), start=1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise ConfigError(f"{place} line {number}: is indented with a tab; use blanks")
        if hidden := next((mark for mark in line if mark != "\t" and not mark.isprintable()), ""):
            raise ConfigError(f"{place} line {number}: has an invisible character (U+{ord(hidden):04X}); remove it")
    try:
        _refuse_tricks(text, place)
        root = YAML(typ="rt").compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line_text = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{place}{line_text}: is not valid YAML ({error.problem}); correct it") from None
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"{place}: is not valid YAML ({type(error).__name__}); correct it") from None
    if root is None:
        raise ConfigError(f"{place} line 1: is empty; write key: value lines, or delete the file")
    node = _node(root, place)
    if not isinstance(node, Mapping):
        raise ConfigError(f"{place} line {node.line}: must hold key: value lines at its top level")
    return node


def _refuse_tricks(text: str, place: str) -> None:
    """Look at the stream of events, before anything is built from it."""
    depth = documents = 0
    for event in _events(text):
        line = event.start_mark.line + 1
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ConfigError(f"{place} line {line}: begins a second document; keep one")
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise ConfigError(f"{place} line {line}: uses an anchor or alias (& or *); write the value out")
        if getattr(event, "tag", None):
            raise ConfigError(f"{place} line {line}: uses a tag (!); write the plain value")
        depth += _step(event)
        if depth > MAX_DEPTH:
            raise ConfigError(f"{place} line {line}: is nested more than {MAX_DEPTH} deep; flatten it")


def _events(text: str) -> Iterator[Any]:
    yield from YAML(typ="rt").parse(text)


def _step(event: object) -> int:
    name = type(event).__name__
    if name in ("MappingStartEvent", "SequenceStartEvent"):
        return 1
    return -1 if name in ("MappingEndEvent", "SequenceEndEvent") else 0


def _node(raw: Any, place: str) -> Node:
    line = raw.start_mark.line + 1
    if isinstance(raw, ScalarNode):
        return Scalar(raw.value, raw.style is not None, line)
    if isinstance(raw, SequenceNode):
        return Listing(tuple(_node(item, place) for item in raw.value), line)
    seen: set[str] = set()
    items = []
    for raw_key, raw_value in raw.value:
        key = _node(raw_key, place)
        if not isinstance(key, Scalar):
            raise ConfigError(f"{place} line {key.line}: a key must be a plain name")
        if key.text in seen:
            raise ConfigError(f"{place} line {key.line}: {ascii(key.text)[:60]} is given twice; remove one")
        seen.add(key.text)
        value = _node(raw_value, place)
        if isinstance(value, Scalar) and not value.quoted and not value.text:
            value = Scalar("", False, key.line)  # nothing after the colon: the parser's mark is further down
        items.append((key, value))
    return Mapping(tuple(items), line)
