"""CryptoPanic, version 2 of its interface; the plan stands in the base address. Everything it tells may be missing.

Its key can only be given in the address, which therefore is shown nowhere, nor are the addresses in its answers.
"""

from collections.abc import Sequence
from datetime import timedelta

from app.seam import Clock, Tasks
from services.news.answers import failure, json_object, rows_of, text_in
from services.news.cleaning import clean_url
from services.news.source import MOST_ITEMS, Item, SourceDown
from services.news.web import Web

CURES = {
    401: "the key is not right; paste CRYPTOPANIC_API_KEY again",
    402: "the plan wants to be paid",
    403: "the plan does not allow it or its quota is used up; look at the plan and at CRYPTOPANIC_BASE_URL",
    404: "there is nothing at CRYPTOPANIC_BASE_URL; look at the plan in it",
}


class CryptoPanic:
    """Implements Source: the newest posts about bitcoin."""

    name = "CryptoPanic"
    many = True
    most_a_day: int | None = None

    def __init__(self, *, key: str, base_url: str, pace: timedelta, web: Web, clock: Clock, tasks: Tasks) -> None:
        self.pace = pace
        self._key, self._base_url = key, base_url.rstrip("/")
        self._web, self._clock, self._tasks = web, clock, tasks

    async def ask(self) -> Sequence[Item]:
        asked = {"auth_token": self._key, "public": "true", "currencies": "BTC", "kind": "news", "regions": "en"}
        answer = await self._web.get(f"{self._base_url}/posts/", {"accept": "application/json"}, asked)
        if error := failure(answer, self._clock.now(), CURES):
            raise error
        return await self._tasks.in_thread(lambda: read_posts(answer.body))


def read_posts(body: bytes) -> list[Item]:
    """The posts of an answer. SourceErrors where it is none."""
    found = json_object(body)
    if found.get("status") == "api_error":  # the first version's way of saying no, with any status
        raise SourceDown("says that something is wrong with the question")
    items = []
    for row in rows_of(found, "results")[:MOST_ITEMS]:
        source = row.get("source")
        original = clean_url(text_in(row, "original_url"))
        items.append(
            Item(
                title=row.get("title"),
                url=original or text_in(row, "url"),
                published=row.get("published_at") or row.get("created_at"),
                outlet="" if original else text_in(source, "domain") or text_in(source, "title"),
                special=True,
            )
        )
    return items
