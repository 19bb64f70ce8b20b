"""How long two years of minutes take to be stored, added to, loaded and read from a CSV."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backtest import history
from backtest.series import CandleSeries, ms_of
from tests.benchmarks.rows import Row

MINUTES = 1_051_200
NOW = datetime(2027, 1, 1, tzinfo=UTC)
IMPORT = r"""
import re, sys, time
from datetime import UTC, datetime
from pathlib import Path
from backtest import data_commands
began = time.perf_counter()
data_commands.import_file(Path(sys.argv[1]), "BTC/USD", "1m", Path(sys.argv[2]), datetime(2040, 1, 1, tzinfo=UTC))
peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)
print(time.perf_counter() - began, int(peak) / 1024)
"""


def two_years(seed: int = 1) -> CandleSeries:
    chance = np.random.default_rng(seed)
    close = np.round(42_000 * np.exp(np.cumsum(chance.normal(0, 5e-4, MINUTES))), 2)
    open_ = np.concatenate((close[:1], close[:-1]))
    high = np.round(np.maximum(open_, close) * (1 + np.abs(chance.normal(0, 2e-4, MINUTES))), 2)
    low = np.round(np.minimum(open_, close) * (1 - np.abs(chance.normal(0, 2e-4, MINUTES))), 2)
    ts = ms_of(datetime(2024, 1, 1, tzinfo=UTC)) + 60_000 * np.arange(MINUTES, dtype=np.int64)
    volume = np.round(chance.exponential(1, MINUTES), 8)
    return CandleSeries(symbol="BTC/USD", seconds=60, ts=ts, open=open_, high=high, low=low, close=close, volume=volume)


def stored() -> list[Row]:
    series = two_years()
    with TemporaryDirectory() as folder:
        data = Path(folder)
        saving = best(1, lambda: history.save(series, "1m", data, NOW, "bench"))
        adding = best(5, lambda: history.save(series[-1440:], "1m", data, NOW, "bench"))
        loading = best(7, lambda: history.load("BTC/USD", data))
        size = sum(path.stat().st_size for path in data.rglob("*.parquet")) / 1e6
    how = f"{MINUTES} candles, {size:.0f} MB, every byte checked, file cache warm"
    return [
        Row(what="load two years of stored minutes", value=loading, unit="s", target=0.3, how=how),
        Row(what="store two years of minutes", value=saving, unit="s"),
        Row(what="add a day to two years", value=adding, unit="s", how="one month is written again"),
    ]


def imported() -> list[Row]:
    """In a process of its own, for its memory."""
    series = two_years()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "candles.csv"
        columns = (getattr(series, name).tolist() for name in history.COLUMNS)
        with path.open("w") as file:
            file.write("timestamp,open,high,low,close,volume\n")
            file.writelines(",".join(map(str, row)) + "\n" for row in zip(series.ts.tolist(), *columns, strict=True))
        command = [sys.executable, "-c", IMPORT, str(path), str(Path(folder) / "data")]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        size = path.stat().st_size / 1e6
    taken, peak = float(told[0]), float(told[1])
    how = f"{size:.0f} MB of CSV, {size / taken:.0f} MB/s"
    return [
        Row(what="import two years of minutes from a CSV", value=taken, unit="s", how=how),
        Row(what="the same, largest memory of its process", value=peak, unit="MB"),
    ]


def best(times: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)
