"""The quick way of putting a backtest on record writes what the whole way writes, and nothing where it may not."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from alembic.script import ScriptDirectory

from services.backtest_line import newest, write_down
from services.database import open_database
from services.database.backtests import Backtests
from services.database.migrating import MIGRATIONS
from tests.builders import NOON

ASKED = {"data": "BTC/USD", "folder": "runs/ünïcode \x00 and half a pair \ud83d"}
RESULT = {"return_pct": 1.25, "initial_cash": 10_000.0, "warnings": ["made 3 trades: too few to conclude"]}
LATER = NOON + timedelta(seconds=4, microseconds=120)


def test_both_ways_write_the_same_row(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/trader.db"
    books = open_database(url)
    Backtests(books).finished("whole", NOON, LATER, ASKED, RESULT)
    assert write_down(url, "quick", NOON, LATER, ASKED, RESULT)
    whole, quick = (Backtests(books).one(id) for id in ("whole", "quick"))
    books.close()
    assert quick
    assert whole
    assert {**quick, "id": ""} == {**whole, "id": ""}
    with sqlite3.connect(tmp_path / "trader.db") as plain:
        rows = plain.execute("SELECT * FROM backtests").fetchall()
    assert rows[0][1:] == rows[1][1:], "all but the id"


def test_no_books_of_another_schema_or_none_at_all_are_touched(tmp_path: Path) -> None:
    file = tmp_path / "trader.db"
    url = f"sqlite:///{file}"
    assert not write_down(url, "quick", NOON, LATER, ASKED, RESULT)
    assert not file.exists()
    open_database(url).close()
    with sqlite3.connect(file) as books:
        books.execute("UPDATE alembic_version SET version_num = '0001'")
    assert not write_down(url, "quick", NOON, LATER, ASKED, RESULT)
    file.write_bytes(b"no database")
    assert not write_down(url, "quick", NOON, LATER, ASKED, RESULT)
    assert not write_down("postgresql+psycopg://nobody@127.0.0.1:1/nothing", "quick", NOON, LATER, ASKED, RESULT)


def test_the_newest_schema_is_the_one_that_migrations_end_with() -> None:
    assert newest() == ScriptDirectory(str(MIGRATIONS)).get_current_head()
