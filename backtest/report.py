"""report.html and report.pdf of a run, made from its folder alone, so that an old run can be drawn again.

`write` is the one door. It never changes a figure: what is counted stands in result.json, what is thinned out is for
the eye. Of all files in the folder, candles.parquet and the two reports are ours.
"""

import csv
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.core.errors import DataError
from backtest.result import FORMULA_STARTS
from backtest.series import COLUMNS, CandleSeries, Floats, Times, joined, ms_of, resample

MOST_CANDLES = 5_000
STEPS = tuple(60 * minutes for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 480, 720, 1440, 10080))
ROWS_AT_ONCE = 131_072
CANDLES, HTML, PDF = "candles.parquet", "report.html", "report.pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of trades.csv."""

    id: str
    position_id: str
    opened_ms: int
    closed_ms: int
    quantity: float
    entry_price: float
    exit_price: float
    fees: float
    profit_loss: float
    profit_loss_pct: float
    exit_reason: str
    reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLine:
    """Where a position's stop stood: the closes at which it appeared, moved, and was last there."""

    position_id: str
    at_ms: list[int]
    price: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A finished run as its folder tells it. `price` is empty where the folder has no candles."""

    result: dict[str, Any]
    trades: list[Row]
    at_ms: Times
    equity: Floats
    price: CandleSeries
    stops: list[StopLine]


def write(folder: Path, series: CandleSeries | None = None, *, html: bool = True, pdf: bool = True) -> list[Path]:
    """Draw the run in `folder`; give the candles it traded once, later they are read from the folder.

    DataError where the folder is not a finished run's.
    """
    if series is not None:
        keep_candles(folder, series)
    finished = read(folder)
    written: list[Path] = []
    if html:
        from backtest import report_html

        (folder / HTML).write_text(report_html.page(finished), encoding="utf-8")
        written.append(folder / HTML)
    if pdf:
        from backtest import report_pdf

        report_pdf.draw(finished, folder / PDF)
        written.append(folder / PDF)
    return written


def read(folder: Path) -> Finished:
    """Everything a report needs. DataError where a file is missing or not what it should be."""
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        curve = pq.read_table(folder / "equity.parquet", columns=["at", "equity"])
        trades = read_trades(folder / "trades.csv")
        price = read_candles(folder / CANDLES)
        stops = read_stops(folder / "positions.parquet")
        at_ms = milliseconds(curve["at"])
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{folder}: not the folder of a finished backtest: {error}") from error
    return Finished(
        result=result,
        trades=trades,
        at_ms=at_ms,
        equity=curve["equity"].to_numpy().astype(np.float64),
        price=price,
        stops=stops,
    )


def keep_candles(folder: Path, series: CandleSeries) -> None:
    """candles.parquet: what was traded, at the finest length that gives at most MOST_CANDLES."""
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    traded = series.between(datetime.fromisoformat(result["start"]), datetime.fromisoformat(result["end"]))
    kept = coarse(traded)
    table = pa.table({"opened_at": pa.array(kept.ts, pa.timestamp("ms", tz="UTC"))} | columns_of(kept))
    said = {"symbol": kept.symbol, "seconds": str(kept.seconds)}
    pq.write_table(table.replace_schema_metadata(said), folder / CANDLES, compression="zstd")


def columns_of(series: CandleSeries) -> dict[str, Floats]:
    return {name: getattr(series, name) for name in COLUMNS}


def coarse(series: CandleSeries) -> CandleSeries:
    """Longer candles, few enough to draw. A part of a candle at the end stays: a trade may have ended in it."""
    if len(series) == 0:
        return series
    span = int(series.ts[-1] - series.ts[0]) // 1000 + series.seconds
    fitting = [s for s in STEPS if s % series.seconds == 0 and s >= series.seconds and span / s < MOST_CANDLES]
    seconds = fitting[0] if fitting and len(series) > MOST_CANDLES else series.seconds
    if seconds == series.seconds:
        return series
    whole = resample(series, seconds)
    end = int(series.ts[-1]) // (seconds * 1000) * seconds * 1000
    if len(whole) and int(whole.ts[-1]) >= end:
        return whole
    return joined([whole, one_candle(series[int(np.searchsorted(series.ts, end)) :], seconds, end)])


def one_candle(part: CandleSeries, seconds: int, opened_ms: int) -> CandleSeries:
    return replace(
        part,
        seconds=seconds,
        ts=np.array([opened_ms], dtype=np.int64),
        open=part.open[:1],
        high=np.array([part.high.max()]),
        low=np.array([part.low.min()]),
        close=part.close[-1:],
        volume=np.array([part.volume.sum()]),
    )


def read_candles(path: Path) -> CandleSeries:
    """Empty where an older run kept none."""
    if not path.exists():
        nothing = np.empty(0)
        return CandleSeries(symbol="", seconds=60, ts=np.empty(0, np.int64), **dict.fromkeys(COLUMNS, nothing))
    table = pq.read_table(path)
    said = table.schema.metadata or {}
    return CandleSeries(
        symbol=said.get(b"symbol", b"").decode(),
        seconds=int(said.get(b"seconds", b"60")),
        ts=milliseconds(table["opened_at"]),
        **{name: table[name].to_numpy().astype(np.float64) for name in COLUMNS},
    )


def read_trades(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return [trade_of(line) for line in csv.DictReader(file)]


def trade_of(line: dict[str, str]) -> Row:
    words = line["reasoning"]
    quoted = words.startswith("'") and words[1:].startswith(FORMULA_STARTS)  # a guard for spreadsheets only
    return Row(
        id=line["id"],
        position_id=line["position_id"],
        opened_ms=ms_of(datetime.fromisoformat(line["opened_at"])),
        closed_ms=ms_of(datetime.fromisoformat(line["closed_at"])),
        quantity=float(line["quantity"]),
        entry_price=float(line["entry_price"]),
        exit_price=float(line["exit_price"]),
        fees=float(line["fees"]),
        profit_loss=float(line["profit_loss"]),
        profit_loss_pct=float(line["profit_loss_pct"]),
        exit_reason=line["exit_reason"],
        reasoning=words[1:] if quoted else words,
    )


def read_stops(path: Path) -> list[StopLine]:
    """One line per position, of the points where it changes; read in parts, for two years are millions of rows."""
    if not path.exists():
        return []
    points: dict[str, tuple[list[int], list[float]]] = {}
    with pq.ParquetFile(path, read_dictionary=["position_id"]) as file:
        for part in file.iter_batches(ROWS_AT_ONCE, columns=["at", "position_id", "stop_price"]):
            turning_points(part, points)
    found = [stop_line(name, np.array(at), np.array(price)) for name, (at, price) in points.items()]
    return [line for line in found if line is not None]


def turning_points(part: pa.RecordBatch, points: dict[str, tuple[list[int], list[float]]]) -> None:
    """Of each position in `part` the first row, the last, and those at which the stop is another."""
    if not len(part):
        return
    codes = part["position_id"].indices.to_numpy()
    at, price = milliseconds(part["at"]), part["stop_price"].to_numpy(zero_copy_only=False).astype(np.float64)
    other = codes[1:] != codes[:-1]
    kept = np.flatnonzero(np.append(True, other | (price[1:] != price[:-1])) | np.append(other, True))
    for name, when, value in zip(
        part["position_id"].take(pa.array(kept)).to_pylist(), at[kept].tolist(), price[kept].tolist(), strict=True
    ):
        times, prices = points.setdefault(name, ([], []))
        times.append(when)
        prices.append(value)


def stop_line(position_id: str, at: Times, price: Floats) -> StopLine | None:
    there = np.isfinite(price)  # without a stop for a moment: nothing to draw
    at, price = at[there], price[there]
    if not len(at):
        return None
    changed: NDArray[np.bool_] = np.append(True, price[1:] != price[:-1])
    changed[-1] = True
    return StopLine(position_id=position_id, at_ms=at[changed].tolist(), price=price[changed].tolist())


def milliseconds(column: "pa.Array | pa.ChunkedArray") -> Times:
    return np.asarray(column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)
