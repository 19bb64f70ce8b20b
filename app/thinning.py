"""Which minutes of a past day's equity stay when the others go: an hour's last, and all that a figure rests on.

Pure. Result, highest, lowest and deepest fall of the day, and of any time that is made of whole days, are the same
before and after; so are they without deposits and withdrawals.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from app.core.growth import Flows, Points, deepest, grown, moved_before


def staying(before: tuple[datetime, Decimal] | None, points: Points, flows: Flows) -> list[int]:
    """Of one day's `points`, oldest first, the numbers of those that stay. `before` is the last one of the time before:
    the day's figures begin with it.
    """
    if not points:
        return []
    led = [before, *points] if before is not None else points
    ahead = len(led) - len(points)
    worths, own, day = [worth for _, worth in points], grown(points, flows), grown(led, flows)
    kept = {0, len(points) - 1, *_of_hours([at for at, _ in points])}
    for values in (worths, own):
        kept |= {values.index(max(values)), values.index(min(values))}
    kept |= set(deepest(own) or ()) | {at - ahead for at in deepest(day) or ()}
    for number, moved in enumerate(moved_before(led, flows)):
        kept |= {number - ahead - 1, number - ahead} if moved else set()
    return sorted(at for at in kept if at >= 0)


def _of_hours(times: Sequence[datetime]) -> list[int]:
    """The last point of each hour."""
    hours = {at.replace(minute=0, second=0, microsecond=0): number for number, at in enumerate(times)}
    return list(hours.values())
