"""The store of imported candles: one parquet per symbol, time frame and month, with a manifest of checksums.

An import is seen whole or not at all. What was imported before is never changed silently.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.core.errors import DataError
from app.core.model import timeframe_seconds
from backtest.import_candles import CandleFile, read_file
from backtest.series import COLUMNS, CandleSeries, at_ms, candles, data_sha256, resample

__all__ = [
    "COLUMNS",
    "CandleFile",
    "CandleSeries",
    "CheckReport",
    "candles",
    "check",
    "data_sha256",
    "gaps",
    "load",
    "merge",
    "read_file",
    "resample",
    "save",
    "stored",
]

LARGEST_GAPS = 5


# ---------------------------------------------------------------- reading


def load(
    name: str,
    data_dir: Path,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    symbol: str = "BTC/USD",
) -> CandleSeries:
    """Candles by the name of what was imported (`BTC/USD`, `BTC/USD:1h`) or from a file (of `symbol`)."""
    path = file_named(name)
    series = read_file(path, symbol=symbol).series if path else _imported(name, data_dir)
    chosen = series.between(since, until)
    if len(chosen) == 0:
        raise DataError(
            f"{name}: no candles between {since or 'the beginning'} and {until or 'the end'}; it holds {_range(series)}"
        )
    return chosen


def file_named(name: str) -> Path | None:
    """The file of that name, if there is one; whatever was typed is no error yet."""
    try:
        return Path(name) if Path(name).is_file() else None
    except OSError:  # longer than a name can be
        return None


def stored(data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """Names and manifests of everything that was imported."""
    with _alone(data_dir):
        return _stored(data_dir)


def _stored(data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    manifests = sorted((data_dir / "candles").glob("*/*/manifest.json"))
    named = [(path.parent, _manifest(path.parent)) for path in manifests if not path.parent.name.startswith(".")]
    return [(f"{manifest['symbol']}:{folder.name}", manifest) for folder, manifest in named]


def _imported(name: str, data_dir: Path) -> CandleSeries:
    with _alone(data_dir):
        folder = _folder_named(name, data_dir)
        if not (folder / "manifest.json").is_file():
            known = ", ".join(each for each, _ in _stored(data_dir)) or "nothing has been imported yet"
            raise DataError(f"{name}: is no file and no imported candles; there are: {known}")
        return _read_folder(folder)


@contextmanager
def _alone(data_dir: Path, *, create: bool = False) -> Iterator[None]:
    """One at a time over the whole store: an import takes its old folder away for a moment.

    The lock dies with its process. Where nothing was ever imported there is nothing to guard.
    """
    path = data_dir / "candles" / ".lock"
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        file = path.open("rb") if path.exists() else None
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror}); mend the rights of the folder") from error
    if file is None:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _folder_named(name: str, data_dir: Path) -> Path:
    symbol, _, timeframe = name.partition(":")
    return _folder(symbol.replace("_", "/"), timeframe or "1m", data_dir)


def _folder(symbol: str, timeframe: str, data_dir: Path) -> Path:
    """Only names that cannot leave the data directory. An import that died halfway is undone here."""
    base, slash, quote = symbol.partition("/")
    if not (slash and all(part.isascii() and part.isalnum() for part in (base, quote))):
        raise DataError(f"{symbol[:80]}: is no file and no symbol; use a path, or a symbol such as BTC/USD")
    timeframe_seconds(timeframe)
    folder = data_dir / "candles" / f"{base.upper()}_{quote.upper()}" / timeframe
    old = _old(folder)
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    return folder


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        _ = manifest["symbol"], manifest["seconds"], manifest["months"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: manifest.json is damaged; remove the folder and import again") from error
    return dict(manifest)


def _read_folder(folder: Path) -> CandleSeries:
    manifest = _manifest(folder)
    parts = []
    for month, entry in sorted(manifest["months"].items()):
        path = folder / f"{month}.parquet"
        if not path.is_file() or _sha256_of(path) != entry["sha256"]:
            raise DataError(f"{path}: is missing or has changed since the import; remove the folder and import again")
        parts.append(pq.read_table(path))
    table = pa.concat_tables(parts)
    columns = {name: table[name].to_numpy() for name in COLUMNS}
    ts = table["ts"].cast(pa.int64()).to_numpy()
    return CandleSeries(symbol=manifest["symbol"], seconds=manifest["seconds"], ts=ts, **columns)


# ---------------------------------------------------------------- writing


def save(series: CandleSeries, timeframe: str, data_dir: Path, imported_at: datetime, source: str) -> CandleSeries:
    """Add to what was imported before; returns all of it."""
    _folder(series.symbol, timeframe, data_dir)  # a wrong name is refused before anything is made
    with _alone(data_dir, create=True):
        folder = _folder(series.symbol, timeframe, data_dir)
        if folder.exists():
            series = merge(_read_folder(folder), series)
        with _replacing(folder) as fresh:
            _write(series, fresh, imported_at, source)
    return series


def _write(series: CandleSeries, fresh: Path, imported_at: datetime, source: str) -> None:
    months = _write_months(series, fresh)
    manifest = {
        "symbol": series.symbol,
        "seconds": series.seconds,
        "rows": len(series),
        "first": series.opened_at(0).isoformat(),
        "last": series.opened_at(-1).isoformat(),
        "sha256": data_sha256(series),
        "imported_at": imported_at.isoformat(),
        "source": source,
        "months": months,
    }
    (fresh / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def merge(old: CandleSeries, new: CandleSeries) -> CandleSeries:
    """Both together. A candle that stands in both must be the same in both."""
    ts, first = np.unique(np.concatenate((old.ts, new.ts)), return_index=True)
    _, in_old, in_new = np.intersect1d(old.ts, new.ts, return_indices=True)
    columns = {}
    for name in COLUMNS:
        before, after = getattr(old, name), getattr(new, name)
        differs = np.flatnonzero(before[in_old] != after[in_new])
        if len(differs):
            at = old.opened_at(int(in_old[differs[0]]))
            raise DataError(
                f"{new.symbol}: {name} of {at:%Y-%m-%d %H:%M} differs from what was imported before; "
                "remove the imported folder first if the new file is right"
            )
        columns[name] = np.concatenate((before, after))[first]
    return CandleSeries(symbol=new.symbol, seconds=new.seconds, ts=ts, **columns)


def _write_months(series: CandleSeries, folder: Path) -> dict[str, dict[str, Any]]:
    months = series.ts.astype("datetime64[ms]").astype("datetime64[M]")
    starts = np.flatnonzero(np.concatenate(([True], months[1:] != months[:-1])))
    written = {}
    for first, end in zip(starts.tolist(), [*starts[1:].tolist(), len(series)], strict=True):
        part, month = series[first:end], str(months[first])
        path = folder / f"{month}.parquet"
        columns = {"ts": pa.array(part.ts, pa.timestamp("ms", tz="UTC"))}
        columns |= {name: pa.array(getattr(part, name), pa.float64()) for name in COLUMNS}
        pq.write_table(pa.table(columns), path, compression="zstd")
        written[month] = {"rows": len(part), "sha256": _sha256_of(path)}
    return written


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder to write to, which then takes the place of the old one; on any failure nothing has changed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for dead in folder.parent.glob(".import-*"):  # nobody else is writing: these were killed
        shutil.rmtree(dead, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=".import-", dir=folder.parent))
    old = _old(folder)
    try:
        yield fresh
        fresh.chmod(0o755)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            os.rename(folder, old)
        os.rename(fresh, folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        raise DataError(
            f"{folder}: cannot be written ({error.strerror}); free some space or mend its rights"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------- judging


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What there is to know of a series before it is believed."""

    rows: int
    first: datetime
    last: datetime
    missing: int
    gaps: int
    duplicates: int
    impossible: int
    no_volume_pct: float
    largest_jump_pct: float
    largest_jump_at: datetime
    sha256: str

    @property
    def good(self) -> bool:
        """Fit to trade on; gaps are told of, but markets have them."""
        return self.impossible == 0 and self.duplicates == 0


def check(series: CandleSeries, duplicates: int = 0) -> CheckReport:
    """`duplicates` were dropped while reading."""
    lowest, highest = np.minimum(series.open, series.close), np.maximum(series.open, series.close)
    fine = (series.low > 0) & (series.low <= lowest) & (series.high >= highest) & (series.volume >= 0)
    moves = np.abs(np.concatenate(([series.close[0] / series.open[0] - 1], np.diff(series.close) / series.close[:-1])))
    jump = int(moves.argmax())
    return CheckReport(
        rows=len(series),
        first=series.opened_at(0),
        last=series.opened_at(-1),
        missing=series.missing,
        gaps=len(gaps(series)),
        duplicates=duplicates,
        impossible=int((~fine).sum()),
        no_volume_pct=float((series.volume == 0).mean() * 100),
        largest_jump_pct=float(moves[jump] * 100),
        largest_jump_at=series.opened_at(jump),
        sha256=data_sha256(series),
    )


def gaps(series: CandleSeries) -> list[tuple[datetime, int]]:
    """(Opening time of the first missing candle, how many are missing) of each gap."""
    step = series.seconds * 1000
    rows = np.flatnonzero(np.diff(series.ts) > step)
    return [
        (at_ms(int(series.ts[row]) + step), int((series.ts[row + 1] - series.ts[row]) // step) - 1)
        for row in rows.tolist()
    ]


def _range(series: CandleSeries) -> str:
    if len(series) == 0:
        return "nothing"
    return f"{series.opened_at(0):%Y-%m-%d %H:%M} to {series.opened_at(-1):%Y-%m-%d %H:%M} UTC"
