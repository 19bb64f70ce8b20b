"""What a report draws and lists, counted from the folder: thinned curves, months, classes of results.

Thinning is for the eye only; each function that counts takes the whole curve.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.report import Finished, StopLine
from backtest.series import Floats, Times

MOST_POINTS = 2_000
MOST_STEPS = 400  # of one stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points of a curve, few enough to draw."""

    at_ms: Times
    value: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Returns of twelve months and of the whole, in per cent; None where nothing was traded."""

    year: int
    months: list[float | None]
    whole: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """How many trades ended between one edge and the next, in per cent."""

    edges: list[float]
    counts: list[int]


def thin(at_ms: Times, value: Floats, most: int = MOST_POINTS) -> Line:
    """First, lowest, highest and last of each stretch, so that no spike is lost."""
    if len(value) <= most:
        return Line(at_ms=at_ms, value=value)
    size = -(-len(value) // max(most // 4, 1))
    starts = np.arange(0, len(value), size)
    ends = np.minimum(starts + size, len(value))
    whole = len(value) // size
    grid = value[: whole * size].reshape(whole, size)
    lows, highs = starts[:whole] + grid.argmin(axis=1), starts[:whole] + grid.argmax(axis=1)
    if whole < len(starts):
        rest = value[starts[-1] :]
        lows, highs = np.append(lows, starts[-1] + rest.argmin()), np.append(highs, starts[-1] + rest.argmax())
    kept = np.unique(np.concatenate((starts, lows, highs, ends - 1)))
    return Line(at_ms=at_ms[kept], value=value[kept])


def equity(run: Finished, most: int = MOST_POINTS) -> Line:
    """Equity at the candles' closes, from the cash at the start on."""
    at, value = from_the_start(run)
    return thin(at, value, most)


def underwater(run: Finished, most: int = MOST_POINTS) -> Line:
    """How far below its last high the equity was, in per cent, zero or negative."""
    at, value = from_the_start(run)
    highs = np.maximum.accumulate(value)
    return thin(at, (value / highs - 1) * 100, most)


def from_the_start(run: Finished) -> tuple[Times, Floats]:
    start = int(datetime.fromisoformat(run.result["start"]).timestamp() * 1000)
    return np.append(start, run.at_ms), np.append(float(run.result["initial_cash"]), run.equity)


def held(run: Finished) -> Line:
    """Worth of the same cash in bitcoin, as if sold at each moment; ends at the return that result.json names."""
    price = run.price
    if not len(price):
        return Line(at_ms=np.empty(0, np.int64), value=np.empty(0))
    final = run.result["initial_cash"] * (1 + run.result["buy_and_hold_return_pct"] / 100)
    last = int(datetime.fromisoformat(run.result["end"]).timestamp() * 1000)
    closed = np.minimum(price.ts + price.seconds * 1000, last)
    return thin(np.append(price.ts[0], closed), np.append(price.open[0], price.close) / float(price.close[-1]) * final)


def stops(run: Finished) -> list[StopLine]:
    """Each with few enough steps to draw."""
    return [stop if len(stop.at_ms) <= MOST_STEPS else fewer_steps(stop) for stop in run.stops]


def fewer_steps(stop: StopLine) -> StopLine:
    line = thin(np.array(stop.at_ms), np.array(stop.price), MOST_STEPS)
    return StopLine(position_id=stop.position_id, at_ms=line.at_ms.tolist(), price=line.value.tolist())


def years(run: Finished) -> list[Year]:
    """Return per UTC month: from result.json where it has them, else from the curve."""
    monthly = months_of(run.result.get("monthly")) or months_counted(run)
    found: list[Year] = []
    for year in sorted({int(month[:4]) for month in monthly}):
        cells = [monthly.get(f"{year}-{month:02d}") for month in range(1, 13)]
        whole = float(np.prod([1 + cell / 100 for cell in cells if cell is not None]) - 1) * 100
        found.append(Year(year=year, months=cells, whole=whole))
    return found


def months_counted(run: Finished) -> dict[str, float]:
    """What closes at midnight belongs to the day, and so to the month, that ends then."""
    if not len(run.equity):
        return {}
    months: NDArray[Any] = (run.at_ms - 1).astype("M8[ms]").astype("M8[M]")
    last = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    ends = run.equity[last]
    before = np.append(float(run.result["initial_cash"]), ends[:-1])
    return {
        str(months[row]): float((end / start - 1) * 100) for row, end, start in zip(last, ends, before, strict=True)
    }


def months_of(block: Any) -> dict[str, float]:
    """`monthly` as {"2023-03": 1.2}, {"2023-03": {"return_pct": 1.2}} or [{"month": "2023-03", "return_pct": 1.2}]."""
    rows = block.items() if isinstance(block, dict) else []
    if isinstance(block, list):
        rows = [(row.get("month"), row) for row in block if isinstance(row, dict)]
    found: dict[str, float] = {}
    for month, row in rows:
        value = row.get("return_pct") if isinstance(row, dict) else row
        if isinstance(month, str) and len(month) == 7 and isinstance(value, int | float):
            found[month] = float(value)
    return found


def bins(run: Finished) -> Bins:
    """Results of the trades in classes of one width, with an edge at zero: no class mixes gain and loss."""
    results = np.array([trade.profit_loss_pct for trade in run.trades])
    if not len(results):
        return Bins(edges=[], counts=[])
    span = max(float(results.max()), 0.0) - min(float(results.min()), 0.0)
    width = class_width(span / min(30, max(8, int(np.sqrt(len(results))))))
    low, high = np.floor(results.min() / width), np.floor(results.max() / width) + 1
    edges = np.arange(min(low, 0), max(high, 1) + 1) * width
    counts = np.bincount((np.floor(results / width) - min(low, 0)).astype(int), minlength=len(edges) - 1)
    return Bins(edges=np.round(edges, 10).tolist(), counts=counts.tolist())


def class_width(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 × a power of ten."""
    if rough <= 0:
        return 0.5
    power = 10 ** np.floor(np.log10(rough))
    return float(next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999))


def minute(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
