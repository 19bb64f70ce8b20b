"""What tests of the news have in common: a clock that is set, a classifier that knows six words, a desk in memory."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import StoreError
from app.core.model import NewsEvent
from app.seam import Clock, Tasks
from services.news import NewsDesk, Web, news_sources
from services.news.source import Item, Source
from services.news.stories import Draft, Reader, Stories, Times
from services.news.words import Keywords
from services.settings.app_config import default_app_config
from tests.news_stand_ins import NEWSAPI_KEY, PANIC_KEY, NewsStandIns

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.isoformat()
SHARED = Path(__file__).parents[2] / "shared/data"
HEADLINES = SHARED / "news/bitcoin_headlines_2021-11_2023-12.csv"
KEYWORDS = default_app_config()["news"]["keywords"]


def shared(path: str) -> Path:
    found = SHARED / path
    if not found.exists():
        pytest.skip("the shared data (../shared/data) is not there")
    return found


class SixWords:
    """A classifier for tests: three words of each side."""

    def score(self, text: str) -> float:
        words = re.findall(r"[a-z]+", text.lower())
        good, bad = (
            sum(word in words for word in each)
            for each in (("surges", "approves", "adopts"), ("hacked", "bans", "falls"))
        )
        return max(-1.0, min(1.0, 0.8 * (good - bad)))

    def label(self, text: str) -> str:
        score = self.score(text)
        return "bullish" if score > 0.1 else "bearish" if score < -0.1 else "neutral"


class SetClock(Clock):
    """This machine's time, as a test sets it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def wait(self, **duration: float) -> None:
        self.at += timedelta(**duration)


class MemoryNewsStore:
    """app.ports.NewsStore in a dict. `fail`: the disk is gone."""

    def __init__(self) -> None:
        self.rows: dict[str, NewsEvent] = {}
        self.fail = False
        self.inserted = 0

    def since(self, at: datetime) -> Sequence[NewsEvent]:
        if self.fail:
            raise StoreError("the disk is gone")
        return sorted((event for event in self.rows.values() if event.seen_at >= at), key=lambda event: event.seen_at)

    def save(self, events: Sequence[NewsEvent]) -> None:
        if self.fail:
            raise StoreError("the disk is gone")
        self.inserted += sum(event.id not in self.rows for event in events)
        self.rows |= {event.id: event for event in events}


class Room:
    """Stories taken straight from items, with no network: `tell` as a source would."""

    def __init__(self, words: Any = KEYWORDS) -> None:
        self.reader, self.stories, self.now = Reader(), Stories(Keywords(words), SixWords()), NOW

    def tell(self, *items: Item | str, source: str = "a feed", many: bool = False) -> list[NewsEvent]:
        """Returns what was new or changed."""
        told = [an_item(each) if isinstance(each, str) else each for each in items]
        drafts = self.reader.read(source, told, Times(wall=self.now, market=self.now))
        found = self.stories.take(drafts, source, many=many)
        self.stories.show(found)
        return [event for _, event in found]

    @property
    def events(self) -> list[NewsEvent]:
        return self.stories.at(self.now)


def an_item(title: Any, url: Any = "", published: Any = TODAY, **more: Any) -> Item:
    return Item(title=title, url=url, published=published, **more)


class Desk:
    """A news desk with its clock, store and sources on the stand-ins."""

    def __init__(
        self,
        news: NewsStandIns | None = None,
        *,
        only: Sequence[str] = ("CryptoPanic", "NewsAPI"),
        feeds: Sequence[str] = ("rss",),
        sources: Sequence[Source] | None = None,
        headlines: Sequence[Draft] | None = None,
        store: MemoryNewsStore | None = None,
        seconds: float = 20,
        market: Callable[[], datetime] | None = None,
        clock: SetClock | None = None,
    ) -> None:
        self.clock, self.store, self.web = (
            clock or SetClock(datetime.now(UTC)),
            store or MemoryNewsStore(),
            Web(seconds),
        )
        self.told = 0
        tasks = Tasks()
        found = list(sources or ())
        if news is not None:
            settings = news.settings
            found += news_sources(
                cryptopanic_key=PANIC_KEY if "CryptoPanic" in only else None,
                cryptopanic_base_url=settings["CRYPTOPANIC_BASE_URL"],
                newsapi_key=NEWSAPI_KEY if "NewsAPI" in only else None,
                newsapi_base_url=settings["NEWSAPI_BASE_URL"],
                rss_urls=[feed if "://" in feed else news.feed(feed) for feed in feeds],
                seconds=300,
                web=self.web,
                clock=self.clock,
                tasks=tasks,
            )
        self.desk = NewsDesk(
            sources=found,
            headlines=headlines,
            keywords=KEYWORDS,
            classifier=SixWords(),
            store=self.store,
            market_now=market or self.clock.now,
            clock=self.clock,
            tasks=tasks,
            changed=self._changed,
        )

    def _changed(self) -> None:
        self.told += 1

    @property
    def titles(self) -> list[str]:
        return [event.title for event in self.desk.events(self.clock.now())]

    def status(self, name: str) -> tuple[str, str]:
        state = next(state for state in self.desk.sources() if state.name == name)
        return state.status, state.error

    async def __aenter__(self) -> "Desk":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.web.close()
