"""Candles in a file that several processes look at together: the pages are in memory once, whoever reads them.

Written by the one that has the candles, for as long as it works; nothing is kept in this form.
"""

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backtest.series import COLUMNS, CandleSeries

BYTES = 8  # of each number


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Where they are, and what they are."""

    path: Path
    symbol: str
    seconds: int
    count: int

    @property
    def there(self) -> bool:
        """On this machine."""
        return self.path.is_file()

    def series(self) -> CandleSeries:
        """What is written to it stays in the process that writes; code compiled for ordinary arrays takes it."""
        with self.path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        length = self.count * BYTES
        columns = {
            name: np.frombuffer(pages, np.float64, self.count, place * length)
            for place, name in enumerate(COLUMNS, start=1)
        }
        ts = np.frombuffer(pages, np.int64, self.count)
        return CandleSeries(symbol=self.symbol, seconds=self.seconds, ts=ts, **columns)


@contextmanager
def mapped(series: CandleSeries) -> Iterator[Mapped]:
    """In a file of the folder for such, until the end of the block. OSError where there is no room."""
    with tempfile.TemporaryDirectory(prefix="trader-candles-") as folder:
        path = Path(folder) / "candles"
        with path.open("wb") as file:
            for name in ("ts", *COLUMNS):
                np.ascontiguousarray(getattr(series, name)).tofile(file)
        yield Mapped(path=path, symbol=series.symbol, seconds=series.seconds, count=len(series))
