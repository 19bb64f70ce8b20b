"""What a list shows of a finished backtest: its figures, not its months, trials, curves and many warnings. Pure."""

from collections.abc import Mapping
from typing import Any

BLOCKS = ("honesty", "headline")  # of these, too, the figures
WHOLE = ("by_strategy",)  # two figures for each strategy
FIRST_WARNINGS = 12  # the gravest stand first


def figures_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """The part of result.json (study.json, sensitivity.json) that stays short however long the run was."""
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
