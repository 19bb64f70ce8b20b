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

from tests.benchmarks.bench_plan import CONFIG, STRATEGIES
from tests.benchmarks.comparing import child
from tests.benchmarks.environments import ROOT
from tests.benchmarks.market import MINUTES, bench_candles, parquet, repeated
from tests.benchmarks.rows import Row

FAR_FROM_LINEAR = 1.3  # what a candle of four years may cost beside one of half a year


@dataclass(frozen=True, slots=True)
class Ended:
    seconds: float
    peak_mb: float


def whole_process() -> list[Row]:
    """Imports, cache loads, reading and writing included; the second run counts, the first may compile."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "TRADER_DATA_DIR": f"{folder}/data",
            "TRADER_STRATEGIES_DIR": str(STRATEGIES),
            "NUMBA_CACHE_DIR": f"{folder}/numba",
        }
        file = str(parquet(bench_candles(), "two-years"))
        imported = ended(["data", "import", file, "--symbol", "BTC/USD", "--timeframe", "1m"], variables)
        command = ["backtest", "--data", "BTC/USD", "--config", str(CONFIG), "--cash", "100000", "--out"]
        first = ended([*command, f"{folder}/first"], variables)
        again = [ended([*command, f"{folder}/again-{number}"], variables) for number in range(3)]
        written = sorted(path.name for path in Path(f"{folder}/again-0").iterdir())
        drawn = reports(Path(folder) / "again-0", file)
    warm = sorted(again, key=lambda each: each.seconds)[1]
    how = f"median of 3; wrote {', '.join(written)}"
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
            what="report.html and report.pdf, more by", value=drawn, unit="s", target=4, how="their libraries included"
        ),
        Row(what="main.py backtest, peak memory", value=warm.peak_mb, unit="MB", target=350, how="VmHWM, two years"),
    ]


def reports(folder: Path, candles: str) -> float:
    """Seconds that drawing both takes in a process that has just traded."""
    code = (
        "import sys, time; from pathlib import Path; from backtest import result; "
        "from tests.benchmarks.market import read; series = read(Path(sys.argv[2])); began = time.perf_counter(); "
        "from backtest import report; report.write(Path(sys.argv[1]), series); print(time.perf_counter() - began)"
    )
    command = [sys.executable, "-c", code, str(folder), candles]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)


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
