"""What is old is let go a little at a time, and nobody can tell from any figure, any replay or the chain."""

import json
import os
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update

from app.core.decisions import Decision, Outcome
from app.core.errors import DataError
from app.core.model import Flow
from app.evidence import Evidence
from app.ports import EquityPoint, LedgerRow
from app.replaying import replayed_day
from app.retention import Keep, Step, let_go
from app.seam import Clock, Tasks
from services.database import (
    Database,
    DatabaseDays,
    DatabaseEvidence,
    DatabaseJournal,
    DatabaseOpinions,
    DatabaseReader,
    DatabaseRetention,
    open_database,
    packs,
    tables,
)
from services.database.looking_at_past import traded
from services.kept_strategies import KeptStrategies
from tests.builders import NOON, some_rules
from tests.fakes import ScriptedStrategies
from tests.integration.store_cases import a_whole_trade, entry
from tests.trading_day import LIVELY, Day, random_candles, swings

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LIVED = 4  # days
FOR_EVER = Keep(
    equity_minutes_days=9999, candles_days=9999, decisions_days=9999, texts_days=9999, journal_months=999,
    logs_days=9999, alerts_days=9999, calls_days=9999, strategies_days=9999,
)  # fmt: skip
LONGEST_STEP_SECONDS = 0.25  # of work, however busy the machine is with something else


def let_go_of(database: Database, keep: Keep, now: datetime = NOON) -> Counter[str]:
    """All at once, each step looked at: how many rows, how long."""
    done: Counter[str] = Counter()
    steps = DatabaseRetention(database, keep).steps(now)
    while True:
        began = time.process_time()
        step = next(steps, None)
        assert time.process_time() - began < LONGEST_STEP_SECONDS, step
        if step is None:
            return done
        assert step.count <= 1440, "a day's minutes at most"
        done[step.what] += step.count


def counted(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


# ---------------------------------------------------------------- figures


def live_some_days(journal: DatabaseJournal) -> None:
    """Minutes of equity over some days, with a deposit, a withdrawal and a night without the trader."""
    dice, points, worth = Random(5), [], Decimal(10_000)
    midnight = NOON.replace(hour=0)
    flows = {700: Decimal(2_000), 2_900: Decimal(-7_500)}
    for minute in range(720, LIVED * 1440 - 300):
        worth += flows.get(minute, 0) + Decimal(dice.randrange(-900, 901)) / 100
        if not 1_500 < minute < 1_900:
            at = midnight + MINUTE * minute
            points.append(EquityPoint(at=at, equity=worth, cash=worth, quantity=Decimal(0), price=Decimal(50_000)))
    moved = [
        Flow(id=f"f{minute}", at=midnight + MINUTE * minute - timedelta(seconds=20), amount=amount)
        for minute, amount in flows.items()
    ]
    journal.commit([entry(number, changes=(flow,)) for number, flow in enumerate(moved, 1)], points)


async def figures(database: Database, ledger: LedgerRow, reader: DatabaseReader) -> dict[str, Any]:
    """Of each day as they are computed anew, the curve's ends, and how long the trader was up."""
    with database.writing() as connection:
        connection.execute(delete(tables.DailyStatsTable))
    DatabaseDays(database, ledger.name).gather(NOON + DAY * (LIVED - 1))
    days, _ = await reader.list("stats/daily", 100, 0)
    curve = await reader.curve()
    with database.reading() as connection:
        (up,) = traded(connection, "paper")
    return {"days": days, "first": curve[0], "last": curve[-1], "up": up}


async def test_figures_of_days_and_the_ends_of_the_curve_are_the_same_before_and_after_thinning(
    database: Database, ledger: LedgerRow, journal: DatabaseJournal, reader: DatabaseReader
) -> None:
    live_some_days(journal)
    before, rows = await figures(database, ledger, reader), counted(database, tables.EquityTable)
    last = NOON.replace(hour=0) + MINUTE * (LIVED * 1440 - 301)
    journal.commit([replace(entry(9), at=last)], [])
    done = let_go_of(database, replace(FOR_EVER, equity_minutes_days=1))
    left = counted(database, tables.EquityTable)
    assert rows - left == done["minutes of equity"] > 1_600
    assert await figures(database, ledger, reader) == before
    assert before["up"].minutes == rows
    assert all(day["max_drawdown_pct"] > 0 for day in before["days"])
    assert len(before["days"]) == LIVED
    assert let_go_of(database, replace(FOR_EVER, equity_minutes_days=1)) == {}, "each day once"


# ---------------------------------------------------------------- the journal


@pytest.fixture
def ten_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small packs, so that a few hours fill some."""
    monkeypatch.setattr(packs, "ROWS", 100)
    monkeypatch.setattr(packs, "LEFT", 50)


async def live_a_day(journal: DatabaseJournal) -> None:
    rules = some_rules(risk=LIVELY)
    candles = random_candles(2, 420, start=NOON.replace(hour=0))
    day = Day(
        replace(rules, voting=replace(rules.voting, timeframe="5m")),
        candles[:200],
        candles[200:],
        strategies=ScriptedStrategies(swings),
        journal=journal,  # type: ignore[arg-type]
    )
    await day.run()
    assert not day.crashed


async def test_a_packed_journal_is_whole_and_its_day_comes_out_the_same(
    database: Database, ledger: LedgerRow, journal: DatabaseJournal, ten_pages: None
) -> None:
    await live_a_day(journal)
    opinions, midnight = DatabaseOpinions(database, ledger.name), NOON.replace(hour=0)
    rows, before = journal.rows(0, 100_000), replayed_day(journal, midnight, "1.0")
    given, lived = list(opinions.signals()), opinions.range()
    assert before.same
    assert before.messages > 200
    done = let_go_of(database, replace(FOR_EVER, journal_months=-1), NOON + DAY)
    assert done["journal rows packed"] == (len(rows) - 50) // 100 * 100
    assert counted(database, tables.JournalTable) < 150
    assert journal.verify() is None
    assert [row for page in pages(journal) for row in page] == list(rows), "byte for byte"
    assert replayed_day(journal, midnight, "1.0") == before
    assert list(opinions.signals()) == given
    assert opinions.range() == lived
    since = given[len(given) // 2].given_at
    assert list(opinions.signals(since, since + MINUTE * 5)) == [
        each for each in given if since <= each.given_at < since + MINUTE * 5
    ]
    assert journal.commit([replace(entry(1), at=rows[-1].at)], []) == len(rows) + 1, "and it goes on"
    assert journal.verify() is None


def pages(journal: DatabaseJournal) -> Iterator[Any]:
    seq = 0
    while page := journal.rows(seq, 70):
        yield page
        seq = page[-1].seq


@pytest.fixture
def packed(database: Database, journal: DatabaseJournal, ten_pages: None) -> DatabaseJournal:
    journal.commit([entry(number) for number in range(1, 400)], [])
    assert let_go_of(database, replace(FOR_EVER, journal_months=-1))["journal rows packed"] == 300
    return journal


def test_a_pack_that_was_changed_is_found_and_not_read(database: Database, packed: DatabaseJournal) -> None:
    table = tables.JournalPackTable.__table__  # type: ignore[attr-defined]
    with database.writing() as connection:
        bytes_ = connection.execute(select(table.c.packed).where(table.c.first_seq == 101)).scalar_one()
        lines = json.loads(zlib.decompress(bytes_))
        lines[40][3] = lines[40][3].replace("T", "U", 1)
        changed = zlib.compress(json.dumps(lines).encode())
        connection.execute(update(table).where(table.c.first_seq == 101).values(packed=changed))
    assert "rows 101 to 200" in str(packed.verify())
    with pytest.raises(DataError, match="rows 101 to 200"):
        packed.rows(100)


def test_a_pack_that_is_gone_is_missed(database: Database, packed: DatabaseJournal) -> None:
    with database.writing() as connection:
        connection.execute(text("DELETE FROM journal_packs WHERE first_seq = 101"))
    assert "row 101 of ledger" in str(packed.verify())


def test_what_does_not_hang_together_is_not_packed(
    database: Database, journal: DatabaseJournal, ten_pages: None
) -> None:
    journal.commit([entry(number) for number in range(1, 400)], [])
    with database.writing() as connection:
        connection.execute(text("UPDATE journal SET message = 'x' || message WHERE seq = 150"))
    assert let_go_of(database, replace(FOR_EVER, journal_months=-1))["journal rows packed"] == 100
    assert "row 150 of ledger" in str(journal.verify()), "it is still there to be looked at"


# ---------------------------------------------------------------- decisions and what they rested on


async def test_of_old_decisions_those_stay_that_led_to_an_order_with_what_they_rested_on(
    database: Database, ledger: LedgerRow, journal: DatabaseJournal, reader: DatabaseReader
) -> None:
    _, entries = a_whole_trade()
    made = [each for every in entries for each in every.changes if isinstance(each, Decision)][-1]
    texts = [Evidence(strategy="technical", prompt=f"question {number}") for number in range(3)]
    decided = [
        replace(
            made,
            id=f"d{number}",
            at=NOON + DAY * days,
            outcome=outcome,
            signals=tuple(replace(signal, evidence=text.sha256) for signal in made.signals),
        )
        for number, (days, outcome, text) in enumerate(
            zip((0, 0, 80), (Outcome.ORDER, Outcome.HOLD, Outcome.HOLD), texts, strict=True)
        )
    ]
    store = DatabaseEvidence(database)
    for decision, text_ in zip(decided, texts, strict=True):
        store.keep(decision.at, text_)
    journal.commit([entry(number, changes=(each,)) for number, each in enumerate(decided, 1)], [])
    journal.commit([replace(entry(4), at=NOON + DAY * 100)], [])
    done = let_go_of(database, Keep(), NOON + DAY * 100)
    assert (done["decisions"], done["texts"]) == (1, 1)
    rows, _ = await reader.list("decisions", 10, 0)
    assert [row["id"] for row in rows] == ["d2", "d0"]
    assert [(await reader.one("decisions", row["id"]) or {})["prompt"] for row in rows] == ["question 2", "question 0"]
    assert let_go_of(database, Keep(), NOON + DAY * 100).total() == 0, "those that stay are only looked at again"


async def test_a_hurried_market_that_is_far_ahead_takes_nothing_from_life(database: Database) -> None:
    store = DatabaseEvidence(database)
    for days in (-100, -10, 200, 290):
        store.keep(NOON + DAY * days, Evidence(strategy="s", prompt=str(days)))
    assert let_go_of(database, Keep(), NOON)["texts"] == 1
    store.keep(NOON + DAY * 400, Evidence(strategy="s", prompt="400"))
    assert let_go_of(database, Keep(), NOON)["texts"] == 2
    assert counted(database, tables.EvidenceTable) == 2


# ---------------------------------------------------------------- everything else


async def test_alerts_logs_calls_and_minutes_go_when_they_are_old_and_over(
    database: Database, ledger: LedgerRow, journal: DatabaseJournal
) -> None:
    old, now = NOON - DAY * 500, NOON
    alerts = [
        {"id": 1, "level": "info", "status": "posted"},
        {"id": 2, "level": "critical", "status": "posted"},  # nobody has seen it
        {"id": 3, "level": "critical", "status": "posted", "acknowledged_at": old},
        {"id": 4, "level": "info", "status": "posted"},  # still on its way
        {"id": 5, "level": "info", "status": "waiting"},
        {"id": 6, "level": "info", "status": "posted"},  # the newest
    ]
    plain = {"ledger": ledger.name, "event": "alive", "text": "", "created_at": old, "repeated": 0}
    letter = {"ledger": ledger.name, "channel": "email", "round": 0, "silent": False, "due_at": old, "attempts": 1}
    letters = [{**letter, "outbox_id": 1, "status": "delivered"}, {**letter, "outbox_id": 4, "status": "sending"}]
    texts = {"reference": "", "provider_id": "", "error": ""}
    log = {"timestamp": old, "level": "INFO", "level_number": 20, "component": "t", "message": "m", "details": "{}"}
    call = {"at": old, "model": "m", "template": "t", "cached_tokens": 0, "input_tokens": 0, "output_tokens": 0}
    hours = [
        {"ledger": ledger.name, "hour": NOON - timedelta(hours=each), "candles": "[]"} for each in range(0, 3000, 50)
    ]
    with database.writing() as connection:
        for alert in alerts:
            connection.execute(insert(tables.OutboxTable), [{**plain, "acknowledged_by": "", **alert}])
        connection.execute(insert(tables.LetterTable), [{**each, **texts} for each in letters])
        connection.execute(insert(tables.SystemLogTable), [log, {**log, "timestamp": now}])
        connection.execute(insert(tables.ModelCallTable), [{**call, "cost_usd": Decimal(1), "outcome": "ok"}])
        connection.execute(insert(tables.MarketCandleTable), hours)
    journal.commit([entry(1)], [])
    done = let_go_of(database, Keep(), now)
    assert {what: done[what] for what in ("alerts", "log rows", "model calls")} == {
        "alerts": 2,
        "log rows": 1,
        "model calls": 1,
    }
    with database.reading() as connection:
        assert set(connection.execute(select(tables.OutboxTable.__table__.c.id)).scalars()) == {2, 4, 5, 6}  # type: ignore[attr-defined]
        oldest = connection.execute(select(func.min(tables.MarketCandleTable.__table__.c.hour))).scalar()  # type: ignore[attr-defined]
    assert counted(database, tables.LetterTable) == 1
    assert NOON - DAY * 120 <= oldest < NOON - DAY * 117
    assert done["hours of candles"] == len(hours) - counted(database, tables.MarketCandleTable) > 1


def test_the_room_goes_back_to_the_disk(database: Database) -> None:
    old = {"timestamp": NOON, "level": "INFO", "level_number": 20, "component": "t", "details": "{}"}
    rows = [{**old, "message": Random(number).randbytes(2_000).hex()} for number in range(2_500)]
    with database.writing() as connection:
        connection.execute(insert(tables.SystemLogTable), rows)
    full = size_of(database)
    assert let_go_of(database, Keep(), NOON + DAY * 31)["log rows"] == len(rows)
    if database.is_sqlite:
        assert size_of(database) < full / 3
        return
    with database.writing() as connection:
        connection.execute(insert(tables.SystemLogTable), rows)
    assert size_of(database) < full * 1.3, "the room is used again"


def size_of(database: Database) -> int:
    if database.path is not None:
        with database.writer.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # type: ignore[union-attr]
        return database.path.stat().st_size
    with database.reading() as connection:
        return int(connection.execute(text("SELECT pg_total_relation_size('system_logs')")).scalar_one())


def test_a_file_from_before_can_give_room_back_once_it_was_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:  # as a program made it that knew nothing of this
        old.execute("CREATE TABLE filling (text TEXT)")
        old.commit()
    database = open_database(f"sqlite:///{path}")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() == 2
    database.close()


# ---------------------------------------------------------------- the job


class Slow:
    """A part with some steps, each of which notes when it was made."""

    def __init__(self, made: list[str]) -> None:
        self.made = made

    def steps(self, now: datetime) -> Iterator[Step]:
        for number in range(3):
            self.made.append(f"step {number}")
            yield Step("things", 2)


async def test_each_step_waits_until_trading_is_at_rest(caplog: pytest.LogCaptureFixture) -> None:
    made: list[str] = []

    async def quiet() -> None:
        made.append("at rest")

    with caplog.at_level("INFO"):
        await let_go((Slow(made),), quiet=quiet, clock=Clock(), tasks=Tasks())()
    assert made == ["at rest", "step 0", "at rest", "step 1", "at rest", "step 2", "at rest"]
    assert "let go: 6 things" in caplog.text


def test_versions_of_strategies_go_when_nothing_has_referred_to_them_for_long(tmp_path: Path) -> None:
    used, unused, recent = ("a" * 64, "b" * 64, "c" * 64)
    for name, days in ((used, 200), (unused, 200), (recent, 20), ("unproved-x", 200)):
        path = tmp_path / f"{name}.py"
        path.write_text("")
        os.utime(path, ((NOON - DAY * days).timestamp(),) * 2)
    assert [step.what for step in KeptStrategies(tmp_path, lambda: {used}, 90).steps(NOON)] == [
        "versions of strategies"
    ]
    assert {path.stem for path in tmp_path.iterdir()} == {used, recent, "unproved-x"}
    list(KeptStrategies(tmp_path, set, 90).steps(NOON + DAY * 80))
    assert {path.stem for path in tmp_path.iterdir()} == {used, "unproved-x"}, "80 days since it was last in use"
    assert list(KeptStrategies(tmp_path / "none", set, 90).steps(NOON)) == []
