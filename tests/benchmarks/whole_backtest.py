"""`main.py backtest` as its user meets it: a whole process on imported candles, files written; its time, its memory,
and how both grow with the years.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.comparing import child
from tests.benchmarks.environments import ROOT
from tests.benchmarks.market import MINUTES, bench_candles, parquet, repeated
from tests.benchmarks.rows import Row

RUNS = 3
FAR_FROM_LINEAR = 1.3  # what a candle of four years may cost beside one of half a year


@dataclass(frozen=True, slots=True)
class Ended:
    seconds: float
    peak_mb: float


def whole_process() -> list[Row]:
    """The shipped configuration, imports, cache loads, reading and writing included; the first run may compile.

    With and without its reports in turns, so that both meet the same machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "TRADER_DATA_DIR": f"{folder}/data",
            "TRADER_CONFIG_DIR": str(ROOT / "config"),
            "TRADER_STRATEGIES_DIR": str(ROOT / "strategies"),
            "NUMBA_CACHE_DIR": f"{folder}/numba",
        }
        file = str(parquet(bench_candles(), "two-years"))
        imported = ended(["data", "import", file, "--symbol", "BTC/USD", "--timeframe", "1m"], variables)
        command = ["backtest", "--data", "BTC/USD", "--out"]
        first = ended([*command, f"{folder}/first", "--no-report"], variables)
        plain, drawn = [], []
        for number in range(RUNS):
            plain.append(ended([*command, f"{folder}/plain-{number}", "--no-report"], variables))
            drawn.append(ended([*command, f"{folder}/drawn-{number}"], variables))
        written, more = (set(_names(Path(folder) / name)) for name in ("plain-0", "drawn-0"))
    warm, with_reports = (sorted(each, key=lambda one: one.seconds)[RUNS // 2] for each in (plain, drawn))
    how = f"median of {RUNS}; wrote {', '.join(sorted(written))}"
    return [
        Row(what="main.py data import, two years", value=imported.seconds, unit="s", how="parquet, once"),
        Row(what="main.py backtest, whole process, warm", value=warm.seconds, unit="s", target=4, how=how),
        Row(
            what="main.py backtest, empty compile cache: more by",
            value=max(first.seconds - warm.seconds, 0),
            unit="s",
            target=8,
            how=f"first run {first.seconds:.1f} s",
        ),
        Row(
            what="report.html and report.pdf, more by",
            value=with_reports.seconds - warm.seconds,
            unit="s",
            target=4,
            how=f"whole process with {', '.join(sorted(more - written))}: {with_reports.seconds:.1f} s",
        ),
        Row(what="main.py backtest, peak memory", value=warm.peak_mb, unit="MB", target=350, how="VmHWM, two years"),
        Row(what="the same with its reports", value=with_reports.peak_mb, unit="MB", target=350, how="VmHWM"),
    ]


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def years() -> list[Row]:
    """The exact engine on half a year, one, two and four: twice the candles, twice the time."""
    series, rows = bench_candles(), []
    each: dict[float, float] = {}
    for length in (0.5, 1, 2, 4):
        part = series[: int(MINUTES * length / 2)] if length <= 2 else repeated(series, int(length / 2))
        told = child("exact", str(parquet(part, f"years-{length:g}")), "rsi", 2)
        each[length] = told.seconds / len(part)
        how = f"{told.trades:,} trades, {told.seconds / len(part) * 1e6:.2f} µs a candle, {told.peak_rss_mb:.0f} MB"
        rows.append(Row(what=f"exact engine, {length:g} years", value=told.seconds, unit="s", how=how))
    grows = each[4] / each[0.5]
    how = "time a candle, 4 years beside half a year"
    return [*rows, Row(what="growth beyond linear", value=grows, unit="×", target=FAR_FROM_LINEAR, how=how)]


def ended(arguments: list[str], variables: dict[str, str]) -> Ended:
    """Run main.py to its end; RuntimeError where it fails."""
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None:
        peak = max(peak, high_water_mb(process.pid))
        time.sleep(0.01)
    taken = time.perf_counter() - began
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"main.py {arguments[0]} ended with exit code {process.returncode}: {said[-300:]}")
    return Ended(taken, peak)


def high_water_mb(pid: int) -> float:
    """Most memory so far; 0 once the process has gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    _, found, rest = text.partition("VmHWM:")
    return int(rest.split()[0]) / 1024 if found else 0.0
