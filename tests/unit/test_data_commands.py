"""What `data list` and `data check` tell programs, and how odd names and doubtful columns are met."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core.errors import DataError
from backtest import data_commands, history

NOW = datetime(2024, 6, 1, tzinfo=UTC)
CSV = """date,open,high,low,close,volume
2024-01-01T00:00:00Z,100,101,99,100.5,2
2024-01-01T00:01:00Z,100.5,102,100,101,0
2024-01-01T00:01:00Z,100.5,102,100,101,0
2024-01-01T00:04:00Z,101,102,100,101,1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "candles.csv"
    path.write_text(CSV)
    return path


def test_rows_for_programs_are_plain_json(file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data_commands.import_file(file, "BTC/USD", "1m", data, NOW)
    (row,) = json.loads(json.dumps(data_commands.list_rows(data)))
    assert (row["name"], row["rows"], row["source"]) == ("BTC/USD:1m", 3, "candles.csv")
    assert (row["first"], row["last"]) == ("2024-01-01T00:00:00+00:00", "2024-01-01T00:04:00+00:00")
    report = json.loads(json.dumps(data_commands.check_row("BTC/USD", data)))
    assert (report["good"], report["rows"], report["missing"]) == (True, 3, 2)
    assert report["gap_list"] == [{"first": "2024-01-01T00:02:00+00:00", "missing": 2, "absent_at_exchange": False}]
    assert report["sha256"] == row["sha256"]


def test_a_file_with_duplicates_is_not_good(file: Path, tmp_path: Path) -> None:
    report = data_commands.check_row(str(file), tmp_path)
    assert (report["good"], report["duplicates"]) == (False, 1)
    assert report["notes"] == ["1 identical duplicate rows were dropped"]


@pytest.mark.parametrize("name", ["a" * 5000, "x\0y", "", "/"])
def test_no_name_is_too_odd_to_be_answered(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no file and no symbol"):
        history.load(name, tmp_path)
    lines, good = data_commands.check_data(name, tmp_path)
    assert (len(lines), good) == (1, False)


def test_truth_is_no_price(file: Path, tmp_path: Path) -> None:
    file.write_text(
        "date,open,high,low,close,volume\n2024-01-01,True,True,True,True,1\n2024-01-02,True,True,True,True,1\n"
    )
    with pytest.raises(DataError, match="line 2: open 'True' is not a number"):
        data_commands.import_file(file, "BTC/USD", "1d", tmp_path / "data", NOW)


@pytest.mark.parametrize("second", ["close", "Close", " CLOSE"])
def test_of_two_columns_of_a_name_none_is_chosen(second: str, file: Path, tmp_path: Path) -> None:
    file.write_text(f"date,open,high,low,close,{second},volume\n2024-01-01,1,1,1,1,0.5,1\n")
    with pytest.raises(DataError, match="column close stands 2 times; keep the right one"):
        data_commands.import_file(file, "BTC/USD", "1d", tmp_path / "data", NOW)


def test_short_floats_are_read_as_they_were_written(tmp_path: Path) -> None:
    price = pa.array([22343.21, 22343.21], pa.float32())
    times = pa.array([1_704_067_200_000, 1_704_067_260_000], pa.timestamp("ms", tz="UTC"))
    pq.write_table(pa.table({"ts": times, **dict.fromkeys(history.COLUMNS, price)}), tmp_path / "short.parquet")
    series = history.load(str(tmp_path / "short.parquet"), tmp_path)
    assert [str(candle.close) for candle in history.candles(series)] == ["22343.21", "22343.21"]
