"""Each day's figures, computed from what is in the books."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from app.core.model import Trade
from app.ports import LedgerRow
from services.database import Database, DatabaseDays, DatabaseReader, rows
from services.database.tables import EquityTable, FlowTable, TradeTable
from tests.builders import NOON
from tests.integration.store_cases import a_whole_trade
from tests.integration.test_store_reading import the_last

HOUR = timedelta(hours=1)


def write_equity(database: Database, ledger: str, *figures: tuple[int, str]) -> None:
    """(hours after the first noon, equity)."""
    points = [
        {"ledger": ledger, "at": NOON + HOUR * hours, "equity": Decimal(text), "cash": 0, "quantity": 0, "price": 1}
        for hours, text in figures
    ]
    with database.writing() as connection:
        connection.execute(insert(EquityTable), points)


def write_trades(database: Database, ledger: str, *results: tuple[int, str]) -> None:
    _, entries = a_whole_trade()
    _, trade = rows.stored(the_last(Trade, entries), ledger)
    closed = [
        {
            **trade,
            "id": f"t{at}",
            "timestamp": NOON + HOUR * hours,
            "profit_loss": Decimal(text),
            "fees": Decimal("0.5"),
        }
        for at, (hours, text) in enumerate(results)
    ]
    with database.writing() as connection:
        connection.execute(insert(TradeTable), closed)


async def test_days_are_counted_from_midnight_to_midnight(
    database: Database, ledger: LedgerRow, reader: DatabaseReader
) -> None:
    write_equity(database, ledger.name, (0, "10000"), (6, "10100"), (11, "10050"), (13, "9898.5"), (20, "10251.00"))
    write_trades(database, ledger.name, (3, "60"), (5, "-10"), (11, "0"), (14, "201"))
    with database.writing() as connection:
        flow = {"ledger": ledger.name, "id": "f1", "at": NOON + HOUR * 15, "amount": Decimal(100), "note": ""}
        connection.execute(insert(FlowTable), [flow])
    DatabaseDays(database, ledger.name).gather(NOON + HOUR * 21)
    (second, first), total = await reader.list("stats/daily", 10, 0)
    assert total == 2
    assert (first["trades"], first["winning_trades"], first["losing_trades"]) == (3, 1, 1)
    assert (first["total_pnl"], first["fees"]) == ("50", "1.5")
    assert (first["equity_start"], first["equity_end"], first["pnl_pct"]) == ("10000", "10050", pytest.approx(0.5))
    assert (second["equity_start"], second["equity_end"]) == ("10050", "10251")
    assert second["pnl_pct"] == pytest.approx(101 / 10050 * 100), "a deposit is no profit"
    assert second["max_drawdown_pct"] == pytest.approx(151.5 / 10050 * 100)
    assert second["sharpe_ratio"] is None


async def test_the_running_day_is_computed_anew_and_days_that_are_over_stay(
    database: Database, ledger: LedgerRow, reader: DatabaseReader
) -> None:
    days = DatabaseDays(database, ledger.name)
    days.gather(NOON)
    assert await reader.list("stats/daily", 10, 0) == ([], 0)
    write_equity(database, ledger.name, (0, "10000"))
    days.gather(NOON)
    write_equity(database, ledger.name, (11, "10100"), *((24 * day, str(10100 + day % 3)) for day in range(1, 32)))
    days.gather(NOON + HOUR * 24 * 31)
    found, total = await reader.list("stats/daily", 100, 0)
    assert total == 32
    assert (found[-1]["date"], found[-1]["equity_end"]) == (f"{NOON:%Y-%m-%d}", "10100")
    assert found[0]["sharpe_ratio"] is not None
    assert found[-1]["sharpe_ratio"] is None


async def test_a_withdrawal_is_no_fall_and_a_deposit_no_gain(
    database: Database, ledger: LedgerRow, reader: DatabaseReader
) -> None:
    write_equity(database, ledger.name, (0, "10000"), (2, "4000"), (4, "4400"), (6, "14400"), (8, "14256"))
    moved = [(1, "-6000"), (5, "10000")]
    flows = [{"id": f"f{at}", "at": NOON + HOUR * at, "amount": Decimal(amount), "note": ""} for at, amount in moved]
    with database.writing() as connection:
        connection.execute(insert(FlowTable), [{"ledger": ledger.name, **flow} for flow in flows])
    DatabaseDays(database, ledger.name).gather(NOON + HOUR * 9)
    ((day,), _) = await reader.list("stats/daily", 10, 0)
    assert day["pnl_pct"] == pytest.approx(1.1 * 0.99 * 100 - 100)
    assert day["max_drawdown_pct"] == pytest.approx(1)
