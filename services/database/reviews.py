"""Reviews of days: written by whoever replayed the day, read by the trader, the API and the next replay."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from app.replaying import Mark, Verdict
from services.database import tables
from services.database.connection import Database

REVIEWS: Table = tables.ReviewTable.__table__  # type: ignore[attr-defined]
JOURNAL: Table = tables.JournalTable.__table__  # type: ignore[attr-defined]
MOST_DIFFERENCES = 20  # kept; the command prints each one
Row = dict[str, Any]


class DatabaseReviews:
    """Of one ledger. Synchronous; called beside the loop. Raises StoreError."""

    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger

    def keep(
        self, day: datetime, at: datetime, verdict: Verdict, drift: Mapping[str, Any], voices: Sequence[Row]
    ) -> None:
        """One review of a day, in place of an older one. Only the newest keeps the state that it ended with."""
        mine, end = REVIEWS.c.ledger == self._ledger, verdict.end
        row = {
            "ledger": self._ledger,
            "date": f"{day:%Y-%m-%d}",
            "at": at,
            "identical": verdict.same,
            "messages": verdict.messages,
            "differences": json.dumps(verdict.differences[:MOST_DIFFERENCES]),
            "drift": json.dumps(drift),
            "voices": json.dumps(voices),
            "seq": end.seq if end else 0,
            "schema_number": end.schema if end else 0,
            "state": end.state if end else "",
        }
        with self._database.writing() as connection:
            connection.execute(delete(REVIEWS).where(mine, REVIEWS.c.date == row["date"]))
            if end is not None:
                connection.execute(update(REVIEWS).where(mine, REVIEWS.c.state != "").values(state=""))
            connection.execute(insert(REVIEWS), [row])

    def newest(self) -> Row | None:
        """{day, identical, at, first difference} of the newest day that was reviewed."""
        query = select(REVIEWS).where(REVIEWS.c.ledger == self._ledger).order_by(REVIEWS.c.date.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        differences = json.loads(row["differences"])
        first = differences[0] if differences else None
        return {"day": row["date"], "identical": row["identical"], "at": row["at"], "difference": first}

    def has_lived(self, day: datetime) -> bool:
        """Whether the journal has anything on this day."""
        of_day = (JOURNAL.c.ledger == self._ledger, JOURNAL.c.at >= day, JOURNAL.c.at < day + timedelta(days=1))
        with self._database.reading() as connection:
            return connection.execute(select(JOURNAL.c.seq).where(*of_day).limit(1)).first() is not None

    def voices(self, since: datetime) -> list[list[Row]]:
        """What each voice was worth on each reviewed day since, the oldest first."""
        query = (
            select(REVIEWS.c.voices)
            .where(REVIEWS.c.ledger == self._ledger, REVIEWS.c.date >= f"{since:%Y-%m-%d}")
            .order_by(REVIEWS.c.date)
        )
        with self._database.reading() as connection:
            return [json.loads(text) for text in connection.execute(query).scalars()]

    def mark_before(self, day: datetime) -> Mark | None:
        """Where the newest replay of an earlier day ended, if that is known."""
        query = (
            select(REVIEWS.c.seq, REVIEWS.c.schema_number, REVIEWS.c.state)
            .where(REVIEWS.c.ledger == self._ledger, REVIEWS.c.date < f"{day:%Y-%m-%d}", REVIEWS.c.state != "")
            .order_by(REVIEWS.c.date.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return Mark(seq=row[0], schema=row[1], state=row[2]) if row else None
