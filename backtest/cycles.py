"""What `app.core.candles.Resampler` and `app.cycle.Cycle` say row by row, as arrays over a whole history.

Fast-forward and the sweep both ask here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.core.rules import VotingRules
from backtest.series import CandleSeries, Times, grid_starts, merged

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """`whole`: candles of the strategies' time frame, those that were closed, oldest first; `complete`: whether each
    was made of all its parts. By minute of trading: `newest`, the newest of them when the minute has closed (−1: none
    yet), and `due`, whether a cycle falls on it.
    """

    whole: CandleSeries
    complete: NDArray[np.bool_]
    newest: NDArray[np.int32]
    due: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closings:
    """Candles of a time frame, oldest first. `known`: the row of the history at whose close each one is known (two may
    be in the same row, after a gap); `opened_ms`: its opening time; `complete`: whether it has all its parts; `starts`:
    the first row of each, and of the one that still runs at the end.
    """

    known: Rows
    opened_ms: Times
    complete: NDArray[np.bool_]
    starts: Rows


def closings_of(series: CandleSeries, seconds: int) -> Closings:
    """Known with its last part, or, where that is missing, with the first one after the gap."""
    starts = grid_starts(series, seconds)
    after = np.append(starts[1:], len(series))
    opened_ms = series.ts[starts] // (seconds * 1000) * seconds * 1000
    in_time = series.ts[after - 1] + series.seconds * 1000 == opened_ms + seconds * 1000
    known = np.where(in_time, after - 1, after)
    complete = (after - starts) * series.seconds == seconds
    closed = known < len(series)
    return Closings(known=known[closed], opened_ms=opened_ms[closed], complete=complete[closed], starts=starts)


def due_rows(series: CandleSeries, known: Rows, cycle_seconds: int, first: int) -> Rows:
    """Rows from `first` on at whose close a cycle falls due: the first of each piece of the UTC grid, once there is
    anything to show."""
    if not len(known):
        return np.empty(0, np.int64)
    begin = max(first, int(known[0]))
    piece = (series.ts[begin:] + series.seconds * 1000) // (cycle_seconds * 1000)
    return begin + np.flatnonzero(np.append(True, piece[1:] != piece[:-1])[: len(piece)])


def cycles_of(series: CandleSeries, warmup: int, rules: VotingRules) -> Cycles:
    """Of a history whose first `warmup` candles are shown only."""
    closings = closings_of(series, rules.timeframe_seconds)
    whole = series
    if rules.timeframe_seconds != series.seconds:
        whole = merged(series, rules.timeframe_seconds, closings.starts)[: len(closings.known)]
    lengths = np.diff(closings.known, prepend=0, append=len(series))
    newest = np.repeat(np.arange(-1, len(lengths) - 1, dtype=np.int32), lengths)[warmup:]
    due = np.zeros(len(series), dtype=np.bool_)
    due[due_rows(series, closings.known, rules.cycle_seconds, warmup)] = True
    return Cycles(whole=whole, complete=closings.complete, newest=newest, due=due[warmup:])
