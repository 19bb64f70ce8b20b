"""Journal rows of long ago, packed: compressed a thousand at a time, readable as before, and still chained.

Nothing is packed that does not hang together, and what was packed is checked whenever it is opened.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, func, insert, select

from app.core.errors import DataError
from app.ports import JournalRow
from services.database import tables
from services.database.chaining import GENESIS, chain
from services.database.connection import Database

JOURNAL: Table = tables.JournalTable.__table__  # type: ignore[attr-defined]
PACKS: Table = tables.JournalPackTable.__table__  # type: ignore[attr-defined]
ROWS = 1_000  # in one pack
LEFT = 2_000  # of the newest rows, never packed: a start and a look at the chain's end read these


def pack_next(database: Database, ledger: str, older_than: datetime) -> bool:
    """Pack the oldest thousand rows, if the last of them is old enough. False: nothing to do.

    DataError where they do not hang together: then they stay as they are, for whoever asks what happened.
    """
    with database.reading() as connection:
        after, before = _end(connection, ledger)
        mine = JOURNAL.c.ledger == ledger
        query = select(JOURNAL).where(mine, JOURNAL.c.seq > after).order_by(JOURNAL.c.seq).limit(ROWS)
        newest = connection.execute(select(func.max(JOURNAL.c.seq)).where(mine)).scalar() or 0
        if newest - after < ROWS + LEFT:
            return False
        rows = [journal_row(each) for each in connection.execute(query).mappings()]
    if len(rows) < ROWS or rows[-1].at >= older_than:
        return False
    for number, (row, hash) in enumerate(zip(rows, chained(before, rows), strict=True), start=after + 1):
        if (row.seq, row.hash) != (number, hash):
            raise DataError(f"row {number} of ledger {ledger} is missing or was changed: the journal is not packed")
    with database.writing() as connection:
        span = (mine, JOURNAL.c.seq > after, JOURNAL.c.seq <= rows[-1].seq)
        connection.execute(insert(PACKS), [_packed(ledger, rows)])
        if connection.execute(delete(JOURNAL).where(*span)).rowcount != ROWS:
            raise DataError(f"the journal of ledger {ledger} changed while it was packed")
    return True


def packed_rows(connection: Connection, ledger: str, after_seq: int) -> list[JournalRow]:
    """Those of the pack that holds the row after `after_seq`, from that row on; none where it is in no pack.

    DataError where the pack was changed.
    """
    query = select(PACKS).where(PACKS.c.ledger == ledger, PACKS.c.first_seq <= after_seq + 1)
    found = connection.execute(query.order_by(PACKS.c.first_seq.desc()).limit(1)).mappings().first()
    if found is None or found["last_seq"] <= after_seq:
        return []
    return [row for row in _opened(connection, dict(found)) if row.seq > after_seq]


def packed_between(
    connection: Connection, ledger: str, since: datetime | None, until: datetime | None
) -> Iterator[JournalRow]:
    """Packed rows in since ≤ at < until, in order."""
    where = [PACKS.c.ledger == ledger]
    where += [PACKS.c.last_at >= since] if since else []
    where += [PACKS.c.first_at < until] if until else []
    for first in (
        connection.execute(select(PACKS.c.first_seq).where(*where).order_by(PACKS.c.first_seq)).scalars().all()
    ):
        for row in packed_rows(connection, ledger, first - 1):
            if (since is None or row.at >= since) and (until is None or row.at < until):
                yield row


def packed_range(connection: Connection, ledger: str) -> tuple[datetime, datetime] | None:
    """When the oldest packed row was handled, and the newest."""
    first, last = connection.execute(
        select(func.min(PACKS.c.first_at), func.max(PACKS.c.last_at)).where(PACKS.c.ledger == ledger)
    ).one()
    return (first, last) if first else None


def chained(before: str, rows: Sequence[JournalRow]) -> Iterator[str]:
    """The hash that each row should have."""
    for row in rows:
        before = chain(before, row.seq, row.message, row.actions)
        yield before


# ---------------------------------------------------------------- one pack


def _end(connection: Connection, ledger: str) -> tuple[int, str]:
    query = select(PACKS.c.last_seq, PACKS.c.last_hash).where(PACKS.c.ledger == ledger)
    found = connection.execute(query.order_by(PACKS.c.first_seq.desc()).limit(1)).first()
    return (found[0], found[1]) if found else (0, GENESIS)


def journal_row(found: RowMapping) -> JournalRow:
    """A row of the journal's table."""
    return JournalRow(**{name: value for name, value in found.items() if name != "ledger"})


def _packed(ledger: str, rows: Sequence[JournalRow]) -> dict[str, Any]:
    """Without the hashes of single rows, which do not compress and are computed again."""
    lines = [[row.at.isoformat(), row.recorded_at.isoformat(), row.version, row.message, row.actions] for row in rows]
    return {
        "ledger": ledger,
        "first_seq": rows[0].seq,
        "last_seq": rows[-1].seq,
        "first_at": rows[0].at,
        "last_at": rows[-1].at,
        "last_hash": rows[-1].hash,
        "packed": zlib.compress(json.dumps(lines, ensure_ascii=False).encode(), level=9),
    }


def _opened(connection: Connection, pack: dict[str, Any]) -> list[JournalRow]:
    first, last, ledger = pack["first_seq"], pack["last_seq"], pack["ledger"]
    before = _before(connection, ledger, first)
    try:
        lines = json.loads(zlib.decompress(pack["packed"]))
        rows = [_unpacked(first + number, line) for number, line in enumerate(lines)]
        rows = [replace(row, hash=hash) for row, hash in zip(rows, chained(before, rows), strict=True)]
        if not rows or (rows[-1].seq, rows[-1].hash) != (last, pack["last_hash"]):
            raise DataError("one of them was changed")
    except (zlib.error, ValueError, TypeError, DataError) as error:
        raise DataError(f"rows {first} to {last} of ledger {ledger} cannot be trusted: {error}") from error
    return rows


def _before(connection: Connection, ledger: str, seq: int) -> str:
    """The hash that the pack which begins with `seq` builds on; "" where the pack before it is missing."""
    older = (PACKS.c.ledger == ledger, PACKS.c.first_seq < seq)
    query = select(PACKS.c.last_seq, PACKS.c.last_hash).where(*older).order_by(PACKS.c.first_seq.desc()).limit(1)
    found = connection.execute(query).first()
    return GENESIS if seq == 1 else found[1] if found and found[0] == seq - 1 else ""


def _unpacked(seq: int, line: list[str]) -> JournalRow:
    at, recorded_at, version, message, actions = line
    times = {"at": datetime.fromisoformat(at), "recorded_at": datetime.fromisoformat(recorded_at)}
    return JournalRow(seq=seq, **times, version=version, message=message, actions=actions, hash="")
