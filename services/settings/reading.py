"""Reads one YAML file by the table of its keys: only what is given, checked, with the line of each key.

Refuses unknown keys, wrong types and bounds. Knows nothing of what the keys mean.
"""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.core.errors import ConfigError
from app.core.money import decimal, plain
from services.settings.kinds import Flag, Integer, ListOf, Number, Wrong, shown
from services.settings.schema import MAX_NAMES, NAMES, OFF_SECTIONS, Anything, Key
from services.settings.sources import nearest
from services.settings.yaml_text import Listing, Mapping, Node, Scalar, parse

Tree = dict[str, Any]  # name → Tree or Key; "*" stands for any name
_PLAIN_NUMBER = Number(Decimal(-(10**15)), Decimal(10**15))
# Plain words that other readers of YAML take for something else: a text must be quoted here to be one.
AMBIGUOUS = re.compile(r"(?i)yes|no|on|off|y|n|true|false|null|~|[-+.]?(inf|nan)|[-+]?[0-9].*|[-+]?\.[0-9a-z]+")


@dataclass(slots=True)
class Reading:
    """What a file gives: nested values by name, and the line of each path."""

    place: str
    backtest: bool
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def where(self, path: str) -> str:
        """File and line of a key, or of the file where the key is not given."""
        line = self.lines.get(path)
        return f"{self.place} line {line}" if line else self.place

    def wrong(self, line: int, text: str) -> ConfigError:
        return ConfigError(f"{self.place} line {line}: {text}" if line else f"{self.place}: {text}")


def read_file(text: str | None, keys: tuple[Key, ...], place: str, backtest: bool) -> Reading:
    """All that `text` gives; nothing where there is no file."""
    return read_node(None if text is None else parse(text, place), keys, place, backtest)


def read_node(node: Mapping | None, keys: tuple[Key, ...], place: str, backtest: bool) -> Reading:
    """The same of a text that was parsed already."""
    reading = Reading(place, backtest)
    if node is not None:
        reading.values = _section(node, tree_of(keys), "", reading)
    return reading


@lru_cache
def tree_of(keys: tuple[Key, ...]) -> Tree:
    """The table as nested names."""
    tree: Tree = {}
    for key in keys:
        *parents, last = key.path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = key
    return tree


def _section(node: Node, tree: Tree, prefix: str, reading: Reading) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        raise reading.wrong(node.line, f"{prefix} must hold key: value lines, such as {_some(tree)}: …")
    if len(node.items) > MAX_NAMES:
        raise reading.wrong(node.line, f"{prefix or 'the file'} has more than {MAX_NAMES} keys; remove some")
    values = {}
    for name, value in node.items:
        path = f"{prefix}.{name.text}" if prefix else name.text
        branch = _branch(name, tree, prefix, reading)
        reading.lines[path] = name.line
        if isinstance(branch, Key):
            values[name.text] = _value(value, branch, path, reading)
        elif isinstance(value, Scalar) and value.is_null:
            values[name.text] = _null_section(value, branch, path, reading)
        else:
            values[name.text] = _section(value, branch, path, reading)
    return values


def _some(tree: Tree) -> str:
    return next(iter(tree)).replace("*", "name")


def _branch(name: Scalar, tree: Tree, prefix: str, reading: Reading) -> Any:
    """The part of the table for a key, or a refusal that says which key was meant."""
    if "*" in tree:
        kind = NAMES[prefix.rpartition(".")[2]]
        try:
            kind.read(name.text)
        except Wrong as wrong:
            raise reading.wrong(name.line, f"the name {shown(name.text)} in {prefix}: {wrong}") from None
        return tree["*"]
    if name.text in tree:
        return tree[name.text]
    meant = nearest(name.text, tree)
    cure = f"did you mean {meant}?" if meant else f"known here are {', '.join(tree)}"
    path = f"{prefix}.{name.text}" if prefix else name.text
    raise reading.wrong(name.line, f"{ascii(path)[1:61].rstrip(chr(39))} is not a known key; {cure}")


def _null_section(node: Scalar, tree: Tree, path: str, reading: Reading) -> Any:
    if path == "alerts.quiet_hours":
        return None
    if path in OFF_SECTIONS and reading.backtest:
        return None if path == "trailing" else dict.fromkeys(tree)
    if path in OFF_SECTIONS:
        raise reading.wrong(node.line, f"{path} is null; only a backtest's own configuration may switch it off")
    raise reading.wrong(node.line, f"{path} has nothing under it; write its keys or remove the line")


def _value(node: Node, key: Key, path: str, reading: Reading) -> Any:
    try:
        if isinstance(key.kind, Anything):
            return json.dumps(_anything(node), ensure_ascii=False, separators=(",", ":"), default=_json_number)
        if isinstance(key.kind, ListOf):
            return _list(node, key.kind)
        return _scalar(node, key, reading)
    except Wrong as wrong:
        raise reading.wrong(node.line, f"{path} is {_shown(node)}; {wrong}") from None


def _shown(node: Node) -> str:
    if isinstance(node, Scalar):
        return "null" if node.is_null else shown(node.text)
    return "a list" if isinstance(node, Listing) else "a section"


def _scalar(node: Node, key: Key, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        raise Wrong(f"it must be {key.kind.cure}")
    if node.is_null:
        if key.limit and reading.backtest:
            return None
        only = "; only a backtest's own configuration may switch it off" if key.limit else ", or remove the line"
        raise Wrong(f"it must be {key.kind.cure}{only}")
    if key.backtest and not reading.backtest:
        raise Wrong("only a backtest's own configuration may have it; remove the line")
    if node.quoted and isinstance(key.kind, (Number, Integer, Flag)):
        raise Wrong(f"it must be {key.kind.cure}, without quotes")
    return key.kind.read(node.text)


def _list(node: Node, kind: ListOf) -> tuple[object, ...]:
    if not isinstance(node, Listing) or len(node.items) > kind.most:
        raise Wrong(f"it must be a list of up to {kind.most} values, each {kind.item.cure}")
    values = []
    for item in node.items:
        if not isinstance(item, Scalar) or item.is_null:
            raise Wrong(f"each value must be {kind.item.cure}")
        values.append(kind.item.read(item.text))
    return tuple(values)


def _anything(node: Node) -> Any:
    """A strategy's setting: strict about plain words, since a strategy cannot ask what was meant."""
    if isinstance(node, Listing):
        return [_anything(item) for item in node.items]
    if isinstance(node, Mapping):
        raise Wrong("it must be a number, true, false, a text, or a list of these")
    if node.quoted:
        return node.text
    if node.text in ("true", "false"):
        return node.text == "true"
    if not AMBIGUOUS.fullmatch(node.text) and node.text:
        return node.text
    try:
        return _PLAIN_NUMBER.read(node.text)
    except Wrong:
        raise Wrong("write a plain number, true or false, or put a text in quotes") from None


def _json_number(value: object) -> float | int:
    """A Decimal as the JSON number of the same digits, as far as JSON readers keep them."""
    text = plain(decimal(value))
    return float(text) if "." in text else int(text)
