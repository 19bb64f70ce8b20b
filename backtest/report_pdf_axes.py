"""Round values and dates for the axes of report.pdf's charts."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from backtest import report_curves as curves


def span(line: curves.Line) -> tuple[float, float]:
    return float(line.at_ms[0]), float(line.at_ms[-1])


def roomy(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return low - room, high + room


def round_steps(low: float, high: float, most: int) -> list[float]:
    """Round values between `low` and `high`, at most about `most`."""
    width = curves.class_width((high - low) / most)
    first = math.ceil(low / width - 1e-9)
    return [round(step * width, 10) for step in range(first, math.floor(high / width + 1e-9) + 1)]


def times(first: float, last: float) -> list[tuple[float, str]]:
    """Seven dates or hours at most, at their beginnings."""
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (first, last))
    length = end - start
    if length > timedelta(days=75):
        months = max(1, round(length.days / 30.4 / 7))
        step = next((each for each in (1, 2, 3, 6, 12) if each >= months), 12 * max(1, round(months / 12)))
        return [(at.timestamp() * 1000, f"{at:%b %Y}") for at in month_starts(start, end, step)]
    for hours in (1, 3, 6, 12, 24, 48, 96, 168, 336):
        if length / timedelta(hours=hours) <= 7:
            break
    words_ = "%-d %b" if hours >= 24 else "%-d %b %H:%M"
    at = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while at <= end:
        if at >= start:
            found.append((at.timestamp() * 1000, f"{at:{words_}}"))
        at += timedelta(hours=hours)
    return found


def month_starts(start: datetime, end: datetime, step: int) -> Iterator[datetime]:
    months = start.year * 12 + start.month - 1
    months += -months % step
    while (at := datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)) <= end:
        if at >= start:
            yield at
        months += step
