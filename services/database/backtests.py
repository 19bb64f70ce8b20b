"""Backtests on record: what was asked, when it ended, what came out."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update

from app.backtest_figures import figures_of
from services.database.connection import Database
from services.database.tables import BacktestTable

TABLE: Table = BacktestTable.__table__  # type: ignore[attr-defined]
UNFINISHED = ("queued", "running")
NEWEST = (TABLE.c.created_at.desc(), TABLE.c.id.desc())
LISTED = [each for each in TABLE.c if each.name not in ("result", "figures")] + [TABLE.c.figures.label("result")]
Row = dict[str, Any]


class Backtests:
    """Implements app.backtests.BacktestRecord."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def finished(
        self, id: str, began: datetime, ended: datetime, request: Mapping[str, Any], result: Mapping[str, Any]
    ) -> None:
        """One that came to its end elsewhere. StoreError where it cannot be written down."""
        self._insert(
            id=id, status="done", created_at=began, finished_at=ended, request=dict(request), result=dict(result)
        )

    def add(self, id: str, at: datetime, request: Mapping[str, Any]) -> None:
        self._insert(id=id, status="queued", created_at=at, finished_at=None, request=dict(request), result={})

    def _insert(self, *, request: Row, result: Row, **columns: Any) -> None:
        values = {
            "kind": request.get("kind", "backtest"),
            **columns,
            "request": json.dumps(request),
            "result": json.dumps(result),
            "figures": json.dumps(figures_of(result)),
            "error": "",
        }
        with self._database.writing() as connection:
            connection.execute(insert(TABLE).values(**values))

    def began(self, id: str) -> None:
        with self._database.writing() as connection:
            waiting = (TABLE.c.id == id) & (TABLE.c.status == "queued")
            connection.execute(update(TABLE).where(waiting).values(status="running"))

    def ended(self, id: str, status: str, at: datetime, error: str, result: Mapping[str, Any]) -> None:
        open_one = (TABLE.c.id == id) & TABLE.c.status.in_(UNFINISHED)
        told = {"result": json.dumps(dict(result)), "figures": json.dumps(figures_of(result))}
        values = {"status": status, "finished_at": at, "error": error, **told}
        with self._database.writing() as connection:
            connection.execute(update(TABLE).where(open_one).values(**values))

    def page(self, limit: int, offset: int) -> tuple[list[Row], int]:
        with self._database.reading() as connection:
            total = connection.execute(select(func.count()).select_from(TABLE)).scalar_one()
            query = select(*LISTED).order_by(*NEWEST).limit(limit).offset(offset)
            found = connection.execute(query).mappings().all()
        return [row_of(each) for each in found], total

    def one(self, id: str) -> Row | None:
        if not id.isprintable():  # no database takes a NUL
            return None
        with self._database.reading() as connection:
            found = connection.execute(select(TABLE).where(TABLE.c.id == id)).mappings().first()
        return row_of(found) if found else None

    def unfinished(self) -> Sequence[Row]:
        oldest = (TABLE.c.created_at, TABLE.c.id)
        with self._database.reading() as connection:
            found = connection.execute(select(TABLE).where(TABLE.c.status.in_(UNFINISHED)).order_by(*oldest))
            return [row_of(each) for each in found.mappings()]

    def remove(self, id: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(TABLE).where(TABLE.c.id == id))

    def prune(self, keep: int) -> None:
        """The newest that came to its end stays: the go-live list asks for one."""
        with self._database.writing() as connection:
            query = select(TABLE.c.id, TABLE.c.status, TABLE.c.kind).order_by(*NEWEST)
            found = [(str(id), str(status), str(kind)) for id, status, kind in connection.execute(query)]
            proof = next((id for id, status, kind in found if (status, kind) == ("done", "backtest")), "")
            old = [id for id, status, _ in found[keep:] if status not in UNFINISHED and id != proof]
            if old:
                connection.execute(delete(TABLE).where(TABLE.c.id.in_(old)))

    def ids(self) -> set[str]:
        with self._database.reading() as connection:
            return {str(id) for (id,) in connection.execute(select(TABLE.c.id))}


def row_of(columns: Mapping[Any, Any]) -> Row:
    """In the API's words."""
    request, result = json.loads(columns["request"] or "{}"), json.loads(columns["result"] or "{}")
    cash = request.get("cash") or result.get("initial_cash")
    return {
        "id": columns["id"],
        "status": columns["status"],
        "created_at": columns["created_at"],
        "finished_at": columns["finished_at"],
        "data": request.get("data"),
        "since": _time(request.get("since")),
        "until": _time(request.get("until")),
        "initial_cash": Decimal(str(cash)) if cash is not None else None,
        "kind": columns["kind"],
        "vary": request.get("vary") or [],
        "changes": request.get("changes") or {},
        "error": columns["error"] or None,
        "result": result or None,
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
