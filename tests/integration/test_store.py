"""The store keeps its promises on SQLite and on a real PostgreSQL alike."""

import random
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.core.errors import ConfigError, StoreError
from app.core.model import Flow
from app.ports import EquityPoint, LedgerRow
from services.auth.model import LoginSession, ReadToken, User
from services.database import (
    Answers,
    Audit,
    Database,
    DatabaseJournal,
    DatabasePaperStore,
    DatabaseReader,
    Ledgers,
    Users,
    open_database,
    rows,
    wording,
)
from services.database.logs_store import LogStore
from tests.builders import MINUTE, NOON, Desk, a_signal, d
from tests.integration.store_cases import a_whole_trade, entry


def test_rows_come_back_byte_for_byte_and_the_chain_verifies(journal: DatabaseJournal) -> None:
    entries = [entry(number, actions='[{"a":"ü ✓"}]') for number in range(1, 8)]
    assert journal.commit(entries[:3], []) == 3
    assert journal.commit(entries[3:], []) == 7
    kept = journal.rows(2, 100)
    assert [row.seq for row in kept] == [3, 4, 5, 6, 7]
    assert [row.message for row in kept] == [each.message for each in entries[2:]]
    assert kept[0].actions == '[{"a":"ü ✓"}]'
    assert (kept[0].at, kept[0].recorded_at, kept[0].version) == (NOON, NOON, "1.0")
    assert journal.verify() is None


@pytest.mark.parametrize("column", ["message", "actions", "hash"])
def test_one_flipped_byte_is_found_and_named(journal: DatabaseJournal, database: Database, column: str) -> None:
    journal.commit([entry(number) for number in range(1, 6)], [])
    with database.writer.begin() as connection:
        connection.execute(text(f"UPDATE journal SET {column} = 'x' || substr({column}, 2) WHERE seq = 3"))
    assert "row 3 of ledger" in str(journal.verify())


def test_a_missing_row_is_found(journal: DatabaseJournal, database: Database) -> None:
    journal.commit([entry(number) for number in range(1, 6)], [])
    with database.writer.begin() as connection:
        connection.execute(text("DELETE FROM journal WHERE seq = 2"))
    assert "row 2 of ledger" in str(journal.verify())


def test_a_commit_that_fails_in_the_middle_leaves_nothing(
    journal: DatabaseJournal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.commit([entry(1)], [])
    _, entries = a_whole_trade()
    broken = replace(entries[0], changes=(Flow(id="f", at=NOON, amount=d(1), note=None),))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        journal.commit([*entries, broken], [])
    assert len(journal.rows()) == 1
    assert journal.commit([entry(2)], []) == 2
    assert journal.verify() is None


async def test_a_trade_can_be_read_in_the_words_of_the_api(journal: DatabaseJournal, reader: DatabaseReader) -> None:
    _, entries = a_whole_trade()
    journal.commit(entries, [])
    journal.commit(
        [], [EquityPoint(at=NOON, equity=d("10001.5"), cash=d(10000), quantity=d("0.00003"), price=d(50000))]
    )
    (trade,), total = await reader.list("trades", 10, 0)
    assert total == 1
    assert trade["exit_reason"] == "manual"
    assert trade["entry_price"] == "50000"
    assert trade["exit_price"] == "51000"
    assert Decimal(trade["profit_loss"]) > 0
    assert trade["opened_at"] == "2023-03-10T12:00:00.000Z"
    assert trade["closed_at"] == "2023-03-10T12:05:00.000Z"
    orders, _ = await reader.list("orders", 10, 0)
    assert {order["role"]: order["status"] for order in orders} == {
        "entry": "FILLED",
        "stop": "CANCELED",
        "exit": "FILLED",
    }
    fills, _ = await reader.list("fills", 10, 0)
    assert [fill["side"] for fill in fills] == ["SELL", "BUY"]
    assert (await reader.list("positions", 10, 0))[1] == 0
    ((position), _) = await reader.list("positions", 10, 0, status="all")
    assert position[0]["status"] == "CLOSED"
    whole = await reader.one("decisions", trade["decision_id"])
    assert whole is not None
    assert whole["vote"]["terms"][0]["product"] == 2400
    assert whole["order_ids"] == [orders[-1]["id"]]
    assert all(check["passed"] for check in whole["risk_checks"])
    assert whole["candles"]["count"] == 200
    signals, _ = await reader.list("signals", 10, 0)
    assert signals[0]["decision_id"] == trade["decision_id"]
    assert (await reader.list("equity", 10, 0))[0][0]["equity"] == "10001.5"
    assert await reader.one("decisions", "nothing") is None
    assert [row["id"] async for row in reader.trades()] == [trade["id"]]


async def test_the_same_fill_twice_is_one_row(journal: DatabaseJournal, reader: DatabaseReader) -> None:
    _, entries = a_whole_trade()
    journal.commit(entries, [])
    journal.commit(entries, [])
    assert (await reader.list("fills", 10, 0))[1] == 2
    assert (await reader.list("trades", 10, 0))[1] == 1


async def test_28_digits_survive(journal: DatabaseJournal, database: Database) -> None:
    amount = Decimal("12345678901234.56789012345678")
    journal.commit([replace(entry(1), changes=(Flow(id="f", at=NOON, amount=amount, note=""),))], [])
    with database.readers.connect() as connection:
        assert Decimal(connection.execute(text("SELECT amount FROM flows")).scalar_one()) == amount


def test_only_the_newest_checkpoints_are_kept(journal: DatabaseJournal, database: Database) -> None:
    assert journal.load_checkpoint() is None
    for seq in range(1, 6):
        journal.save_checkpoint(seq, 1, f"state {seq}")
    assert journal.load_checkpoint() == (5, 1, "state 5")
    with database.readers.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM checkpoints")).scalar() == 3


def test_a_second_writer_of_the_same_ledger_is_refused(
    journal: DatabaseJournal, database: Database, ledger: LedgerRow, database_url: str
) -> None:
    other = open_database(database_url)
    with pytest.raises(ConfigError, match="another trader is running"):
        DatabaseJournal(other, ledger.name, "1.0")
    DatabaseJournal(other, ledger.name, "1.0", reading_only=True)
    journal.close()
    second = DatabaseJournal(other, ledger.name, "1.0")
    second.close()
    other.close()


def test_the_first_outbox_row_is_written_with_its_event(journal: DatabaseJournal, database: Database) -> None:
    alert = '[{"of":{"event":"kill_switch","level":"critical","text":"down 50 %"},"type":"Alert"}]'
    journal.commit([entry(1, actions=alert)], [])
    with database.readers.connect() as connection:
        row = connection.execute(text("SELECT event, level, text, status FROM outbox")).one()
    assert tuple(row) == ("kill_switch", "critical", "down 50 %", "waiting")


async def test_pages_filters_and_totals(journal: DatabaseJournal, reader: DatabaseReader) -> None:
    _, entries = a_whole_trade()
    (trade,) = [change for each in entries for change in each.changes if type(change).__name__ == "Trade"]
    many = tuple(replace(trade, id=f"t{n:03}", closed_at=NOON + timedelta(hours=n)) for n in range(25))
    journal.commit([replace(entry(1), changes=many)], [])
    page, total = await reader.list("trades", 10, 10)
    assert total == 25
    assert [row["id"] for row in page] == [f"t{n:03}" for n in range(14, 4, -1)]
    page, total = await reader.list("trades", 100, 0, since=NOON + timedelta(hours=3), until=NOON + timedelta(hours=6))
    assert total == 3
    assert [row["id"] for row in page] == ["t005", "t004", "t003"]


def test_ledgers_never_mix_and_can_be_started_over(database: Database) -> None:
    ledgers = Ledgers(database, random.Random(2).choice)
    first = ledgers.open("paper", "simulated", "BTC/USD", NOON)
    assert ledgers.open("paper", "simulated", "BTC/USD", NOON + timedelta(days=1)) == first
    other = ledgers.open("paper", "replay:march.csv", "BTC/USD", NOON)
    assert other.tag != first.tag
    assert ledgers.retire(first.name)
    assert not ledgers.retire(first.name)
    fresh = ledgers.open("paper", "simulated", "BTC/USD", NOON)
    assert fresh.name != first.name
    assert {each.name for each in ledgers.list()} == {other.name, fresh.name}
    assert ledgers.kept("market of auto") is None
    ledgers.keep("market of auto", "simulated")
    assert ledgers.kept("market of auto") == "simulated"


def test_books_that_a_trader_writes_are_not_put_away(database: Database, ledger: LedgerRow) -> None:
    ledgers, trader = Ledgers(database, min), DatabaseJournal(database, ledger.name, "1")
    with pytest.raises(ConfigError, match=f"another trader is running on ledger {ledger.name}; stop it first"):
        ledgers.retire(ledger.name)
    assert ledgers.list() == [ledger]
    trader.close()
    assert ledgers.retire(ledger.name)


def test_the_paper_exchange_keeps_its_own_books(database: Database, ledger: LedgerRow) -> None:
    store = DatabasePaperStore(database, ledger.name)
    assert store.load() is None
    store.save("one", [("id1", "open")])
    store.save("two", [("id1", "filled"), ("id2", "open")])
    assert store.load() == "two"
    assert store.report("id1") == "filled"
    assert store.report("unknown") is None
    store.close()


def test_a_user_is_changed_as_one_step_also_by_two_at_once(database: Database) -> None:
    users = Users(database)
    assert users.change_user("admin", lambda user: user) is None
    users.save_user(User(username="admin", password_hash="h", totp_step=7))
    assert users.change_user("admin", lambda _: None) is None
    tries = 10

    def count() -> None:
        for _ in range(tries):
            users.change_user("admin", lambda user: replace(user, epoch=user.epoch + 1))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert users.get_user("admin") == User(username="admin", password_hash="h", totp_step=7, epoch=3 * tries)
    assert users.names() == ["admin"]


def test_people_sessions_audit_and_answers(database: Database) -> None:
    users = Users(database)
    assert not users.has_users()
    users.save_user(User(username="admin", password_hash="h", totp_step=7))
    users.save_user(User(username="admin", password_hash="h2", epoch=1))
    assert users.get_user("admin") == User(username="admin", password_hash="h2", epoch=1)
    assert users.get_user("nobody") is None
    sessions = [
        LoginSession(
            id=f"s{n}",
            username="admin",
            epoch=1,
            created_at=NOON + timedelta(minutes=n),
            expires_at=NOON + timedelta(days=1, minutes=n),
        )
        for n in range(3)
    ]
    for each in reversed(sessions):
        users.create_session(each)
    assert users.sessions_of("admin") == sessions
    users.delete_session("s1")
    assert users.get_session("s1") is None
    users.delete_expired(NOON + timedelta(days=1))
    assert [each.id for each in users.sessions_of("admin")] == ["s2"]
    users.delete_sessions("admin")
    assert users.sessions_of("admin") == []


def test_recovery_codes_and_read_tokens_come_back_as_they_were(database: Database) -> None:
    users = Users(database)
    users.save_user(User(username="admin", password_hash="h", recovery_codes=("a" * 64, "b" * 64)))
    users.change_user("admin", lambda user: replace(user, recovery_codes=user.recovery_codes[1:]))
    assert users.get_user("admin") == User(username="admin", password_hash="h", recovery_codes=("b" * 64,))
    tokens = [
        ReadToken(id=f"t{n}", username=name, name=f"monitor {n}", sha256=f"{n}" * 64, created_at=NOON + n * MINUTE)
        for n, name in enumerate(("admin", "admin", "other"))
    ]
    for each in tokens:
        users.add_token(each)
    users.token_used("t1", NOON)
    assert users.tokens_of("admin") == [tokens[0], replace(tokens[1], used_at=NOON)]
    assert users.find_token("2" * 64) == tokens[2]
    assert users.find_token("9" * 64) is None
    assert not users.delete_token("admin", "t2"), "somebody else's"
    assert users.delete_token("admin", "t0")
    users.delete_tokens("admin")
    assert users.tokens_of("admin") == []
    assert users.tokens_of("other") == [tokens[2]]

    Audit(database).record(NOON, actor="admin", action="pause", target="", detail="", address="::1", result="ok")
    answers = Answers(database)
    assert answers.recall("admin", "k", NOON) is None
    answers.remember("admin", "k", "aa", 202, "{}", NOON)
    assert answers.recall("admin", "k", NOON - timedelta(days=1)) == ("aa", 202, "{}")
    assert answers.recall("admin", "k", NOON + timedelta(seconds=1)) is None


async def test_logs_are_written_in_batches_and_filtered_by_level(database: Database, reader: DatabaseReader) -> None:
    logs = LogStore(database)
    logs.flush()
    for level in ("INFO", "WARNING", "ERROR"):
        logs.take({"at": NOON, "level": level, "component": "t", "message": level, "details": {"n": 1}})
    logs.flush()
    rows_, total = await reader.list("logs", 10, 0, level="WARNING")
    assert total == 2
    assert [row["level"] for row in rows_] == ["ERROR", "WARNING"]
    assert rows_[0]["details"] == {"n": 1}


def test_an_entry_still_on_its_way_has_no_position_row() -> None:
    desk = Desk().start()
    desk.vote("BUY")
    assert rows.stored(desk.position(), "ledger") is None


def test_numbers_and_signals_are_worded() -> None:
    assert wording.number(d("70.50")) == 70.5
    assert wording.number(d("70")) == 70
    assert wording.number(None) is None
    assert wording.signal_row(a_signal(), "d1")["weight"] is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not a url", "no database address"),
        ("sqlite://", "SQLite needs a file"),
        ("mysql://localhost/x", "not supported"),
        ("sqlite:////proc/nowhere/x.db", "cannot write"),
        ("postgresql://nobody@127.0.0.1:9/none", "cannot use"),
    ],
)
def test_a_wrong_database_address_gives_one_clear_line(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        open_database(url)
    assert "\n" not in str(refused.value)


def test_a_schema_from_the_future_is_refused(database_url: str) -> None:
    first = open_database(database_url)
    with first.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    first.close()
    with pytest.raises(ConfigError, match="install the newer version"):
        open_database(database_url)


def test_opening_twice_migrates_once(database_url: str) -> None:
    open_database(database_url).close()
    again = open_database(database_url)
    with again.readers.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    again.close()
