"""daily_stats: each UTC day of market time, computed from trades and equity; the running day anew until it is over.

Nothing else is kept in that table: it can be removed, and comes back.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from app.core.growth import change_pct, fall_pct, grown
from app.core.money import ZERO
from app.core.performance import sharpe
from services.database import tables
from services.database.connection import Database

STATS: Table = tables.DailyStatsTable.__table__  # type: ignore[attr-defined]
TRADES: Table = tables.TradeTable.__table__  # type: ignore[attr-defined]
EQUITY: Table = tables.EquityTable.__table__  # type: ignore[attr-defined]
FLOWS: Table = tables.FlowTable.__table__  # type: ignore[attr-defined]
DAY = timedelta(days=1)
SHARPE_DAYS = 30


class DatabaseDays:
    """Of one ledger. Synchronous; called beside the loop. Raises StoreError."""

    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger

    def gather(self, now: datetime) -> None:
        """Bring the days up to `now`, in market time, each in a transaction of its own: trading writes too."""
        with self._database.reading() as connection:
            day = self._begin(connection)
        while day is not None and day <= now.astimezone(UTC).date():
            with self._database.reading() as connection:
                row = self._computed(connection, day)
            if row is not None:
                with self._database.writing() as connection:
                    mine = (STATS.c.ledger == self._ledger, STATS.c.date == row["date"])
                    connection.execute(delete(STATS).where(*mine))
                    connection.execute(insert(STATS), [row])
            day += DAY

    def _begin(self, connection: Connection) -> date | None:
        """The newest day that is there, for it may have gone on since; else the first one that was lived."""
        newest = connection.execute(select(func.max(STATS.c.date)).where(STATS.c.ledger == self._ledger)).scalar()
        if newest:
            return date.fromisoformat(newest)
        first = select(EQUITY.c.at).where(EQUITY.c.ledger == self._ledger).order_by(EQUITY.c.at).limit(1)
        at: datetime | None = connection.execute(first).scalar()
        return at.astimezone(UTC).date() if at else None

    def _computed(self, connection: Connection, day: date) -> dict[str, Any] | None:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        equity = self._equity(connection, begin)
        results = self._column(connection, TRADES, "profit_loss", "timestamp", begin)
        if not equity and not results:
            return None
        start, end = (equity[0][1], equity[-1][1]) if equity else (None, None)
        values = grown(equity, self._flows(connection, begin))
        pnl_pct = change_pct(values)
        return {
            "ledger": self._ledger,
            "date": day.isoformat(),
            "total_trades": len(results),
            "winning_trades": sum(each > 0 for each in results),
            "losing_trades": sum(each < 0 for each in results),
            "total_pnl": sum(results, ZERO),
            "pnl_pct": pnl_pct,
            "fees": sum(self._column(connection, TRADES, "fees", "timestamp", begin), ZERO),
            "equity_start": start,
            "equity_end": end,
            "max_drawdown": fall_pct(values),
            "sharpe_ratio": self._sharpe(connection, day, pnl_pct),
        }

    def _equity(self, connection: Connection, begin: datetime) -> list[tuple[datetime, Decimal]]:
        """From the last figure before this day, where there is one, to its own last."""
        mine = select(EQUITY.c.at, EQUITY.c.equity).where(EQUITY.c.ledger == self._ledger)
        before = mine.where(EQUITY.c.at < begin).order_by(EQUITY.c.at.desc()).limit(1)
        own = mine.where(EQUITY.c.at >= begin, EQUITY.c.at < begin + DAY).order_by(EQUITY.c.at)
        return [(row.at, row.equity) for query in (before, own) for row in connection.execute(query)]

    def _flows(self, connection: Connection, begin: datetime) -> list[tuple[datetime, Decimal]]:
        """Up to the day's end: those of the time before are in its first figure."""
        query = select(FLOWS.c.at, FLOWS.c.amount).where(FLOWS.c.ledger == self._ledger, FLOWS.c.at < begin + DAY)
        return [(row.at, row.amount) for row in connection.execute(query.order_by(FLOWS.c.at))]

    def _column(self, connection: Connection, table: Table, name: str, at: str, begin: datetime) -> list[Decimal]:
        when = table.c[at]
        query = select(table.c[name]).where(table.c.ledger == self._ledger, when >= begin, when < begin + DAY)
        return list(connection.execute(query.order_by(when)).scalars())

    def _sharpe(self, connection: Connection, day: date, pnl_pct: float | None) -> float | None:
        """Of the thirty days that end with this one."""
        since = (day - timedelta(days=SHARPE_DAYS - 1)).isoformat()
        query = select(STATS.c.pnl_pct).where(
            STATS.c.ledger == self._ledger, STATS.c.date >= since, STATS.c.date < day.isoformat()
        )
        known = [*connection.execute(query).scalars(), pnl_pct]
        returns = [each / 100 for each in known if each is not None]
        return sharpe(returns)
