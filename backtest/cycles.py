"""What `app.core.candles.Resampler` and `app.cycle.Cycle` say minute by minute, as arrays over a whole history."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.core.rules import VotingRules
from backtest.series import CandleSeries, Times, grid_starts, merged


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


def cycles_of(series: CandleSeries, warmup: int, rules: VotingRules) -> Cycles:
    """Of a history whose first `warmup` candles are shown only."""
    whole, complete, known_at = _closed(series, rules.timeframe_seconds)
    newest = np.searchsorted(known_at, np.arange(warmup, len(series)), side="right").astype(np.int32) - 1
    closed = series.ts[warmup:] + series.seconds * 1000
    return Cycles(whole=whole, complete=complete, newest=newest, due=_due(closed, newest, rules.cycle_seconds))


def _closed(series: CandleSeries, seconds: int) -> tuple[CandleSeries, NDArray[np.bool_], NDArray[np.int64]]:
    """Candles of `seconds`, whether each is complete, and the row of `series` that closes it: its last one, or the
    first after a gap. Where that one ends the next candle, too, only the later candle counts.
    """
    if seconds == series.seconds:
        return series, np.ones(len(series), dtype=np.bool_), np.arange(len(series))
    starts = grid_starts(series, seconds)
    after = np.append(starts[1:], len(series))
    whole = merged(series, seconds, starts)
    in_time = series.ts[after - 1] + series.seconds * 1000 == whole.ts + seconds * 1000
    known_at = np.where(in_time, after - 1, after)
    complete = (after - starts) * series.seconds == seconds
    kept = np.append(known_at[1:] != known_at[:-1], True) & (known_at < len(series))
    chosen = CandleSeries(
        symbol=whole.symbol,
        seconds=seconds,
        **{name: getattr(whole, name)[kept] for name in ("ts", "open", "high", "low", "close", "volume")},
    )
    return chosen, complete[kept], known_at[kept]


def _due(closed: Times, newest: NDArray[np.int32], cycle_seconds: int) -> NDArray[np.bool_]:
    """The first minute of each piece of the UTC grid, once there is anything to show."""
    piece = closed // (cycle_seconds * 1000)
    shown = newest >= 0
    first = np.concatenate(([True], (piece[1:] != piece[:-1]) | ~shown[:-1]))
    return first & shown
