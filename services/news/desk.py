"""The news desk: asks the sources that are due, tells each story once, keeps it, and shows what is known.

It never decides what news mean for trading, never fetches what a story links to, and never holds the loop.
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from app.core.errors import StoreError
from app.core.model import NewsEvent
from app.news_ports import NewsSourceState, NewsStore
from app.seam import Clock, Tasks
from services.news.asking import Asking
from services.news.source import Classifier, Item, Source, SourceDown, SourceError
from services.news.stories import KEPT, MOST_AN_HOUR, Draft, Reader, Seen, Stories, Times
from services.news.words import Keywords

log = logging.getLogger(__name__)

AT_ONCE = 10  # stories taken without letting others have their turn
MOST_UNSAVED = 10_000
FILE = "headlines file"


def _nobody() -> None:
    """Nobody wants to know."""


class NewsDesk:
    """Implements app.ports.News. `market_now` is the market's time, by which stories are seen; pauses are in real time.

    `headlines` are those of NEWS_FILE, None where there is none. `changed` is called when something new is known.
    """

    def __init__(
        self,
        *,
        sources: Sequence[Source],
        headlines: Sequence[Draft] | None,
        keywords: Mapping[str, Sequence[str]],
        classifier: Classifier,
        store: NewsStore,
        market_now: Callable[[], datetime],
        clock: Clock,
        tasks: Tasks,
        changed: Callable[[], None] = _nobody,
    ) -> None:
        self._askings = [Asking(source, clock) for source in sources]
        self._headlines = headlines
        self._reader, self.stories = Reader(), Stories(Keywords(keywords), classifier)
        self._store, self._market_now, self._clock, self._tasks = store, market_now, clock, tasks
        self.changed = changed
        self._turn = asyncio.Lock()  # stories are taken one answer after the other
        self._unsaved: dict[str, NewsEvent] = {}
        self._open = False
        self._unreadable = False
        self._next_headline = 0
        self._read_at: datetime | None = None  # the newest headline that was reached
        self._untold = False

    # ------------------------------------------------------------ app.ports.News

    @property
    def configured(self) -> bool:
        return bool(self._askings) or self._headlines is not None

    def events(self, at: datetime) -> Sequence[NewsEvent]:
        """At most 300 of them: where there are more, the gravest."""
        self._read_on(at)  # a replay must show the same however quickly it runs
        return self.stories.at(at)

    def sources(self) -> Sequence[NewsSourceState]:
        states = [asking.state for asking in self._askings]
        if self._headlines is not None:
            states.append(NewsSourceState(name=FILE, status="ok", fetched_at=self._read_at))
        return states

    # ------------------------------------------------------------ what a job does

    async def open(self) -> bool:
        """Read what was known before, and make a file's headlines ready. False while the store cannot be read."""
        if self._open:
            return True
        async with self._turn:
            return self._open or await self._restore()

    async def _restore(self) -> bool:
        now = self._market_now()
        try:
            before = await self._tasks.in_thread(lambda: self._store.since(now - KEPT))
        except StoreError as error:
            if not self._unreadable:
                log.warning("news wait for the database: %s", error)
            self._unreadable = True
            return False
        known = [event for event in before if event.seen_at <= now]
        self.stories.show(await self._tasks.in_thread(lambda: self.stories.restore(known)))
        self._next_headline = bisect_right(self._headlines or (), now - KEPT, key=lambda draft: draft.seen_at)
        await self._follow_the_file()
        self._open = True
        return True

    async def poll(self) -> None:
        """Ask every source that is due, all at once. To be called often; returns when all have answered or failed."""
        if not await self.open():
            return
        due = [asking for asking in self._askings if asking.due()]
        await asyncio.gather(*(self._ask(asking) for asking in due), self._follow_the_file())
        await self._save()

    async def close(self) -> None:
        """Save what is not saved yet."""
        await self._save()

    async def _ask(self, asking: Asking) -> None:
        asking.asks()
        name = asking.source.name
        try:
            items = await asking.source.ask()
            await self._take(asking.source, items)
            asking.told()
        except SourceError as error:
            asking.failed(error)
        except Exception as error:  # guard: job
            log.warning("news of %s could not be read (%s)", name, type(error).__name__)
            asking.failed(SourceDown("answers something that could not be read"))
        finally:
            asking.busy = False

    async def _take(self, source: Source, items: Sequence[Item]) -> None:
        if not items:
            return
        name = source.name
        times = Times(wall=self._clock.now(), market=self._market_now())
        async with self._turn:
            dropped = self.stories.dropped
            drafts = await self._tasks.in_thread(lambda: self._reader.read(name, items, times))
            found: list[Seen] = []
            for at in range(0, len(drafts), AT_ONCE):
                some = drafts[at : at + AT_ONCE]
                found += await self._tasks.in_thread(partial(self.stories.take, some, name, many=source.many))
            self.stories.show(found)
        if self.stories.dropped > dropped:
            log.warning("news of %s: %d stories beyond what an hour may bring", name, self.stories.dropped - dropped)
        if found:
            self._keep([event for _, event in found])
            self._tell()
            await self._save()

    # ------------------------------------------------------------ a file's headlines

    def _read_on(self, until: datetime, most: int | None = None) -> bool:
        """Take the headlines that the market's time has reached, at most so many. False where none is left."""
        headlines, first = self._headlines or (), self._next_headline
        last = first
        while last < len(headlines) and headlines[last].seen_at <= until and (most is None or last - first < most):
            last += 1
        if last == first:
            return False
        self._next_headline, self._read_at = last, headlines[last - 1].seen_at
        found = self.stories.take(headlines[first:last], FILE, MOST_AN_HOUR, many=True)
        self.stories.show(found)
        self._keep([event for _, event in found])
        self._untold = self._untold or bool(found)
        return True

    async def _follow_the_file(self) -> None:
        while self._read_on(self._market_now(), AT_ONCE):
            await self._clock.sleep(0)
        if self._untold:
            self._untold = False
            self._tell()

    # ------------------------------------------------------------ keeping

    def _tell(self) -> None:
        try:
            self.changed()
        except Exception:  # guard: observer
            log.exception("telling of news")

    def _keep(self, events: Sequence[NewsEvent]) -> None:
        for event in events:
            self._unsaved[event.id] = event
        while len(self._unsaved) > MOST_UNSAVED:
            del self._unsaved[next(iter(self._unsaved))]

    async def _save(self) -> None:
        """What cannot be saved now is saved later; it is shown all the same."""
        if not self._unsaved:
            return
        taken, self._unsaved = self._unsaved, {}
        try:
            await self._tasks.in_thread(lambda: self._store.save(list(taken.values())))
        except StoreError as error:
            log.warning("%d news could not be saved, and will be later: %s", len(taken), error)
            self._unsaved = {**taken, **self._unsaved}
