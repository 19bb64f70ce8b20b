"""Equity as trading alone would have moved it: what came or went by the owner's hand is no result and no fall.

Pure. The same idea as units in `portfolio`, over points of equity: between two flows it is equity times a factor, and
each flow changes the factor alone, so that points left out in between change nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from app.core.money import ONE, ZERO

Points = Sequence[tuple[datetime, Decimal]]  # (at, equity), oldest first
Flows = Sequence[tuple[datetime, Decimal]]  # (at, amount; a withdrawal is negative), oldest first


def grown(points: Points, flows: Flows) -> list[Decimal]:
    """One value for each point. It begins with the first equity there was, and rests while the account is empty."""
    values, value, factor = [], ZERO, ONE  # a factor of zero: the account is empty
    for (_, worth), moved in zip(points, moved_before(points, flows), strict=True):
        if not value:
            value, factor = max(worth, ZERO), ONE
        elif factor and not moved:
            value = worth * factor
        else:
            if factor and worth - moved > ZERO:
                value = (worth - moved) * factor
            factor = value / worth if worth > ZERO else ZERO
        values.append(value)
    empty = next((number for number, each in enumerate(values) if each), 0)
    return [values[empty]] * empty + values[empty:] if values else []


def moved_before(points: Points, flows: Flows) -> list[Decimal]:
    """For each point what came or went since the point before it. What is older than the first one is in it already."""
    moved, waiting = [], iter(flows)
    flow = next(waiting, None)
    for number, (at, _) in enumerate(points):
        total = ZERO
        while flow is not None and flow[0] <= at:
            total += flow[1] if number else ZERO
            flow = next(waiting, None)
        moved.append(total)
    return moved


def fall_pct(values: Iterable[Decimal]) -> float:
    """The deepest fall from a high, as a positive percentage."""
    return max((share for share, _, _ in _falls(values)), default=0.0)


def deepest(values: Sequence[Decimal]) -> tuple[int, int] | None:
    """Where the deepest fall began and where it ended. None without any."""
    found = max(_falls(values), default=None, key=lambda fall: fall[0])
    return (found[1], found[2]) if found and found[0] > 0 else None


def _falls(values: Iterable[Decimal]) -> Iterator[tuple[float, int, int]]:
    """For each value: (how far below the highest so far in per cent, where that was, where this is)."""
    high, top = ZERO, 0
    for at, value in enumerate(values):
        if value > high:
            high, top = value, at
        if high > ZERO:
            yield float((high - value) / high * 100), top, at


def change_pct(values: Sequence[Decimal]) -> float | None:
    """From the first to the last. None where it began with nothing."""
    return float((values[-1] / values[0] - ONE) * 100) if values and values[0] > ZERO else None
