"""Lived days from the command line: replayed, beside the backtest, what each voice was worth; and the night's job."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from contextlib import chdir
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text as sql

import main
from app.core.alerts import AlertEvent
from app.core.messages import CandleClosed
from app.core.model import Candle
from app.ports import Entry
from app.replaying import replayed_day
from app.reviewing import Nightly
from app.seam import Clock, Tasks
from backtest.recorded import write_file
from services.database import DatabaseJournal, DatabaseMarketCandles, DatabaseReader, DatabaseReviews
from services.review_process import review
from tests.builders import MINUTE, NOON, a_signal
from tests.fakes import MemoryJournal, ScriptedStrategies
from tests.integration.test_parity import lively_rules
from tests.trader_process import RISK, ROOT, STRATEGIES, write_market
from tests.trading_day import Day, random_candles, swings
from wiring.books import open_books
from wiring.settings import settings_of, version

Run = Callable[..., tuple[int, str, str]]
Look = Callable[[datetime], Awaitable[None]]
CANDLES = random_candles(7, 13 * 60)  # from noon to one o'clock of the next day
TODAY = NOON.replace(hour=0)


def live_through_an_afternoon() -> None:
    database, ledger = open_books(settings_of())
    journal = DatabaseJournal(database, ledger.name, version())
    memory = MemoryJournal()
    day = Day(lively_rules(), CANDLES[:200], CANDLES[200:], strategies=ScriptedStrategies(swings), journal=memory)
    asyncio.run(day.run())
    lived = [
        Entry(at=row.at, recorded_at=row.recorded_at, message=row.message, actions=row.actions)
        for row in memory.rows(0, 1_000_000)
    ]
    journal.commit(lived, [])  # at once: what is tested here is read, and how it is written is tested elsewhere
    kept = DatabaseMarketCandles(database, ledger.name, ledger.symbol)
    kept.take(CANDLES)
    kept.flush()
    journal.close()
    database.close()


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings, and books in which an afternoon was lived."""
    folder = tmp_path_factory.mktemp("lived")
    (folder / "config").mkdir()
    (folder / "config/strategies.yml").write_text(STRATEGIES)
    (folder / "config/risk.yml").write_text(RISK)
    with chdir(folder):
        live_through_an_afternoon()
    return folder


@pytest.fixture
def run(books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`main.py` with these arguments beside a copy of the books."""
    folder = shutil.copytree(books, tmp_path / "lived")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRADER_STRATEGIES_DIR", str(ROOT / "strategies"))

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def reviews() -> DatabaseReviews:
    database, ledger = open_books(settings_of())
    return DatabaseReviews(database, ledger.name)


def nightly(now: datetime, told: list[tuple[AlertEvent, str]], look: Look = review) -> Nightly:
    def tell(event: AlertEvent, text: str) -> None:
        told.append((event, text))

    return Nightly(reviews(), look, tell, now=lambda: now, clock=Clock(), tasks=Tasks())


def test_a_day_is_replayed_compared_and_weighed(run: Run) -> None:
    code, said, _ = run("replay", "2023-03-10", "--json")
    assert code == 0
    assert json.loads(said)["identical"] is True
    drift = json.loads(run("drift", "2023-03-10", "--json")[1])
    assert (drift["missed"], drift["extra"], drift["differs"], drift["refused"]) == (0, 0, 0, 0)
    assert drift["same"] >= 5
    assert Decimal(drift["difference_usd"]) == 0
    code, said, _ = run("voices", "--draws", "2")
    assert code == 0
    assert "without technical" in said
    assert "buy and hold, same exposure" in said


def test_the_night_keeps_a_verdict_that_status_and_api_show(run: Run) -> None:
    told: list[tuple[AlertEvent, str]] = []
    early = nightly(CANDLES[0].closed_at, told)
    asyncio.run(early.run())
    assert early.latest is None, "nothing was lived on the day before"
    job = nightly(CANDLES[-1].closed_at, told)
    asyncio.run(job.run())
    assert told == []
    assert job.latest is not None
    assert (job.latest["day"], job.latest["identical"], job.latest["difference"]) == ("2023-03-10", True, None)

    database, ledger = open_books(settings_of())
    reader = DatabaseReader(database, ledger.name, Tasks())
    (kept,), total = asyncio.run(reader.list("reviews", 10, 0))
    assert (kept["date"], kept["identical"], total) == ("2023-03-10", True, 1)
    assert Decimal(kept["drift"]["difference_usd"]) == 0
    (worth,), _ = asyncio.run(reader.list("voices", 10, 0))
    assert [row["name"] for row in worth["voices"]][:2] == ["as_it_was", "without"]
    assert asyncio.run(reader.one("reviews", "2023-03-10")) == kept
    journal = DatabaseJournal(database, ledger.name, version(), reading_only=True)
    mark, tomorrow = reviews().mark_before(TODAY + timedelta(days=1)), TODAY + timedelta(days=1)
    assert mark is not None
    assert mark.seq == kept["messages"]
    went_on = replayed_day(journal, tomorrow, version(), since=mark)
    assert went_on == replayed_day(journal, tomorrow, version()), "the next night goes on from here"
    database.close()
    assert json.loads(run("voices", "--since", "2023-03-10", "--json")[1])[0]["name"] == "as_it_was"


@pytest.mark.parametrize("what", ["a flipped candle", "a flipped byte"])
def test_what_was_changed_in_the_journal_is_an_alert_and_exit_1(run: Run, what: str) -> None:
    wanted = "message LIKE '%CandleClosed%' AND actions LIKE '%ReplaceStop%'"
    change = """message = replace(replace(message, '"close":"2', '"close":"9'), '"high":"2', '"high":"9')"""
    if what == "a flipped byte":
        wanted, change = "message LIKE '%rising%'", "message = replace(message, 'rising', 'rosing')"
    change = f"UPDATE journal SET {change} WHERE seq = (SELECT min(seq) FROM journal WHERE {wanted})"
    database, _ = open_books(settings_of())
    with database.writer.begin() as connection:
        assert connection.execute(sql(change)).rowcount == 1
    database.close()
    code, said, _ = run("replay", "2023-03-10")
    assert code == 1
    assert "the hash chain is broken: row" in said
    assert ("journalled [" in said) is (what == "a flipped candle"), "a word that nobody acted upon changes no action"
    told: list[tuple[AlertEvent, str]] = []

    async def look(day: datetime) -> None:
        database, ledger = open_books(settings_of())
        journal = DatabaseJournal(database, ledger.name, version(), reading_only=True)
        reviews().keep(day, NOON, replayed_day(journal, day, version()), {}, [])
        database.close()

    job = nightly(CANDLES[-1].closed_at, told, look)
    asyncio.run(job.run())
    asyncio.run(job.run())
    ((event, words),) = told
    assert event is AlertEvent.PARITY_MISMATCH
    assert words.startswith("2023-03-10 replayed: ")


def test_opinions_are_written_to_a_file(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("opinions", tmp_path / "said.jsonl", "--until", "2023-03-11")
    assert (code, said.split()[0]) == (0, str(len((tmp_path / "said.jsonl").read_text().splitlines())))


def test_a_backtest_is_answered_from_the_record_over_the_time_that_it_covers(run: Run, tmp_path: Path) -> None:
    voters = "  custom_strategy: {enabled: true, weight: 30}\n  news_analyzer: {enabled: true, weight: 20}\n"
    Path("config/strategies.yml").write_text(f"timeframe: 5m\nstrategies:\n{voters}")
    began = datetime(2023, 3, 1, 18, tzinfo=UTC)
    said = [
        a_signal("BUY", 60, strategy="news_analyzer", at=began + MINUTE * 20 * number, reads_text=True)
        for number in range(9)
    ]
    write_file(tmp_path / "said.jsonl", said)
    market = write_market(tmp_path / "market.csv", days=2)
    arguments = ("backtest", "--data", market, "--out", tmp_path / "out", "--voices", "--json")
    result = json.loads(run(*arguments, "--recorded", tmp_path / "said.jsonl")[1])
    assert (result["start"], result["end"]) == ("2023-03-01T18:00:00.000Z", "2023-03-01T21:02:00.000Z")
    span = "opinions of news_analyzer are on record from 2023-03-01 18:00 to 2023-03-01 21:02"
    assert [warning for warning in result["warnings"] if warning.startswith(span)]
    assert [row["strategy"] for row in result["voices"][1:3]] == ["custom_strategy", "news_analyzer"]
    assert json.loads((tmp_path / "out/result.json").read_text())["voices"] == result["voices"]
    code, _, error = run("backtest", "--data", market, "--recorded")
    assert (code, error) == (2, "error: no opinions of news_analyzer are on record\n")


def test_candles_are_kept_once_with_their_gaps(tmp_path: Path, run: Run) -> None:
    database, ledger = open_books(settings_of())
    kept = DatabaseMarketCandles(database, ledger.name, ledger.symbol)
    kept.take([*CANDLES[:10], *CANDLES[20:30]])
    kept.flush()
    found: list[Candle] = list(kept.candles(CANDLES[5].opened_at, CANDLES[70].opened_at))
    assert found == CANDLES[5:70]
    heard = replace(CANDLES[70], volume=Decimal(1))
    kept.hear(CandleClosed(at=heard.closed_at, candle=heard))
    assert kept.known(CANDLES[68].opened_at, CANDLES[70].opened_at) == CANDLES[68:70]
    later = replace(heard, opened_at=CANDLES[-1].opened_at + timedelta(days=30))
    kept.hear(CandleClosed(at=later.closed_at, candle=later))
    assert kept.known(later.opened_at, later.closed_at) == [later]  # heard, and not written down yet
    database.close()
