"""What `main.py data import|list|check` does; returns lines to print and never prints itself."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from app.core.errors import DataError
from app.core.model import timeframe_seconds
from backtest import history, store
from backtest.history import LARGEST_GAPS, CandleSeries, CheckReport
from backtest.series import ms_of

QUOTES = "USDT|USDC|BUSD|FDUSD|TUSD|USD|EUR|GBP|BTC|ETH|BNB"
# BTC_USDT-5m.feather as freqtrade names it, BTCUSDT-1m-2024-01.csv as exchanges name their dumps
NAMED = (
    rf"(?P<base>[A-Z0-9]{{2,12}}?)(?:_(?=[A-Z])|(?=(?:{QUOTES})-))(?P<quote>[A-Z0-9]{{2,6}})"
    r"-(?P<timeframe>\d{1,2}[mhdw])(?:-[\d-]+)?\.(?:csv|json|feather|parquet|zip|gz|csv\.gz|json\.gz|csv\.zip)"
)
NONE_THERE = " (the exchange has none)"


def import_file(path: Path, symbol: str, timeframe: str, data_dir: Path, now: datetime) -> list[str]:
    """Take a file's candles into the store. DataError, and nothing changed, when they cannot be right."""
    from backtest.import_candles import collect
    from backtest.unsorted import Unsorted

    symbol = symbol.upper()
    store.folder_of(symbol, timeframe, data_dir)  # before a long file is read
    with Unsorted(path.name, data_dir) as rows:
        read = collect(path, rows, now)
        seconds = read.seconds(path.name, timeframe_seconds(timeframe))
        held = store.add(read.parts(symbol, seconds), symbol, timeframe, data_dir, now, path.name)
        count, gaps = read.count, read.gaps(seconds)
    lines = [f"{path.name}: {note}" for note in read.notes]
    lines += gap_lines(gaps)
    lines.append(f"{path.name}: {count} candles of {symbol} {timeframe} imported")
    lines.append(f"{symbol}:{timeframe} now holds {held.rows}, {held.first:%Y-%m-%d} to {held.last:%Y-%m-%d}")
    return lines


def guessed(path: Path, symbol: str | None, timeframe: str | None, default: str) -> tuple[str, str, list[str]]:
    """Symbol and time frame: as given, else as the file's name says in the usual manner, else `default` and 1m."""
    named = re.fullmatch(NAMED, path.name)
    told = []
    if named and symbol is None:
        base, quote = named["base"], named["quote"]
        symbol = f"{base}/{quote}"
        told.append(f"{path.name}: taken as {symbol} after its name; --symbol says otherwise")
    if named and timeframe is None:
        timeframe = named["timeframe"]
        told.append(f"{path.name}: taken as candles of {timeframe} after its name; --timeframe says otherwise")
    return symbol or default, timeframe or "1m", told


def list_data(data_dir: Path) -> list[str]:
    """One line for each imported symbol and time frame."""
    lines = [
        f"{name}  {manifest['rows']} candles  {manifest['first'][:16]} to {manifest['last'][:16]} UTC"
        for name, manifest in history.stored(data_dir)
    ]
    return lines or ["No candles have been imported yet: main.py data import FILE --symbol BTC/USD"]


def check_data(name: str, data_dir: Path) -> tuple[list[str], bool]:
    """What is to know of an imported series or a file, and whether it is fit for use."""
    try:
        series, notes, duplicates = _series_named(name, data_dir)
    except DataError as error:
        return [str(error)], False
    report = history.check(series, duplicates)
    absent = [] if history.file_named(name) else history.absent(name, data_dir)
    return [*report_lines(name, report), *notes, *gap_lines(history.gaps(series), absent)], report.good


def list_rows(data_dir: Path) -> list[dict[str, Any]]:
    """`list_data` for programs: name, time frame, range, count and checksum of each series."""
    return [{"name": name, **manifest} for name, manifest in history.stored(data_dir)]


def check_row(name: str, data_dir: Path) -> dict[str, Any]:
    """`check_data` for programs. DataError where there is nothing that could be judged."""
    series, notes, duplicates = _series_named(name, data_dir)
    report = history.check(series, duplicates)
    row = {**asdict(report), "first": report.first.isoformat(), "last": report.last.isoformat()}
    absent = [] if history.file_named(name) else history.absent(name, data_dir)
    holes = [
        {"first": at.isoformat(), "missing": count, "absent_at_exchange": _within(at, absent)}
        for at, count in history.gaps(series)
    ]
    return {
        "name": name,
        "good": report.good,
        **row,
        "largest_jump_at": report.largest_jump_at.isoformat(),
        "notes": notes,
        "gap_list": holes,
    }


def _series_named(name: str, data_dir: Path) -> tuple[CandleSeries, list[str], int]:
    """Of a file or of what was imported: the candles, what was mended, how many stood twice."""
    path = history.file_named(name)
    if path is None:
        return history.load(name, data_dir), [], 0
    read = history.read_file(path, symbol="BTC/USD")
    return read.series, read.notes, read.duplicates


def _within(at: datetime, spans: Sequence[store.Span]) -> bool:
    return any(first <= ms_of(at) < end for first, end in spans)


def report_lines(name: str, report: CheckReport) -> list[str]:
    return [
        f"{name}: {report.rows} candles, {report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC",
        f"missing: {report.missing} in {report.gaps} gaps; duplicates: {report.duplicates}; "
        f"impossible: {report.impossible}",
        f"without volume: {report.no_volume_pct:.1f} %; "
        f"largest jump: {report.largest_jump_pct:.2f} % at {report.largest_jump_at:%Y-%m-%d %H:%M}",
        f"sha256: {report.sha256}",
    ]


def gap_lines(gaps: list[tuple[datetime, int]], absent: Sequence[store.Span] = ()) -> list[str]:
    """The largest gaps, by name; nothing when there are none. `absent`: where the exchange has none itself."""
    found = sorted(gaps, key=lambda gap: -gap[1])
    lines = [
        f"gap: {count} candles missing from {at:%Y-%m-%d %H:%M}{NONE_THERE if _within(at, absent) else ''}"
        for at, count in found[:LARGEST_GAPS]
    ]
    if len(found) > LARGEST_GAPS:
        lines.append(f"gap: {len(found) - LARGEST_GAPS} smaller ones")
    return lines
