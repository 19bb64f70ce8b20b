"""Does a strategy know what comes later? Computed with and without the later candles, every row must read the same.

Looks at indicators and signals only; what `analyze` is shown ends with the newest closed candle anyway.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.core.errors import StrategyError
from strategies.base_strategy import DataFrame

TOLERANCE = 1e-9  # rounding
WARM = 1e-6  # within which a window and a long history agree, once warmed up
LONGEST = 100_000  # rows that are computed as a whole; longer histories are looked at in three places
CUTS = 9  # places in a history at which the later candles are taken away
SEED = 7
ACTION, CONFIDENCE = "action of signals", "confidence of signals"  # beside a strategy's own columns

Compute = Callable[[DataFrame], DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """A row that reads otherwise when later candles are known."""

    column: str
    row: int
    known: int  # candles, when it read `without`
    count: int  # candles, when it read `within`
    without: object
    within: object


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a history, in words; "" where nothing was."""

    peek: str = ""
    cold: str = ""


def first_peek(compute: Compute, table: DataFrame, cuts: Iterable[int], whole: DataFrame | None = None) -> Peek | None:
    """The first row that changes when the rows from a cut on are taken away. Raises StrategyError for a lost column."""
    whole = compute(table.copy()) if whole is None else whole
    for cut in cuts:
        if peek := _peek(whole, compute(table.iloc[:cut].copy()), len(table)):
            return peek
    return None


def _peek(whole: DataFrame, part: DataFrame, count: int) -> Peek | None:
    """`part` was computed from the first candles of the `count` that `whole` was computed from."""
    known = len(part)
    for column in whole.columns:
        if column not in part.columns:
            raise StrategyError(f"indicators: column {column!r} is missing where {known} candles are shown")
        row = first_difference(whole[column].iloc[:known], part[column])
        if row is not None:
            without, within = part[column].iloc[row], whole[column].iloc[row]
            return Peek(column=str(column), row=row, known=known, count=count, without=without, within=within)
    return None


def first_difference(one: "pd.Series[Any]", other: "pd.Series[Any]") -> int | None:
    """The first row in which two columns differ by more than a rounding; None where none does."""
    if len(one) != len(other):
        return min(len(one), len(other))
    left, right = one.to_numpy(), other.to_numpy()
    try:
        a, b = left.astype(np.float64), right.astype(np.float64)
        different = ~np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    except (TypeError, ValueError):  # texts and the like
        different = np.array([x != y and not (pd.isna(x) and pd.isna(y)) for x, y in zip(left, right, strict=True)])
    rows = np.flatnonzero(different)
    return int(rows[0]) if rows.size else None


# ---------------------------------------------------------------- over the history of a run


def seen_in_history(compute: Compute, table: DataFrame, startup: int) -> Seen:
    """Peeks and cold starts over a history. `compute` gives a strategy's columns, with ACTION and CONFIDENCE if any.

    The later candles are taken away where it acted, at places chosen by chance, and at the ends: once from the
    history as a whole, then from pieces of twice the warm-up.
    """
    cold = ""
    places = _places(table, startup)
    for part in places:
        whole = compute(part.copy())
        cuts = _cuts(len(part), startup, _acted(whole), CUTS // len(places))
        if not cuts:
            continue
        peek = first_peek(compute, part, [cuts[len(cuts) // 2]], whole)
        if peek is not None:
            return Seen(_told(peek, part))
        for cut in cuts:
            piece = part.iloc[cut - startup : cut + startup]
            known, more = compute(piece.iloc[:startup].copy()), compute(piece.copy())
            peek = _peek(more, known, len(piece))
            if peek is not None:
                return Seen(_told(peek, piece))
            cold = cold or _cold(known.iloc[-1], whole.iloc[cut - 1], startup, _name(part, cut - 1))
    return Seen("", cold)


def _places(table: DataFrame, startup: int) -> list[DataFrame]:
    """The whole history; of a long one its begin, middle and end."""
    if len(table) <= LONGEST:
        return [table]
    length = max(LONGEST // 3, 4 * startup)
    return [table.iloc[begin : begin + length] for begin in np.linspace(0, len(table) - length, 3).astype(int)]


def _cuts(count: int, startup: int, acted: NDArray[np.int64], wanted: int) -> list[int]:
    """How many candles are known at each cut: half of them end where it acted, so that its own reasons are tried."""
    if count <= startup:
        return []
    chance = np.random.RandomState(SEED)  # its numbers are promised never to change
    at_acts = acted[acted >= startup - 1] + 1
    chosen = chance.choice(at_acts, min(len(at_acts), wanted // 2), replace=False) if len(at_acts) else at_acts
    anywhere = chance.randint(startup, count, wanted - len(chosen))
    return sorted({startup, count - 1, *(int(each) for each in (*chosen, *anywhere) if each < count)})


def _acted(computed: DataFrame) -> NDArray[np.int64]:
    """The rows with a BUY or a SELL, spelt either way."""
    if ACTION not in computed:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(computed[ACTION].isin(["BUY", "SELL", 1, -1]))


def _cold(newest: "pd.Series[Any]", row: "pd.Series[Any]", startup: int, candle: str) -> str:
    """Whether the newest row of a window reads otherwise than the same row of the long history."""
    for column in newest.index.difference([ACTION, CONFIDENCE], sort=False):
        short, long = newest[column], row[column]
        if isinstance(short, (int, float)) and not np.isclose(short, long, rtol=WARM, atol=WARM, equal_nan=True):
            return (
                f"column {column!r} remembers more than the {startup} candles of its warm-up: at candle {candle} it "
                f"reads {_short(short)} after them, as it will live, and {_short(long)} after the whole history"
            )
    return ""


def _told(peek: Peek, table: DataFrame) -> str:
    return (
        f"column {peek.column!r} at candle {_name(table, peek.row)} reads {_short(peek.without)} when "
        f"{_name(table, peek.known - 1)} is the newest candle, and {_short(peek.within)} once later ones are known"
    )


def _name(table: DataFrame, row: int) -> str:
    return f"{table.index[row]:%Y-%m-%d %H:%M}"


def _short(value: object) -> str:
    return f"{value:.8g}" if isinstance(value, (float, np.floating)) else str(value)
