"""Looking at a database from outside, beside whoever uses it: never migrates, writes, locks or makes a file.

Says what is there; what it means is for others to judge.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from app.core.errors import StoreError
from app.seam import clock
from services.database.connection import POSTGRES_ARGUMENTS, STORE_ERRORS, checked_url, reason, sqlite_engine
from services.database.migrating import MIGRATIONS

READING = "-c default_transaction_read_only=on -c statement_timeout=5s -c lock_timeout=1s -c timezone=UTC"
STEPS = 10_000  # of SQLite's machine between two looks at the clock


@dataclass(frozen=True, slots=True)
class Schema:
    """`found` is "" where there are no tables of ours. `known`: this program can bring it to `wanted`."""

    found: str
    wanted: str
    known: bool
    tables: int


@dataclass(frozen=True, slots=True)
class Server:
    """What a PostgreSQL server says of itself."""

    version: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    replica: bool


def database_file(url_text: str) -> Path | None:
    """SQLite's file; None where the database is a server."""
    try:
        url = make_url(url_text)
    except (ArgumentError, ValueError):
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


@contextmanager
def looking(url_text: str) -> Iterator[Connection]:
    """A connection that cannot change anything. StoreError where it does not come about, or breaks."""
    path = database_file(url_text)
    if path is None:
        arguments = {**POSTGRES_ARGUMENTS, "options": READING}
        url = checked_url(url_text)
        engine = create_engine(url, connect_args=arguments, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    else:
        engine = create_engine("sqlite://", creator=lambda: _readonly(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except STORE_ERRORS as error:
        raise StoreError(reason(error)) from error
    finally:
        engine.dispose()


def _readonly(path: Path) -> sqlite3.Connection:
    """A file that nobody has open is read as it is: SQLite would make its own files beside it to read it shared."""
    log, index = (path.with_name(f"{path.name}-{part}") for part in ("wal", "shm"))
    if log.exists() and not index.exists():
        raise OSError(f"{log.name} stands there without {index.name}: start the trader once to put them in order")
    how = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, timeout=2)
    connection.isolation_level = None
    connection.execute("PRAGMA query_only=ON")
    return connection


# ---------------------------------------------------------------- schema


def schema(connection: Connection) -> Schema:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision() or ""
    ours = {each.revision for each in scripts.walk_revisions()}
    tables = len(inspect(connection).get_table_names())
    return Schema(found=found, wanted=scripts.get_current_head() or "", known=found in ours, tables=tables)


# ---------------------------------------------------------------- what was committed stays


def journal_mode(path: Path) -> str:
    """As the file itself says. "" for a file that is no database (a new one is empty)."""
    with path.open("rb") as file:
        head = file.read(20)
    if not head.startswith(b"SQLite format 3\0") or len(head) < 20:
        return ""
    return "wal" if head[18] == head[19] == 2 else "rollback"


def writers_flush() -> bool:
    """Whether this program's writers, with this SQLite, wait for the disk at every commit."""
    engine = sqlite_engine(make_url("sqlite:///:memory:"), reading=False)
    try:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one()) >= 2
    finally:
        engine.dispose()


def damage(connection: Connection, seconds: float) -> str | None:
    """SQLite's quick check: "" where the file is whole, None where the time was too short to tell."""
    raw = connection.connection.driver_connection
    end = clock.monotonic() + seconds
    stopped = []

    def late() -> int:
        stopped.append(clock.monotonic() > end)
        return int(stopped[-1])

    if raw is None:
        raise StoreError("the connection is gone")
    raw.set_progress_handler(late, STEPS)
    try:
        said = str(raw.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if stopped and stopped[-1]:
            return None
        said = str(error)
    finally:
        raw.set_progress_handler(None, 0)
    return "" if said == "ok" else said.splitlines()[-1]


def server(connection: Connection) -> Server:
    def setting(name: str) -> str:
        return str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())

    return Server(
        version=int(setting("server_version_num")),
        fsync=setting("fsync") == "on",
        full_page_writes=setting("full_page_writes") == "on",
        synchronous_commit=setting("synchronous_commit"),
        replica=bool(connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one()),
    )


# ---------------------------------------------------------------- where a file lies


def file_system(path: Path, proc: Path = Path("/proc")) -> str:
    """The kind of file system a path lies on, such as ext4; "" where that cannot be told."""
    try:
        lines = (proc / "mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    there = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = parts[1].encode().decode("unicode_escape", "replace")  # blanks stand as \040
        inside = point == "/" or there == point or there.startswith(f"{point}/")
        if inside and len(point) >= len(best):  # of two mounts on one folder the later counts
            best, kind = point, parts[2]
    return kind


def held(path: Path, proc: Path = Path("/proc")) -> bool:
    """Whether some process holds a file's lock, without touching the lock."""
    try:
        number = path.stat().st_ino
        lines = (proc / "locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    return any(" FLOCK " in f"{line} " and f":{number} " in line for line in lines)
