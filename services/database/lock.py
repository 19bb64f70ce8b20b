"""One trader per ledger: a file lock beside SQLite, an advisory lock on PostgreSQL; both end with the process."""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from services.database.connection import Database


def lock_file(database: Path, ledger: str) -> Path:
    """Beside SQLite's file; whoever runs the ledger holds a lock on it."""
    return database.with_name(f"{database.name}.{hashlib.sha256(ledger.encode()).hexdigest()[:12]}.lock")


def lock_number(ledger: str) -> int:
    """Of the advisory lock on PostgreSQL."""
    return int.from_bytes(hashlib.sha256(ledger.encode()).digest()[:8], "big", signed=True)


class LedgerLock:
    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger
        self._key = lock_number(ledger)
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def take(self) -> bool:
        """False where another process (or another journal of this one) holds it."""
        return self._take_file(self._database.path) if self._database.path else self._take_advisory()

    def still_held(self) -> bool:
        """A lock on a PostgreSQL session ends with its connection: look, and take it again where it was lost."""
        if self._connection is None:
            return self._file is not None or self.take()
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            return self.take()
        return True

    def _take_file(self, database: Path) -> bool:
        path = lock_file(database, self._ledger)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _take_advisory(self) -> bool:
        connection = self._database.writer.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}).scalar():
            connection.close()
            return False
        self._connection = connection
        return True

    def give(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._key})
            except SQLAlchemyError:  # the connection is gone, and the lock with it
                self._connection.invalidate()
            self._connection.close()
            self._connection = None
