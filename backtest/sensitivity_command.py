"""What `main.py sensitivity` does: every combination of a few settings tried, and told as tables and heat maps."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError
from app.seam import Clock
from backtest import pages, sensitivity_page
from backtest.holding import held
from backtest.kernels import compiling
from backtest.optimize import Pool
from backtest.optimize_pool import executor
from backtest.optimize_weighing import row
from backtest.progress_bar import Bar
from backtest.sensitivity_page import Looked, Row, figures, grid_of, rest
from backtest.series import at_ms
from backtest.space import Changes, Space, space_of, written
from backtest.trials import Bench, Task, Trials, Tried
from backtest.walk_forward import Span

MOST = 5000  # combinations
AT_ONCE = 16


def command(
    arguments: Namespace, *, make: Callable[[Any], Bench], setup: Any, progress: Callable[[float], None] | None = None
) -> int:
    space = space_of(arguments.vary)
    if len(space) > MOST:
        raise ConfigError(f"--vary: are {len(space)} combinations; {MOST} at most, so give fewer values")
    bench = make(setup)
    rows = tried(arguments, space, bench, make, setup, progress)
    folder = Path(arguments.out) if arguments.out else Path("runs") / f"sensitivity-{Clock().now():%Y-%m-%d_%H-%M-%S}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sensitivity.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (folder / "sensitivity.html").write_text(
        sensitivity_page.page(
            Looked(data=str(arguments.data), space=space, rows=rows, held_pct=kept(bench, arguments))
        ),
        encoding="utf-8",
    )
    told = json.dumps(rows, indent=2) if arguments.json else "\n".join([*lines(space, rows), f"written to {folder}"])
    sys.stdout.write(f"{told}\n")
    return 0


def tried(
    arguments: Namespace,
    space: Space,
    bench: Bench,
    make: Callable[[Any], Bench],
    setup: Any,
    progress: Callable[[float], None] | None = None,
) -> list[Row]:
    whole = space.all()
    tasks = [Task(changes=each, since=arguments.since, until=arguments.until) for each in whole]
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


def kept(bench: Bench, arguments: Namespace) -> float:
    """What holding bitcoin returned in the same days, in per cent."""
    first, last = at_ms(int(bench.series.ts[0])), at_ms(int(bench.series.ts[-1]) + 1)
    span = Span(since=arguments.since or first, until=arguments.until or last)
    return held(bench.series, span, float(bench.rules(())[1].fee_pct)).return_pct


def lines(space: Space, rows: Sequence[Row]) -> list[str]:
    """A table for each pair of settings: the return, by the values of both."""
    if len(space.parameters) == 1:
        heads: tuple[str, ...] = (space.parameters[0].path, "return %", "drawdown %", "Sharpe", "trades")
        return pages.text_table(heads, [[*row["settings"].values(), *figures(row)] for row in rows])
    told: list[str] = []
    for down, across in combinations(space.parameters, 2):
        told += [f"return %: {down.path} (down) by {across.path} (across){rest(space)}"]
        heads = ("", *map(written, across.values))
        grid = grid_of(rows, down, across, "return_pct")
        told += pages.text_table(
            heads, [[written(value), *line] for value, line in zip(down.values, grid, strict=True)]
        )
    return told
