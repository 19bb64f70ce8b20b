"""What `main.py compare` does: finished runs side by side, as a table and a page. Counts nothing anew."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError
from backtest import pages, report
from backtest.report import Finished
from backtest.report_curves import equity

ROWS = (
    "start", "end", "return_pct", "buy_and_hold_return_pct", "cagr_pct", "max_drawdown_pct", "sharpe_ratio",
    "sortino_ratio", "calmar_ratio", "profit_factor", "trades", "win_rate_pct", "expectancy", "fees_paid",
    "exposure_time_pct", "final_equity",
)  # fmt: skip
SAME = (
    ("data_sha256", "they were run on different candles"),
    ("start", "they begin at different times"),
    ("end", "they end at different times"),
    ("initial_cash", "they begin with different money; the curves are drawn as growth"),
    ("version", "they were run by different versions of the program"),
)


def command(arguments: Namespace, folders: Sequence[Path]) -> int:
    if len(folders) < 2:
        raise ConfigError("compare: name two or more folders of finished runs, or give --config twice with --data")
    runs = [report.read(folder) for folder in folders]
    names = named(folders)
    said = differences(runs)
    columns = {name: run.result for name, run in zip(names, runs, strict=True)}
    if arguments.out:
        Path(arguments.out).mkdir(parents=True, exist_ok=True)
    path = Path(arguments.out or ".") / "compare.html"
    path.write_text(page(names, runs, said), encoding="utf-8")
    if arguments.json:
        chosen = {name: {row: result.get(row) for row in ROWS} for name, result in columns.items()}
        told = json.dumps({"runs": chosen, "warnings": said}, indent=2)
    else:
        table = pages.text_table(("", *names), rows(runs))
        told = "\n".join([*table, *(f"warning: {each}" for each in said), f"written to {path}"])
    sys.stdout.write(f"{told}\n")
    return 0


def named(folders: Sequence[Path]) -> list[str]:
    """The folders' own names where those differ."""
    short = [folder.resolve().name for folder in folders]
    return short if len(set(short)) == len(short) else [str(folder) for folder in folders]


def rows(runs: Sequence[Finished]) -> list[list[Any]]:
    def shown(value: Any) -> Any:
        return value[:16].replace("T", " ") if isinstance(value, str) else value

    return [[name, *(shown(run.result.get(name)) for run in runs)] for name in ROWS]


def differences(runs: Sequence[Finished]) -> list[str]:
    """Why they may not be compared as they stand."""
    return [text for name, text in SAME if len({str(run.result.get(name)) for run in runs}) > 1]


def page(names: Sequence[str], runs: Sequence[Finished], said: Sequence[str]) -> str:
    traces = []
    for name, run in zip(names, runs, strict=True):
        line = equity(run)
        growth = (line.value / float(run.result["initial_cash"]) - 1) * 100
        traces.append({"x": line.at_ms.tolist(), "y": growth.round(3).tolist(), "mode": "lines", "name": name})
    chart = {"id": "growth", "traces": traces, "x": {"type": "date"}, "y": {"ticksuffix": " %"}, "hover": "x unified"}
    parts = [
        pages.drawing(chart, "Equity over each other", "Growth since each run began."),
        pages.table("Figures", ("", *names), rows(runs)),
    ]
    return pages.page("Comparison", " · ".join(names), said, parts, [chart])
