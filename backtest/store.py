"""The store of candles: one parquet per symbol, time frame and month, and a manifest with each one's checksums.

A change is seen whole or not at all, costs what it adds and not what is there, and never alters a stored candle.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.core.errors import DataError
from app.core.model import timeframe_seconds
from backtest.series import COLUMNS, CandleSeries, Times, at_ms, by_month, joined_sha256, month_sha256

ENTRY = ("rows", "sha256", "candles_sha256", "first_ms", "last_ms")
KEPT_FREE = 200 << 20  # bytes that candles leave on the disk, for the trader's books
Span = tuple[int, int]  # from and until, in ms since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What the store holds after a change, and candles that it already had otherwise (and kept)."""

    rows: int
    added: int
    first: datetime
    last: datetime
    kept: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- where


@contextmanager
def alone(data_dir: Path, *, create: bool = False) -> Iterator[None]:
    """One at a time over the whole store: a change takes the old folder away for a moment.

    The lock dies with its process. Where nothing was ever stored there is nothing to guard.
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


def folder_of(symbol: str, timeframe: str, data_dir: Path) -> Path:
    """Only names that cannot leave the data directory. A change that died halfway is undone here."""
    base, slash, quote = symbol.partition("/")
    if not (slash and all(part.isascii() and part.isalnum() for part in (base, quote))):
        raise DataError(f"{symbol[:80]}: is no file and no symbol; use a path, or a symbol such as BTC/USD")
    timeframe_seconds(timeframe)
    folder = data_dir / "candles" / f"{base.upper()}_{quote.upper()}" / timeframe
    old = _old(folder)
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    return folder


def require_room(data_dir: Path, wanted: int = KEPT_FREE) -> None:
    """DataError where the disk is so full that candles would take what the books need."""
    there = next(each for each in (data_dir.resolve(), *data_dir.resolve().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < wanted:
        raise DataError(
            f"the disk of {data_dir} has {free >> 20} MB left, and {wanted >> 20} MB are kept for the books; "
            "free some space"
        )


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


# ---------------------------------------------------------------- reading


def all_stored(data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """Names and manifests."""
    manifests = sorted((data_dir / "candles").glob("*/*/manifest.json"))
    named = [(path.parent, manifest_in(path.parent)) for path in manifests if not path.parent.name.startswith(".")]
    return [(f"{manifest['symbol']}:{folder.name}", manifest) for folder, manifest in named]


def holds(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def manifest_in(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        _ = manifest["symbol"], manifest["seconds"], [each["sha256"] for each in manifest["months"].values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: manifest.json is damaged; remove the folder and import again") from error
    return dict(manifest)


def read(folder: Path, since: datetime | None = None, until: datetime | None = None) -> CandleSeries:
    """The stored candles, checked byte by byte; only the months between `since` and `until` are opened."""
    manifest = manifest_in(folder)
    first, last = (f"{since:%Y-%m}" if since else ""), (f"{until:%Y-%m}" if until else "9999")
    wanted = [month for month in sorted(manifest["months"]) if first <= month <= last]
    ends = np.cumsum([0, *(int(manifest["months"][month]["rows"]) for month in wanted)]).tolist()
    ts = np.empty(ends[-1], dtype=np.int64)
    columns = {name: np.empty(ends[-1], dtype=np.float64) for name in COLUMNS}
    for month, start, end in zip(wanted, ends[:-1], ends[1:], strict=True):
        table = _table(folder, month, manifest, ["ts", *COLUMNS])
        ts[start:end] = _times(table)
        for name in COLUMNS:
            columns[name][start:end] = _values(table[name])
    series = CandleSeries(symbol=manifest["symbol"], seconds=manifest["seconds"], ts=ts, **columns)
    return series.between(since, until)


def times(folder: Path) -> Times:
    """Opening times of all that is stored."""
    manifest = manifest_in(folder)
    found = [_times(_table(folder, month, manifest, ["ts"])) for month in sorted(manifest["months"])]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def absent_in(manifest: dict[str, Any]) -> list[Span]:
    """Where the exchange itself has no candles: asked for twice."""
    return [(int(first), int(end)) for first, end in manifest.get("absent_ms", [])]


def _table(folder: Path, month: str, manifest: dict[str, Any], columns: list[str]) -> pa.Table:
    """A month whose every byte is what was written: a flipped one is found here, before anything is counted."""
    path = folder / f"{month}.parquet"
    raw = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(raw).hexdigest() != manifest["months"][month]["sha256"]:
        raise DataError(f"{path}: is missing or has changed since the import; remove the folder and import again")
    return pq.ParquetFile(pa.BufferReader(raw)).read(columns=columns, use_threads=False)


def _times(table: pa.Table) -> Times:
    return np.asarray(_values(table["ts"].cast(pa.int64())), dtype=np.int64)


def _column(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Without `pa.array`, for the same reason as `_values`."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """Without `to_numpy`, which loads pandas: a quarter of a second and 50 MB that nothing here needs."""
    kind = np.int64 if column.type == pa.int64() else np.float64
    parts = [np.frombuffer(part.buffers()[1], kind)[part.offset : part.offset + len(part)] for part in column.chunks]
    return np.concatenate(parts) if len(parts) != 1 else parts[0]


# ---------------------------------------------------------------- writing


def add(
    parts: Iterable[CandleSeries],
    symbol: str,
    timeframe: str,
    data_dir: Path,
    at: datetime,
    source: str,
    *,
    keep: bool = False,
    absent: Sequence[Span] = (),
) -> Saved:
    """Add to what is stored, all of it or nothing. A candle that is there and differs is an error; with `keep` the
    stored one stays and is told. `absent`: spans in which the exchange has none."""
    folder_of(symbol, timeframe, data_dir)  # a wrong name is refused before anything is made
    require_room(data_dir)
    with alone(data_dir, create=True):
        folder = folder_of(symbol, timeframe, data_dir)
        before = manifest_in(folder) if folder.exists() else {"months": {}, "rows": 0}
        with _replacing(folder) as fresh:
            change = _Change(folder, fresh, before, keep)
            for part in parts:
                for month, piece in by_month(part):
                    change.add(month, piece)
            seconds = timeframe_seconds(timeframe)
            return change.finish(symbol, seconds, at, source, [*absent_in(before), *absent])


class _Change:
    """Months that are new are written to `fresh`, the others go on as they are."""

    def __init__(self, folder: Path, fresh: Path, before: dict[str, Any], keep: bool) -> None:
        self._folder, self._fresh, self._before, self._keep = folder, fresh, before, keep
        self._months: dict[str, dict[str, Any]] = {}
        self._times: list[Times] = []
        self._told: list[str] = []

    def add(self, month: str, part: CandleSeries) -> None:
        if month in self._months:
            part = merge(_read_month(self._fresh, month, {"months": self._months}, part), part)
        elif month in self._before["months"]:
            old = _read_month(self._folder, month, self._before, part)
            if self._keep:
                self._told += [f"{at_ms(at):%Y-%m-%d %H:%M}: {name}" for at, name in differences(old, part)]
            part = merge(old, part, keep=self._keep)
        self._write(month, part)
        self._times.append(part.ts)

    def _write(self, month: str, part: CandleSeries) -> None:
        path = self._fresh / f"{month}.parquet"
        columns = {"ts": _column(part.ts, pa.timestamp("ms", tz="UTC"))}
        columns |= {name: _column(getattr(part, name), pa.float64()) for name in COLUMNS}
        # Prices hardly repeat: a dictionary would make the file larger and three times as slow to write.
        pq.write_table(pa.table(columns), path, compression="lz4", use_dictionary=False)
        _to_disk(path)
        sums = hashlib.sha256(path.read_bytes()).hexdigest(), month_sha256(part)
        entry = len(part), *sums, int(part.ts[0]), int(part.ts[-1])
        self._months[month] = dict(zip(ENTRY, entry, strict=True))

    def finish(self, symbol: str, seconds: int, at: datetime, source: str, absent: list[Span]) -> Saved:
        for month, entry in self._before["months"].items():
            if month not in self._months:
                self._carry(month, entry, symbol, seconds)
        months = dict(sorted(self._months.items()))
        entries = list(months.values())
        rows, first, last = sum(each["rows"] for each in entries), entries[0]["first_ms"], entries[-1]["last_ms"]
        manifest = {
            "symbol": symbol,
            "seconds": seconds,
            "rows": rows,
            "first": at_ms(first).isoformat(),
            "last": at_ms(last).isoformat(),
            "sha256": joined_sha256(symbol, seconds, (each["candles_sha256"] for each in entries)),
            "imported_at": at.isoformat(),
            "source": source,
            "months": months,
            "absent_ms": _still_absent(absent, self._times),
        }
        path = self._fresh / "manifest.json"
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        _to_disk(path)
        added = rows - self._before["rows"]
        return Saved(rows=rows, added=added, first=at_ms(first), last=at_ms(last), kept=self._told)

    def _carry(self, month: str, entry: dict[str, Any], symbol: str, seconds: int) -> None:
        if set(entry) != set(ENTRY):  # stored by an earlier version
            empty = CandleSeries.empty(symbol, seconds)
            self._write(month, _read_month(self._folder, month, self._before, empty))
            return
        old, new = self._folder / f"{month}.parquet", self._fresh / f"{month}.parquet"
        try:
            os.link(old, new)
        except OSError:  # a disk without hard links
            shutil.copy2(old, new)
        self._months[month] = entry


def _read_month(folder: Path, month: str, manifest: dict[str, Any], like: CandleSeries) -> CandleSeries:
    table = _table(folder, month, manifest, ["ts", *COLUMNS])
    columns = {name: _values(table[name]) for name in COLUMNS}
    return CandleSeries(symbol=like.symbol, seconds=like.seconds, ts=_times(table), **columns)


def differences(old: CandleSeries, new: CandleSeries) -> list[tuple[int, str]]:
    """(Opening time, "close 1.0, now 2.0") of every candle that stands in both and is not the same."""
    _, in_old, in_new = np.intersect1d(old.ts, new.ts, assume_unique=True, return_indices=True)
    found = []
    for name in COLUMNS:
        before, after = getattr(old, name)[in_old], getattr(new, name)[in_new]
        rows = np.flatnonzero(before != after).tolist()
        found += [(int(old.ts[in_old[row]]), f"{name} {before[row]}, now {after[row]}") for row in rows]
    return sorted(found)


def merge(old: CandleSeries, new: CandleSeries, *, keep: bool = False) -> CandleSeries:
    """Both together. A candle that stands in both must be the same in both, or with `keep` the old one counts."""
    for at, what in [] if keep else differences(old, new):
        raise DataError(
            f"{new.symbol}: {what.split()[0]} of {at_ms(at):%Y-%m-%d %H:%M} differs from what was imported before; "
            "remove the imported folder first if the new file is right"
        )
    ts, first = np.unique(np.concatenate((old.ts, new.ts)), return_index=True)
    columns = {name: np.concatenate((getattr(old, name), getattr(new, name)))[first] for name in COLUMNS}
    return CandleSeries(symbol=new.symbol, seconds=new.seconds, ts=ts, **columns)


def _still_absent(spans: Sequence[Span], written: list[Times]) -> list[Span]:
    """The spans joined, without those in which a candle stands now."""
    ts = np.sort(np.concatenate(written)) if written else np.empty(0, dtype=np.int64)
    joined: list[Span] = []
    for first, end in sorted(spans):
        if np.searchsorted(ts, first) != np.searchsorted(ts, end):
            continue
        if joined and first <= joined[-1][1]:
            first, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((first, end))
    return joined


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


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
