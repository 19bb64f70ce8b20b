"""What `main.py compare` does: finished runs side by side, as a table and a page. Counts nothing anew."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError
from backtest import compare_page, pages, report
from backtest.compare_page import Beside
from backtest.report import Finished

ROWS = (
    "start", "end", "return_pct", "buy_and_hold_return_pct", "cagr_pct", "max_drawdown_pct", "sharpe_ratio",
    "sortino_ratio", "calmar_ratio", "profit_factor", "trades", "win_rate_pct", "expectancy", "fees_paid",
    "exposure_time_pct", "final_equity",
)  # fmt: skip
SAME = (
    ("data_sha256", "they were run on different candles"),
    ("start", "they begin at different times: give all the same --since, late enough for the longest warm-up"),
    ("end", "they end at different times"),
    ("initial_cash", "they begin with different money; the curves are drawn as growth"),
    ("version", "they were run by different versions of the program"),
)


def command(arguments: Namespace, folders: Sequence[Path]) -> int:
    if len(folders) < 2:
        raise ConfigError("compare: name two or more folders of finished runs, or give --config twice with --data")
    runs = [report.read(folder) for folder in folders]
    beside = Beside(names=named(folders), runs=runs, said=differences(runs))
    if arguments.out:
        Path(arguments.out).mkdir(parents=True, exist_ok=True)
    path = Path(arguments.out or ".") / "compare.html"
    path.write_text(compare_page.page(beside), encoding="utf-8")
    told = json.dumps(chosen(beside), indent=2) if arguments.json else "\n".join([*lines(beside), f"written to {path}"])
    sys.stdout.write(f"{told}\n")
    return 0


def chosen(beside: Beside) -> dict[str, Any]:
    """For programs."""
    columns = zip(beside.names, beside.runs, strict=True)
    return {
        "runs": {name: {row: run.result.get(row) for row in ROWS} for name, run in columns},
        "warnings": beside.said,
    }


def lines(beside: Beside) -> list[str]:
    """For a terminal."""
    rows = [
        [name, *(compare_page.period(run)[place] for run in beside.runs)] for place, name in enumerate(("From", "To"))
    ]
    rows += [[line.name, *line.values] for table in beside.tables() for line in table.lines]
    return [*pages.text_table(("", *beside.names), rows), *(f"warning: {each}" for each in beside.said)]


def named(folders: Sequence[Path]) -> list[str]:
    """The folders' own names where those differ."""
    short = [folder.resolve().name for folder in folders]
    return short if len(set(short)) == len(short) else [str(folder) for folder in folders]


def differences(runs: Sequence[Finished]) -> list[str]:
    """Why they may not be compared as they stand."""
    return [text for name, text in SAME if len({str(run.result.get(name)) for run in runs}) > 1]
