"""Deposits and withdrawals, where they are read: among the trades, and on the curve, which is told without them too."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, func, literal, select, union_all

from app.core.growth import grown, moved_before
from services.database import tables, wording

TRADES: Table = tables.TradeTable.__table__  # type: ignore[attr-defined]
FLOWS: Table = tables.FlowTable.__table__  # type: ignore[attr-defined]
EQUITY: Table = tables.EquityTable.__table__  # type: ignore[attr-defined]
Found = dict[datetime, dict[str, Any]]


def among_trades(
    connection: Connection, ledger: str, limit: int, offset: int, since: datetime | None
) -> tuple[list[wording.Row], int]:
    """A page of trades and flows together, newest first, and how many there are. A flow has a `kind`, a trade none."""
    parts = []
    for table, at in ((TRADES, TRADES.c.timestamp), (FLOWS, FLOWS.c.at)):
        part = select(table.c.id, at.label("at"), literal(table.name).label("where")).where(table.c.ledger == ledger)
        parts.append(part.where(at >= since) if since else part)
    both = union_all(*parts).subquery()
    total = connection.execute(select(func.count()).select_from(both)).scalar_one()
    newest = select(both).order_by(both.c.at.desc(), both.c.id.desc()).limit(limit).offset(offset)
    page = connection.execute(newest).all()
    found: dict[tuple[str, str], wording.Row] = {}
    for table, worded in ((TRADES, wording.trade_row), (FLOWS, wording.flow_row)):
        ids = [row.id for row in page if row.where == table.name]
        query = select(table).where(table.c.ledger == ledger, table.c.id.in_(ids))
        found |= {(table.name, row["id"]): worded(dict(row)) for row in connection.execute(query).mappings()}
    return [found[row.where, row.id] for row in page], total


def curve(connection: Connection, ledger: str, since: datetime | None, points: int) -> list[wording.Row]:
    """The newest row of each of `points` equal stretches of time, and the first one after each flow."""
    mine = EQUITY.c.ledger == ledger
    where = [mine, EQUITY.c.at >= since] if since else [mine]
    first, last = connection.execute(select(func.min(EQUITY.c.at), func.max(EQUITY.c.at)).where(*where)).one()
    if first is None:
        return []
    kept = _spread(connection, where, first, last, points)
    flows = [(row.at, row.amount) for row in _flows(connection, ledger, first, last)]
    for at, _ in flows:
        after = select(EQUITY).where(mine, EQUITY.c.at >= at).order_by(EQUITY.c.at).limit(1)
        kept |= {row["at"]: dict(row) for row in connection.execute(after).mappings()}
    rows = [kept[at] for at in sorted(kept)]
    worths: Sequence[tuple[datetime, Decimal]] = [(row["at"], row["equity"]) for row in rows]
    both = zip(rows, grown(worths, flows), moved_before(worths, flows), strict=True)
    return [wording.curve_row({**row, "own": own, "moved": moved}) for row, own, moved in both]


def _spread(connection: Connection, where: list[Any], first: datetime, last: datetime, points: int) -> Found:
    """Each is one step down the primary key."""
    newest = select(EQUITY).where(*where).order_by(EQUITY.c.at.desc()).limit(1)
    kept: Found = {}
    for step in range(points):
        upto = first + (last - first) * step / max(1, points - 1)
        found = connection.execute(newest.where(EQUITY.c.at <= upto)).mappings().one()
        kept[found["at"]] = dict(found)
    return kept


def _flows(connection: Connection, ledger: str, first: datetime, last: datetime) -> Sequence[Any]:
    query = select(FLOWS.c.at, FLOWS.c.amount).where(FLOWS.c.ledger == ledger, FLOWS.c.at > first, FLOWS.c.at <= last)
    return connection.execute(query.order_by(FLOWS.c.at)).all()
