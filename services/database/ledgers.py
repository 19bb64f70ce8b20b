"""Ledgers: the books of one (mode, market, symbol). Real prices, invented prices and live money never mix."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, select

from app.core.errors import ConfigError
from app.ports import LedgerRow
from services.database.connection import Database
from services.database.lock import LedgerLock
from services.database.tables import LedgerTable, PositionTable, SettingTable

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MARKET = "market of auto"


class Ledgers:
    def __init__(self, database: Database, choose: Callable[[str], str]) -> None:
        """`choose` picks one character of a text at random."""
        self._database, self._choose = database, choose

    def open(self, mode: str, market: str, symbol: str, now: datetime) -> LedgerRow:
        """The current ledger of this kind; a new one where there is none."""
        with self._database.writing_rows() as session:
            if not self._database.is_sqlite:  # two programs that start at once open one ledger, not two
                session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext('ledgers'))"))
            query = select(LedgerTable).where(
                LedgerTable.mode == mode,
                LedgerTable.market == market,
                LedgerTable.symbol == symbol,
                col(LedgerTable.current).is_(True),
            )
            found = session.exec(query).first()
            if found is None:
                tag = self._tag(session)
                name = f"{mode} {market} {symbol} {tag}"
                found = LedgerTable(name=name, tag=tag, mode=mode, market=market, symbol=symbol, opened_at=now)
                session.add(found)
            return _row(found)

    def _tag(self, session: Session) -> str:
        taken = set(session.exec(select(LedgerTable.tag)).all())
        while (tag := "".join(self._choose(LETTERS) for _ in range(4))) in taken:
            pass
        return tag

    def list(self, *, current: bool = True) -> Sequence[LedgerRow]:
        """Oldest first: those that are written, or those that were put away by starting over."""
        with self._database.reading_rows() as session:
            query = select(LedgerTable).where(col(LedgerTable.current).is_(current))
            return [_row(row) for row in session.exec(query.order_by(col(LedgerTable.opened_at))).all()]

    def retire(self, name: str) -> bool:
        """Start over: the ledger stays in the books but the next start opens a fresh one. False: no such ledger.

        ConfigError where a trader runs on it: it would go on writing into books that nobody looks at any more.
        """
        lock = LedgerLock(self._database, name)
        if not lock.take():
            raise ConfigError(f"another trader is running on ledger {name}; stop it first")
        try:
            with self._database.writing_rows() as session:
                found = session.get(LedgerTable, name)
                if found is None or not found.current:
                    return False
                found.current = False
                session.add(found)
                return True
        finally:
            lock.give()

    def open_positions_of(self, mode: str, but: str) -> str | None:
        """The first current ledger of this mode, other than `but`, that has open positions."""
        with self._database.reading_rows() as session:
            query = (
                select(LedgerTable.name)
                .join(PositionTable, col(PositionTable.ledger) == col(LedgerTable.name))
                .where(LedgerTable.mode == mode, LedgerTable.name != but, PositionTable.status != "CLOSED")
                .where(col(LedgerTable.current).is_(True))
            )
            return session.exec(query).first()

    def kept(self, name: str) -> str | None:
        with self._database.reading_rows() as session:
            found = session.get(SettingTable, name)
            return found.value if found else None

    def keep(self, name: str, value: str) -> None:
        with self._database.writing_rows() as session:
            session.merge(SettingTable(name=name, value=value))


def _row(row: LedgerTable) -> LedgerRow:
    return LedgerRow(
        name=row.name, tag=row.tag, mode=row.mode, market=row.market, symbol=row.symbol, opened_at=row.opened_at
    )
