"""What an answer means before its news are read: by its status, and whether it is what was asked for."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

from services.news.source import SourceDown, SourceError, SourceRefused, SourceUsedUp
from services.news.web import Answer

ONE_HOUR = timedelta(hours=1)
MOST_PARTS = 20_000  # objects and lists of an answer
_QUOTA = re.compile(rb"quota|rate.?limit|too many requests|limit (?:is )?(?:exceeded|reached)", re.IGNORECASE)


def failure(answer: Answer, now: datetime, cures: dict[int, str]) -> SourceError | None:
    """What an HTTP status says; None where it is 200 or 304. `cures`: what a refusal means to the owner."""
    status = answer.status
    if status in (200, 304):
        return None
    after = answer.retry_after(now)
    if status == 429:
        return SourceUsedUp("answers 429: asked too often, or its quota is used up", after or ONE_HOUR)
    if status >= 500 or status in (408, 425):
        return SourceDown(f"answers {status}: it has trouble of its own", after)
    if 300 <= status < 400:
        return SourceRefused(f"answers {status}: it has moved; correct its address")
    return SourceRefused(f"answers {status}: {cures.get(status, 'it does not take the question')}")


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer. SourceDown for anything else, SourceUsedUp for a page that speaks of a quota."""
    if body.count(b"[") + body.count(b"{") > MOST_PARTS:  # to build them would hold everybody up
        raise SourceDown("answers with far more parts than news have")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        if not body.strip():
            raise SourceDown("gave an empty answer") from None
        page = body.lstrip()[:1] == b"<"
        if page and _QUOTA.search(body[:20_000]):
            raise SourceUsedUp("shows a page about its quota instead of news", ONE_HOUR) from None
        raise SourceDown("shows a page instead of news" if page else "broke off within its answer") from None
    if not isinstance(found, dict):
        raise SourceDown("answers in no form we know")
    return found


def rows_of(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The list `name` of an answer, those of its rows that are objects. Without one it is no answer."""
    rows = found.get(name)
    if isinstance(rows, list):
        return [row for row in rows if isinstance(row, dict)]
    told = json.dumps(found)[:2000].encode()
    if _QUOTA.search(told):
        raise SourceUsedUp("speaks of its quota instead of news", ONE_HOUR)
    raise SourceDown(f"answers without a list of {'stories' if name == 'results' else name}")


def text_in(row: Any, name: str) -> str:
    """A text of an object that may be none."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, str) else ""
