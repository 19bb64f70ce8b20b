"""Which headlines strategies are shown, and which of them is the strongest. Pure; text is never believed, only sorted.

One outlet that tells of something grave may be wrong, or hacked: until a second one tells it too, such a story is not
shown, unless it sounds bad: what makes a trader sell may come early, what makes him buy must be confirmed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.model import NewsEvent

MOST_SHOWN = 100
ENOUGH_SOURCES = 2
BEARISH = -0.2  # a score from here on down sounds bad
HALF_LIFE = timedelta(hours=12)
FORCE = {"high": 4.0, "medium": 2.0, "low": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines:
    """`shown`, the newest first; `withheld` wait for a second source."""

    shown: tuple[NewsEvent, ...] = ()
    withheld: tuple[NewsEvent, ...] = ()


def sort_out(events: Sequence[NewsEvent]) -> Headlines:
    """Of stories, the newest first: those that may be shown, at most 100, and those that may not be yet."""
    shown = [event for event in events if not _unconfirmed(event)]
    return Headlines(shown=tuple(shown[:MOST_SHOWN]), withheld=tuple(event for event in events if _unconfirmed(event)))


def strongest(events: Sequence[NewsEvent], at: datetime) -> NewsEvent | None:
    """The story with most force: its severity times how clearly it speaks, halved every 12 hours."""
    return max(events, key=lambda event: (_force(event, at), event.seen_at, event.id), default=None)


def unconfirmed(severity: str, sources: int, score: float) -> bool:
    """Something grave that sounds good, and that only one outlet tells."""
    return severity == "high" and max(sources, 1) < ENOUGH_SOURCES and score > BEARISH


def _unconfirmed(event: NewsEvent) -> bool:
    return unconfirmed(event.severity, len(event.sources), event.score)


def _force(event: NewsEvent, at: datetime) -> float:
    age = max(at - event.published_at, timedelta(0))
    fresh: float = 0.5 ** (age / HALF_LIFE)
    return FORCE.get(event.severity, 1.0) * abs(event.score) * fresh
