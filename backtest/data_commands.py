"""What `main.py data import|list|check` does; returns lines to print and never prints itself."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from app.core.errors import DataError
from app.core.model import timeframe_seconds
from backtest import history
from backtest.history import LARGEST_GAPS, CandleSeries, CheckReport


def import_file(path: Path, symbol: str, timeframe: str, data_dir: Path, now: datetime) -> list[str]:
    """Take a file's candles into the store. DataError, and nothing changed, when they cannot be right."""
    read = history.read_file(path, symbol=symbol.upper(), seconds=timeframe_seconds(timeframe), now=now)
    whole = history.save(read.series, timeframe, data_dir, now, path.name)
    lines = [f"{path.name}: {note}" for note in read.notes]
    lines += gap_lines(read.series)
    lines.append(f"{path.name}: {len(read.series)} candles of {symbol.upper()} {timeframe} imported")
    first, last = whole.opened_at(0), whole.opened_at(-1)
    lines.append(f"{symbol.upper()}:{timeframe} now holds {len(whole)}, {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    return lines


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
    return [*report_lines(name, report), *notes, *gap_lines(series)], report.good


def list_rows(data_dir: Path) -> list[dict[str, Any]]:
    """`list_data` for programs: name, time frame, range, count and checksum of each series."""
    return [{"name": name, **manifest} for name, manifest in history.stored(data_dir)]


def check_row(name: str, data_dir: Path) -> dict[str, Any]:
    """`check_data` for programs. DataError where there is nothing that could be judged."""
    series, notes, duplicates = _series_named(name, data_dir)
    report = history.check(series, duplicates)
    row = {**asdict(report), "first": report.first.isoformat(), "last": report.last.isoformat()}
    holes = [{"first": at.isoformat(), "missing": count} for at, count in history.gaps(series)]
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


def report_lines(name: str, report: CheckReport) -> list[str]:
    return [
        f"{name}: {report.rows} candles, {report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC",
        f"missing: {report.missing} in {report.gaps} gaps; duplicates: {report.duplicates}; "
        f"impossible: {report.impossible}",
        f"without volume: {report.no_volume_pct:.1f} %; "
        f"largest jump: {report.largest_jump_pct:.2f} % at {report.largest_jump_at:%Y-%m-%d %H:%M}",
        f"sha256: {report.sha256}",
    ]


def gap_lines(series: CandleSeries) -> list[str]:
    """The largest gaps, by name; nothing when there are none."""
    found = sorted(history.gaps(series), key=lambda gap: -gap[1])
    lines = [f"gap: {count} candles missing from {at:%Y-%m-%d %H:%M}" for at, count in found[:LARGEST_GAPS]]
    if len(found) > LARGEST_GAPS:
        lines.append(f"gap: {len(found) - LARGEST_GAPS} smaller ones")
    return lines
