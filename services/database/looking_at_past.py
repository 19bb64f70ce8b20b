"""What the books prove of the past: paper trading, finished backtests, who has a second factor, what is held.

Reads over `looking`'s connection only. A table that is not there yet proves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, Table, func, inspect, select

from services.database import tables

LEDGERS: Table = tables.LedgerTable.__table__  # type: ignore[attr-defined]
EQUITY: Table = tables.EquityTable.__table__  # type: ignore[attr-defined]
BACKTESTS: Table = tables.BacktestTable.__table__  # type: ignore[attr-defined]
USERS: Table = tables.UserTable.__table__  # type: ignore[attr-defined]
Books = Connection  # as `looking.looking` opens them
POSITIONS: Table = tables.PositionTable.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Traded:
    """One ledger: minutes of market time in which its trader was up, and equity at the first and the last of them."""

    ledger: str
    minutes: int
    first: Decimal
    last: Decimal


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    second_factor: bool


def traded(connection: Connection, mode: str) -> Sequence[Traded]:
    """Every ledger of this mode, also those that were begun anew. Equity is written down once in each minute, and a row
    that was left of an hour says how many it stands for."""
    if not _has(connection, LEDGERS, EQUITY):
        return ()
    query = select(LEDGERS.c.name).where(LEDGERS.c.mode == mode).order_by(LEDGERS.c.opened_at)
    found = (_traded(connection, name) for name in connection.execute(query).scalars().all())
    return [each for each in found if each is not None]


def _traded(connection: Connection, ledger: str) -> Traded | None:
    mine = EQUITY.c.ledger == ledger
    minutes = connection.execute(select(func.sum(EQUITY.c.minutes)).where(mine)).scalar()
    if not minutes:
        return None
    equity = select(EQUITY.c.equity).where(mine).limit(1)
    first = connection.execute(equity.order_by(EQUITY.c.at)).scalar_one()
    last = connection.execute(equity.order_by(EQUITY.c.at.desc())).scalar_one()
    return Traded(ledger, minutes, first, last)


def newest_backtest(connection: Connection) -> datetime | None:
    """When the last one that came to its end did; a search for settings is none."""
    if not _has(connection, BACKTESTS):
        return None
    done = (BACKTESTS.c.status == "done") & (BACKTESTS.c.kind == "backtest")
    query = select(func.max(BACKTESTS.c.finished_at)).where(done)
    found: datetime | None = connection.execute(query).scalar()
    return found


def people(connection: Connection) -> Sequence[Person]:
    """Everybody who may sign in."""
    if not _has(connection, USERS):
        return ()
    rows = connection.execute(select(USERS.c.username, USERS.c.totp_secret).order_by(USERS.c.username)).all()
    return [Person(name, bool(seed)) for name, seed in rows]


def held(connection: Connection, mode: str, symbol: str) -> Decimal:
    """Bitcoin in open positions of this mode's current ledger, as far as the books know."""
    if not _has(connection, LEDGERS, POSITIONS):
        return Decimal(0)
    query = (
        select(POSITIONS.c.amount)
        .join(LEDGERS, LEDGERS.c.name == POSITIONS.c.ledger)
        .where(LEDGERS.c.mode == mode, LEDGERS.c.symbol == symbol, LEDGERS.c.current, POSITIONS.c.status != "CLOSED")
    )
    return sum(connection.execute(query).scalars(), Decimal(0))


def _has(connection: Connection, *wanted: Table) -> bool:
    """With every column that is read here."""
    there = inspect(connection)
    return all(
        there.has_table(table.name)
        and {column.name for column in table.columns} <= {each["name"] for each in there.get_columns(table.name)}
        for table in wanted
    )
