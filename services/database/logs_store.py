"""system_logs: log rows gathered in memory and written a few at a time, with a bound; never on the trading path."""

import json
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, insert

from services.database import tables
from services.database.connection import Database
from services.database.reader import LEVELS

LOGS: Table = tables.SystemLogTable.__table__  # type: ignore[attr-defined]
WAITING = 2_000
KEPT = timedelta(days=30)


class LogStore:
    """`take` is a sink for services.logs (any thread, never blocks); `flush` writes what came since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Mapping[str, Any]] = deque(maxlen=WAITING)

    def take(self, row: Mapping[str, Any]) -> None:
        self._waiting.append(row)

    def flush(self) -> None:
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not taken:
            return
        values = [
            {
                "timestamp": datetime.fromisoformat(row["at"]),
                "level": row["level"],
                "level_number": LEVELS.get(row["level"], 20),
                "component": row["component"],
                "message": row["message"],
                "details": json.dumps(row.get("details") or {}),
            }
            for row in taken
        ]
        with self._database.writer.begin() as connection:
            connection.execute(insert(LOGS), values)

    def prune(self, now: datetime) -> None:
        """Thirty days are kept."""
        with self._database.writer.begin() as connection:
            connection.execute(delete(LOGS).where(LOGS.c.timestamp < now - KEPT))
