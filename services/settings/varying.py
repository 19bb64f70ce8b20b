"""The rules of `config/*.yml` with changes, thousands of times: the files are read once, the changes are set on what
was read. Gives what `changed_rules` gives, rules and refusals alike, and writes nothing.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from app.core.errors import ConfigError, DataError
from services.settings.config_files import LoadedRules, assembled, text_of
from services.settings.reading import read_node
from services.settings.saving import Change, changed_text
from services.settings.schema import FILES
from services.settings.yaml_text import Listing, Mapping, Node, Scalar, parse


class Variations:
    """Reads the files of a folder when it is made; what changes there later is not seen."""

    def __init__(self, config_dir: Path, *, backtest: bool = False) -> None:
        self._dir, self._backtest = config_dir, backtest
        texts = {name: text_of(config_dir / name) for name in FILES}
        self._nodes = {
            name: None if text is None else parse(text, str(config_dir / name)) for name, text in texts.items()
        }
        self._readings = {
            name: read_node(node, FILES[name], str(config_dir / name), backtest) for name, node in self._nodes.items()
        }

    def rules(self, changes: MappingOf[str, MappingOf[str, Change]]) -> LoadedRules:
        """What the files would say: {"risk.yml": {"trailing.distance_pct": Decimal("2.5")}}. Raises ConfigError."""
        readings = dict(self._readings)
        for name, values in changes.items():
            if name not in FILES:
                raise ConfigError(f"{self._dir / name}: is no configuration file; known are {', '.join(FILES)}")
            if values:
                place = str(self._dir / name)
                readings[name] = read_node(self._changed(name, values, place), FILES[name], place, self._backtest)
        return assembled(readings)

    def _changed(self, name: str, values: MappingOf[str, Change], place: str) -> Mapping:
        node = self._nodes[name] or Mapping((), 0)
        for path, value in values.items():
            *parents, last = path.split(".")
            try:
                node = _with(node, parents, _item(last, value, place))
            except DataError as error:
                raise ConfigError(f"{place}: {error}; nothing was saved, give another value") from None
        return node


def _with(branch: Mapping, parents: list[str], item: tuple[Scalar, Node]) -> Mapping:
    """A copy of `branch` with `item` in the branch below it that `parents` name."""
    if parents:
        inner = next((value for key, value in branch.items if key.text == parents[0]), None)
        inside = inner if isinstance(inner, Mapping) else Mapping((), branch.line)
        item = (Scalar(parents[0], False, branch.line), _with(inside, parents[1:], item))
    for place, (key, _) in enumerate(branch.items):
        if key.text == item[0].text:
            at_home = (key, item[1] if parents else _on_line(item[1], key.line))
            return replace(branch, items=(*branch.items[:place], at_home, *branch.items[place + 1 :]))
    key, value = item
    new = (replace(key, line=branch.line), value if parents else _on_line(value, branch.line))
    return replace(branch, items=(*branch.items, new))


def _on_line(node: Node, line: int) -> Node:
    if isinstance(node, Scalar):
        return replace(node, line=line)
    if isinstance(node, Listing):
        return Listing(tuple(_on_line(each, line) for each in node.items), line)
    return Mapping(tuple((replace(key, line=line), _on_line(value, line)) for key, value in node.items), line)


def _item(key: str, value: Change, place: str) -> tuple[Scalar, Node]:
    """The key and the value as they are read again once they were written."""
    if isinstance(value, list | dict):
        return parse(changed_text("", {key: value}), place).items[0]
    return _plain_item(key, value, type(value).__name__, place)


@lru_cache(maxsize=4096)
def _plain_item(key: str, value: Decimal | int | bool | str, kind: str, place: str) -> tuple[Scalar, Node]:
    """`kind` tells 1 from true, which are the same to the cache."""
    return parse(changed_text("", {key: value}), place).items[0]
