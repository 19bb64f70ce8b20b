"""Gives the room of rows that went back to the disk (SQLite), or makes it free for new rows (PostgreSQL).

In small steps: a file is never written anew as a whole beside a trader.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from app.retention import Step
from services.database.connection import Database, store_errors

PAGES_AT_ONCE = 250  # of 4096 bytes
SPARE_PAGES = 500  # are left in the file for what comes next
EMPTIED = (
    "equity",
    "decisions",
    "evidence",
    "journal",
    "market_candles",
    "model_calls",
    "outbox",
    "letters",
    "system_logs",
)


def shrunk(database: Database) -> Iterator[Step]:
    """One step at each `next`. Raises StoreError."""
    yield from _file(database) if database.is_sqlite else _tables(database)


def _file(database: Database) -> Iterator[Step]:
    free = _free_pages(database)
    while free > SPARE_PAGES:
        with store_errors("the database cannot be cleaned up"), database.writer.connect() as connection:
            raw: Any = connection.connection.driver_connection
            # As a script: a plain statement is left after its first page.
            raw.executescript(f"PRAGMA incremental_vacuum({min(PAGES_AT_ONCE, free - SPARE_PAGES)})")
        before, free = free, _free_pages(database)
        if free >= before:  # a file that another program made does not give room back
            return
        yield Step("pages of the file", before - free)


def _free_pages(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())


def _tables(database: Database) -> Iterator[Step]:
    """Beside everybody else: it takes no lock that a writer waits for."""
    for name in EMPTIED:
        with store_errors("the database cannot be cleaned up"), database.writer.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text(f"VACUUM {name}"))
            connection.execute(text("RESET statement_timeout"))
        yield Step("tables cleaned up")
