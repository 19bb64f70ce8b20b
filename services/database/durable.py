"""Whether what was committed stays: settings of a PostgreSQL server, or where SQLite's file lies and how it is written.

Looks only. Judged by the doctor, by the go-live checklist, and at the start of whoever trades real money.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import ConfigError, StoreError
from services.database import looking
from services.database.connection import Database

LOST_AT_RESTART = {"tmpfs", "ramfs"}
OVER_THE_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "ceph", "glusterfs", "lustre"}
OVER_THE_NETWORK |= {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.davfs"}


@dataclass(frozen=True, slots=True)
class Flaw:
    """A way in which something committed can be lost. `in_memory`: only when the machine restarts."""

    seen: str
    cure: str
    in_memory: bool = False


@dataclass(frozen=True, slots=True)
class Durability:
    """`seen` describes what keeps it; "" where there is nothing to describe yet. `log`: SQLite's write-ahead log."""

    flaws: tuple[Flaw, ...] = ()
    seen: str = ""
    log: bool = True


def durability(url_text: str, proc: Path = Path("/proc"), opened: Database | None = None) -> Durability:
    """StoreError where the database cannot be asked. `opened`: this process has it open."""
    file = looking.database_file(url_text)
    if file is None:
        with looking.looking(url_text) as connection:
            return of_server(looking.server(connection))
    if opened is None:
        return of_file(file, proc)
    with opened.reading() as connection:  # see `of_file`
        return of_file(file, proc, str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()))


def of_server(server: looking.Server) -> Durability:
    bad = []
    cures = {
        "fsync": server.fsync,
        "full_page_writes": server.full_page_writes,
        "synchronous_commit": server.synchronous_commit != "off",
    }
    for name, good in cures.items():
        if not good:
            cure = f"run: ALTER SYSTEM SET {name} = on; then SELECT pg_reload_conf()"
            bad.append(Flaw(f"PostgreSQL's {name} is off: what was committed can be lost", cure))
    if server.replica:
        bad.append(Flaw("this PostgreSQL server is a replica and takes no writes", "name the primary server"))
    return Durability(tuple(bad), f"PostgreSQL {server.version // 10_000}, every commit waits for the disk")


def of_file(file: Path, proc: Path = Path("/proc"), mode: str | None = None) -> Durability:
    """`mode` is how its log is kept, from whoever knows. Else the file itself is read, which must never happen in a
    process that has it open: closing any handle of a file ends every lock that the process has on it, and the next
    stranger who closes the database then takes away its log under the trader's feet."""
    kind = looking.file_system(nearest_folder(file.parent), proc)
    if kind in LOST_AT_RESTART:
        flaw = Flaw(f"{file} lies in memory ({kind}), gone at a restart", "put TRADER_DATA_DIR on a disk", True)
        return Durability((flaw,))
    if kind in OVER_THE_NETWORK:
        cure = "put it on a disk of this machine, or use PostgreSQL"
        return Durability((Flaw(f"{file} lies on a network file system ({kind}), whose locks do not hold", cure),))
    if not looking.writers_flush():
        flaw = Flaw("this SQLite does not wait for the disk at a commit", "use another build of SQLite")
        return Durability((flaw,))
    if mode is None:
        mode = looking.journal_mode(file) if file.exists() else ""
    if not mode:
        return Durability()
    seen = f"SQLite on {kind or 'an unknown file system'}, write-ahead log, every commit waits for the disk"
    return Durability((), seen, mode == "wal")


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the one that it will be made in."""
    path = Path(os.path.realpath(path))
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def require_durable(url_text: str, *, pretend: bool = False, proc: Path = Path("/proc")) -> None:
    """Real money is not traded on books that can lose an order. `pretend`: the exchange is one of this machine's own,
    so that books in memory will do."""
    try:
        found = durability(url_text, proc)
    except StoreError as error:
        raise ConfigError(f"DATABASE_URL: its settings cannot be read: {error}") from error
    flaws = [flaw for flaw in found.flaws if not (pretend and flaw.in_memory)]
    if flaws:
        raise ConfigError(f"DATABASE_URL: not safe for real money: {flaws[0].seen}; {flaws[0].cure}")
