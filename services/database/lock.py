"""One trader per ledger: a file lock beside SQLite, an advisory lock on PostgreSQL; both end with the process."""

import fcntl
import hashlib
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, text

from services.database.connection import Database


class LedgerLock:
    def __init__(self, database: Database, ledger: str) -> None:
        self._database = database
        digest = hashlib.sha256(ledger.encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        self._name = digest.hex()[:12]
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def take(self) -> bool:
        """False where another process (or another journal of this one) holds it."""
        return self._take_file(self._database.path) if self._database.path else self._take_advisory()

    def _take_file(self, database: Path) -> bool:
        file = database.with_name(f"{database.name}.{self._name}.lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _take_advisory(self) -> bool:
        connection = self._database.writer.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SET idle_session_timeout = 0"))
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
            self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._key})
            self._connection.close()
            self._connection = None
