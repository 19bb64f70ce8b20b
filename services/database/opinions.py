"""Opinions as they were given, read from a ledger's journal, and what the language model cost meanwhile."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Table, func, select

from app import codec
from app.core.messages import SignalGiven
from app.core.model import Signal
from services.database import tables
from services.database.connection import Database
from services.database.packs import packed_between, packed_range

JOURNAL: Table = tables.JournalTable.__table__  # type: ignore[attr-defined]
CALLS: Table = tables.ModelCallTable.__table__  # type: ignore[attr-defined]
EVIDENCE: Table = tables.EvidenceTable.__table__  # type: ignore[attr-defined]
UNKNOWN = "?"  # who asked is no longer known
GIVEN = '%"type":"SignalGiven"}'  # how such a message ends


class DatabaseOpinions:
    """Of one ledger. Synchronous. Raises StoreError."""

    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger

    def signals(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Signal]:
        """Those given in since ≤ at < until, in order."""
        where = [JOURNAL.c.ledger == self._ledger, JOURNAL.c.message.like(GIVEN)]
        where += [JOURNAL.c.at >= since] if since else []
        where += [JOURNAL.c.at < until] if until else []
        with self._database.reading() as connection:
            for row in packed_between(connection, self._ledger, since, until):
                if row.message.endswith(GIVEN[1:]) and isinstance(message := codec.decode(row.message), SignalGiven):
                    yield message.signal
            query = select(JOURNAL.c.message).where(*where).order_by(JOURNAL.c.seq)
            for text in connection.execute(query.execution_options(yield_per=500)).scalars():
                message = codec.decode(text)
                if isinstance(message, SignalGiven):
                    yield message.signal

    def range(self) -> tuple[datetime, datetime] | None:
        """From the journal's first row to its last, in market time."""
        query = select(func.min(JOURNAL.c.at), func.max(JOURNAL.c.at)).where(JOURNAL.c.ledger == self._ledger)
        with self._database.reading() as connection:
            packed = packed_range(connection, self._ledger)
            first, last = connection.execute(query).one()
        return (packed[0] if packed else first, last) if first else None

    def model_usd(self, since: datetime, until: datetime) -> dict[str, Decimal]:
        """Dollars paid for the language model in that time of the wall clock, by the strategy that asked.

        Calls name their prompt's template, and what opinions rest on names who used it.
        """
        calls = select(CALLS.c.template, CALLS.c.cost_usd).where(CALLS.c.at >= since, CALLS.c.at <= until)
        askers = select(EVIDENCE.c.template, EVIDENCE.c.strategy).where(EVIDENCE.c.prompt != "").distinct()
        with self._database.reading() as connection:
            paid = connection.execute(calls).all()
            who = dict(connection.execute(askers).tuples().all()) if paid else {}
        spent: dict[str, Decimal] = {}
        for template, usd in paid:
            name = who.get(template, UNKNOWN)
            spent[name] = spent.get(name, Decimal(0)) + usd
        return spent
