"""Candles on their way from a file into order: by month, in memory while they are few, else in a folder of their own.

What is collected is nobody's data yet: the folder goes with the process that made it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from app.core.errors import DataError
from backtest.series import COLUMNS, CandleSeries, Floats, Times, at_ms, gaps_between

AT_ONCE = 400_000  # rows in memory before they are put by month
IN_MEMORY = 600_000  # rows, as months; what is more goes to the folder
PREFIX = ".reading-"
Rows = NDArray[np.float64]  # ts (exact below 2**53) and the five columns


class Unsorted:
    """`add` takes rows in any order; `sorted` gives them by month. A context, so that its folder is cleared."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self._name, self._where = name, folder
        self._waiting: list[Rows] = []
        self._months: dict[str, Rows | Path] = {}
        self._folder: Path | None = None
        self._lock = -1
        self._waiting_rows = self._newest = self.duplicates = 0
        self.in_order = True

    def __enter__(self) -> "Unsorted":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)

    def add(self, ts: Times, values: dict[str, Floats]) -> None:
        if len(ts) == 0:
            return
        self.in_order = self.in_order and int(ts[0]) >= self._newest and bool((np.diff(ts) >= 0).all())
        self._newest = max(self._newest, int(ts.max()))
        self._waiting.append(np.column_stack((ts, *(values[name] for name in COLUMNS))))
        self._waiting_rows += len(ts)
        if self._waiting_rows >= AT_ONCE:
            self._put()

    def sorted(self) -> "Sorted":
        self._put()
        return Sorted(self)

    def month(self, name: str) -> Rows:
        kept = self._months[name]
        return np.load(kept) if isinstance(kept, Path) else kept

    @property
    def months(self) -> list[str]:
        return sorted(self._months)

    # ---------------------------------------------------------------- by month

    def _put(self) -> None:
        if not self._waiting:
            return
        rows = np.concatenate(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        months = rows[:, 0].astype(np.int64).astype("datetime64[ms]").astype("datetime64[M]")
        for month in np.unique(months):
            name, part = str(month), rows[months == month]
            if name in self._months:
                part = np.concatenate((self.month(name), part))
            self._months[name] = self._once(part)
        in_memory = [name for name, kept in self._months.items() if not isinstance(kept, Path)]
        if self._where is not None and sum(len(self.month(name)) for name in in_memory) > IN_MEMORY:
            for name in in_memory:
                self._months[name] = self._kept(name, self.month(name))

    def _once(self, rows: Rows) -> Rows:
        """In order of time, each time once. Two different candles of one time cannot both be right."""
        if not (np.diff(rows[:, 0]) > 0).all():
            rows = rows[np.argsort(rows[:, 0], kind="stable")]
        twice = np.concatenate(([False], np.diff(rows[:, 0]) == 0))
        for row in np.flatnonzero(twice).tolist():
            if (rows[row] != rows[row - 1]).any():
                at = f"{at_ms(int(rows[row, 0])):%Y-%m-%d %H:%M}"
                raise DataError(f"{self._name}: {at} stands twice with different prices; remove the wrong one")
        self.duplicates += int(twice.sum())
        return rows[~twice]

    def _kept(self, name: str, rows: Rows) -> Path:
        path = self._own_folder() / f"{name}.npy"
        try:
            np.save(path, rows)
        except OSError as error:
            raise DataError(f"{path.parent}: cannot be written ({error.strerror}); free some space") from error
        return path

    def _own_folder(self) -> Path:
        """Locked as long as this process lives; those of dead processes are cleared away."""
        if self._folder is None:
            where = self._where or Path()
            try:
                where.mkdir(parents=True, exist_ok=True)
                _clear(where)
                self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
                self._lock = os.open(self._folder, os.O_RDONLY)
            except OSError as error:
                raise DataError(f"{where}: cannot be written ({error.strerror}); mend its rights") from error
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._folder


def _clear(where: Path) -> None:
    for dead in where.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(dead, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(dead, ignore_errors=True)
            finally:
                os.close(lock)


class Sorted:
    """Months in order. Reads one at a time."""

    def __init__(self, rows: Unsorted) -> None:
        self._rows, self.duplicates = rows, rows.duplicates
        self.notes: list[str] = []
        if not rows.in_order:
            self.notes.append("the rows were not in order of time; sorted")
        if rows.duplicates:
            self.notes.append(f"{rows.duplicates} identical duplicate rows were dropped")

    def parts(self, symbol: str, seconds: int) -> Iterator[CandleSeries]:
        for month in self._rows.months:
            rows = self._rows.month(month)
            columns = {name: np.ascontiguousarray(rows[:, at]) for at, name in enumerate(COLUMNS, 1)}
            yield CandleSeries(symbol=symbol, seconds=seconds, ts=rows[:, 0].astype(np.int64), **columns)

    def seconds(self, name: str, wanted: int | None) -> int:
        """The candles' length: the shortest step between two; all must stand on its grid."""
        shortest, last = 0, None
        for ts in self._times():
            steps = np.diff(ts if last is None else np.concatenate(([last], ts)))
            if len(steps):
                shortest = min(shortest or int(steps.min()), int(steps.min()))
            last = int(ts[-1])
        found = shortest // 1000
        if shortest and wanted is not None and found != wanted:
            raise DataError(f"{name}: candles are {found} s apart, not {wanted} s; name the right time frame")
        length = wanted or found or 60
        if length < 60:
            raise DataError(f"{name}: candles are {length} s apart; the shortest taken are of 1 minute")
        for ts in self._times() if length <= 86400 and shortest else ():
            off = np.flatnonzero(ts % (length * 1000))
            if len(off):
                at = at_ms(int(ts[off[0]]))
                raise DataError(f"{name}: {at:%Y-%m-%d %H:%M:%S} is not on the grid of {length} s; use opening times")
        return length

    def gaps(self, seconds: int) -> list[tuple[datetime, int]]:
        found, last = [], None
        for ts in self._times():
            found += gaps_between(ts if last is None else np.concatenate(([last], ts)), seconds)
            last = ts[-1]
        return found

    @property
    def count(self) -> int:
        return sum(len(ts) for ts in self._times())

    def _times(self) -> Iterator[Times]:
        for month in self._rows.months:
            yield self._rows.month(month)[:, 0].astype(np.int64)
