"""What the store does when something goes wrong: nothing half done stays, and the error says what it was."""

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text
from sqlmodel import SQLModel

from app import codec
from app.core.alerts import AlertEvent, AlertLevel
from app.core.errors import ConfigError, ExchangeUnreachable, StoreError
from app.core.messages import Alert
from app.core.model import Latch, LatchKind, Trade
from app.ports import EquityPoint, LedgerRow
from services.database import (
    Audit,
    Database,
    DatabaseJournal,
    DatabaseOutbox,
    DatabasePaperStore,
    Ledgers,
    Users,
    open_database,
)
from services.database.backtests import Backtests
from services.database.logs_store import WAITING, LogStore
from tests.builders import NOON, d
from tests.integration.store_cases import a_whole_trade, entry


def count(database: Database, table: str) -> int:
    with database.reading() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


# ---------------------------------------------------------------- the schema


def test_the_migrations_make_exactly_the_tables_of_the_program(database: Database) -> None:
    with database.writer.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_a_first_start_that_is_cut_off_leaves_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables are made one by one; whoever dies between two of them has made none."""
    import services.database.connection as opening

    whole = opening.migrate

    def cut_off(engine):  # type: ignore[no-untyped-def]
        @event.listens_for(engine, "before_cursor_execute")
        def dies(_c, _cursor, statement, *_rest):  # type: ignore[no-untyped-def]
            if "CREATE TABLE orders" in statement:
                raise KeyboardInterrupt

        whole(engine)

    monkeypatch.setattr(opening, "migrate", cut_off)
    with pytest.raises(KeyboardInterrupt):
        open_database(database_url)
    monkeypatch.undo()
    again = open_database(database_url)
    assert count(again, "orders") == 0
    again.close()


def test_decisions_stored_by_the_first_schema_are_listed(database_url: str) -> None:
    database = open_database(database_url)
    ledger = Ledgers(database, min).open("paper", "simulated", "BTC/USD", NOON)
    journal = DatabaseJournal(database, ledger.name, "1.0")
    journal.commit(a_whole_trade()[1], [])
    with database.writing() as connection:
        connection.execute(text("UPDATE decisions SET signal_count = 0, program_version = ''"))
    journal.close()
    _to_first_schema(database)
    database.close()
    upgraded = open_database(database_url)
    with upgraded.reading() as connection:
        row = connection.execute(text("SELECT signal_count, program_version FROM decisions")).one()
    assert tuple(row) == (1, "1")
    upgraded.close()


def test_alerts_from_before_there_were_channels_are_history(database_url: str) -> None:
    database = open_database(database_url)
    ledger = Ledgers(database, min).open("paper", "m", "BTC/USD", NOON)
    alert = Alert(event=AlertEvent.KILL_SWITCH, level=AlertLevel.CRITICAL, text="long ago")
    journal = DatabaseJournal(database, ledger.name, "1")
    journal.commit([entry(1, actions=codec.encode([alert]))], [])
    journal.close()
    assert len(DatabaseOutbox(database, ledger.name).fresh()) == 1
    _to_first_schema(database)
    database.close()
    upgraded = open_database(database_url)
    outbox = DatabaseOutbox(upgraded, ledger.name)
    assert (outbox.fresh(), outbox.unseen(NOON - timedelta(days=9))) == ([], [])
    upgraded.close()


def test_backtests_from_before_lists_had_figures_of_their_own_are_listed_with_them(database_url: str) -> None:
    database = open_database(database_url)
    result = {"return_pct": 1.25, "monthly": {"2023-03": 1.25}, "warnings": ["made 3 trades"]}
    Backtests(database).finished("one", NOON, NOON, {"data": "BTC/USD"}, result)
    Backtests(database).add("two", NOON + timedelta(seconds=1), {"data": "BTC/USD"})
    _to_first_schema(database)
    database.close()
    upgraded = open_database(database_url)
    waiting, done = Backtests(upgraded).page(10, 0)[0]
    assert (waiting["result"], done["result"]) == (None, {"return_pct": 1.25, "warnings": ["made 3 trades"]})
    whole = Backtests(upgraded).one("one")
    assert whole is not None
    assert whole["result"] == result
    upgraded.close()


def _to_first_schema(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    from services.database.migrating import MIGRATIONS

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writer.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")


def test_programs_that_start_at_once_make_one_schema_and_one_ledger(database_url: str) -> None:
    names: list[str] = []
    gate = threading.Barrier(4)

    def start() -> None:
        gate.wait()
        database = open_database(database_url)
        names.append(Ledgers(database, _letters()).open("paper", "m", "s", NOON).name)
        database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 4
    assert len(set(names)) == 1


def _letters() -> Callable[[str], str]:
    import random

    return random.Random().choice


# ---------------------------------------------------------------- addresses and files


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("this is not a database, " * 100)
    with pytest.raises(ConfigError, match="file is not a database") as refused:
        open_database(f"sqlite:///{tmp_path}/notes.txt")
    assert "\n" not in str(refused.value)
    assert (tmp_path / "notes.txt").read_text().startswith("this is not")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://me@host:port/x", "no database address"),
        ("postgresql://me:secret@127.0.0.1:9/x?wrong=1", "invalid connection option"),
        ("postgresql://me:secret@127.0.0.1:9/x?password=secret", "cannot use"),
        ("sqlite:////tmp", "is a directory"),
        ("sqlite:////tmp/\x00.db", "SQLite needs a file"),
        ("sqlite:////dev/null/x.db", "cannot write"),
    ],
)
def test_more_wrong_addresses(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        open_database(url)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/deep/er/trader.db")
    ledger = Ledgers(database, min).open("paper", "simulated", "BTC/USD", NOON)
    journal = DatabaseJournal(database, ledger.name, "1.0")
    journal.commit([entry(1)], [])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep/er").iterdir()}
    assert len(modes) == 4  # the database, its log and index, and the lock
    assert set(modes.values()) == {0o600}
    journal.close()
    database.close()


def test_sqlite_keeps_what_was_committed(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/trader.db")
    with database.writer.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    database.close()


@pytest.mark.postgres
def test_postgresql_never_waits_for_ever(new_postgres: Callable[[], str]) -> None:
    database = open_database(new_postgres())
    with database.writer.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        }
    assert list(found.values()) == ["5s", "2s", "30s", "UTC"]
    database.close()


# ---------------------------------------------------------------- the journal


@pytest.mark.parametrize(
    "table", ["journal", "orders", "fills", "positions", "trades", "decisions", "outbox", "equity"]
)
def test_a_failure_between_any_two_statements_leaves_nothing(
    journal: DatabaseJournal, database: Database, table: str
) -> None:
    journal.commit([entry(1)], [])
    alert = '[{"of":{"event":"test","level":"info","text":"t"},"type":"Alert"}]'
    _, entries = a_whole_trade()
    entries = [*entries, entry(2, actions=alert)]
    points = [EquityPoint(at=NOON, equity=d(1), cash=d(1), quantity=d(0), price=d(1))]

    def fails(_c, _cursor, statement, *_rest):  # type: ignore[no-untyped-def]
        if statement.startswith(f"INSERT INTO {table}"):
            raise RuntimeError(table)

    event.listen(database.writer, "after_cursor_execute", fails)
    with pytest.raises(RuntimeError, match=table):
        journal.commit(entries, points)
    event.remove(database.writer, "after_cursor_execute", fails)
    assert count(database, "journal") == 1
    for each in ("orders", "fills", "positions", "trades", "decisions", "outbox", "equity"):
        assert count(database, each) == 0
    assert journal.commit(entries, points) == 1 + len(entries)
    assert journal.verify() is None
    assert count(database, "trades") == count(database, "equity") == 1
    assert count(database, "outbox") == 3  # bought, sold, and the one above


def test_rows_cut_off_at_the_end_are_missed(journal: DatabaseJournal, database: Database) -> None:
    journal.commit([entry(number) for number in range(1, 6)], [])
    journal.save_checkpoint(5, 1, "state")
    with database.writing() as connection:
        connection.execute(text("DELETE FROM journal WHERE seq > 3"))
    assert "rows 4 to 5 of ledger" in str(journal.verify())


def test_two_chains_do_not_touch(database: Database, journal: DatabaseJournal) -> None:
    other = DatabaseJournal(database, Ledgers(database, _letters()).open("paper", "m", "s", NOON).name, "1.0")
    assert journal.commit([entry(1), entry(2)], []) == 2
    assert other.commit([entry(9)], []) == 1
    assert (len(journal.rows()), len(other.rows())) == (2, 1)
    assert journal.verify() is other.verify() is None
    other.close()


def test_a_lock_ends_with_its_process(database: Database, ledger: LedgerRow, database_url: str) -> None:
    program = (
        "import sys\n"
        "from services.database import DatabaseJournal, open_database\n"
        "journal = DatabaseJournal(open_database(sys.argv[1]), sys.argv[2], '1.0')\n"
        "print('running', flush=True)\n"
        "sys.stdin.read()\n"
    )
    arguments = [sys.executable, "-c", program, database_url, ledger.name]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "running\n"
        with pytest.raises(ConfigError, match="another trader is running on ledger"):
            DatabaseJournal(database, ledger.name, "1.0")
        other.kill()
        other.wait()
    journal = _once_free(database, ledger)
    assert journal.commit([entry(1)], []) == 1
    journal.close()


def _once_free(database: Database, ledger: LedgerRow) -> DatabaseJournal:
    """The server needs a moment to see that the other end is gone."""
    for _ in range(1000):
        try:
            return DatabaseJournal(database, ledger.name, "1.0")
        except ConfigError:
            with database.writing() as connection:
                connection.execute(text("SELECT 1"))
    raise AssertionError("the lock was never given back")


@pytest.mark.postgres
def test_a_lost_connection_is_replaced_and_the_lock_taken_again(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    database = open_database(url)
    ledger = Ledgers(database, min).open("paper", "simulated", "BTC/USD", NOON)
    journal = DatabaseJournal(database, ledger.name, "1.0")
    assert journal.commit([entry(1)], []) == 1
    everybody = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
    with database.reading() as connection:
        connection.execute(text(everybody + "current_database()"))
    with pytest.raises(StoreError, match="the journal could not be written"):
        journal.commit([entry(2)], [])
    assert journal.commit([entry(2)], []) == 2
    second = open_database(url)
    with pytest.raises(ConfigError, match="another trader is running"):
        DatabaseJournal(second, ledger.name, "1.0")
    second.close()
    journal.close()
    database.close()


@pytest.mark.postgres
def test_a_ledger_taken_over_meanwhile_is_left_alone(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    database, second = open_database(url), open_database(url)
    ledger = Ledgers(database, min).open("paper", "simulated", "BTC/USD", NOON)
    journal = DatabaseJournal(database, ledger.name, "1.0")
    journal.commit([entry(1)], [])
    everybody = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
    with second.reading() as connection:
        connection.execute(text(everybody + "current_database()"))
    winner = DatabaseJournal(second, ledger.name, "1.0")
    winner.commit([entry(2)], [])
    for _ in range(2):
        with pytest.raises(StoreError):
            journal.commit([entry(3)], [])
    assert winner.commit([entry(3)], []) == 3
    assert winner.verify() is None
    journal.close()
    winner.close()
    database.close()
    second.close()


def test_a_database_that_is_busy_too_long_is_an_error_of_the_store(tmp_path: Path, ledger_at: LedgerRow) -> None:
    url = f"sqlite:///{tmp_path}/busy.db"
    database = open_database(url)
    journal = DatabaseJournal(database, ledger_at.name, "1.0")
    journal.commit([entry(1)], [])
    journal._open().exec_driver_sql("PRAGMA busy_timeout=1")
    journal._open().rollback()
    with sqlite3.connect(tmp_path / "busy.db") as hog:
        hog.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            journal.commit([entry(2)], [])
        hog.rollback()
    hog.close()
    assert journal.commit([entry(2)], []) == 2
    journal.close()
    database.close()


@pytest.fixture
def ledger_at() -> LedgerRow:
    return LedgerRow(name="busy", tag="aaaa", mode="paper", market="m", symbol="s", opened_at=NOON)


# ---------------------------------------------------------------- text and people


def test_text_that_a_database_refuses_is_mended(journal: DatabaseJournal, database: Database) -> None:
    """NUL and half a surrogate pair, as a strategy or a stranger may send them."""
    bad = "a\x00b\ud800c"
    _, entries = a_whole_trade()
    trade = [change for each in entries for change in each.changes if isinstance(change, Trade)][-1]
    latch = Latch(kind=LatchKind.RUNAWAY, at=NOON, reason=bad)
    journal.commit([replace(entry(1), changes=(replace(trade, reasoning=bad), latch))], [])
    Audit(database).record(NOON, actor=bad, action="login", target=bad, detail=bad, address=bad, result="refused")
    assert Users(database).get_user(bad) is None
    with database.reading() as connection:
        assert connection.execute(text("SELECT reasoning FROM trades")).scalar() == "a\ufffdb?c"
        assert connection.execute(text("SELECT actor FROM audit")).scalar() == "a\ufffdb?c"


def test_trouble_leaves_as_an_error_of_the_store(database: Database, ledger: LedgerRow) -> None:
    with database.writing() as connection:
        for table in ("audit", "users", "paper_state"):
            connection.execute(text(f"DROP TABLE {table}"))
    with pytest.raises(StoreError, match="the database cannot be written"):
        Audit(database).record(NOON, actor="", action="", target="", detail="", address="", result="")
    with pytest.raises(StoreError, match="the database cannot be read"):
        Users(database).get_user("admin")
    paper = DatabasePaperStore(database, ledger.name)
    with pytest.raises(ExchangeUnreachable, match="cannot read its books"):
        paper.load()
    with pytest.raises(ExchangeUnreachable, match="could not write its books"):
        paper.save("state", [])


def a_log_row(number: int) -> dict:
    at = NOON + timedelta(seconds=number)
    return {"at": at, "level": "INFO", "component": "t", "message": f"row {number}", "details": {"when": at}}


def test_log_rows_wait_while_the_database_is_away(database: Database) -> None:
    logs = LogStore(database)
    for number in range(WAITING):
        logs.take(a_log_row(number))
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE system_logs RENAME TO away"))
    with pytest.raises(StoreError):
        logs.flush()
    for number in range(WAITING, WAITING + 3):
        logs.take(a_log_row(number))
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO system_logs"))
    logs.flush()
    with database.reading() as connection:
        messages = connection.execute(text("SELECT message FROM system_logs ORDER BY id")).scalars().all()
    assert messages[0].startswith("3 rows were lost")
    assert (messages[1], messages[-1]) == ("row 3", f"row {WAITING + 2}")
