"""Every bad candle file is refused in one line that names the file, the place and the cure; nothing is left behind."""

import gzip
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import DataError
from backtest import data_commands
from backtest.import_candles import read_file

NOW = datetime(2024, 6, 1, tzinfo=UTC)
HEADER = "date,open,high,low,close,volume\n"
GOOD = "2024-01-01T00:00:00Z,100,101,99,100.5,2\n2024-01-01T00:01:00Z,100.5,102,100,101,3\n"


def row(**changes: str) -> str:
    cells = {"date": "2024-01-01T00:02:00Z", "open": "100", "high": "101", "low": "99", "close": "100", "volume": "1"}
    return ",".join((cells | changes).values()) + "\n"


def with_row(**changes: str) -> bytes:
    return (HEADER + GOOD + row(**changes)).encode()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, HEADER + GOOD)
    return buffer.getvalue()


def epochs(*times: int) -> bytes:
    return (HEADER.replace("date", "ts") + "".join(row(date=str(time)) for time in times)).encode()


BAD = {
    "empty": (b"", "empty (0 bytes)"),
    "blank": (b"\n \n", "blank"),
    "header only": (HEADER.encode(), "only a header"),
    "gzip renamed": (gzip.compress((HEADER + GOOD).encode()), "gzip archive; unpack"),
    "zip renamed": (zipped("candles.csv"), "zip archive or an Excel workbook; unpack it"),
    "xlsx renamed": (zipped("xl/workbook.xml"), "Excel workbook; unpack it, or save it as CSV"),
    "utf-16": ((HEADER + GOOD).encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    "latin-1": (HEADER.encode() + b"caf\xe9,1,1,1,1,1\n", "line 2 is not UTF-8"),
    "NUL": ((HEADER + GOOD).encode() + b"\0\0,", "line 4 holds a NUL"),
    "semicolons": ((HEADER + GOOD).replace(",", ";").encode(), "separated by semicolons; save it with commas"),
    "comma decimals": ((HEADER + GOOD).replace("100.5", "100,5").encode(), "line 2 has 7 columns, the first has 6"),
    "comma decimals, quoted": (with_row(open='"100,5"'), "line 4: open '100,5' is not a number"),
    "mixed epochs": (epochs(1704067200, 1704067260, 1704067320000), "line 4: time 1704067320000 is in milliseconds"),
    "1970": (epochs(60, 120), "line 2: time lies before 2009; check the unit"),
    "future": (with_row(date="2031-01-01T00:00:00Z"), "line 4: time lies in the future"),
    "no time": (with_row(date="yesterday"), "line 4: time 'yesterday' is no time"),
    "two prices for a minute": (with_row(date="2024-01-01T00:01:00Z"), "2024-01-01 00:01 stands twice"),
    "high below low": (with_row(high="98", open="98", close="98"), "line 4: high is below low"),
    "close outside": (with_row(close="105"), "line 4: open and close must lie within"),
    "negative price": (with_row(low="-1"), "line 4: low must be greater than zero"),
    "zero price": (with_row(low="0"), "line 4: low must be greater than zero"),
    "NaN": (with_row(close="NaN"), "line 4: close 'NaN' is not a number"),
    "infinity": (with_row(high="inf"), "line 4: high 'inf' is not a number"),
    "nothing": (with_row(close=""), "line 4: close '' is not a number"),
    "volume -1": (with_row(volume="-1"), "line 4: volume is negative"),
    "formula": (with_row(open="=cmd|' /C calc'!A0"), "line 4: open \"=cmd|' /C calc'!A0\" is not a number"),
    "open quote": (with_row(date='"2024-01-01T00:02:00Z'), "line 4 opens a quote"),
    "10,000 columns": (("a," * 10_000 + "b\n").encode(), "line 1 is longer than 4096 characters"),
    "21 columns": ((HEADER.strip() + ",x" * 15 + "\n").encode(), "line 1 has 21 columns; at most 20"),
    "one endless line": (HEADER.encode() + b"1" * 30_000_000, "line 2 is longer than 4096 characters"),
    "no volume": (b"date,open,high,low,close,amount\n2024-01-01,1,1,1,1,1\n", "column volume is missing"),
    "no time column": (b"when,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n", "no column of times"),
    "7 columns unnamed": (b"1704067200000,1,1,1,1,1,1\n", "no column names and 7 columns; add a header"),
    "off the grid": (with_row(date="2024-01-01T00:02:30Z"), "is not on the grid"),
    "seconds apart": (epochs(1704067200, 1704067201), "1 s apart, not 60 s; name the right time frame"),
    "damaged parquet": (b"PAR1" + b"x" * 100, "damaged parquet"),
    "damaged feather": (b"ARROW1" + b"x" * 100, "damaged feather"),
    "html": (b"<!doctype html><html><body>Not found</body></html>", "line 1 has 1 columns"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_in_one_line_and_nothing_is_left(case: str, tmp_path: Path) -> None:
    content, words = BAD[case]
    path, data = tmp_path / "candles.csv", tmp_path / "data"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        data_commands.import_file(path, "BTC/USD", "1m", data, NOW)
    text = str(refused.value)
    assert words in text
    assert "\n" not in text
    assert len(text) < 250
    assert text.startswith("candles.csv:") or "candles.csv" in text
    assert not list(data.rglob("*"))
    lines, good = data_commands.check_data(str(path), data)
    assert not good or case == "future"  # only an import knows what time it is
    assert len(lines) >= 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        read_file(tmp_path / "none.csv", symbol="BTC/USD")


@pytest.mark.parametrize("symbol", ["../../app/x", "BTC", "BTC/", "BTC/US D", "BTC/../x", "ＢＴＣ/USD"])
def test_a_symbol_cannot_lead_out_of_the_data_directory(symbol: str, tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(HEADER + GOOD)
    with pytest.raises(DataError, match="no symbol"):
        data_commands.import_file(path, symbol, "1m", tmp_path / "data", NOW)
    assert not (tmp_path / "data").exists()


def test_the_wrong_time_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(HEADER + GOOD)
    with pytest.raises(DataError, match="60 s apart, not 3600 s; name the right time frame"):
        data_commands.import_file(path, "BTC/USD", "1h", tmp_path / "data", NOW)
