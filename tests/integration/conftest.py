"""An open store of its own for each test, on SQLite and on PostgreSQL."""

import random
from collections.abc import Iterator

import pytest

from app.ports import LedgerRow
from app.seam import Tasks
from services.database import Database, DatabaseJournal, DatabaseReader, Ledgers, open_database
from tests.builders import NOON


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> LedgerRow:
    return Ledgers(database, random.Random(1).choice).open("paper", "simulated", "BTC/USD", NOON)


@pytest.fixture
def journal(database: Database, ledger: LedgerRow) -> Iterator[DatabaseJournal]:
    opened = DatabaseJournal(database, ledger.name, "1.0")
    yield opened
    opened.close()


@pytest.fixture
def reader(database: Database, ledger: LedgerRow) -> DatabaseReader:
    return DatabaseReader(database, ledger.name, Tasks())


@pytest.fixture
def short_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never comes is given up after a moment, not after 15 s."""
    monkeypatch.setattr("services.binance_us.client.ORDER_SECONDS", 0.15)


@pytest.fixture
def patience(short_time_limits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For answers that a test holds back for longer."""
    monkeypatch.setattr("services.binance_us.client.ORDER_SECONDS", 10.0)
