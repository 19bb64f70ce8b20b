"""Backtests on record: what was asked, when it ended, what came out."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.database.connection import Database
from services.database.tables import BacktestTable


class Backtests:
    def __init__(self, database: Database) -> None:
        self._database = database

    def finished(
        self, id: str, began: datetime, ended: datetime, request: Mapping[str, Any], result: Mapping[str, Any]
    ) -> None:
        """One that came to its end. StoreError where it cannot be written down."""
        with self._database.writing_rows() as session:
            session.add(
                BacktestTable(
                    id=id,
                    status="done",
                    created_at=began,
                    finished_at=ended,
                    request=json.dumps(request),
                    result=json.dumps(result),
                )
            )
