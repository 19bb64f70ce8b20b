"""Stories in the database, on both: new ones once, known ones brought up to date, nothing lost on the way."""

from dataclasses import replace
from datetime import timedelta

from app.core.model import NewsEvent
from services.database import Database, DatabaseNewsStore, DatabaseReader
from tests.builders import NOON


def story(id: str, minutes: int = 0) -> NewsEvent:
    return NewsEvent(
        id=id,
        published_at=NOON,
        seen_at=NOON + timedelta(minutes=minutes),
        source="coindesk.com",
        title=f"Bitcoin “{id}” ₿",
        url="https://coindesk.com/x",
        severity="high",
        sentiment="bearish",
        score=-0.5,
        keywords=("hack", "etf"),
        sources=("coindesk.com", "The Block"),
    )


def test_what_is_saved_is_read_back_oldest_first(database: Database) -> None:
    store = DatabaseNewsStore(database)
    store.save([story("b", 2), story("a", 1), story("old", -10)])
    assert store.since(NOON) == [story("a", 1), story("b", 2)]
    store.save([])


async def test_a_known_story_is_brought_up_to_date(database: Database, reader: DatabaseReader) -> None:
    store = DatabaseNewsStore(database)
    store.save([story("a")])
    newer = replace(story("a"), sources=("coindesk.com", "The Block", "reuters.com"))
    store.save([newer, story("b"), newer])
    assert store.since(NOON) == [newer, story("b")]
    rows, total = await reader.list("news", 10, 0)
    assert total == 2
    assert {tuple(row["sources"]) for row in rows} == {newer.sources, story("b").sources}


async def test_only_the_grave_ones_can_be_asked_for(database: Database, reader: DatabaseReader) -> None:
    DatabaseNewsStore(database).save([replace(story("a"), severity="high"), replace(story("b"), severity="low")])
    rows, total = await reader.list("news", 10, 0, severity=("high", "medium"))
    assert (total, rows[0]["severity"]) == (1, "high")


def test_many_are_saved_at_once(database: Database) -> None:
    store = DatabaseNewsStore(database)
    many = [story(f"{number:05}") for number in range(1200)]
    store.save(many)
    store.save(many)
    assert store.since(NOON) == many
