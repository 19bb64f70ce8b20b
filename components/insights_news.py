"""Headlines of the last day or days, how grave and how they sound, whether they count in the vote, and who tells them.

Titles and addresses are strangers': shown as text, linked only where the address is a web page's.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from app.headlines import unconfirmed
from app.ports import Row
from components.insights_parts import Card, at_of, moment_line, signed
from components.parts import Button, Choice, Text, box

SPANS = {"1": "24 h", "7": "7 days", "30": "30 days"}
FIRST = 8  # shown before a person asks for more
SOUNDS = {"bullish": ("▲", "up"), "bearish": ("▼", "down")}
SOURCES = {
    "waiting": "not asked yet",
    "ok": "answers",
    "failing": "fails; tried again",
    "refused": "refuses our key or plan: a person must look",
    "used_up": "this day's questions are used up",
}
WHAT = (
    "Severity is how grave a story is, by its words (config/app.yml has the list). Sentiment is how it sounds for the "
    "price: from −1, bad, to +1, good.",
    "A grave story that sounds good counts only when two independent sources tell it: one may be wrong, or hacked. "
    "Bad news count at once.",
)


class News:
    def __init__(self, chosen: Callable[[int], None]) -> None:
        """`chosen` hears of how many days a person wants to read."""
        self._card = Card("News", "news", "What do these words mean?", WHAT)
        with self._card.head:
            Choice("News of the last", SPANS, "1", lambda key: self._choose(int(key), chosen))
        self._days = 1
        self._all = False
        self._told: tuple[Sequence[Row], int, Row, bool] = ((), 0, {}, False)

    def update(self, stories: Sequence[Row], total: int, row: Row, votes: bool) -> None:
        """`votes`: whether somebody who reads news takes part in the vote."""
        self._told = stories, total, row, votes
        self._draw()

    def _draw(self) -> None:
        stories, total, row, votes = self._told
        sources = row.get("news_sources", ())
        health = [(each["name"], each["status"], each["error"]) for each in sources]
        told = [(each["id"], each["sources"]) for each in stories]
        key = str([told, total, health, votes, self._all, self._days])
        self._card.draw(key, lambda: self._build(stories, total, sources, votes))

    def _build(self, stories: Sequence[Row], total: int, sources: Sequence[Row], votes: bool) -> None:
        if not stories:
            Text(no_news(sources, self._days), "soft", "p")
        else:
            grave = sum(each["severity"] == "high" for each in stories)
            newest = f", the newest {len(stories)} of them here" if total > len(stories) else ""
            Text(f"{total} headline{'s' if total != 1 else ''}{newest}; {grave} grave.", "soft", "p")
            if not votes:
                Text("No strategy that reads news takes part in the vote, so none of them counts.", "soft", "p")
        with box("stories", "ul"):
            for story in stories if self._all else stories[:FIRST]:
                _story(story, votes)
        if len(stories) > FIRST and not self._all:
            Button(f"Show all {len(stories)}", self._more, "quiet").mark("all-news")
        _sources(sources)

    def _choose(self, days: int, chosen: Callable[[int], None]) -> None:
        self._days, self._all = days, False
        chosen(days)

    def _more(self) -> None:
        self._all = True
        self._draw()


def no_news(sources: Sequence[Row], days: int) -> str:
    if not sources:
        return "No headlines: no news source is set up for this market."
    if any(each["status"] == "ok" for each in sources):
        return f"No headlines in the last {f'{days} days' if days > 1 else '24 hours'}."
    return "No headlines: no source has answered yet."


def _story(story: Row, votes: bool) -> None:
    sign, tone = SOUNDS.get(story["sentiment"], ("", "flat"))
    with box("headline", "li"):
        title = Text(story["title"], "story-title", "a" if (address := web_address(story["url"])) else "span")
        if address:
            title.props["href"] = address
            title.props("target=_blank rel='noopener noreferrer'")
        with box("story-facts"):
            Text({"high": "grave", "medium": "medium", "low": "minor"}[story["severity"]], f"tag {story['severity']}")
            Text(f"{sign} {story['sentiment']} {signed(float(story['score']), 2)}".strip(), f"tag {tone}")
            Text(counted(story) if votes else "", "tag waits" if waits(story) else "tag")
        moment_line(", ".join(told_by(story)[:3]), " · ", at_of(story["published_at"]))


def web_address(url: Any) -> str | None:
    """Only what leads to a page on the web."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return None
    good = parts.scheme in ("http", "https") and parts.hostname and "\\" not in str(url)
    return str(url) if good else None


def told_by(story: Row) -> list[str]:
    return list(story.get("sources") or ()) or [story["source"]]


def waits(story: Row) -> bool:
    return unconfirmed(story["severity"], len(told_by(story)), float(story["score"]))


def counted(story: Row) -> str:
    if waits(story):
        return "waits for a second source"
    several = len(told_by(story))
    return f"counts, told by {several}" if several > 1 else "counts"


def _sources(sources: Sequence[Row]) -> None:
    if not sources:
        return
    with box("sources", "ul").props('aria-label="News sources"'):
        for each in sources:
            good = each["status"] in ("ok", "waiting")
            with box("source", "li"):
                Text(("" if good else "⚠ ") + each["name"], "source-name" if good else "source-name weak")
                said = SOURCES.get(each["status"], each["status"])
                why = f": {each['error']}" if each["error"] and not good else ""
                Text(f"{said}{why}", "soft")
                if each["fetched_at"]:
                    moment_line("last heard ", at_of(each["fetched_at"]))
                if each["next_at"] and not good:
                    moment_line("asked again ", at_of(each["next_at"]))
