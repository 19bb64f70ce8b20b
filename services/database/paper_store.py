"""The paper exchange's own books: two tables that only it writes, with commits of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.core.errors import ExchangeUnreachable, StoreError
from services.database import tables
from services.database.connection import STORE_ERRORS, Database, reason

STATE: Table = tables.PaperStateTable.__table__  # type: ignore[attr-defined]
REPORTS: Table = tables.PaperReportTable.__table__  # type: ignore[attr-defined]


class DatabasePaperStore:
    """Implements app.ports.PaperStore. Trouble looks to the trader as an exchange that does not answer."""

    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger
        self._connection: Connection | None = None

    def load(self) -> str | None:
        query = select(STATE.c.state).where(STATE.c.ledger == self._ledger)
        with _answering(), self._database.reading() as connection:
            return connection.execute(query).scalar()

    def report(self, client_order_id: str) -> str | None:
        query = select(REPORTS.c.report).where(
            REPORTS.c.ledger == self._ledger, REPORTS.c.client_order_id == client_order_id
        )
        with _answering(), self._database.reading() as connection:
            return connection.execute(query).scalar()

    def save(self, state: str, reports: Sequence[tuple[str, str]]) -> None:
        try:
            if self._connection is None:
                self._connection = self._database.writer.connect()
            with self._connection.begin():
                self._upsert(self._connection, STATE, [{"ledger": self._ledger, "state": state}], "state")
                changed = [{"ledger": self._ledger, "client_order_id": id, "report": text} for id, text in reports]
                self._upsert(self._connection, REPORTS, changed, "report")
        except STORE_ERRORS as error:
            self.close()
            raise ExchangeUnreachable(f"the paper exchange could not write its books: {reason(error)}") from error

    def _upsert(self, connection: Connection, table: Table, rows: list[dict[str, str]], column: str) -> None:
        if not rows:
            return
        statement = (sqlite_insert if self._database.is_sqlite else postgres_insert)(table)
        keys = [each.name for each in table.primary_key]
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_={column: statement.excluded[column]}), rows
        )

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except STORE_ERRORS:  # it is gone already
                connection.invalidate()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise ExchangeUnreachable(f"the paper exchange cannot read its books: {error}") from error
