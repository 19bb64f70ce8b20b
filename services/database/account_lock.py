"""One engine per account of the exchange, whatever ledger, database file or data directory it uses.

PostgreSQL: an advisory lock on a connection of its own. SQLite: a locked file beside the database. Both: a locked file
in the data directory, and an epoch that each engine raises when it begins: one that finds another number has been
replaced. On Linux also a name that one process of a machine can have, for engines with data directories of their own,
such as a copied one. Of two machines that share neither database nor data directory, or two containers, which have a
network each, none knows of the other. Never waits for the lock, and never takes it from anybody.
"""

import errno
import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Table, insert, select, update

from app.core.errors import StoreError
from services.database import tables
from services.database.connection import STORE_ERRORS, Database, reason, store_errors
from services.database.lock import SessionLock, lock_number, locked

KEPT: Table = tables.SettingTable.__table__  # type: ignore[attr-defined]


def account_id(owner: str) -> str:
    """What an account is called in files and rows: it shows neither key nor number."""
    return hashlib.sha256(f"account {owner}".encode()).hexdigest()[:16]


class AccountLock:
    """Implements app.sole.Hold. `owner` is what tells accounts apart: the exchange's number of it, or the key.

    `place`: what else tells accounts of one machine apart, such as the address of an exchange that is played on it."""

    def __init__(self, database: Database, owner: str, data_dir: Path, place: str = "") -> None:
        self._database, self._account = database, account_id(owner)
        self._name = f"\0bitcoin-autotrader account {account_id(owner + place)}"
        self._session = SessionLock(database, lock_number(f"account {self._account}"))
        self._row = f"engine epoch of {self._account}"
        places = [data_dir, *([database.path.parent] if database.path else [])]
        self.paths = list(dict.fromkeys(place.resolve() / f"account.{self._account}.lock" for place in places))
        self._files: list[IO[str]] = []
        self._of_machine: socket.socket | None = None
        self.epoch = 0

    def take(self) -> bool:
        """False where another engine has the account. From then on every older one knows that it was replaced."""
        try:
            with store_errors("the account cannot be locked"):
                if self._take_files() and self._take_name() and (self._database.is_sqlite or self._session.take()):
                    self.epoch = self._raised()
        finally:
            if not self.epoch:
                self.give()
        return self.epoch > 0

    def held(self) -> bool:
        """A lock on a PostgreSQL session ends with its connection: then it is taken again, unless somebody was quicker
        or has been there meanwhile."""
        if not self.epoch or not all(map(_same_file, self._files, self.paths)):
            return False
        if self._database.is_sqlite:
            with self._database.reading() as connection:
                return self._current(connection) == self.epoch
        try:
            if self._session.connection is None and not self._session.take():
                return False
            session = self._session.connection
            return session is not None and self._current(session) == self.epoch
        except STORE_ERRORS as error:
            self._session.drop()
            raise StoreError(f"the account's lock cannot be seen: {reason(error)}") from error

    def give(self) -> None:
        self.epoch = 0
        self._session.give()
        while self._files:
            self._files.pop().close()
        if self._of_machine is not None:
            self._of_machine.close()
            self._of_machine = None

    # ------------------------------------------------------------ files

    def _take_files(self) -> bool:
        for path in self.paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = locked(path, os.O_NOFOLLOW)
            if file is None:
                return False
            self._files.append(file)
        return True

    # ------------------------------------------------------------ the machine

    def _take_name(self) -> bool:
        """An abstract socket: no file to copy or to delete, and its name is free again when the process ends. Nobody
        is listening at it, and no process that we start inherits it."""
        if sys.platform != "linux":
            return True
        self._of_machine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._of_machine.bind(self._name)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        return True

    # ------------------------------------------------------------ the epoch

    def _raised(self) -> int:
        with self._database.writing() as connection:
            before = self._current(connection)
            if before is None:
                connection.execute(insert(KEPT).values(name=self._row, value="1"))
                return 1
            raised = before + 1
            connection.execute(update(KEPT).where(KEPT.c.name == self._row).values(value=str(raised)))
            return raised

    def _current(self, connection: Connection) -> int | None:
        value: str | None = connection.execute(select(KEPT.c.value).where(KEPT.c.name == self._row)).scalar()
        return int(value) if value is not None else None


def _same_file(file: IO[str], path: Path) -> bool:
    """A file that was deleted and made anew can be locked by somebody else."""
    try:
        ours, there = os.fstat(file.fileno()), path.stat()
    except (OSError, ValueError):  # gone, or closed meanwhile
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
