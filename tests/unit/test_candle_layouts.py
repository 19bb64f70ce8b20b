"""Layouts of other programs, archives and names of files; traps in them are seen before they are unpacked."""

import gzip
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from app.core.errors import DataError
from backtest import candle_text, data_commands, history, import_candles, unsorted
from backtest.import_candles import read_file
from backtest.series import COLUMNS, CandleSeries
from tests.unit.test_history import a_series, frame_of, import_into

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(series: CandleSeries) -> list[list[float]]:
    columns = (getattr(series, name).tolist() for name in COLUMNS)
    return [list(row) for row in zip(series.ts.tolist(), *columns, strict=True)]


def dump_of(series: CandleSeries, unit: int = 1) -> bytes:
    lines = (f"{int(r[0]) * unit},{r[1]},{r[2]},{r[3]},{r[4]},{r[5]},0,0,0,0,0,0\n" for r in rows_of(series))
    return "".join(lines).encode()


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


SERIES = a_series(3_000)
WHOLE = json.dumps(rows_of(SERIES)).encode()
GOOD = {
    "freqtrade's json": ("BTC_USD-1m.json", WHOLE),
    "spread over lines": ("candles.json", json.dumps(rows_of(SERIES), indent=1).encode()),
    "jsongz": ("BTC_USD-1m.json.gz", gzip.compress(WHOLE)),
    "an exchange's own answer": (
        "klines.json",
        json.dumps(
            [[int(r[0]), *(str(each) for each in r[1:]), 0, "0", 1, "0", "0", "0"] for r in rows_of(SERIES)]
        ).encode(),
    ),
    "zipped dump, ms": ("BTCUSD-1m-2024-01.zip", zip_of(one=dump_of(SERIES))),
    "zipped dump, µs": ("BTCUSD-1m-2025-01.zip", zip_of(one=dump_of(SERIES, 1_000))),
    "dump, ns": ("dump.csv", dump_of(SERIES, 1_000_000)),
    "six columns without a header": (
        "six.csv",
        "".join(",".join(map(str, [int(r[0]), *r[1:]])) + "\n" for r in rows_of(SERIES)).encode(),
    ),
    "blank lines at the end": ("dump.csv", dump_of(SERIES) + b"\n\n  \n"),
}


@pytest.mark.parametrize("layout", GOOD)
def test_every_layout_gives_the_same_candles(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candle_text, "BLOCK", 10_000)  # the file is met in many pieces
    name, content = GOOD[layout]
    (tmp_path / name).write_bytes(content)
    read = read_file(tmp_path / name, symbol="BTC/USD")
    assert history.data_sha256(read.series) == history.data_sha256(SERIES)
    assert read.notes == []


TRAPS = {
    "two files": ("a.zip", zip_of(one=b"x", two=b"y"), "holds 2 files"),
    "zip bomb": ("a.zip", zip_of(one=b"1704067200000,1,1,1,1,1\n" * 1_000_000), "unpacks to far more"),
    "gzip bomb": ("a.csv.gz", gzip.compress(b"1704067200000,1,1,1,1,1\n" * 1_000_000), "unpacks to far more"),
    "half an archive": ("a.csv.gz", gzip.compress(dump_of(SERIES))[:-400], "is a damaged archive"),
    "half a zip": ("a.zip", zip_of(one=dump_of(SERIES))[:-400], "is a damaged archive"),
    "zip in disguise": ("a.csv", zip_of(one=dump_of(SERIES)), "is a zip archive"),
    "open, close, high, low": (
        "jesse.csv",
        b"1704067200000,100,102,103,99,1\n1704067260000,102,101,103,100,1\n",
        "the columns seem to be open, close, high, low",
    ),
    "half a list": ("a.json", WHOLE[:-1], "has no end"),
    "an object": ("a.json", b'[{"open": 1}, {"open": 2}]', "is no list of candles"),
    "an empty list": ("a.json", b"[]", "an empty list"),
    "null": (
        "a.json",
        b"[[1704067200000,1,1,null,1,1],[1704067260000,1,1,1,1,1]]",
        "line 1: low 'null' is not a number",
    ),
    "lists in lists": ("a.json", b"[[[1704067200000,1,1,1,1,1]]]", "is no time"),
    "endless nothing": ("a.csv", b"1704067200000,1,1,1,1,1\n" + b"\n" * 60_000_000, "megabytes of nothing"),
    "cut off in mid-line": ("a.csv", dump_of(SERIES)[:-20], "line 3000 has 5 columns, the first has 12"),
    "unit changes far down": (
        "a.csv",
        dump_of(a_series(200_000))[:20_000_000] + dump_of(a_series(3), 1_000),
        "is in microseconds, the first is in milliseconds",
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_refused_in_one_line_and_leaves_nothing(trap: str, tmp_path: Path) -> None:
    name, content, words = TRAPS[trap]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refused:
        data_commands.import_file(tmp_path / name, "BTC/USD", "1m", tmp_path / "data", NOW)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "data").rglob("*"))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_of_more_rows_than_there_can_be_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_candles, "MAX_ROWS", 2_999)
    (tmp_path / "a.csv").write_bytes(dump_of(SERIES))
    frame_of(SERIES).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"3000 rows of 6 columns|more than 2999 rows"):
        data_commands.import_file(tmp_path / name, "BTC/USD", "1m", tmp_path / "data", NOW)
    assert not list((tmp_path / "data").rglob("*"))


def test_a_file_larger_than_any_history_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(candle_text.MAX_BYTES + 1)  # a hole: it takes no room
    with pytest.raises(DataError, match="is 4096 MB; at most 4096 MB are taken"):
        data_commands.import_file(tmp_path / "a.csv", "BTC/USD", "1m", tmp_path / "data", NOW)


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe"),
    [
        ("BTC_USDT-5m.feather", "BTC/USDT", "5m"),
        ("ETH_USD-1h.json.gz", "ETH/USD", "1h"),
        ("BTCUSDT-1m-2024-01.zip", "BTC/USDT", "1m"),
        ("BTCUSD-1d-2024-01-31.csv", "BTC/USD", "1d"),
        ("candles.csv", "BTC/USD", "1m"),
        ("my-notes-5m.csv", "BTC/USD", "1m"),
    ],
)
def test_what_a_files_name_says_is_taken_and_told(name: str, symbol: str, timeframe: str) -> None:
    found = data_commands.guessed(Path(name), None, None, "BTC/USD")
    assert found[:2] == (symbol, timeframe)
    assert len(found[2]) == (0 if "-" not in name or "my-" in name else 2)
    assert data_commands.guessed(Path(name), "LTC/USD", "2h", "BTC/USD") == ("LTC/USD", "2h", [])


def test_a_long_unsorted_file_is_brought_in_order_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than are kept in memory: they go by month to a folder that is gone afterwards."""
    monkeypatch.setattr(unsorted, "AT_ONCE", 5_000)
    monkeypatch.setattr(unsorted, "IN_MEMORY", 8_000)
    monkeypatch.setattr(candle_text, "BLOCK", 50_000)
    series = a_series(60_000)
    lines = dump_of(series).splitlines(keepends=True)
    order = np.random.default_rng(7).permutation(len(lines))
    (tmp_path / "a.csv").write_bytes(b"".join(lines[at] for at in order) + lines[17])
    dead = tmp_path / "data" / f"{unsorted.PREFIX}dead"
    dead.mkdir(parents=True)
    told = data_commands.import_file(tmp_path / "a.csv", "BTC/USD", "1m", tmp_path / "data", NOW)
    assert told[:2] == [
        "a.csv: the rows were not in order of time; sorted",
        "a.csv: 1 identical duplicate rows were dropped",
    ]
    assert history.data_sha256(history.load("BTC/USD", tmp_path / "data")) == history.data_sha256(series)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["candles"]


# ---------------------------------------------------------------- the store


def test_only_the_months_that_change_are_written_again(tmp_path: Path) -> None:
    data, whole = tmp_path / "data", a_series(200_000)
    import_into(data, whole[:150_000])
    folder = data / "candles" / "BTC_USD" / "1m"
    before = {path.name: path.stat().st_ino for path in folder.glob("*.parquet")}
    import_into(data, whole[150_000:])
    after = {path.name: path.stat().st_ino for path in folder.glob("*.parquet")}
    same = {name for name in before if before[name] == after[name]}
    assert sorted(set(after) - same) == ["2024-05.parquet", "2024-06.parquet"]
    assert len(same) == 4
    assert history.stored(data)[0][1]["sha256"] == history.data_sha256(whole)
    assert history.data_sha256(history.load("BTC/USD", data)) == history.data_sha256(whole)


def test_months_stored_by_an_earlier_version_are_taken_over(tmp_path: Path) -> None:
    data, whole = tmp_path / "data", a_series(100_000)
    import_into(data, whole[:60_000])
    path = data / "candles" / "BTC_USD" / "1m" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["months"] = {
        name: {"rows": each["rows"], "sha256": each["sha256"]} for name, each in manifest["months"].items()
    }
    del manifest["absent_ms"]
    path.write_text(json.dumps(manifest))
    assert len(history.load("BTC/USD", data)) == 60_000
    import_into(data, whole[60_000:])
    assert history.stored(data)[0][1]["sha256"] == history.data_sha256(whole)


def test_any_flipped_byte_of_a_month_is_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    import_into(data, a_series(500))
    path = data / "candles" / "BTC_USD" / "1m" / "2024-02.parquet"
    good = path.read_bytes()
    for at in range(0, len(good), len(good) // 25):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(DataError, match="has changed since the import"):
            history.load("BTC/USD", data)
    path.write_bytes(good)
    assert len(history.load("BTC/USD", data)) == 500


def test_longer_candles_are_made_of_stored_ones_where_asked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    import_into(data, a_series(600))
    hours = history.load("BTC/USD:1h", data)
    assert history.data_sha256(hours) == history.data_sha256(history.resample(a_series(600), 3600))
    assert history.data_sha256(history.load("BTC/USD", data, timeframe="1h")) == history.data_sha256(hours)
    with pytest.raises(DataError, match="there are: BTC/USD:1m"):
        history.load("ETH/USD:1h", data)


def test_a_parquet_of_many_row_groups_is_read_whole(tmp_path: Path) -> None:
    frame = frame_of(a_series(5_000))
    pd.DataFrame(frame).set_index("date").to_parquet(tmp_path / "a.parquet", row_group_size=700)
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 8
    read = read_file(tmp_path / "a.parquet", symbol="BTC/USD").series
    assert history.data_sha256(read) == history.data_sha256(a_series(5_000))
