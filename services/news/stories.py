"""The stories of the last 72 hours: told once each, however many tell them. Knows no network and no database.

`take` computes for a millisecond a story, and belongs beside the loop where they are many; `show` and `at` are quick.
"""

import hashlib
import math
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.core.model import NewsEvent
from services.news.cleaning import clean_time, clean_title, clean_url, outlet_key, outlet_of, same_url
from services.news.same_story import Gist, gist, nearest, same
from services.news.source import MOST_ITEMS, Classifier, Item
from services.news.words import HIGH, LOW, MEDIUM, Keywords, about

KEPT = timedelta(hours=72)
FUTURE = timedelta(hours=1)  # a clock that goes wrong by more than this is not believed
MOST_AN_HOUR = 500  # new stories, whoever tells them
MOST_AN_HOUR_EACH = 300  # of one source: a flood from one does not drown the others
MOST_KNOWN = 10_000
MOST_SHOWN = 300  # at one time: the gravest first
MOST_OUTLETS = 20  # named for one story
Seen = tuple[datetime, NewsEvent]  # a version of a story, and from when it is known
_RANK = {HIGH: 0, MEDIUM: 1, LOW: 2}
NOBODY_KNOWS = ""  # who told a story in an earlier run: one voice more may be the same one
LABELS = ("bullish", "bearish", "neutral")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Now, by this machine's clock and by the market's; they differ where the market is a pretend one."""

    wall: datetime
    market: datetime

    def in_market(self, published: datetime) -> datetime:
        """A time of the world as the market's, as long ago as it is."""
        shift = self.market - self.wall
        return published if abs(shift) < timedelta(minutes=5) else published + shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A cleaned story that may be a new one. `undated`: how old it is, nobody knows, so it is never grave."""

    title: str
    url: str
    outlet: str
    published_at: datetime
    seen_at: datetime
    undated: bool = False


class Reader:
    """Makes drafts of what sources tell: cleaned, dated, and only what is about bitcoin, crypto or money at large.

    An item that says so nowhere is dropped unless its source tells of nothing but crypto: a general paper's story
    of another thing would only be noise, and words such as "ban" or "hack" in it mean something else.
    """

    def __init__(self) -> None:
        self._undated: dict[str, frozenset[str]] = {}  # source → what it told undated the last time

    def read(self, source: str, items: Sequence[Item], times: Times) -> list[Draft]:
        """The oldest first. `source` is asked again and again: its undated items are new only once."""
        drafts: list[Draft] = []
        undated: set[str] = set()
        before = self._undated.get(source)
        for item in items[:MOST_ITEMS]:
            draft = self._draft(item, times)
            if draft is None:
                continue
            if draft.undated:
                key = same_url(draft.url) or draft.title
                undated.add(key)
                if before is not None:
                    if key in before:
                        continue
                    draft = replace(draft, undated=False)  # it was not there the last time: it is new
            drafts.append(draft)
        self._undated[source] = frozenset(undated)
        return sorted(drafts, key=lambda draft: draft.published_at)

    def _draft(self, item: Item, times: Times) -> Draft | None:
        title = clean_title(item.title)
        if len(title) < 3 or not (item.special or about(title)):
            return None
        url = clean_url(item.url)
        published = clean_time(item.published)
        undated = published is None or published > times.wall + FUTURE
        if published is None or undated:
            published = times.wall
        if times.wall - published > KEPT:
            return None
        return Draft(
            title=title,
            url=url,
            outlet=outlet_of("", item.outlet) or outlet_of(url),
            published_at=min(times.in_market(published), times.market),
            seen_at=times.market,
            undated=undated,
        )


class Stories:
    """What is known, and what is shown. A story that another outlet tells too is shown with it from then on."""

    def __init__(self, keywords: Keywords, classifier: Classifier) -> None:
        self._keywords, self._classifier = keywords, classifier
        self._one_at_a_time = threading.Lock()
        self._known: dict[str, NewsEvent] = {}  # the newest version of each, by id
        self._gists: dict[str, Gist] = {}
        self._texts: dict[str, str] = {}
        self._urls: dict[str, str] = {}
        self._urls_of: dict[str, list[str]] = {}
        self._told_by: dict[str, set[str]] = {}  # sources that told a story, whatever outlets they named
        self._arrived: deque[tuple[datetime, str]] = deque()
        self.dropped = 0  # beyond what an hour may bring
        self.merged = 0
        self._shown: list[NewsEvent] = []  # versions, in the order of `_times`
        self._times: list[datetime] = []

    # ------------------------------------------------------------ on any thread

    def take(
        self, drafts: Iterable[Draft], source: str, most: int = MOST_AN_HOUR_EACH, *, many: bool = False
    ) -> list[Seen]:
        """What is new or changed, each with the time from which it is known. To be handed to `show`.

        `many`: the source passes on what many outlets tell. Else it has one voice, whomever it says it quotes: it
        cannot confirm its own story.
        """
        changed: list[Seen] = []
        with self._one_at_a_time:
            for draft in drafts:
                self._forget(draft.seen_at - KEPT)
                event = self._taken(draft, source, most, many)
                if event is not None:
                    self._known[event.id] = event
                    changed.append((draft.seen_at, event))
        return changed

    def restore(self, events: Iterable[NewsEvent]) -> list[Seen]:
        """Those of an earlier run: they are told of again by nobody."""
        found: list[Seen] = []
        with self._one_at_a_time:
            for event in events:
                if event.id not in self._known:
                    self._remember(event)
                    self._told_by[event.id] = {NOBODY_KNOWS}
                    found.append((event.seen_at, event))
        return found

    def _taken(self, draft: Draft, source: str, most: int, many: bool) -> NewsEvent | None:
        own = gist(draft.title, outlet_key(draft.outlet))
        twin = self._twin(draft, own)
        if twin is not None:
            return self._merged(twin, draft, source, many)
        if self._too_many(draft.seen_at, source, most):
            self.dropped += 1
            return None
        event = self._event(draft)
        if event.id in self._known:
            return None
        self._arrived.append((draft.seen_at, source))
        self._remember(event, own)
        self._told_by[event.id] = {source}
        return event

    def _twin(self, draft: Draft, own: Gist) -> NewsEvent | None:
        by_url = self._urls.get(same_url(draft.url) or "-")
        if by_url is not None:
            return self._known[by_url]
        for id in nearest(own, self._texts):
            if same(own, self._gists[id]):
                return self._known[id]
        return None

    def _merged(self, event: NewsEvent, draft: Draft, source: str, many: bool) -> NewsEvent | None:
        """The story with one more outlet and its earliest time; None where nothing is new."""
        self.merged += 1
        self._remember_url(draft.url, event.id)
        outlets = {outlet_key(each) for each in event.sources}
        sources, told_by = event.sources, self._told_by.setdefault(event.id, set())
        new = many or not told_by & {source, NOBODY_KNOWS}
        told_by.add(source)
        if new and draft.outlet and outlet_key(draft.outlet) not in outlets and len(sources) < MOST_OUTLETS:
            sources = (*sources, draft.outlet)
        published = event.published_at if draft.undated else min(event.published_at, draft.published_at)
        if sources == event.sources and published == event.published_at:
            return None
        return replace(event, sources=sources, published_at=published, url=event.url or draft.url)

    def _event(self, draft: Draft) -> NewsEvent:
        severity, keywords = self._keywords.found(draft.title)
        score = float(self._classifier.score(draft.title))
        label = self._classifier.label(draft.title)
        named = f"{same_url(draft.url)}\n{draft.title}\n{draft.published_at.isoformat()}"
        return NewsEvent(
            id=hashlib.sha256(named.encode()).hexdigest()[:20],
            published_at=draft.published_at,
            seen_at=draft.seen_at,
            source=draft.outlet or "unknown",
            title=draft.title,
            url=draft.url,
            severity=LOW if draft.undated else severity,
            sentiment=label if label in LABELS else "neutral",
            score=min(max(score, -1.0), 1.0) if math.isfinite(score) else 0.0,
            keywords=keywords,
            sources=(draft.outlet,) if draft.outlet else (),
        )

    def _too_many(self, now: datetime, source: str, most: int) -> bool:
        while self._arrived and self._arrived[0][0] <= now - timedelta(hours=1):
            self._arrived.popleft()
        own = sum(each == source for _, each in self._arrived)
        return len(self._arrived) >= MOST_AN_HOUR or own >= most

    def _remember(self, event: NewsEvent, own: Gist | None = None) -> None:
        own = own or gist(event.title, outlet_key(event.source))
        self._known[event.id] = event
        self._gists[event.id] = own
        self._texts[event.id] = own.text
        self._remember_url(event.url, event.id)

    def _remember_url(self, url: str, id: str) -> None:
        key, own = same_url(url), self._urls_of.setdefault(id, [])
        if key and key not in self._urls and len(own) < MOST_OUTLETS:
            self._urls[key] = id
            own.append(key)

    def _forget(self, before: datetime) -> None:
        """Stories seen before then, the first ones first; beyond the bound, too."""
        while self._known:
            id, event = next(iter(self._known.items()))
            if event.seen_at > before and len(self._known) <= MOST_KNOWN:
                return
            for table in (self._known, self._gists, self._texts):
                table.pop(id)
            self._told_by.pop(id, None)
            for url in self._urls_of.pop(id):
                del self._urls[url]

    # ------------------------------------------------------------ on the loop

    def show(self, changed: Iterable[Seen]) -> None:
        """From now on they are seen by whoever asks for a time at which they were known."""
        for at, event in changed:
            place = bisect_right(self._times, at)
            self._times.insert(place, at)
            self._shown.insert(place, event)
        if self._times:
            self._cut(self._times[-1])

    def _cut(self, newest: datetime) -> None:
        old = bisect_right(self._times, newest - 2 * KEPT)
        old = max(old, len(self._times) - 2 * MOST_KNOWN)
        if old > 1000:
            del self._times[:old], self._shown[:old]

    def at(self, at: datetime) -> list[NewsEvent]:
        """Those known at `at` and published within the 72 h before, the newest first; at most 300, the gravest."""
        first, last = bisect_right(self._times, at - KEPT), bisect_right(self._times, at)
        versions: dict[str, NewsEvent] = {event.id: event for event in self._shown[first:last]}
        found = [event for event in versions.values() if event.published_at > at - KEPT]
        if len(found) > MOST_SHOWN:
            found.sort(key=_by_weight)
            del found[MOST_SHOWN:]
        found.sort(key=_newest_first)
        return found


def _newest_first(event: NewsEvent) -> tuple[Any, ...]:
    return (-event.published_at.timestamp(), event.id)


def _by_weight(event: NewsEvent) -> tuple[Any, ...]:
    return (_RANK.get(event.severity, 3), -event.published_at.timestamp(), event.id)
