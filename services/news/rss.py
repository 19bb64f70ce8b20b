"""A news feed: RSS or Atom, with no key. What has not changed is not sent again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from app.seam import Clock, Tasks
from services.news.answers import failure
from services.news.cleaning import clean_title, clean_url, outlet_of
from services.news.feed_text import read_feed
from services.news.source import Item, SourceDown
from services.news.web import MOST_REDIRECTS, Answer, Web
from services.news.words import names_crypto

SPECIAL = 0.4  # of its items name crypto: then the feed is about it, and its other items are too
FEW = 5  # items below which that cannot be said
CURES = {
    401: "it wants a sign-in; take another feed in news.feeds or NEWS_RSS_URLS",
    403: "it does not let us in; take another feed in news.feeds or NEWS_RSS_URLS",
    404: "there is no feed; correct its address in news.feeds or NEWS_RSS_URLS",
    410: "the feed is gone; take it out of news.feeds or NEWS_RSS_URLS",
}
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
)


class Feed:
    """Implements Source. Its address may hold a key, so it is named by its host alone."""

    many = False
    most_a_day: int | None = None

    def __init__(self, *, name: str, url: str, pace: timedelta, web: Web, clock: Clock, tasks: Tasks) -> None:
        self.name, self.pace = name, pace
        self._url, self._web, self._clock, self._tasks = url, web, clock, tasks
        self._seen: dict[str, str] = {}  # what to say so that only something new is sent

    async def ask(self) -> Sequence[Item]:
        answer = await self._web.get(self._url, {"accept": ACCEPT, **self._seen}, redirects=MOST_REDIRECTS)
        if error := failure(answer, self._clock.now(), CURES):
            raise error
        if answer.status == 304:
            return ()
        items, broken = await self._tasks.in_thread(lambda: _read(answer))
        if broken and not items:
            raise SourceDown(broken)
        self._seen = {} if broken else _seen(answer)
        return items


def _read(answer: Answer) -> tuple[list[Item], str]:
    items, broken = read_feed(answer.body)
    return with_origin(items), broken


def with_origin(items: list[Item]) -> list[Item]:
    """Each with its outlet by domain, and whether the feed is about crypto as a whole."""
    named = sum(names_crypto(clean_title(item.title)) for item in items)
    special = len(items) >= FEW and named >= SPECIAL * len(items)
    return [
        replace(item, special=special, outlet=outlet_of(clean_url(item.outlet)) if clean_url(item.outlet) else "")
        for item in items
    ]


def _seen(answer: Answer) -> dict[str, str]:
    names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
    given = {wanted: answer.headers.get(name, "") for name, wanted in names.items()}
    return {name: text for name, text in given.items() if text and len(text) <= 500 and text.isprintable()}


def feed_names(urls: Sequence[str]) -> list[str]:
    """A name for each address: its host, numbered where one stands twice."""
    names: list[str] = []
    for url in urls:
        host = (urlsplit(url).hostname or "feed").removeprefix("www.")
        count = sum(name.split(" ")[0] == host for name in names)
        names.append(f"{host} ({count + 1})" if count else host)
    return names
