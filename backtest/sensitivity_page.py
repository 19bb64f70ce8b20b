"""sensitivity.html: how the result changes with a few settings, as heat maps. No trade is made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

from backtest import pages
from backtest import report_words as words
from backtest.report_html import cards
from backtest.report_words import Figure, percent, tone
from backtest.space import Parameter, Space, written

MEASURES = (("return_pct", "Return, %"), ("sharpe_ratio", "Sharpe ratio"), ("max_drawdown_pct", "Deepest drawdown, %"))
CHOSEN = "These days were looked at while choosing: the best of many combinations is too good, and may be luck"
KERNEL = (
    "Figures are those of the fast kernel, which trades as the exact engine does; run the one you like as a backtest"
)
MOST_LISTED = 200

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Every combination of the space with what came of it; `held_pct` is what holding bitcoin returned."""

    data: str
    space: Space
    rows: Sequence[Row]
    held_pct: float


def page(looked: Looked) -> str:
    charts: list[pages.Chart] = []
    space, rows = looked.space, looked.rows
    parts = [*cards(in_short(looked)), f'<p class="short">{GROUND}</p>\n']
    if len(space.parameters) == 1:
        parts += curves(space.parameters[0], rows, charts)
    for down, across in combinations(space.parameters, 2):
        parts += [drawn(down, across, looked, name, title) for name, title in MEASURES]
    parts.append(listed(looked))
    refused = [row["refused"] for row in rows if row["refused"]]
    warnings = [CHOSEN, KERNEL, *([f"{len(refused)} combinations are not possible: {refused[0]}"] if refused else [])]
    return pages.page("Sensitivity", f"{said(space)}: {words.entitled(looked.data)}", warnings, parts, charts)


GROUND = (
    "A good setting has good neighbours: look for a wide area of alike cells, not for the single best one. "
    "A lone strong cell among weak ones is an accident of the past."
)


def said(space: Space) -> str:
    return " by ".join(last(each) for each in space.parameters)


def last(parameter: Parameter) -> str:
    """strategies.technical_indicators.settings.rsi_period → rsi_period"""
    return parameter.path.rpartition(".")[2]


def in_short(looked: Looked) -> list[Figure]:
    known = [row["return_pct"] for row in looked.rows if row["return_pct"] is not None]
    earned = sum(each > 0 for each in known)
    return [
        Figure(name="Earned something", value=f"{earned:,} of {len(known):,}", meaning=""),
        Figure(name="Middle return", value=percent(median(known), signed=True), meaning="", tone=tone(median(known))),
        Figure(
            name="Worst to best",
            value=f"{words.number(min(known), 0, signed=True)} to {percent(max(known), 0, signed=True)}",
            meaning="",
        ),
        Figure(
            name="Buy and hold", value=percent(looked.held_pct, signed=True), meaning="", tone=tone(looked.held_pct)
        ),
    ]


def rest(space: Space) -> str:
    return "; the middle over the other settings" if len(space.parameters) > 2 else ""


def grid_of(rows: Sequence[Row], down: Parameter, across: Parameter, name: str) -> list[list[float | None]]:
    """One line for each value of `down`; the median over everything else, None where nothing is possible."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row[name] is not None:
            place = row["settings"][down.path], row["settings"][across.path]
            found.setdefault(place, []).append(row[name])

    def cell(one: str, other: str) -> float | None:
        values = found.get((one, other))
        return median(values) if values else None

    return [[cell(written(one), written(other)) for other in across.values] for one in down.values]


def drawn(down: Parameter, across: Parameter, looked: Looked, name: str, title: str) -> str:
    grid = grid_of(looked.rows, down, across, name)
    less = name == "max_drawdown_pct"
    meaning = (
        f"Down: {down.path}. Across: {across.path}{rest(looked.space)}. "
        f"{'The stronger the orange, the deeper' if less else 'Blue: above zero, orange: below'}. "
        "A dot: not possible, or nothing to tell."
    )
    lines = [(written(value), line) for value, line in zip(down.values, grid, strict=True)]
    corner = f"↓ {last(down)}\n→ {last(across)}"
    return pages.heat_map(title, corner, [*map(written, across.values)], lines, signed=not less, meaning=meaning)


def curves(parameter: Parameter, rows: Sequence[Row], charts: list[pages.Chart]) -> list[str]:
    """Of a single setting."""
    parts = []
    for name, title in MEASURES:
        trace = {
            "x": [*map(written, parameter.values)], "y": [row[name] for row in rows], "mode": "lines+markers",
            "hovertemplate": "%{x}: %{y:.2f}<extra></extra>",
        }  # fmt: skip
        x = {"type": "category", "title": {"text": parameter.path}}
        charts.append({"id": f"chart-{len(charts)}", "traces": [trace], "x": x, "y": {"title": {"text": title}}})
        parts.append(pages.drawing(charts[-1], title))
    return parts


def figures(row: Row) -> list[Any]:
    return [row[name] for name in ("return_pct", "max_drawdown_pct", "sharpe_ratio", "trades")]


def listed(looked: Looked) -> str:
    """The best first; of very many, those alone."""
    known = sorted(
        looked.rows, key=lambda row: -(row["return_pct"] if row["return_pct"] is not None else float("-inf"))
    )
    heads = (*map(last, looked.space.parameters), "Return, %", "Deepest drawdown, %", "Sharpe ratio", "Trades")
    few = len(known) > MOST_LISTED
    meaning = f"The {MOST_LISTED} with the highest return; all {len(known):,} stand in sensitivity.json." if few else ""
    lines = [
        [*row["settings"].values(), words.number(row["return_pct"], signed=True), *figures(row)[1:]]
        for row in known[:MOST_LISTED]
    ]
    return pages.table("Every combination, the best first", heads, lines, meaning)
