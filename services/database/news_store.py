"""Stories that came in, kept for ever: headlines are small. What they say is a stranger's word, and is only stored."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, insert, select, update

from app.core.model import NewsEvent
from services.database import tables
from services.database.connection import Database

NEWS: Table = tables.NewsEventTable.__table__  # type: ignore[attr-defined]
AT_ONCE = 500  # rows in one statement


class DatabaseNewsStore:
    """Implements app.ports.NewsStore. Stories belong to no ledger: the world's news are the same for all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, at: datetime) -> Sequence[NewsEvent]:
        query = select(NEWS).where(NEWS.c.seen_at >= at).order_by(NEWS.c.seen_at, NEWS.c.id)
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]

    def save(self, events: Sequence[NewsEvent]) -> None:
        rows = list({event.id: _row(event) for event in events}.values())
        changed = update(NEWS).where(NEWS.c.id == bindparam("known"))
        with self._database.writing() as connection:
            for at in range(0, len(rows), AT_ONCE):
                some = rows[at : at + AT_ONCE]
                ids = [row["id"] for row in some]
                known = set(connection.execute(select(NEWS.c.id).where(NEWS.c.id.in_(ids))).scalars())
                if new := [row for row in some if row["id"] not in known]:
                    connection.execute(insert(NEWS), new)
                if old := [{**row, "known": row.pop("id")} for row in some if row["id"] in known]:
                    connection.execute(changed, old)


def _row(event: NewsEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "published_at": event.published_at,
        "seen_at": event.seen_at,
        "source": event.source,
        "title": event.title,
        "url": event.url,
        "severity": event.severity,
        "sentiment": event.sentiment,
        "score": event.score,
        "keywords": json.dumps(event.keywords, ensure_ascii=False),
        "sources": json.dumps(event.sources, ensure_ascii=False),
    }


def _event(row: Any) -> NewsEvent:
    lists = {name: tuple(json.loads(row[name] or "[]")) for name in ("keywords", "sources")}
    return NewsEvent(**{**row, **lists})
