"""One trader per ledger: a file lock beside SQLite, an advisory lock on PostgreSQL; both end with the process."""

import fcntl
import hashlib
import os
from contextlib import suppress
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


def locked(path: Path, flags: int = 0) -> IO[str] | None:
    """`path`, made where it is not there, and ours until it is closed; None where somebody else holds it."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600), "r+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


class SessionLock:
    """An advisory lock of PostgreSQL on a connection of its own, with which it ends."""

    def __init__(self, database: Database, number: int) -> None:
        self._database, self._number = database, number
        self.connection: Connection | None = None

    def take(self) -> bool:
        connection = self._database.writer.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._number}).scalar():
            connection.close()
            return False
        self.connection = connection
        return True

    def give(self) -> None:
        if self.connection is None:
            return
        try:
            self.connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._number})
        except SQLAlchemyError:  # the connection is gone, and the lock with it
            self.drop()
        else:
            self.connection.close()
            self.connection = None

    def drop(self) -> None:
        """Not back into the pool: a connection that may still hold the lock must end."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
            connection.close()


class LedgerLock:
    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger
        self._file: IO[str] | None = None
        self._session = SessionLock(database, lock_number(ledger))

    def take(self) -> bool:
        """False where another process (or another journal of this one) holds it."""
        if not self._database.path:
            return self._session.take()
        file = locked(lock_file(self._database.path, self._ledger))
        self._file = file or self._file
        return file is not None

    def still_held(self) -> bool:
        """A lock on a PostgreSQL session ends with its connection: look, and take it again where it was lost."""
        if self._session.connection is None:
            return self._file is not None or self.take()
        try:
            self._session.connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self._session.drop()
            return self.take()
        return True

    def give(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._session.give()
