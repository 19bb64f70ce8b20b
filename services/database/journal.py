"""The one writer of a ledger: the hash chain and its projections, committed together.

Never updates a journal row; those of long ago are packed (`packs`), and read from there.
hash = SHA-256(previous hash, seq, the exact bytes of message and actions).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.core.errors import ConfigError, DataError, StoreError
from app.core.model import Trade
from app.ports import Entry, EquityPoint, JournalRow
from services.database import rows, tables, wording
from services.database.chaining import GENESIS, chain
from services.database.connection import STORE_ERRORS, Database, reason
from services.database.lock import LedgerLock
from services.database.packs import journal_row, packed_rows

CHECKPOINTS_KEPT = 3
JOURNAL: Table = tables.JournalTable.__table__  # type: ignore[attr-defined]
CHECKPOINTS: Table = tables.CheckpointTable.__table__  # type: ignore[attr-defined]
DECISIONS: Table = tables.DecisionTable.__table__  # type: ignore[attr-defined]
TRADES: Table = tables.TradeTable.__table__  # type: ignore[attr-defined]
OUTBOX: Table = tables.OutboxTable.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Link:
    seq: int
    hash: str


class DatabaseJournal:
    """Implements app.ports.Journal for one ledger. A second writer of the same ledger is refused."""

    def __init__(self, database: Database, ledger: str, version: str, *, reading_only: bool = False) -> None:
        self._database, self._ledger, self._version = database, ledger, version
        self._lock, self._writing = LedgerLock(database, ledger), not reading_only
        if self._writing and not self._take():
            raise ConfigError(f"another trader is running on ledger {ledger}; stop it first")
        self._connection: Connection | None = None
        self._last: Link | None = None

    def _take(self) -> bool:
        try:
            return self._lock.take()
        except STORE_ERRORS as error:
            raise ConfigError(f"DATABASE_URL: cannot lock ledger {self._ledger}: {reason(error)}") from error

    def close(self) -> None:
        self._drop()
        self._lock.give()

    # ------------------------------------------------------------ writing

    def commit(self, entries: Sequence[Entry], equity: Sequence[EquityPoint]) -> int:
        """All or nothing. StoreError when it is not certain to be stored; read the chain's end anew afterwards."""
        try:
            connection = self._open()
            with connection.begin():
                link = self._write(connection, entries, equity)
        except STORE_ERRORS as error:
            self._drop()
            raise StoreError(f"the journal could not be written: {reason(error)}") from error
        self._last = link
        return link.seq

    def _write(self, connection: Connection, entries: Sequence[Entry], equity: Sequence[EquityPoint]) -> Link:
        link = self._last or self._end(connection)
        chained = []
        for entry in entries:
            link = Link(link.seq + 1, chain(link.hash, link.seq + 1, entry.message, entry.actions))
            chained.append(self._row(entry, link))
        if chained:
            connection.execute(insert(JOURNAL), chained)
        self._project(connection, entries)
        self._alerts(connection, entries)
        points = {point.at: point for point in equity}  # the last of a minute counts
        self._upsert(connection, tables.EquityTable, [self._point(point) for point in points.values()])
        return link

    def _row(self, entry: Entry, link: Link) -> dict[str, Any]:
        return {
            "ledger": self._ledger,
            "seq": link.seq,
            "at": entry.at,
            "recorded_at": entry.recorded_at,
            "version": self._version,
            "message": entry.message,
            "actions": entry.actions,
            "hash": link.hash,
        }

    def _point(self, point: EquityPoint) -> dict[str, Any]:
        values = {"at": point.at, "equity": point.equity, "cash": point.cash}
        return {"ledger": self._ledger, **values, "quantity": point.quantity, "price": point.price}

    def _project(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """The newest form of everything that changed, table by table."""
        by_table: dict[type, dict[object, dict[str, Any]]] = defaultdict(dict)
        for entry in entries:
            for changed in entry.changes:
                found = rows.stored(changed, self._ledger)
                if found is not None:
                    table, row = found
                    key = tuple(row[column.name] for column in table.__table__.primary_key)  # type: ignore[attr-defined]
                    by_table[table][key] = row
        for table, changed_rows in by_table.items():
            self._upsert(connection, table, list(changed_rows.values()))
        trades = [change for entry in entries for change in entry.changes if isinstance(change, Trade)]
        if trades:
            self._weigh(connection, trades)

    def _weigh(self, connection: Connection, trades: Iterable[Trade]) -> None:
        """A trade's signals with the weight that they had in the decision to enter, so that a list need not ask."""
        for trade in trades:
            query = select(DECISIONS.c.record).where(DECISIONS.c.id == trade.decision_id)
            record = connection.execute(query.where(DECISIONS.c.ledger == self._ledger)).scalar()
            if record is not None:
                signals = json.dumps(wording.signals_of(record))
                weighed = update(TRADES).where(TRADES.c.id == trade.id, TRADES.c.ledger == self._ledger)
                connection.execute(weighed.values(strategy_signals=signals))

    def _alerts(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """The first outbox row of an alert is written with the event that causes it."""
        waiting = [
            {
                "ledger": self._ledger,
                "event": action["of"]["event"],
                "level": action["of"]["level"],
                "text": action["of"]["text"],
                "created_at": entry.recorded_at,
                "status": "waiting",
                "acknowledged_by": "",
                "repeated": 0,
            }
            for entry in entries
            if '"type":"Alert"' in entry.actions
            for action in json.loads(entry.actions)
            if action["type"] == "Alert"
        ]
        if waiting:
            connection.execute(insert(OUTBOX), waiting)

    def _upsert(self, connection: Connection, table: type, values: list[dict[str, Any]]) -> None:
        if not values:
            return
        target: Table = table.__table__  # type: ignore[attr-defined]
        make = sqlite_insert if self._database.is_sqlite else postgres_insert
        statement = make(target)
        keys = [column.name for column in target.primary_key]
        others = {name: statement.excluded[name] for name in values[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), values)

    # ------------------------------------------------------------ the chain

    def rows(self, after_seq: int = 0, limit: int = 1000) -> Sequence[JournalRow]:
        query = (
            select(JOURNAL)
            .where(JOURNAL.c.ledger == self._ledger, JOURNAL.c.seq > after_seq)
            .order_by(JOURNAL.c.seq)
            .limit(limit)
        )
        with self._database.reading() as connection:
            if packed := packed_rows(connection, self._ledger, after_seq):
                return packed[:limit]
            return [journal_row(row) for row in connection.execute(query).mappings()]

    def verify(self) -> str | None:
        """Recompute every hash, page by page. A checkpoint tells of rows that are gone from the end."""
        last = Link(0, GENESIS)
        try:
            while page := self.rows(last.seq):
                for row in page:
                    if row.seq != last.seq + 1:
                        return f"row {last.seq + 1} of ledger {self._ledger} is missing"
                    if row.hash != chain(last.hash, row.seq, row.message, row.actions):
                        return f"row {row.seq} of ledger {self._ledger} ({row.at:%Y-%m-%d %H:%M:%S} UTC) was changed"
                    last = Link(row.seq, row.hash)
        except DataError as error:
            return str(error)
        newest = select(func.max(CHECKPOINTS.c.seq)).where(CHECKPOINTS.c.ledger == self._ledger)
        with self._database.reading() as connection:
            known = connection.execute(newest).scalar() or 0
        if known > last.seq:
            return f"rows {last.seq + 1} to {known} of ledger {self._ledger} are missing"
        return None

    def head(self) -> str:
        """The newest row's number and hash; the session's thread may be writing, so it is read."""
        with self._database.reading() as connection:
            link = self._end(connection)
        return f"{link.seq} {link.hash}"

    def save_checkpoint(self, seq: int, schema: int, state: str) -> None:
        """A faster start, nothing more: the journal stays the truth. The newest three are kept."""
        table = CHECKPOINTS
        mine = table.c.ledger == self._ledger
        keep = select(table.c.seq).where(mine).order_by(table.c.seq.desc()).limit(CHECKPOINTS_KEPT)
        try:
            connection = self._open()
            with connection.begin():
                row = {"ledger": self._ledger, "seq": seq, "schema_number": schema, "state": state}
                self._upsert(connection, tables.CheckpointTable, [row])
                connection.execute(delete(table).where(mine, table.c.seq.not_in(keep.scalar_subquery())))
        except STORE_ERRORS as error:
            self._drop()
            raise StoreError(f"the checkpoint could not be written: {reason(error)}") from error

    def load_checkpoint(self) -> tuple[int, int, str] | None:
        table = CHECKPOINTS
        query = select(table).where(table.c.ledger == self._ledger).order_by(table.c.seq.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return (row["seq"], row["schema_number"], row["state"]) if row else None

    # ------------------------------------------------------------ connections

    def _open(self) -> Connection:
        if self._connection is None:
            if not self._writing or not self._lock.still_held():
                raise StoreError(f"another trader has taken over ledger {self._ledger}")
            self._connection = self._database.writer.connect()
        return self._connection

    def _drop(self) -> None:
        """After a failure the end of the chain is read anew: the commit may or may not have happened."""
        self._last = None
        if self._connection is not None:
            try:
                self._connection.close()
            except STORE_ERRORS:
                self._connection.invalidate()
            self._connection = None

    def _end(self, connection: Connection) -> Link:
        query = (
            select(JOURNAL.c.seq, JOURNAL.c.hash)
            .where(JOURNAL.c.ledger == self._ledger)
            .order_by(JOURNAL.c.seq.desc())
            .limit(1)
        )
        row = connection.execute(query).first()
        return Link(row[0], row[1]) if row else Link(0, GENESIS)
