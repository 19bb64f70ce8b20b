"""What is shown of a finished backtest where there is little room: figures, and short names of settings. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

BLOCKS = ("honesty", "headline")  # of these, too, the figures
WHOLE = ("by_strategy",)  # two figures for each strategy
FIRST_WARNINGS = 12  # the gravest stand first


def figures_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """For lists: the part of result.json (study.json, sensitivity.json) that stays short however long the run was, so
    not its months, trials, curves and many warnings."""
    shown = {name: value for name, value in result.items() if name in WHOLE or plain(value)}
    for name in BLOCKS:
        if isinstance(block := result.get(name), dict):
            shown[name] = {each: value for each, value in block.items() if plain(value)}
    if isinstance(warnings := result.get("warnings"), list):
        shown["warnings"] = warnings[:FIRST_WARNINGS]
    if isinstance(rows := result.get("rows"), list):  # of sensitivity: one for each combination
        shown["combinations"] = len(rows)
    return shown


def plain(value: Any) -> bool:
    return not isinstance(value, dict | list)


def shortened(paths: Sequence[str]) -> dict[str, str]:
    """Each setting by its last word, and as many before it as tell it from the others."""
    parts = {path: path.removeprefix("strategies.").split(".") for path in paths}
    return {path: " ".join(mine[-_enough(mine, parts) :]) for path, mine in parts.items()}


def _enough(mine: list[str], parts: Mapping[str, list[str]]) -> int:
    others = [each for each in parts.values() if each != mine]
    counts = range(1, len(mine))
    return next((count for count in counts if all(mine[-count:] != each[-count:] for each in others)), len(mine))
