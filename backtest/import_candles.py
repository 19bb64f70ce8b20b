"""Reading candle files of the common layouts. What cannot be right is refused in one line; nothing is guessed.

Layouts: a header with date|ts|timestamp|time|open_time and open, high, low, close, volume (CSV, parquet, feather),
an exchange's public dump of 12 columns without a header, or lists [[ms, open, high, low, close, volume], …] (JSON).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from app.core.errors import DataError
from backtest import candle_text
from backtest.candle_text import MAX_BYTES, MAX_COLUMNS
from backtest.series import COLUMNS, CandleSeries, Floats, Times, joined, ms_of
from backtest.unsorted import Sorted, Unsorted

MAX_ROWS = 12_000_000  # minutes of more years than bitcoin has
ROWS_AT_ONCE = 100_000
TIME_NAMES = ("ts", "timestamp", "time", "date", "datetime", "open_time", "opened_at", "open time")
DUMP_COLUMNS = ("open_time", *COLUMNS, "close_time", "quote_volume", "count", "buy_volume", "buy_quote", "ignore")
EARLIEST = datetime(2009, 1, 3, tzinfo=UTC)  # bitcoin's first block
UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleFile:
    """What a file held, and what was done to bring it in order."""

    series: CandleSeries
    notes: list[str] = field(default_factory=list)
    duplicates: int = 0


def read_file(path: Path, *, symbol: str, seconds: int | None = None, now: datetime | None = None) -> CandleFile:
    """Sorted candles without duplicates. `seconds` is checked when given, else taken from the file."""
    with Unsorted(path.name) as rows:
        whole = collect(path, rows, now)
        length = whole.seconds(path.name, seconds)
        parts = list(whole.parts(symbol, length))
    return CandleFile(series=joined(parts), notes=whole.notes, duplicates=whole.duplicates)


def collect(path: Path, rows: Unsorted, now: datetime | None) -> Sorted:
    """Every candle of the file, looked at, in `rows`; a piece of it at a time is in memory."""
    size = _size(path)
    if size == 0:
        raise DataError(f"{path.name}: is empty (0 bytes); download or export it again")
    if size > MAX_BYTES:
        raise DataError(f"{path.name}: is {size // 2**20} MB; at most {MAX_BYTES // 2**20} MB are taken, split it")
    unit: int | None = None
    count = 0
    for frame, first_row, word in _frames(path):
        count += len(frame)
        if count > MAX_ROWS:
            raise DataError(f"{path.name}: has more than {MAX_ROWS} rows; split it by year")
        named = _named(path, frame)
        ts, unit = _times(path, named["ts"], first_row, word, unit)
        values = {name: _numbers(path, named[name], name, first_row, word) for name in COLUMNS}
        _possible(path, ts, values, first_row, word, now)
        rows.add(ts, values)
    if count == 0:
        raise DataError(f"{path.name}: holds no candles, only a header; export it again")
    return rows.sorted()


# ---------------------------------------------------------------- the bytes

Frame = tuple[pd.DataFrame, int, str]  # some rows, the number of the first one, and what to call them


def _size(path: Path) -> int:
    try:
        with path.open("rb"):
            return path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _frames(path: Path) -> Iterator[Frame]:
    """Told from the content; the file's name is not believed."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith((b"PAR1", b"ARROW1")):
        yield from _tables(path, "parquet" if start.startswith(b"PAR1") else "feather")
        return
    for block in candle_text.blocks(path):
        yield _frame(path, block), block.line, "line"


def _tables(path: Path, kind: str) -> Iterator[Frame]:
    row = 1
    try:
        for batch in _parquet(path) if kind == "parquet" else _feather(path):
            if batch.num_columns > MAX_COLUMNS:
                raise DataError(f"{path.name}: has {batch.num_columns} columns; keep the candles only")
            if len(batch):
                frame = pa.Table.from_batches([batch]).to_pandas()
                yield pd.DataFrame(frame.reset_index(drop=False)), row, "row"
            row += len(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name}: is a damaged {kind} file; download it again") from error


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as source:
        names, rows = source.schema_arrow.names, source.metadata.num_rows
        if len(names) > MAX_COLUMNS or rows > MAX_ROWS:
            raise DataError(f"{path.name}: {rows} rows of {len(names)} columns are too many; keep the candles only")
        yield from source.iter_batches(batch_size=ROWS_AT_ONCE)


def _feather(path: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.ipc

    with pa.OSFile(str(path)) as file, pyarrow.ipc.open_file(file) as source:
        for number in range(source.num_record_batches):
            batch = source.get_batch(number)
            for first in range(0, len(batch), ROWS_AT_ONCE):
                yield batch.slice(first, ROWS_AT_ONCE)


def _frame(path: Path, block: candle_text.Block) -> pd.DataFrame:
    """Numbers where a whole column is made of them, else text, so that each cell can be judged and named."""
    raw = block.raw if block.header is None else block.header.encode() + b"\n" + block.raw
    try:
        frame = pd.read_csv(
            BytesIO(raw),
            header=None if block.header is None else 0,
            na_filter=False,
            skip_blank_lines=False,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DataError(f"{path.name}: is not a table of equal rows; export it again as CSV") from error
    if block.header is None:
        if block.columns not in (6, len(DUMP_COLUMNS)):
            raise DataError(
                f"{path.name}: line 1 has no column names and {block.columns} columns; "
                "add a header: date,open,high,low,close,volume"
            )
        frame.columns = pd.Index(DUMP_COLUMNS[: block.columns])
    return frame


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


def _times(
    path: Path, column: "pd.Series[str]", first_row: int, word: str, unit: int | None
) -> tuple[Times, int | None]:
    """Milliseconds since 1970, from ISO times or from seconds, ms, µs or ns; `unit` is that of the rows before."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        stamps = pd.DatetimeIndex(pd.to_datetime(column, utc=True))
        _no_gaps_in_times(path, np.asarray(stamps.isna()), column, first_row, word)
        return _ms(stamps), unit
    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    plain = np.isfinite(numbers)
    if not plain.any():
        stamps = pd.DatetimeIndex(pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601"))
        _no_gaps_in_times(path, np.asarray(stamps.isna()), column, first_row, word)
        return _ms(stamps), unit
    _no_gaps_in_times(path, ~plain, column, first_row, word)
    return _epoch(path, numbers, first_row, word, unit)


def _ms(stamps: pd.DatetimeIndex) -> Times:
    return np.asarray(stamps.tz_localize(None)).astype("datetime64[ms]").astype(np.int64)


def _no_gaps_in_times(path: Path, bad: NDArray[np.bool_], column: "pd.Series[str]", first_row: int, word: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        cell = str(column.iloc[row])[:40]
        raise DataError(f"{path.name}: {word} {first_row + row}: time {cell!r} is no time; use 2024-01-31T12:00:00Z")


def _epoch(path: Path, numbers: Floats, first_row: int, word: str, before: int | None) -> tuple[Times, int]:
    """The unit told by size; a public dump may change from ms to µs between files, never within one."""
    unit = np.select([numbers < 1e11, numbers < 1e14, numbers < 1e17], [0, 1, 2], 3)
    first = int(unit[0]) if before is None else before
    other = np.flatnonzero(unit != first)
    if len(other):
        row = int(other[0])
        raise DataError(
            f"{path.name}: {word} {first_row + row}: time {numbers[row]:.0f} is in {UNITS[unit[row]]}, "
            f"the first is in {UNITS[first]}; use one unit throughout"
        )
    in_a_millisecond = (1e-3, 1.0, 1e3, 1e6)[first]  # divided, not multiplied: 1e-6 is no exact number
    return np.asarray(np.floor(np.clip(numbers / in_a_millisecond, -1e14, 1e14)), dtype=np.int64), first


# ---------------------------------------------------------------- is it possible?


def _possible(
    path: Path, ts: Times, values: dict[str, Floats], first_row: int, word: str, now: datetime | None
) -> None:
    latest = ms_of(now) if now else 4_102_444_800_000
    _not_another_order(path, values)
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


def _not_another_order(path: Path, values: dict[str, Floats]) -> None:
    """Some programs keep open, close, high, low: without names a quiet market's would pass for a while."""
    open_, close, high, low = values["open"], values["high"], values["low"], values["close"]
    fits = (low <= np.minimum(open_, close)) & (high >= np.maximum(open_, close))
    if fits.all() and (values["high"] < values["low"]).sum() > 1:
        raise DataError(
            f"{path.name}: the columns seem to be open, close, high, low, not open, high, low, close; "
            "add a header with their names"
        )
