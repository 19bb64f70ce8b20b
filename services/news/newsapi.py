"""NewsAPI. Its free plan allows 100 questions a day, and tells of everything a day late: of little use for trading."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.seam import Clock, Tasks
from services.news.answers import ONE_HOUR, failure, json_object, rows_of, text_in
from services.news.cleaning import clean_url
from services.news.source import MOST_ITEMS, Item, SourceDown, SourceError, SourceRefused, SourceUsedUp
from services.news.web import Answer, Web

SLOWEST_PLAN = timedelta(minutes=15)
A_DAY = 100
QUESTION = 'bitcoin OR crypto OR cryptocurrency OR "federal reserve" OR "interest rates" OR inflation'
CURES = {
    400: "it does not take our question",
    401: "the key is not right; paste NEWSAPI_API_KEY again",
    403: "the key may not do this; look at the plan",
    426: "the plan does not allow this; a paid one is wanted",
}
KEY_WRONG = ("apiKeyDisabled", "apiKeyInvalid", "apiKeyMissing")
USED_UP = ("apiKeyExhausted", "rateLimited")
NOT_NOW = ("unexpectedError",)


class NewsApi:
    """Implements Source: the newest articles that name bitcoin, crypto or what moves money."""

    name = "NewsAPI"
    many = True
    most_a_day: int | None = A_DAY

    def __init__(self, *, key: str, base_url: str, pace: timedelta, web: Web, clock: Clock, tasks: Tasks) -> None:
        self.pace = max(pace, SLOWEST_PLAN)
        self._key, self._base_url = key, base_url.rstrip("/")
        self._web, self._clock, self._tasks = web, clock, tasks

    async def ask(self) -> Sequence[Item]:
        asked = {"q": QUESTION, "searchIn": "title", "language": "en", "sortBy": "publishedAt", "pageSize": "100"}
        headers = {"accept": "application/json", "x-api-key": self._key}
        answer = await self._web.get(f"{self._base_url}/everything", headers, asked)
        now = self._clock.now()
        return await self._tasks.in_thread(lambda: read_articles(answer, failure(answer, now, CURES)))


def read_articles(answer: Answer, failed: SourceError | None) -> list[Item]:
    """The articles of an answer; the code in its body says more than its status does, which may be 200."""
    try:
        found = json_object(answer.body)
    except SourceError as error:
        raise failed or error from None
    if failed or found.get("status") == "error":
        raise _refusal(found.get("code"), failed)
    rows = [row for row in rows_of(found, "articles") if text_in(row, "title") != "[Removed]"]
    return [
        Item(
            title=row.get("title"),
            url=row.get("url"),
            published=row.get("publishedAt"),
            outlet="" if clean_url(row.get("url")) else text_in(row.get("source"), "name"),
        )
        for row in rows[:MOST_ITEMS]
    ]


def _refusal(code: Any, failed: SourceError | None) -> SourceError:
    if code in KEY_WRONG:
        return SourceRefused(CURES[401])
    if code in USED_UP:
        return failed if isinstance(failed, SourceUsedUp) else SourceUsedUp("its quota is used up", ONE_HOUR)
    if code in NOT_NOW:
        return SourceDown("has trouble of its own")
    return failed or SourceRefused(CURES[400])
