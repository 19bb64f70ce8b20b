"""What a look into the books shows: ledgers, whether one is being written, its newest links, channels and alerts.

Reads over `looking`'s connection only. Tolerant: a table or column that is not there yet says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, func, inspect, select, text

from app.channels import ChannelState
from app.ports import LedgerRow
from services.database import tables
from services.database.chaining import GENESIS, chain
from services.database.lock import lock_file, lock_number
from services.database.looking import held

LEDGERS: Table = tables.LedgerTable.__table__  # type: ignore[attr-defined]
JOURNAL: Table = tables.JournalTable.__table__  # type: ignore[attr-defined]
CHECKPOINTS: Table = tables.CheckpointTable.__table__  # type: ignore[attr-defined]
DEVICES: Table = tables.PushSubscriptionTable.__table__  # type: ignore[attr-defined]
ALERTS: Table = tables.OutboxTable.__table__  # type: ignore[attr-defined]
CHANNELS: Table = tables.ChannelTable.__table__  # type: ignore[attr-defined]
_ADVISORY = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((classid::bigint << 32) | objid::bigint) = :number"
)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Grave alerts that nobody has acknowledged."""

    count: int
    event: str
    at: datetime


def current_ledgers(connection: Connection) -> Sequence[LedgerRow]:
    if not _has(connection, LEDGERS):
        return ()
    query = select(LEDGERS).where(LEDGERS.c.current).order_by(LEDGERS.c.opened_at)
    names = ("name", "tag", "mode", "market", "symbol", "opened_at")
    return [LedgerRow(**{name: row[name] for name in names}) for row in connection.execute(query).mappings()]


def is_written(connection: Connection, file: Path | None, ledger: str, proc: Path = Path("/proc")) -> bool:
    """Whether a trader holds this ledger. The lock is looked for, never tried."""
    if file is not None:
        return held(lock_file(file, ledger), proc)
    return bool(connection.execute(_ADVISORY, {"number": lock_number(ledger)}).scalar())


def last_written(connection: Connection, ledger: str) -> datetime | None:
    """When the newest journal row was written, by the wall clock."""
    query = select(JOURNAL.c.recorded_at).where(JOURNAL.c.ledger == ledger).order_by(JOURNAL.c.seq.desc()).limit(1)
    found: datetime | None = connection.execute(query).scalar()
    return found


def first_written(connection: Connection) -> datetime | None:
    """When the oldest journal row of all ledgers was written."""
    if not _has(connection, JOURNAL):
        return None
    found: datetime | None = connection.execute(select(func.min(JOURNAL.c.recorded_at))).scalar()
    return found


def broken_link(connection: Connection, ledger: str, count: int) -> tuple[int, str]:
    """Of the newest rows: how many were looked at, and what is wrong with the first that does not fit, or ""."""
    mine = JOURNAL.c.ledger == ledger
    columns = (JOURNAL.c.seq, JOURNAL.c.message, JOURNAL.c.actions, JOURNAL.c.hash)
    # Before the rows: a trader that goes on writing makes both grow.
    known = connection.execute(select(func.max(CHECKPOINTS.c.seq)).where(CHECKPOINTS.c.ledger == ledger)).scalar() or 0
    # One more than is judged: its hash is what the next one builds on.
    query = select(*columns).where(mine).order_by(JOURNAL.c.seq.desc()).limit(count + 1)
    found = connection.execute(query).all()[::-1]
    if not found:
        return 0, f"rows 1 to {known} are missing" if known else ""
    judged, before = (found, GENESIS) if found[0].seq == 1 else (found[1:], found[0].hash)
    number = 0 if found[0].seq == 1 else found[0].seq
    for row in judged:
        if row.seq != number + 1:
            return len(judged), f"row {number + 1} is missing"
        if row.hash != chain(before, row.seq, row.message, row.actions):
            return len(judged), f"row {row.seq} was changed"
        number, before = row.seq, row.hash
    return len(judged), f"rows {number + 1} to {known} are missing" if known > number else ""


def channel_states(connection: Connection) -> Sequence[ChannelState]:
    if not _has(connection, CHANNELS):
        return ()
    rows = connection.execute(select(CHANNELS).order_by(CHANNELS.c.name)).mappings()
    return [ChannelState(**row) for row in rows]


def push_devices(connection: Connection) -> int:
    """How many devices take alerts by web push."""
    if not _has(connection, DEVICES):
        return 0
    return int(connection.execute(select(func.count()).select_from(DEVICES)).scalar_one())


def unseen_alerts(connection: Connection) -> Unseen | None:
    """None where there are none, or where these books do not say."""
    if not _has(connection, ALERTS):
        return None
    unseen = (ALERTS.c.level == "critical", ALERTS.c.acknowledged_at.is_(None), ALERTS.c.over_at.is_(None))
    current = ALERTS.c.ledger.in_(select(LEDGERS.c.name).where(LEDGERS.c.current))
    rows = connection.execute(
        select(ALERTS.c.event, ALERTS.c.created_at).where(*unseen, current).order_by(ALERTS.c.id.desc())
    ).all()
    return Unseen(len(rows), rows[0].event, rows[0].created_at) if rows else None


def _has(connection: Connection, table: Table) -> bool:
    """With every column that this program knows."""
    there = inspect(connection)
    if not there.has_table(table.name):
        return False
    return {column.name for column in table.columns} <= {each["name"] for each in there.get_columns(table.name)}
