"""Imports from several processes at once: each one's candles are kept, and a reader never sees a half of them."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np

from backtest import history
from backtest.series import CandleSeries, ms_of

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
IMPORT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from backtest import data_commands
print("ready", flush=True)
sys.stdin.readline()
now = datetime(2026, 1, 1, tzinfo=UTC)
print(data_commands.import_file(Path(sys.argv[1]), "BTC/USD", "1m", Path(sys.argv[2]), now)[-1])
"""


def a_month(month: int, minutes: int) -> CandleSeries:
    ts = ms_of(datetime(2024, month, 1, tzinfo=UTC)) + 60_000 * np.arange(minutes, dtype=np.int64)
    flat = np.ones(minutes)
    return CandleSeries(symbol="BTC/USD", seconds=60, ts=ts, open=flat, high=flat, low=flat, close=flat, volume=flat)


def a_file(path: Path, month: int, minutes: int) -> Path:
    rows = "".join(f"{ts},1,1,1,1,1\n" for ts in a_month(month, minutes).ts.tolist())
    path.write_text("ts,open,high,low,close,volume\n" + rows)
    return path


def test_imports_at_once_are_all_kept_and_readers_see_whole_ones(tmp_path: Path) -> None:
    data, minutes = tmp_path / "data", 2000
    history.save(a_month(1, minutes), "1m", data, NOW, "first.csv")
    files = [a_file(tmp_path / f"{month}.csv", month, minutes) for month in (2, 3, 4)]
    imports = [
        Popen(
            [sys.executable, "-c", IMPORT, str(path), str(data)],
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            text=True,
        )
        for path in files
    ]
    for each in imports:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in imports:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    while any(each.poll() is None for each in imports):
        assert len(history.load("BTC/USD", data)) % minutes == 0
        assert history.stored(data)[0][1]["rows"] % minutes == 0
    assert [each.communicate()[1] for each in imports] == ["", "", ""]
    assert len(history.load("BTC/USD", data)) == 4 * minutes
    assert [path.name for path in (data / "candles" / "BTC_USD").iterdir()] == ["1m"]


def test_what_a_killed_import_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    data = tmp_path / "data"
    history.save(a_month(1, 10), "1m", data, NOW, "first.csv")
    dead = data / "candles" / "BTC_USD" / ".import-killed"
    dead.mkdir()
    (dead / "2024-02.parquet").write_bytes(b"half")
    assert len(history.load("BTC/USD", data)) == 10
    history.save(a_month(2, 10), "1m", data, NOW, "second.csv")
    assert len(history.load("BTC/USD", data)) == 20
    assert not dead.exists()
