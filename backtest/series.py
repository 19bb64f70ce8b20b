"""Candles as arrays: compact to keep and quick to count with; exact decimals are made on the way out."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import DataError
from app.core.model import Candle

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = ("open", "high", "low", "close", "volume")
DAY_MS = 86_400_000

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleSeries:
    """Sorted candles of one symbol and length. `ts` is each one's opening time in ms since 1970."""

    symbol: str
    seconds: int
    ts: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> "CandleSeries":
        return replace(self, ts=self.ts[rows], **{name: getattr(self, name)[rows] for name in COLUMNS})

    def opened_at(self, row: int) -> datetime:
        return at_ms(int(self.ts[row]))

    def between(self, since: datetime | None, until: datetime | None) -> "CandleSeries":
        """Candles opening at `since` or later and before `until`."""
        first = int(np.searchsorted(self.ts, ms_of(since))) if since else 0
        end = int(np.searchsorted(self.ts, ms_of(until))) if until else len(self)
        return self[first:end]

    @classmethod
    def empty(cls, symbol: str, seconds: int) -> "CandleSeries":
        none = np.empty(0, dtype=np.float64)
        columns = dict.fromkeys(COLUMNS, none)
        return cls(symbol=symbol, seconds=seconds, ts=np.empty(0, dtype=np.int64), **columns)

    @property
    def missing(self) -> int:
        """Candles that are not there between the first and the last."""
        if len(self) == 0:
            return 0
        return int((self.ts[-1] - self.ts[0]) // (self.seconds * 1000)) + 1 - len(self)


def at_ms(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def ms_of(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def candles(series: CandleSeries) -> Iterator[Candle]:
    """Exact: 0.1 in the file is Decimal('0.1'), never its binary neighbour."""
    columns = (getattr(series, name).tolist() for name in COLUMNS)
    for ts, *values in zip(series.ts.tolist(), *columns, strict=True):
        yield _exact(series, ts, values)


def candle_at(series: CandleSeries, row: int) -> Candle:
    columns = series.open, series.high, series.low, series.close, series.volume
    return _exact(series, int(series.ts[row]), [float(column[row]) for column in columns])


def _exact(series: CandleSeries, ts: int, values: Sequence[float]) -> Candle:
    open_, high, low, close, volume = [Decimal(repr(value)) for value in values]
    return Candle(
        symbol=series.symbol,
        opened_at=at_ms(ts),
        seconds=series.seconds,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


def series_of(given: Sequence[Candle]) -> CandleSeries:
    """The inverse of `candles`, for at least one of them."""
    columns = {name: np.array([float(getattr(each, name)) for each in given], dtype=np.float64) for name in COLUMNS}
    ts = np.array([ms_of(each.opened_at) for each in given], dtype=np.int64)
    return CandleSeries(symbol=given[0].symbol, seconds=given[0].seconds, ts=ts, **columns)


def rows_of(series: CandleSeries) -> Floats:
    """As strategies are shown a history: opened at (ms since 1970), open, high, low, close, volume."""
    rows = np.empty((len(series), 1 + len(COLUMNS)), order="F")  # whoever reads them reads whole columns
    rows[:, 0] = series.ts
    for place, name in enumerate(COLUMNS, 1):
        rows[:, place] = getattr(series, name)
    return rows


def joined(parts: Sequence[CandleSeries]) -> CandleSeries:
    """One after the other; at least one, all of one symbol and length."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("ts", *COLUMNS)}
    return CandleSeries(symbol=parts[0].symbol, seconds=parts[0].seconds, **columns)


def mirrored(series: CandleSeries) -> CandleSeries:
    """The same backward in time, so that it ends where the series begins."""
    back = series[::-1]
    ts = 2 * series.ts[0] - series.seconds * 1000 - back.ts
    return replace(back, ts=ts, open=back.close, close=back.open)


def resample(series: CandleSeries, seconds: int) -> CandleSeries:
    """Longer candles, on the UTC grid. One with missing parts is made of what there is; a half last one is left out."""
    if seconds == series.seconds or len(series) == 0:
        return replace(series, seconds=seconds)
    if seconds < series.seconds or seconds % series.seconds:
        raise DataError(
            f"{series.symbol}: candles of {series.seconds} s cannot be made into candles of {seconds} s; "
            f"choose a multiple of {series.seconds} s"
        )
    starts = grid_starts(series, seconds)
    whole = merged(series, seconds, starts)
    finished = series.ts[-1] + series.seconds * 1000 >= whole.ts[-1] + seconds * 1000
    return whole if finished else whole[:-1]


def lengthened(series: CandleSeries, seconds: int) -> CandleSeries:
    """The same where the series ends on the grid: its last candle counts, whatever is missing in it."""
    return (
        series
        if seconds == series.seconds or not len(series)
        else merged(series, seconds, grid_starts(series, seconds))
    )


def grid_starts(series: CandleSeries, seconds: int) -> NDArray[np.int64]:
    """The first row of each piece of the UTC grid of `seconds`."""
    grid = series.ts // (seconds * 1000)
    return np.flatnonzero(np.concatenate(([True], grid[1:] != grid[:-1])))


def merged(series: CandleSeries, seconds: int, starts: NDArray[np.int64]) -> CandleSeries:
    """One candle of `seconds` from each start to the next."""
    ends = np.append(starts[1:], len(series)) - 1
    step = seconds * 1000
    return CandleSeries(
        symbol=series.symbol,
        seconds=seconds,
        ts=series.ts[starts] // step * step,
        open=series.open[starts],
        high=np.maximum.reduceat(series.high, starts),
        low=np.minimum.reduceat(series.low, starts),
        close=series.close[ends],
        volume=np.asarray(np.round(np.add.reduceat(series.volume, starts), 8), dtype=np.float64),
    )


def gaps_between(ts: Times, seconds: int) -> list[tuple[datetime, int]]:
    step = seconds * 1000
    rows = np.flatnonzero(np.diff(ts) > step)
    return [(at_ms(int(ts[row]) + step), int((ts[row + 1] - ts[row]) // step) - 1) for row in rows.tolist()]


def by_month(series: CandleSeries) -> Iterator[tuple[str, CandleSeries]]:
    """("2024-01", the candles that open in it), oldest first."""
    if not len(series):
        return
    oldest, newest = series.ts[[0, -1]].astype("M8[ms]").astype("M8[M]")
    months = np.arange(oldest, newest + 1)
    starts = np.searchsorted(series.ts, months.astype("M8[ms]").astype(np.int64)).tolist()
    for month, first, end in zip(months, starts, [*starts[1:], len(series)], strict=True):
        if first < end:
            yield str(month), series[first:end]


def month_sha256(part: CandleSeries) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(part.ts, dtype="<i8").data)
    for name in COLUMNS:
        digest.update(np.ascontiguousarray(getattr(part, name), dtype="<f8").data)
    return digest.hexdigest()


def data_sha256(series: CandleSeries) -> str:
    """The same for the same candles, whatever file they came from."""
    return joined_sha256(series.symbol, series.seconds, (month_sha256(part) for _, part in by_month(series)))


def joined_sha256(symbol: str, seconds: int, months: Iterable[str]) -> str:
    """Of the checksums of its months, so that a store that grows by one need not read the others again."""
    return hashlib.sha256(" ".join((symbol, str(seconds), *months)).encode()).hexdigest()
