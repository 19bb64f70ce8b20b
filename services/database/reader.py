"""The reading side: pages of rows in the API's words, newest first, over connections of its own."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Table, func, select, tuple_

from app import codec
from app.core.decisions import Decision
from app.core.money import ZERO
from app.seam import Tasks
from services.database import moved, tables, wording
from services.database.connection import Database
from services.database.evidence_store import evidence_of

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
PAGE = 500
Rows = list[dict[str, Any]]
Where = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`newest` orders the rows; `alone` are columns too large for a list, read for one row only."""

    table: Any
    newest: str
    row: Callable[[Mapping[str, Any]], dict[str, Any]]
    of_ledger: bool = True
    id: str | None = "id"  # None: no row is asked for alone
    alone: frozenset[str] = field(default=frozenset())

    @property
    def columns(self) -> Table:
        return self.table.__table__  # type: ignore[no-any-return]

    @property
    def shown(self) -> list[ColumnElement[Any]]:
        return [column for column in self.columns.c if column.name not in self.alone]


KINDS = {
    "orders": Kind(tables.OrderTable, "created_at", wording.order_row),
    "fills": Kind(tables.FillTable, "at", wording.fill_row),
    "positions": Kind(tables.PositionTable, "entry_time", wording.position_row),
    "trades": Kind(tables.TradeTable, "timestamp", wording.trade_row),
    "decisions": Kind(tables.DecisionTable, "at", wording.decision_row, alone=frozenset({"record"})),
    "flows": Kind(tables.FlowTable, "at", wording.flow_row),
    "equity": Kind(tables.EquityTable, "at", wording.equity_row, id=None),
    "stats/daily": Kind(tables.DailyStatsTable, "date", wording.day_row, id="date"),
    "reviews": Kind(tables.ReviewTable, "date", wording.review_row, id="date", alone=frozenset({"state", "voices"})),
    "voices": Kind(tables.ReviewTable, "date", wording.voices_row, id="date", alone=frozenset({"state", "drift"})),
    "news": Kind(tables.NewsEventTable, "published_at", wording.news_row, of_ledger=False),
    "logs": Kind(tables.SystemLogTable, "id", wording.log_row, of_ledger=False),
    "audit": Kind(tables.AuditTable, "id", wording.audit_row, of_ledger=False),
}
ALERTS = Kind(tables.OutboxTable, "id", wording.alert_row)
DECISIONS = KINDS["decisions"].columns


class DatabaseReader:
    """Implements app.ports.Reader for the current ledger. StoreError where the database does not answer."""

    def __init__(self, database: Database, ledger: str, tasks: Tasks) -> None:
        self._database, self._ledger, self._tasks = database, ledger, tasks

    async def list(self, kind: str, limit: int, offset: int, **filters: Any) -> tuple[Rows, int]:
        if kind == "signals":
            return await self._tasks.in_thread(lambda: self._signals(limit, offset))
        if kind == "history":
            return await self._tasks.in_thread(lambda: self._history(limit, offset, filters.get("since")))
        if kind == "alerts":
            return await self._tasks.in_thread(lambda: self._alerts(limit, offset))
        return await self._tasks.in_thread(lambda: self._page(KINDS[kind], limit, offset, filters))

    async def one(self, kind: str, id: str) -> dict[str, Any] | None:
        if kind == "decisions":
            return await self._tasks.in_thread(lambda: self._decision(id))
        found = await self._tasks.in_thread(lambda: self._one(KINDS[kind], id))
        return KINDS[kind].row(found) if found else None

    async def trades(self) -> AsyncIterator[dict[str, Any]]:
        last: tuple[datetime, str] | None = None
        while page := await self._tasks.in_thread(lambda after=last: self._oldest(after)):  # type: ignore[misc]
            for row in page:
                yield KINDS["trades"].row(row)
            last = (page[-1]["timestamp"], page[-1]["id"])

    async def decision(self, id: str) -> Decision | None:
        found = await self._tasks.in_thread(lambda: self._one(KINDS["decisions"], id))
        return codec.decode(found["record"]) if found else None

    async def sums(self, since: datetime | None = None) -> dict[str, Any]:
        return await self._tasks.in_thread(lambda: self._sums(since))

    async def curve(self, since: datetime | None = None, points: int = 300) -> Rows:
        return await self._tasks.in_thread(lambda: self._curve(since, points))

    # ------------------------------------------------------------ queries

    def _page(self, kind: Kind, limit: int, offset: int, filters: Mapping[str, Any]) -> tuple[Rows, int]:
        table = kind.columns
        where = self._where(kind, filters)
        ties = [column.desc() for column in table.primary_key]
        query = select(*kind.shown).where(*where).order_by(table.c[kind.newest].desc(), *ties)
        count = select(func.count()).select_from(table).where(*where)
        with self._database.reading() as connection:
            total = connection.execute(count).scalar_one()
            found = connection.execute(query.limit(limit).offset(offset)).mappings().all()
        return [kind.row(dict(row)) for row in found], total

    def _where(self, kind: Kind, filters: Mapping[str, Any]) -> Where:
        table = kind.columns
        where = [table.c.ledger == self._ledger] if kind.of_ledger else []
        since: datetime | None = filters.get("since")
        until: datetime | None = filters.get("until")
        if since is not None:
            where.append(table.c[kind.newest] >= since)
        if until is not None:
            where.append(table.c[kind.newest] < until)
        if kind.table is tables.PositionTable:
            status = filters.get("status")
            where += [] if status == "all" else [table.c.status == status if status else table.c.status != "CLOSED"]
        if kind.table is tables.NewsEventTable and filters.get("severity"):
            where.append(table.c.severity.in_(filters["severity"]))
        if kind.table is tables.OrderTable and filters.get("position"):
            where.append(table.c.position_id == filters["position"])
        if kind.table is tables.DecisionTable and filters.get("outcome"):
            where.append(table.c.outcome == filters["outcome"])
        if kind.table is tables.SystemLogTable and filters.get("level"):
            where.append(table.c.level_number >= LEVELS[filters["level"]])
        return where

    def _one(self, kind: Kind, id: str) -> dict[str, Any] | None:
        table = kind.columns
        wanted = _key(table.c[kind.id], id) if kind.id else None
        if kind.id is None or wanted is None:
            return None
        query = select(table).where(*self._where(kind, {"status": "all"}), table.c[kind.id] == wanted)
        with self._database.reading() as connection:
            found = connection.execute(query).mappings().first()
        return dict(found) if found else None

    def _decision(self, id: str) -> dict[str, Any] | None:
        """With what its opinions rested on."""
        found = self._one(KINDS["decisions"], id)
        if found is None:
            return None
        row, digests = wording.whole_decision(found)
        with self._database.reading() as connection:
            return {**row, **evidence_of(connection, digests)}

    def _oldest(self, after: tuple[datetime, str] | None) -> Rows:
        table = KINDS["trades"].columns
        query = select(table).where(table.c.ledger == self._ledger).order_by(table.c.timestamp, table.c.id)
        if after is not None:
            query = query.where(tuple_(table.c.timestamp, table.c.id) > after)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query.limit(PAGE)).mappings()]

    def _sums(self, since: datetime | None) -> dict[str, Any]:
        """Added up here: SQLite keeps money as exact text, which it cannot add."""
        table = KINDS["trades"].columns
        query = select(table.c.profit_loss, table.c.fees).where(*self._where(KINDS["trades"], {"since": since}))
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        results = [row.profit_loss for row in found]
        sums = {
            "trades": len(results),
            "won": sum(result > ZERO for result in results),
            "profit_loss": sum(results, ZERO),
            "fees": sum((row.fees for row in found), ZERO),
            "best": max(results, default=None),
            "worst": min(results, default=None),
        }
        return {name: wording.worded(value) for name, value in sums.items()}

    def _curve(self, since: datetime | None, points: int) -> Rows:
        with self._database.reading() as connection:
            return moved.curve(connection, self._ledger, since, points)

    def _history(self, limit: int, offset: int, since: datetime | None) -> tuple[Rows, int]:
        with self._database.reading() as connection:
            return moved.among_trades(connection, self._ledger, limit, offset, since)

    def _alerts(self, limit: int, offset: int) -> tuple[Rows, int]:
        """Each with its letters, in the order in which they were written."""
        rows, total = self._page(ALERTS, limit, offset, {})
        letters = tables.LetterTable.__table__  # type: ignore[attr-defined]
        ids = [int(row["id"]) for row in rows]
        query = select(letters).where(letters.c.outbox_id.in_(ids)).order_by(letters.c.id)
        with self._database.reading() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            row["letters"] = [wording.letter_row(each) for each in found if str(each["outbox_id"]) == row["id"]]
        return rows, total

    def _signals(self, limit: int, offset: int) -> tuple[Rows, int]:
        """Signals stand inside their decisions: newest decisions first; only those on the page are opened."""
        table = DECISIONS
        mine = table.c.ledger == self._ledger
        newest = (table.c.at.desc(), table.c.id.desc())
        upto = func.sum(table.c.signal_count).over(order_by=newest)
        counted = select(table.c.id, (upto - table.c.signal_count).label("before"), upto.label("upto"))
        runs = counted.where(mine).subquery()
        query = (
            select(table.c.record, runs.c.before)
            .join(runs, runs.c.id == table.c.id)
            .where(runs.c.before < offset + limit, runs.c.upto > offset)
            .order_by(*newest)
        )
        with self._database.reading() as connection:
            count = select(func.coalesce(func.sum(table.c.signal_count), 0)).where(mine)
            total = int(connection.execute(count).scalar_one())
            found = connection.execute(query).all()
        if not found:
            return [], total
        signals = [signal for record, _ in found for signal in wording.signals_of(record)]
        first = offset - int(found[0].before)
        return signals[first : first + limit], total


def _key(column: ColumnElement[Any], id: str) -> str | int | None:
    """The id as the column holds it; None where no row can have it."""
    if not isinstance(column.type, Integer):
        return id if id.isprintable() else None
    return int(id) if id.isascii() and id.isdecimal() and int(id) < 2**31 else None
