"""What `main.py sensitivity` does: every combination of a few settings tried, as tables and heat maps of the result."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from app.core.errors import ConfigError
from app.seam import Clock
from backtest import pages
from backtest.kernels import compiling
from backtest.optimize import Pool
from backtest.optimize_pool import executor
from backtest.optimize_weighing import row
from backtest.progress_bar import Bar
from backtest.space import Changes, Parameter, Space, space_of, written
from backtest.trials import Bench, Task, Trials, Tried

MOST = 5000  # combinations
AT_ONCE = 16
MEASURES = (("return_pct", "Return, %"), ("sharpe_ratio", "Sharpe ratio"), ("max_drawdown_pct", "Drawdown, %"))
KERNEL = "figures of the sweep kernel, which trades as the exact engine does; the span was looked at while choosing"

Row = dict[str, Any]


def command(
    arguments: Namespace, *, make: Callable[[Any], Bench], setup: Any, progress: Callable[[float], None] | None = None
) -> int:
    space = space_of(arguments.vary)
    if len(space) > MOST:
        raise ConfigError(f"--vary: are {len(space)} combinations; {MOST} at most, so give fewer values")
    rows = tried(arguments, space, make, setup, progress)
    folder = Path(arguments.out) if arguments.out else Path("runs") / f"sensitivity-{Clock().now():%Y-%m-%d_%H-%M-%S}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sensitivity.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (folder / "sensitivity.html").write_text(page(str(arguments.data), space, rows), encoding="utf-8")
    told = json.dumps(rows, indent=2) if arguments.json else "\n".join([*lines(space, rows), f"written to {folder}"])
    sys.stdout.write(f"{told}\n")
    return 0


def tried(
    arguments: Namespace,
    space: Space,
    make: Callable[[Any], Bench],
    setup: Any,
    progress: Callable[[float], None] | None = None,
) -> list[Row]:
    whole = space.all()
    tasks = [Task(changes=each, since=arguments.since, until=arguments.until) for each in whole]
    bench = make(setup)
    compiling.announce("trading", sys.stderr)
    first = Trials(bench)(tasks[0])  # the compiler does its work once, here
    outcomes: list[Tried] = [first]
    bar = Bar(sys.stderr, "sensitivity", len(tasks), Clock(), progress)
    with executor(arguments.workers or os.cpu_count() or 1, arguments.cluster) as where:
        pool = Pool(make, setup, where)
        try:
            for begin in range(1, len(tasks), AT_ONCE):
                outcomes += pool.try_all(tasks[begin : begin + AT_ONCE])
                bar.show(len(outcomes))
        finally:
            bar.end()
    if all(each.refused for each in outcomes):
        raise ConfigError(f"--vary: no combination is possible: {outcomes[0].refused}")
    return [_row(changes, outcome) for changes, outcome in zip(whole, outcomes, strict=True)]


def _row(changes: Changes, outcome: Tried) -> Row:
    told = row("return", outcome)
    return {"settings": {path: written(value) for path, value in changes}, **told}


def lines(space: Space, rows: Sequence[Row]) -> list[str]:
    """A table for each pair of settings: the return, by the values of both."""
    if len(space.parameters) == 1:
        heads: tuple[str, ...] = (space.parameters[0].path, "return %", "drawdown %", "Sharpe", "trades")
        return pages.text_table(heads, [[*row["settings"].values(), *_figures(row)] for row in rows])
    told: list[str] = []
    for down, across in combinations(space.parameters, 2):
        told += [f"return %: {down.path} (down) by {across.path} (across){_rest(space)}"]
        heads = ("", *map(written, across.values))
        grid = grid_of(rows, down, across, "return_pct")
        told += pages.text_table(
            heads, [[written(value), *line] for value, line in zip(down.values, grid, strict=True)]
        )
    return told


def _figures(row: Row) -> list[Any]:
    return [row[name] for name in ("return_pct", "max_drawdown_pct", "sharpe_ratio", "trades")]


def _rest(space: Space) -> str:
    return "; the middle over the other settings" if len(space.parameters) > 2 else ""


def grid_of(rows: Sequence[Row], down: Parameter, across: Parameter, name: str) -> list[list[float | None]]:
    """One line for each value of `down`; the median over everything else, None where nothing is possible."""

    def cell(one: str, other: str) -> float | None:
        found = [
            row[name]
            for row in rows
            if row["settings"][down.path] == one and row["settings"][across.path] == other and row[name] is not None
        ]
        return median(found) if found else None

    return [[cell(written(one), written(other)) for other in across.values] for one in down.values]


def page(data: str, space: Space, rows: Sequence[Row]) -> str:
    charts: list[pages.Chart] = []
    parts: list[str] = []
    if len(space.parameters) == 1:
        parts += _curves(space.parameters[0], rows, charts)
    for down, across in combinations(space.parameters, 2):
        for name, title in MEASURES:
            parts.append(_map(down, across, name, title, rows, charts, _rest(space)))
    heads = (*(each.path.rpartition(".")[2] for each in space.parameters), "return %", "drawdown %", "Sharpe", "trades")
    parts.append(pages.table("All of them", heads, [[*row["settings"].values(), *_figures(row)] for row in rows]))
    refused = [row["refused"] for row in rows if row["refused"]]
    warnings = [KERNEL] + ([f"{len(refused)} combinations are not possible: {refused[0]}"] if refused else [])
    return pages.page("Sensitivity", data, warnings, parts, charts)


def _curves(parameter: Parameter, rows: Sequence[Row], charts: list[pages.Chart]) -> list[str]:
    parts = []
    for name, title in MEASURES:
        trace = {"x": [*map(written, parameter.values)], "y": [row[name] for row in rows], "mode": "lines+markers"}
        x = {"type": "category", "title": {"text": parameter.path}}
        charts.append({"id": f"chart-{len(charts)}", "traces": [trace], "x": x, "y": {}})
        parts.append(pages.drawing(charts[-1], title))
    return parts


def _map(
    down: Parameter, across: Parameter, name: str, title: str, rows: Sequence[Row], charts: list[pages.Chart], rest: str
) -> str:
    values = grid_of(rows, down, across, name)
    known = [each for line in values for each in line if each is not None]
    trace = {
        "type": "heatmap", "z": values, "x": [*map(written, across.values)], "y": [*map(written, down.values)],
        "zmid": median(known) if known and name == "max_drawdown_pct" else 0,
        "reversescale": name == "max_drawdown_pct",
        "text": [["" if each is None else f"{each:.2f}" for each in line] for line in values],
        "texttemplate": "%{text}", "hovertemplate": "%{y} · %{x}: %{z:.2f}<extra></extra>",
    }  # fmt: skip
    x = {"type": "category", "title": {"text": across.path.rpartition(".")[2]}}
    y = {"type": "category", "title": {"text": down.path.rpartition(".")[2]}}
    charts.append({"id": f"chart-{len(charts)}", "traces": [trace], "x": x, "y": y, "height": 120 + 44 * len(values)})
    meaning = f"{down.path} by {across.path}{rest}. Empty: not possible, or nothing to tell."
    return pages.drawing(charts[-1], title, meaning)
