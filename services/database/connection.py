"""Opening a database: connection settings that keep what was committed, and migrations before first use."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.core.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"
POSTGRES_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "tcp_user_timeout": 5000,
    "options": "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
}

logging.getLogger("alembic").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Database:
    """`writer` for the one writer, `readers` for everybody else. `path` where it is a file."""

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


def open_database(url_text: str) -> Database:
    """Connect, migrate to the newest schema, and return the database. ConfigError names what is wrong and the cure."""
    url = _url(url_text)
    path = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if path is not None:
        _prepare_file(path)
    writer = _engine(url, pool_size=2)
    readers = _engine(url, pool_size=5)
    try:
        _migrate(writer)
    except ConfigError:
        writer.dispose()
        raise
    except OperationalError as error:
        writer.dispose()
        reason = str(error.orig).strip().splitlines()[0]
        raise ConfigError(f"DATABASE_URL: cannot use {url.render_as_string()}: {reason}") from error
    if path is not None:
        path.chmod(0o600)
    return Database(url=url, writer=writer, readers=readers, path=path)


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            "DATABASE_URL: is no database address; use postgresql+psycopg://… or sqlite:///FILE"
        ) from error
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ConfigError("DATABASE_URL: SQLite needs a file; use sqlite:///FILE")
        return url
    if url.get_backend_name() != "postgresql":
        raise ConfigError(f"DATABASE_URL: {url.get_backend_name()} is not supported; use postgresql+psycopg or sqlite")
    return url.set(drivername="postgresql+psycopg")


def _prepare_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"DATABASE_URL: cannot write {path}: {error.strerror}; choose a directory you own") from error


def _engine(url: URL, pool_size: int) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url, connect_args=POSTGRES_ARGUMENTS, pool_size=pool_size, max_overflow=2, pool_pre_ping=True
        )
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 5}, poolclass=NullPool)
    event.listen(engine, "connect", _durable)
    return engine


def _durable(connection: Any, _record: Any) -> None:
    """What was committed survives a power cut; several readers beside one writer."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(engine: Engine) -> None:
    """To the newest schema; a schema that is newer than this program is refused."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found == script.get_current_head():
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            connection.commit()
        except CommandError as error:
            raise ConfigError(
                f"DATABASE_URL: the database has schema {found}, which this program does not know; "
                "install the newer version, or restore the backup made before the upgrade"
            ) from error


STORE_ERRORS = (SQLAlchemyError, OSError)
