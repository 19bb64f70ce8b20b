"""Opening a database: connection settings that keep what was committed, and migrations before first use.

Everything that goes wrong later leaves here as StoreError; nothing is ever half migrated.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlmodel import Session

from app.core.errors import ConfigError, StoreError
from services.database.migrating import migrate

STORE_ERRORS = (SQLAlchemyError, OSError)
POSTGRES_ARGUMENTS: dict[str, Any] = {"connect_timeout": 3, "keepalives_idle": 10, "tcp_user_timeout": 5000}
POSTGRES_OPTIONS = (
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s -c timezone=UTC "
    # The server's side: of a machine that lost power it drops the locks after 25 seconds, not after two hours.
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
SHRINKS = 2  # what SQLite says of a file that gives room back step by step
POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 5, "pool_timeout": 5}


@dataclass(frozen=True, slots=True)
class Database:
    """`writer` for those who write, `readers` (which cannot) for everybody else. `path` where it is a file."""

    url: URL
    writer: Engine
    readers: Engine
    path: Path | None

    def close(self) -> None:
        self.writer.dispose()
        self.readers.dispose()

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the data."""
        with store_errors("the database cannot be read"), self.readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end."""
        with store_errors("the database cannot be written"), self.writer.begin() as connection:
            yield connection

    @contextmanager
    def reading_rows(self) -> Iterator[Session]:
        with store_errors("the database cannot be read"), Session(self.readers) as session:
            yield session

    @contextmanager
    def writing_rows(self) -> Iterator[Session]:
        """One transaction, committed at the end."""
        with store_errors("the database cannot be written"), Session(self.writer) as session, session.begin():
            yield session


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """The driver's errors as StoreError."""
    try:
        yield
    except STORE_ERRORS as error:
        raise StoreError(f"{what}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """What the driver says, in one line and without the statement and its values."""
    text = str(getattr(error, "orig", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def open_database(url_text: str) -> Database:
    """Connect, migrate to the newest schema, and return the database. ConfigError names what is wrong and the cure."""
    url = checked_url(url_text)
    path = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if path is not None:
        _prepare_file(path)
        writer, readers = sqlite_engine(url, reading=False), sqlite_engine(url, reading=True)
    else:
        writer, readers = _postgres(url, reading=False), _postgres(url, reading=True)
    try:
        if migrate(writer) and path is not None:
            _let_it_shrink(writer)
    except ConfigError:
        writer.dispose()
        raise
    except SQLAlchemyError as error:
        writer.dispose()
        shown = url.set(query={}).render_as_string()
        raise ConfigError(f"DATABASE_URL: cannot use {shown}: {reason(error)}") from error
    return Database(url=url, writer=writer, readers=readers, path=path)


def checked_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "DATABASE_URL: is no database address; use postgresql+psycopg://… or sqlite:///FILE"
        ) from error
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:" or not url.database.isprintable():
            raise ConfigError("DATABASE_URL: SQLite needs a file; use sqlite:///FILE")
        return url.set(drivername="sqlite")
    if url.get_backend_name() != "postgresql":
        raise ConfigError(f"DATABASE_URL: {url.get_backend_name()} is not supported; use postgresql+psycopg or sqlite")
    return url.set(drivername="postgresql+psycopg")


def _prepare_file(path: Path) -> None:
    """The file is its owner's alone; SQLite gives the files beside it the same mode."""
    if path.is_dir():
        raise ConfigError(f"DATABASE_URL: {path} is a directory; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
    except OSError as error:
        raise ConfigError(f"DATABASE_URL: cannot write {path}: {error.strerror}; choose a directory you own") from error
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"DATABASE_URL: cannot write in {path.parent}; choose a directory you own")
    if not path.stat().st_size:
        with closing(sqlite3.connect(path)) as new, suppress(sqlite3.OperationalError):  # or the first start says why
            # It takes the writer's lock, so no connection says it again.
            new.execute("PRAGMA auto_vacuum=INCREMENTAL")
            new.execute("PRAGMA journal_mode=WAL")


def _let_it_shrink(writer: Engine) -> None:
    """A file that an older program made is written anew, once, so that it can give room back later. Where somebody else
    has it open just now it stays as it is: its room is used again, only not given back."""
    with writer.connect() as connection:
        raw = connection.connection.driver_connection
        if raw is None or raw.execute("PRAGMA auto_vacuum").fetchone()[0] == SHRINKS:
            return
        with suppress(sqlite3.OperationalError):
            raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
            raw.execute("VACUUM")


def _postgres(url: URL, *, reading: bool) -> Engine:
    options = POSTGRES_OPTIONS + (" -c default_transaction_read_only=on" if reading else "")
    level = "REPEATABLE READ" if reading else "READ COMMITTED"
    arguments = {**POSTGRES_ARGUMENTS, "options": options}
    return create_engine(url, connect_args=arguments, isolation_level=level, pool_pre_ping=True, **POOL)


def sqlite_engine(url: URL, *, reading: bool) -> Engine:
    """Transactions begin where we say, not where the driver guesses: a page and its total belong together, a
    migration is all or nothing, and a writer waits for its turn at the start instead of failing in the middle."""
    pooled = POOL if reading else {"poolclass": NullPool}
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 5}, **pooled)
    pragmas = ["busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
    if reading:
        pragmas.append("query_only=ON")
    begin = "BEGIN" if reading else "BEGIN IMMEDIATE"

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine
