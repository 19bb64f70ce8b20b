"""system_logs: log rows gathered in memory and written a few at a time, with a bound; never on the trading path."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert

from app.core.errors import StoreError
from services.database import tables
from services.database.connection import Database
from services.database.reader import LEVELS

LOGS: Table = tables.SystemLogTable.__table__  # type: ignore[attr-defined]
WAITING = 2_000


class LogStore:
    """`take` is a sink for services.logs (any thread, never blocks); `flush` writes what came since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Mapping[str, Any]] = deque(maxlen=WAITING)
        self._lost = 0

    def take(self, row: Mapping[str, Any]) -> None:
        """The oldest makes room where too many wait; the next rows written say how many are missing."""
        if len(self._waiting) == WAITING:
            self._lost += 1
        self._waiting.append(row)

    def flush(self) -> None:
        """StoreError where the database does not take them: they wait for the next time."""
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not taken:
            return
        lost, self._lost = self._lost, 0
        values = [_columns(row) for row in taken]
        if lost:
            values.insert(0, {**values[0], **_told(lost)})
        try:
            with self._database.writing() as connection:
                connection.execute(insert(LOGS), values)
        except StoreError:
            room = WAITING - len(self._waiting)
            kept = taken[max(0, len(taken) - room) :]
            self._waiting.extendleft(reversed(kept))
            self._lost += lost + len(taken) - len(kept)
            raise


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "timestamp": row["at"],
        "level": row["level"],
        "level_number": LEVELS.get(row["level"], LEVELS["INFO"]),
        "component": row["component"],
        "message": row["message"],
        "details": json.dumps(row.get("details") or {}, default=str),
    }


def _told(lost: int) -> dict[str, Any]:
    message = f"{lost} rows were lost: the database did not take them in time"
    told = {"level": "WARNING", "level_number": LEVELS["WARNING"], "component": "logs"}
    return {**told, "message": message, "details": "{}"}
