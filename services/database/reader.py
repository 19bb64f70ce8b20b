"""The reading side: pages of rows in the API's words, newest first, over connections of its own."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select

from app.core.errors import StoreError
from app.seam import Tasks
from services.database import rows, tables
from services.database.connection import STORE_ERRORS, Database

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
PAGE = 500
Rows = list[dict[str, Any]]
Where = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Kind:
    table: Any
    newest: str  # column that orders the rows
    row: Callable[[Mapping[str, Any]], dict[str, Any]]
    of_ledger: bool = True

    @property
    def columns(self) -> Table:
        return self.table.__table__  # type: ignore[no-any-return]


KINDS = {
    "orders": Kind(tables.OrderTable, "created_at", rows.order_row),
    "fills": Kind(tables.FillTable, "at", rows.fill_row),
    "positions": Kind(tables.PositionTable, "entry_time", rows.position_row),
    "trades": Kind(tables.TradeTable, "timestamp", rows.trade_row),
    "decisions": Kind(tables.DecisionTable, "at", rows.decision_row),
    "equity": Kind(tables.EquityTable, "at", rows.equity_row),
    "logs": Kind(tables.SystemLogTable, "id", rows.log_row, of_ledger=False),
    "audit": Kind(tables.AuditTable, "id", rows.audit_row, of_ledger=False),
}


class DatabaseReader:
    """Implements app.ports.Reader for the current ledger."""

    def __init__(self, database: Database, ledger: str, tasks: Tasks) -> None:
        self._database, self._ledger, self._tasks = database, ledger, tasks

    async def list(self, kind: str, limit: int, offset: int, **filters: Any) -> tuple[Rows, int]:
        if kind == "signals":
            return await self._signals(limit, offset)
        return await self._tasks.in_thread(lambda: self._page(KINDS[kind], limit, offset, filters))

    async def one(self, kind: str, id: str) -> dict[str, Any] | None:
        found = await self._tasks.in_thread(lambda: self._one(KINDS[kind], id))
        if found is None:
            return None
        return rows.whole_decision(found) if kind == "decisions" else KINDS[kind].row(found)

    async def trades(self) -> AsyncIterator[dict[str, Any]]:
        offset = 0
        while page := await self._tasks.in_thread(lambda at=offset: self._oldest(at)):  # type: ignore[misc]
            for row in page:
                yield row
            offset += len(page)

    # ------------------------------------------------------------ queries

    def _page(self, kind: Kind, limit: int, offset: int, filters: Mapping[str, Any]) -> tuple[Rows, int]:
        table = kind.columns
        where = self._where(kind, filters)
        ties = [column.desc() for column in table.primary_key]
        query = select(table).where(*where).order_by(table.c[kind.newest].desc(), *ties).limit(limit).offset(offset)
        try:
            with self._database.readers.connect() as connection:
                total = connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
                return [kind.row(dict(row)) for row in connection.execute(query).mappings()], total
        except STORE_ERRORS as error:
            raise StoreError(f"the database cannot be read: {error}") from error

    def _where(self, kind: Kind, filters: Mapping[str, Any]) -> Where:
        table = kind.columns
        where = [table.c.ledger == self._ledger] if kind.of_ledger else []
        since: datetime | None = filters.get("since")
        until: datetime | None = filters.get("until")
        if since is not None:
            where.append(table.c[kind.newest] >= since)
        if until is not None:
            where.append(table.c[kind.newest] < until)
        if kind.table is tables.PositionTable and filters.get("status") != "all":
            where.append(table.c.status != "CLOSED")
        if kind.table is tables.SystemLogTable and filters.get("level"):
            where.append(table.c.level_number >= LEVELS[filters["level"]])
        return where

    def _one(self, kind: Kind, id: str) -> dict[str, Any] | None:
        table = kind.columns
        query = select(table).where(table.c.id == id, table.c.ledger == self._ledger)
        try:
            with self._database.readers.connect() as connection:
                found = connection.execute(query).mappings().first()
                return dict(found) if found else None
        except STORE_ERRORS as error:
            raise StoreError(f"the database cannot be read: {error}") from error

    def _oldest(self, offset: int) -> Rows:
        kind = KINDS["trades"]
        table = kind.columns
        query = (
            select(table)
            .where(table.c.ledger == self._ledger)
            .order_by(table.c.timestamp, table.c.id)
            .limit(PAGE)
            .offset(offset)
        )
        with self._database.readers.connect() as connection:
            return [kind.row(dict(row)) for row in connection.execute(query).mappings()]

    async def _signals(self, limit: int, offset: int) -> tuple[Rows, int]:
        """Signals stand inside their decisions: newest decisions first, each with its signals."""

        def read() -> tuple[Rows, int]:
            table = KINDS["decisions"].columns
            query = select(table.c.record).where(table.c.ledger == self._ledger)
            query = query.order_by(table.c.at.desc(), table.c.id.desc())
            found: Rows = []
            with self._database.readers.connect() as connection:
                for (record,) in connection.execute(query):
                    found += rows.signals_of(record)
            return found[offset : offset + limit], len(found)

        return await self._tasks.in_thread(read)
