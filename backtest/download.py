"""Bringing the store up to date from an exchange: only what is missing is asked for, and what was fetched stays.

Asks through a `Source`; has no network of its own. The candle that still runs is never stored, and a stored candle is
never altered: where the exchange now says otherwise, that is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from app.core.errors import DataError
from app.core.model import Candle
from app.seam import Clock
from backtest import store
from backtest.series import Times, at_ms, ms_of, series_of
from backtest.store import Span

MINUTE_MS = 60_000
SAVE_EVERY = 10_000  # candles: a week; no kill -9 can cost more
TIMEFRAME = "1m"
SOURCE = "Binance.US"


class Source(Protocol):
    """Where past candles come from."""

    symbol: str

    def now(self) -> datetime:
        """Candles that have ended by then may be asked for."""

    async def page(self, start: datetime, end: datetime) -> Sequence[Candle]:
        """The first candles that open at `start` or later and before `end`, in order; none where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is: of the minutes wanted so many were looked at."""

    symbol: str
    at: datetime
    done: int
    wanted: int
    fetched: int
    seconds: float

    @property
    def pct(self) -> float:
        return 100.0 * self.done / self.wanted if self.wanted else 100.0

    @property
    def rate(self) -> float:
        """Candles a second."""
        return self.fetched / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        return self.seconds * (self.wanted - self.done) / self.done if self.done else None


@dataclass(slots=True, kw_only=True)
class Downloaded:
    """What came of it."""

    symbol: str
    fetched: int = 0
    absent: list[Span] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


class Download:
    """One symbol's minutes of a stretch of time."""

    def __init__(
        self, source: Source, data_dir: Path, *, clock: Clock, show: Callable[[Progress], None] = lambda _: None
    ) -> None:
        self._source, self._data, self._clock, self._show = source, data_dir, clock, show
        self.result = Downloaded(symbol=source.symbol)
        self._waiting: list[Candle] = []
        self._absent: list[Span] = []
        self._began, self._done, self._wanted = clock.monotonic(), 0, 0

    async def run(self, since: datetime, until: datetime | None = None) -> Downloaded:
        """Fetch what is missing between. However it ends, what was fetched until then is stored."""
        now = ms_of(self._source.now()) // MINUTE_MS * MINUTE_MS
        first = -(-ms_of(since) // MINUTE_MS) * MINUTE_MS
        end = min(ms_of(until) if until else now, now)
        if first >= end:
            raise DataError(f"{since:%Y-%m-%d %H:%M} is not before {at_ms(end):%Y-%m-%d %H:%M}; nothing can be fetched")
        store.require_room(self._data)  # before hours of asking
        held, absent = self._held()
        spans = missing(held, absent, first, end)
        self._wanted = sum(last - start for start, last in spans) // MINUTE_MS
        try:
            for start, last in spans:
                # A gap is the exchange's own only where a later candle proves that it has gone on since.
                later = bool(len(held)) and int(held[-1]) >= last
                seam = bool(np.isin(start - MINUTE_MS, held))
                await self._fetch(start, last, later=later, seam=seam)
        finally:
            self._save()
        return self.result

    def _held(self) -> tuple[Times, list[Span]]:
        folder = store.folder_of(self._source.symbol, TIMEFRAME, self._data)
        with store.alone(self._data):
            if not store.holds(folder):
                return np.empty(0, dtype=np.int64), []
            return store.times(folder), store.absent_in(store.manifest_in(folder))

    async def _fetch(self, start: int, end: int, *, later: bool, seam: bool) -> None:
        """`later`: candles after `end` are stored. `seam`: the one before `start` is, so it is asked for again, too:
        where the exchange tells it otherwise now, one of the two is wrong."""
        at = start - MINUTE_MS if seam else start
        while at < end:
            page = await self._source.page(at_ms(at), at_ms(end))
            before = max(at, start)
            opened = [ms_of(each.opened_at) for each in page]
            if not page:
                if later:
                    self._absent.append((before, end))
                self._count(before, end, 0)
                return
            if opened[0] < at or any(two <= one for one, two in pairwise(opened)):
                raise DataError(f"{self._source.symbol}: the exchange answers with candles out of order")
            self._waiting += page
            self._note_gaps(before, opened)
            at = opened[-1] + MINUTE_MS
            self._count(before, at, sum(1 for each in opened if each >= before))
            if len(self._waiting) >= SAVE_EVERY:
                self._save()

    def _note_gaps(self, start: int, opened: list[int]) -> None:
        expected = start
        for each in opened:
            if each > expected:
                self._absent.append((expected, each))
            expected = max(expected, each + MINUTE_MS)

    def _count(self, start: int, end: int, fetched: int) -> None:
        self._done += (end - start) // MINUTE_MS
        self.result.fetched += fetched
        self._show(
            Progress(
                symbol=self._source.symbol,
                at=at_ms(end),
                done=self._done,
                wanted=self._wanted,
                fetched=self.result.fetched,
                seconds=self._clock.monotonic() - self._began,
            )
        )

    def _save(self) -> None:
        candles, absent = self._waiting, self._absent
        self._waiting, self._absent = [], []
        if not candles and not absent:
            return
        unique = {each.opened_at: each for each in candles}
        symbol, now = self._source.symbol, self._clock.now()
        parts = [series_of([unique[at] for at in sorted(unique)])] if unique else []
        saved = store.add(parts, symbol, TIMEFRAME, self._data, now, SOURCE, keep=True, absent=absent)
        self.result.absent += absent
        self.result.differing += saved.kept


def missing(held: Times, absent: Sequence[Span], first: int, end: int) -> list[Span]:
    """The spans between `first` and `end` of which nothing is known yet, in order."""
    starts = np.concatenate((held, [each for each, _ in absent])).astype(np.int64)
    ends = np.concatenate((held + MINUTE_MS, [each for _, each in absent])).astype(np.int64)
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    holes = np.flatnonzero(starts[1:] > reached[:-1])
    edges = [(int(reached[row]), int(starts[row + 1])) for row in holes]
    if len(starts) == 0:
        return [(first, end)]
    edges = [(first, int(starts[0])), *edges, (int(reached[-1]), end)]
    cut = [(max(start, first), min(last, end)) for start, last in edges]
    return [(start, last) for start, last in cut if start < last]


def days_before(now: datetime, days: int) -> datetime:
    return (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
