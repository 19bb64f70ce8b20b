"""A line about a finished backtest in SQLite's books, through Python's own driver: `services.database` and its
libraries take a second to load, a quarter of a backtest. Only where the books are there and of this program's schema;
it never migrates, and never makes a file.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.backtest_figures import figures_of

VERSIONS = Path(__file__).parent / "database" / "migrations" / "versions"
ADDRESS = "sqlite:///"
INSERT = (
    "INSERT INTO backtests (id, kind, status, created_at, finished_at, request, result, figures, error) "
    "VALUES (?, 'backtest', 'done', ?, ?, ?, ?, ?, '')"
)


def write_down(
    url: str, id: str, began: datetime, ended: datetime, request: Mapping[str, Any], result: Mapping[str, Any]
) -> bool:
    """As `services.database.backtests` does. False where nothing was written, and its way has to be gone."""
    path = Path(url.removeprefix(ADDRESS))
    if not url.startswith(ADDRESS) or not path.is_file():
        return False
    row = id, _text(began), _text(ended), *map(json.dumps, (request, result, figures_of(result)))
    try:
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(newest(),)]:
                return False
            connection.execute(INSERT, row)
            connection.execute("COMMIT")
            return True
    except sqlite3.Error:
        return False


def newest() -> str:
    """The schema that this program writes: the number of the last migration's file."""
    return max(path.name for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def _text(at: datetime) -> str:
    """As `services.database.columns.Utc` keeps it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
