"""Reading candle files of the common layouts. What cannot be right is refused in one line; nothing is guessed.

Layouts: a header with date|ts|timestamp|time|open_time and open, high, low, close, volume (CSV, parquet, feather),
or an exchange's public dump: 12 columns without a header.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from app.core.errors import DataError
from backtest.series import COLUMNS, CandleSeries, Floats, Times, at_ms, ms_of

MAX_BYTES = 200 * 1024 * 1024
MAX_ROWS = 6_000_000
MAX_COLUMNS = 20
MAX_LINE = 4096
TIME_NAMES = ("ts", "timestamp", "time", "date", "datetime", "open_time", "opened_at", "open time")
DUMP_COLUMNS = ("open_time", *COLUMNS, "close_time", "quote_volume", "count", "buy_volume", "buy_quote", "ignore")
EARLIEST = datetime(2009, 1, 3, tzinfo=UTC)  # bitcoin's first block
MAGIC = {
    b"\x1f\x8b": "is a gzip archive; unpack it first",
    b"PK\x03\x04": "is a zip archive or an Excel workbook; unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save it as CSV",
    b"BZh": "is a bzip2 archive; unpack it first",
    b"\xfd7zXZ": "is an xz archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "is a zstd archive; unpack it first",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleFile:
    """What a file held, and what was done to bring it in order."""

    series: CandleSeries
    notes: list[str] = field(default_factory=list)
    duplicates: int = 0


def read_file(path: Path, *, symbol: str, seconds: int | None = None, now: datetime | None = None) -> CandleFile:
    """Sorted candles without duplicates. `seconds` is checked when given, else taken from the file."""
    kind = _kind(path)
    frame = _table(path, kind) if kind else _text(path)
    if len(frame) == 0:
        raise DataError(f"{path.name}: holds no candles, only a header; export it again")
    if len(frame) > MAX_ROWS:
        raise DataError(f"{path.name}: has {len(frame)} rows; at most {MAX_ROWS} are taken, split it by year")
    first_row = 1 if kind else 1 + int(frame.attrs["header"])
    word = "row" if kind else "line"
    named = _named(path, frame)
    ts = _times(path, named["ts"], first_row, word)
    values = {name: _numbers(path, named[name], name, first_row, word) for name in COLUMNS}
    _possible(path, ts, values, first_row, word, now)
    return _in_order(path, symbol, seconds, ts, values)


# ---------------------------------------------------------------- the bytes


def _kind(path: Path) -> str:
    """`parquet`, `feather` or nothing for text, told from the content; the file's name is not believed."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if size == 0:
        raise DataError(f"{path.name}: is empty (0 bytes); download or export it again")
    if size > MAX_BYTES:
        raise DataError(f"{path.name}: is {size // 2**20} MB; at most {MAX_BYTES // 2**20} MB are taken, split it")
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"ARROW1"):
        return "feather"
    for magic, text in MAGIC.items():
        if start.startswith(magic):
            raise DataError(f"{path.name}: {text}")
    return ""


def _table(path: Path, kind: str) -> pd.DataFrame:
    import pyarrow.feather
    import pyarrow.parquet

    try:
        if kind == "parquet":
            source = pyarrow.parquet.ParquetFile(path)
            names, rows = source.schema_arrow.names, source.metadata.num_rows
            if len(names) > MAX_COLUMNS or rows > MAX_ROWS:
                raise DataError(f"{path.name}: {rows} rows of {len(names)} columns are too many; keep the candles only")
            table = source.read()
        else:
            table = pyarrow.feather.read_table(path)
        return pd.DataFrame(table.to_pandas().reset_index(drop=False))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name}: is a damaged {kind} file; download it again") from error


def _text(path: Path) -> pd.DataFrame:
    """Numbers where a whole column is made of them, else text, so that each cell can be judged and named."""
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf").rstrip()
    nul = raw.find(b"\0")
    if nul >= 0:
        raise DataError(f"{path.name}: line {_line(raw, nul)} holds a NUL byte; save the file as UTF-8 text")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line(raw, error.start)
        raise DataError(f"{path.name}: line {line} is not UTF-8 text; save the file as UTF-8") from error
    if not raw:
        raise DataError(f"{path.name}: is blank; download or export it again")
    header = _check_lines(path, raw)
    try:
        frame = pd.read_csv(
            BytesIO(raw),
            header=0 if header else None,
            na_filter=False,
            skip_blank_lines=False,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DataError(f"{path.name}: is not a table of equal rows; export it again as CSV") from error
    if not header:
        if frame.shape[1] not in (6, len(DUMP_COLUMNS)):
            raise DataError(
                f"{path.name}: line 1 has no column names and {frame.shape[1]} columns; "
                "add a header: date,open,high,low,close,volume"
            )
        frame.columns = pd.Index(DUMP_COLUMNS[: frame.shape[1]])
    frame.attrs["header"] = header
    return frame


def _line(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1


def _check_lines(path: Path, raw: bytes) -> bool:
    """Each line has the first one's columns; returns whether the first one is a header."""
    first = raw[: raw.find(b"\n") + 1 or len(raw)]
    if len(first) > MAX_LINE:
        raise DataError(f"{path.name}: line 1 is {len(first)} characters long; this is no candle file")
    commas = first.count(b",")
    for sign, word in ((b";", "semicolons"), (b"\t", "tabs"), (b"|", "bars")):
        if first.count(sign) > commas:
            raise DataError(f"{path.name}: line 1 is separated by {word}; save it with commas and decimal points")
    if commas + 1 > MAX_COLUMNS:
        raise DataError(f"{path.name}: line 1 has {commas + 1} columns; at most {MAX_COLUMNS} are taken")
    if commas + 1 < 6:
        raise DataError(f"{path.name}: line 1 has {commas + 1} columns; date,open,high,low,close,volume are needed")
    for number, line in enumerate(BytesIO(raw), 1):
        if len(line) > MAX_LINE:
            raise DataError(f"{path.name}: line {number} is {len(line)} characters long; this is no candle")
        if line.count(b'"') % 2:
            raise DataError(f"{path.name}: line {number} opens a quote and never closes it; mend the line")
        if line.count(b",") != commas and b'"' not in line:
            raise DataError(
                f"{path.name}: line {number} has {line.count(b',') + 1} columns, the first has {commas + 1}; "
                "mend the line (decimals need a point)"
            )
    return not first.split(b",")[0].strip().strip(b'"').replace(b".", b"", 1).isdigit()


# ---------------------------------------------------------------- the columns


def _named(path: Path, frame: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """The six columns wanted, by the names that they have in the world."""
    if frame.shape[1] > MAX_COLUMNS + 1:
        raise DataError(f"{path.name}: has {frame.shape[1]} columns; at most {MAX_COLUMNS} are taken")
    found = {str(name).strip().lower(): name for name in frame.columns}
    time = next((found[name] for name in TIME_NAMES if name in found), None)
    if time is None:
        raise DataError(f"{path.name}: no column of times; name one of them date, ts, timestamp, time or open_time")
    for name in COLUMNS:
        alike = [str(each) for each in frame.columns if str(each).strip().lower() in (name, f"{name}.1")]
        if len(alike) > 1:
            raise DataError(f"{path.name}: column {name} stands {len(alike)} times; keep the right one")
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise DataError(f"{path.name}: column {', '.join(missing)} is missing; add it or export the file again")
    return {"ts": frame[time], **{name: frame[found[name]] for name in COLUMNS}}


def _numbers(path: Path, column: "pd.Series[str]", name: str, first_row: int, word: str) -> Floats:
    if column.dtype == np.float32:
        column = column.astype(str)  # 22343.21 as it was meant, not its nearest neighbour written out
    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers) | (column.dtype.kind == "b"))  # True is no price
    if len(bad):
        row = int(bad[0])
        cell = str(column.iloc[row])[:40]
        raise DataError(f"{path.name}: {word} {first_row + row}: {name} {cell!r} is not a number; mend or remove it")
    if column.dtype.kind not in "iuf":
        return np.array([float(cell) for cell in column], dtype=np.float64)
    return numbers


def _times(path: Path, column: "pd.Series[str]", first_row: int, word: str) -> Times:
    """Milliseconds since 1970, from ISO times or from seconds, milliseconds or microseconds."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        stamps = pd.DatetimeIndex(pd.to_datetime(column, utc=True))
        _no_gaps_in_times(path, np.asarray(stamps.isna()), column, first_row, word)
        return _ms(stamps)
    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    plain = np.isfinite(numbers)
    if not plain.any():
        stamps = pd.DatetimeIndex(pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601"))
        _no_gaps_in_times(path, np.asarray(stamps.isna()), column, first_row, word)
        return _ms(stamps)
    _no_gaps_in_times(path, ~plain, column, first_row, word)
    return _epoch(path, numbers, first_row, word)


def _ms(stamps: pd.DatetimeIndex) -> Times:
    return np.asarray(stamps.tz_localize(None)).astype("datetime64[ms]").astype(np.int64)


def _no_gaps_in_times(path: Path, bad: NDArray[np.bool_], column: "pd.Series[str]", first_row: int, word: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        cell = str(column.iloc[row])[:40]
        raise DataError(f"{path.name}: {word} {first_row + row}: time {cell!r} is no time; use 2024-01-31T12:00:00Z")


def _epoch(path: Path, numbers: Floats, first_row: int, word: str) -> Times:
    """The unit told by size; a public dump may change from ms to µs between files, never within one."""
    unit = np.select([numbers < 1e11, numbers < 1e14], [0, 1], 2)
    other = np.flatnonzero(unit != unit[0])
    if len(other):
        names = ("seconds", "milliseconds", "microseconds")
        row = int(other[0])
        raise DataError(
            f"{path.name}: {word} {first_row + row}: time {numbers[row]:.0f} is in {names[unit[row]]}, "
            f"the first is in {names[unit[0]]}; use one unit throughout"
        )
    factor = (1000.0, 1.0, 0.001)[int(unit[0])]
    return np.asarray(np.floor(np.clip(numbers * factor, -1e14, 1e14)), dtype=np.int64)


# ---------------------------------------------------------------- is it possible?


def _possible(
    path: Path, ts: Times, values: dict[str, Floats], first_row: int, word: str, now: datetime | None
) -> None:
    latest = ms_of(now) if now else 4_102_444_800_000
    lowest, highest = np.minimum(values["open"], values["close"]), np.maximum(values["open"], values["close"])
    checks = (
        (ts < ms_of(EARLIEST), "time lies before 2009; check the unit of the times"),
        (ts > latest, "time lies in the future; check the unit of the times and the clock"),
        *((values[name] <= 0, f"{name} must be greater than zero; remove the row") for name in COLUMNS[:4]),
        (values["volume"] < 0, "volume is negative; remove the row or set it to 0"),
        (values["high"] < values["low"], "high is below low; check the order of the columns"),
        ((values["low"] > lowest) | (values["high"] < highest), "open and close must lie within low and high"),
    )
    for bad, text in checks:
        rows = np.flatnonzero(bad)
        if len(rows):
            more = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
            raise DataError(f"{path.name}: {word} {first_row + int(rows[0])}: {text}{more}")


def _in_order(path: Path, symbol: str, seconds: int | None, ts: Times, values: dict[str, Floats]) -> CandleFile:
    notes = []
    if (np.diff(ts) < 0).any():
        order = np.argsort(ts, kind="stable")
        ts, values = ts[order], {name: column[order] for name, column in values.items()}
        notes.append("the rows were not in order of time; sorted")
    twice = np.concatenate(([False], np.diff(ts) == 0))
    for row in np.flatnonzero(twice).tolist():
        if any(column[row] != column[row - 1] for column in values.values()):
            at = f"{at_ms(int(ts[row])):%Y-%m-%d %H:%M}"
            raise DataError(f"{path.name}: {at} stands twice with different prices; remove the wrong one")
    duplicates = int(twice.sum())
    if duplicates:
        notes.append(f"{duplicates} identical duplicate rows were dropped")
        ts, values = ts[~twice], {name: column[~twice] for name, column in values.items()}
    found = _seconds(path, ts, seconds)
    series = CandleSeries(symbol=symbol, seconds=found, ts=ts, **values)
    return CandleFile(series=series, notes=notes, duplicates=duplicates)


def _seconds(path: Path, ts: Times, seconds: int | None) -> int:
    """The candles' length: the shortest step between two; all must stand on its grid."""
    if len(ts) < 2:
        return seconds or 60
    steps = np.diff(ts)
    found = int(steps.min()) // 1000
    if seconds is not None and found != seconds:
        raise DataError(f"{path.name}: candles are {found} s apart, not {seconds} s; name the right time frame")
    length = seconds or found
    if length < 60:
        raise DataError(f"{path.name}: candles are {length} s apart; the shortest taken are of 1 minute")
    off = np.flatnonzero(ts % (length * 1000))
    if len(off) and length <= 86400:
        at = at_ms(int(ts[off[0]]))
        raise DataError(f"{path.name}: {at:%Y-%m-%d %H:%M:%S} is not on the grid of {length} s; use opening times")
    return length
