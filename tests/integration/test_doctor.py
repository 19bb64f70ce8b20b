"""The doctor on real parts: servers on this machine, both databases, real strategy files, the real command."""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import text

import main
from app.channels import ChannelState
from app.ports import Entry
from app.push import Subscription
from services.database import Database, DatabaseJournal, DatabaseOutbox, Ledgers, PushDevices, open_database
from services.database.looking import looking
from services.doctor.check import Check, text_of
from services.doctor.examination import PROBES, examine
from tests.trader_process import ROOT, TraderProcess, write_market

KEY, SECRET = "trade-key-0123456789", "trade-secret-0123456789"
TOKEN = "other-key-0123456789"
ACCOUNT = {"canTrade": True, "canWithdraw": False, "canDeposit": True, "accountType": "SPOT", "balances": []}


@dataclass
class Outside:
    """A stand-in for every service outside: answers what it is told to, and keeps what it was asked."""

    url: str = ""
    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    clock_ahead_ms: int = 0
    slow: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str) -> tuple[int, object]:
        if path == "/api/v3/time" and path not in self.answers:
            return 200, {"serverTime": int(time.time() * 1000) + self.clock_ahead_ms}
        return self.answers.get(path, (404, {"detail": "nothing here"}))


@pytest.fixture
def outside() -> Iterator[Outside]:
    there = Outside()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            there.asked.append((self.path, dict(self.headers)))
            status, answer = there.answer(urlsplit(self.path).path)
            if answer == "never":
                there.slow.wait(30)
            body = json.dumps(answer).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{there.url}/elsewhere")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_port}"
    yield there
    there.slow.set()
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Patient:
    """An installation in a folder of its own, and a look at some of its parts."""

    environ: dict[str, str]

    def look(self, *subjects: str) -> list[Check]:
        """What the named checks say, without what is said of the settings."""
        probes = [probe for probe in PROBES if probe.subject in subjects]
        assert len(probes) == len(subjects)
        found = examine(self.environ, None, version="1", stored_candles=lambda _: (), probes=probes)
        said = text_of(found.checks)
        assert not any(hidden in said for hidden in (KEY, SECRET, TOKEN)), said
        assert all(check.cure for check in found.checks if check.status == "wrong"), said
        return [check for check in found.checks if check.subject != "settings"]

    def one(self, subject: str) -> Check:
        (check,) = self.look(subject)
        return check


@pytest.fixture
def patient(tmp_path: Path, outside: Outside) -> Patient:
    (tmp_path / "config").mkdir()
    return Patient(
        {
            "TRADER_DATA_DIR": str(tmp_path / "data"),
            "TRADER_CONFIG_DIR": str(tmp_path / "config"),
            "TRADER_STRATEGIES_DIR": str(tmp_path / "strategies"),
            "TRADER_PORT": "1",
            "BINANCEUS_REST_URL": outside.url,
            "DEEPSEEK_BASE_URL": f"{outside.url}/deepseek",
            "CRYPTOPANIC_BASE_URL": f"{outside.url}/panic",
            "NEWSAPI_BASE_URL": f"{outside.url}/news",
        }
    )


# ---------------------------------------------------------------- clock


def test_the_clock_is_measured_against_the_exchange(patient: Patient, outside: Outside) -> None:
    assert patient.one("clock").status == "ok"
    outside.clock_ahead_ms = 700
    assert patient.one("clock").status == "note"
    outside.clock_ahead_ms = -90_000
    found = patient.one("clock")
    assert found.status == "wrong"
    assert "ahead of the exchange's" in found.seen
    assert "time synchronisation" in found.cure


def test_an_exchange_that_is_away_matters_only_on_its_market(patient: Patient, outside: Outside) -> None:
    outside.answers["/api/v3/time"] = (451, {})
    assert patient.one("clock").status == "note"
    patient.environ["TRADER_MARKET"] = "binanceus"
    assert patient.one("clock").status == "wrong"
    outside.answers["/api/v3/time"] = (200, ["not", "it"])
    assert "is not the exchange" in patient.one("clock").seen
    patient.environ["BINANCEUS_REST_URL"] = "http://127.0.0.1:1"
    assert "the connection is refused" in patient.one("clock").seen


# ---------------------------------------------------------------- keys


def test_the_exchanges_key_is_tried_and_never_shown(patient: Patient, outside: Outside) -> None:
    patient.environ |= {"BINANCEUS_API_KEY": KEY, "BINANCEUS_API_SECRET": SECRET}
    outside.answers["/api/v3/account"] = (200, ACCOUNT)
    assert patient.one("Binance.US key").seen == "is taken, may trade, and may not withdraw"
    path, headers = outside.asked[-1]
    assert headers["x-mbx-apikey"] == KEY
    assert KEY not in path
    assert len(parse_qs(urlsplit(path).query)["signature"][0]) == 64
    outside.answers["/api/v3/account"] = (200, ACCOUNT | {"canWithdraw": True})
    found = patient.one("Binance.US key")
    assert found.status == "wrong"
    assert "trade-only key" in found.cure
    outside.answers["/api/v3/account"] = (401, {"code": -2015, "msg": f"Invalid API-key {KEY}"})
    assert "is refused (-2015)" in patient.one("Binance.US key").seen


def test_a_redirect_is_not_followed_with_a_key(patient: Patient, outside: Outside) -> None:
    patient.environ |= {"BINANCEUS_API_KEY": KEY, "BINANCEUS_API_SECRET": SECRET}
    outside.answers["/api/v3/account"] = (302, {})
    assert "sent elsewhere" in patient.one("Binance.US key").seen
    assert [path for path, _ in outside.asked if "elsewhere" in path] == []


def test_a_key_alone_is_wrong(patient: Patient) -> None:
    patient.environ["BINANCEUS_API_KEY"] = KEY
    found = patient.one("Binance.US key")
    assert (found.status, found.cure) == ("wrong", "set BINANCEUS_API_SECRET, too")


@pytest.mark.parametrize(
    ("models", "balance", "status", "word"),
    [
        ((200, {"data": [{"id": "deepseek-flash"}]}), (200, "12.50"), "ok", "balance 12.50 USD"),
        ((200, {"data": [{"id": "deepseek-flash"}]}), (200, "0.20"), "note", "little money"),
        ((200, {"data": [{"id": "deepseek-flash"}]}), (404, ""), "ok", "is taken"),
        ((200, {"data": [{"id": "other"}]}), (404, ""), "note", "deepseek-flash is not offered"),
        ((401, {}), (404, ""), "wrong", "is refused (HTTP 401)"),
        ((503, {}), (404, ""), "note", "in trouble"),
    ],
)
def test_the_key_of_deepseek(
    patient: Patient,
    outside: Outside,
    models: tuple[int, object],
    balance: tuple[int, str],
    status: str,
    word: str,
) -> None:
    patient.environ["DEEPSEEK_API_KEY"] = TOKEN
    outside.answers["/deepseek/models"] = models
    infos = [{"currency": "USD", "total_balance": balance[1]}]
    outside.answers["/deepseek/user/balance"] = (balance[0], {"is_available": True, "balance_infos": infos})
    found = patient.one("DeepSeek key")
    assert found.status == status
    assert word in found.seen
    assert outside.asked[0][1]["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("subject", "setting", "path", "answers"),
    [
        (
            "CryptoPanic key",
            "CRYPTOPANIC_API_KEY",
            "/panic/posts/",
            [(200, {"results": []}, "ok"), (401, {}, "wrong"), (403, {}, "wrong"), (429, {}, "note")],
        ),
        (
            "NewsAPI key",
            "NEWSAPI_API_KEY",
            "/news/everything",
            [
                (200, {"status": "ok", "articles": []}, "ok"),
                (401, {"status": "error", "code": "apiKeyInvalid"}, "wrong"),
                (429, {"status": "error", "code": "rateLimited"}, "note"),
                (500, None, "note"),
            ],
        ),
    ],
)
def test_the_keys_of_the_news(
    patient: Patient,
    outside: Outside,
    subject: str,
    setting: str,
    path: str,
    answers: list[tuple[int, object, str]],
) -> None:
    patient.environ[setting] = TOKEN
    for status, answer, expected in answers:
        outside.answers[path] = (status, answer)
        assert patient.one(subject).status == expected
    assert len(outside.asked) == len(answers)


def test_keys_that_are_not_configured_share_one_line(patient: Patient, outside: Outside) -> None:
    found = patient.look("keys", "Binance.US key", "DeepSeek key", "CryptoPanic key", "NewsAPI key")
    assert [check.seen for check in found] == ["not configured: Binance.US, DeepSeek, CryptoPanic, NewsAPI"]
    assert outside.asked == []


# ---------------------------------------------------------------- databases


@pytest.fixture
def books(patient: Patient, database_url: str) -> Iterator[Database]:
    """A database with one ledger of three rows, whose trader is running."""
    patient.environ["DATABASE_URL"] = database_url
    database = open_database(database_url)
    ledger = Ledgers(database, lambda letters: letters[7]).open("paper", "simulated", "BTC/USD", datetime.now(UTC))
    journal = DatabaseJournal(database, ledger.name, "1")
    now = datetime.now(UTC)
    entries = [Entry(at=now, recorded_at=now, message=f"{number}", actions="[]", changes=()) for number in range(3)]
    journal.commit(entries, [])
    yield database
    journal.close()
    database.close()


def ledger_of(database: Database) -> str:
    return Ledgers(database, min).list()[0].name


def test_a_database_is_looked_at_beside_its_trader(patient: Patient, books: Database, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    database, journal, trader = patient.look("database", "journal", "trader")
    assert database.status == journal.status == trader.status == "ok"
    assert "schema" in database.seen
    assert "the newest 3 rows fit together" in journal.seen
    assert trader.seen.startswith("runs on paper simulated BTC/USD hhhh and wrote ")
    assert sorted(tmp_path.rglob("*")) == before
    with books.writing() as connection:
        connection.execute(text("UPDATE journal SET recorded_at = :at"), {"at": "2026-01-01T00:00:00.000000Z"})
    assert patient.one("trader").status == "wrong"


def test_nothing_can_be_written_by_looking(books: Database) -> None:
    from app.core.errors import StoreError

    url = books.url.render_as_string(hide_password=False)
    with pytest.raises(StoreError, match=r"readonly|read-only"), looking(url) as connection:
        connection.execute(text("UPDATE journal SET message = 'x'"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("UPDATE journal SET message = 'x' WHERE seq = 2", "row 2 was changed"),
        ("DELETE FROM journal WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM journal WHERE seq = 3", "rows 3 to 3 are missing"),
    ],
)
def test_a_broken_chain_is_found(patient: Patient, books: Database, change: str, word: str) -> None:
    with books.writing() as connection:
        connection.execute(
            text("INSERT INTO checkpoints (ledger, seq, schema_number, state) VALUES (:ledger, 3, 1, '')"),
            {"ledger": ledger_of(books)},
        )
    assert patient.one("journal").status == "ok"
    with books.writing() as connection:
        connection.execute(text(change))
    found = patient.one("journal")
    assert found.status == "wrong"
    assert word in found.seen
    assert "audit verify" in found.cure


@pytest.mark.parametrize(
    ("revision", "status", "word"),
    [("0001", "note", "is older"), ("9999", "wrong", "newer version"), (None, "wrong", "not ours")],
)
def test_the_schema_is_compared(
    patient: Patient, books: Database, revision: str | None, status: str, word: str
) -> None:
    with books.writing() as connection:
        if revision is None:
            connection.execute(text("DROP TABLE alembic_version"))
        else:
            connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    found = patient.one("database")
    assert found.status == status
    assert word in found.seen


def test_channels_and_alerts_are_told_from_the_books(patient: Patient, books: Database) -> None:
    patient.environ |= {"SMTP_URL": "smtp://me:pw@localhost", "ALERT_EMAIL_TO": "me@example.org"}
    outbox = DatabaseOutbox(books, ledger_of(books))
    now = datetime.now(UTC)
    for name, status in (("email", "failing"), ("push", "revoked"), ("apprise-1", "failing")):
        outbox.remember(ChannelState(name=name, status=status, error="550 no such user", changed_at=now))
    (email,) = patient.look("alert channels")  # no phone has asked for alerts yet
    phone = Subscription(endpoint="https://push.example.org/1", p256dh="k", auth="a")
    PushDevices(books).put("admin", phone, "Firefox on Android", now)
    email, push = patient.look("alert channels")
    assert email.status == push.status == "wrong", "apprise is not set up, so its past does not matter"
    assert "is failing since" in email.seen
    assert email.cure.endswith("main.py alert test email")
    assert patient.look("unseen alerts") == []
    with books.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO outbox (ledger, event, level, text, created_at, status, acknowledged_by, repeated) "
                "VALUES (:ledger, 'kill_switch', 'critical', '', :at, 'posted', '', 0)"
            ),
            {"ledger": ledger_of(books), "at": "2026-11-23T00:00:00.000000Z"},
        )
    found = patient.one("unseen alerts")
    assert found.status == "note"
    assert "kill_switch" in found.seen
    outbox.acknowledge(None, "me", now)
    assert patient.look("unseen alerts") == []


def test_books_of_an_older_version_without_channels_say_nothing(patient: Patient, books: Database) -> None:
    with books.writing() as connection:
        connection.execute(text("DROP TABLE channels"))
        connection.execute(text("ALTER TABLE outbox DROP COLUMN over_at"))
    assert patient.look("alert channels", "unseen alerts") == []


def test_sqlite_is_durable_and_whole(patient: Patient, tmp_path: Path) -> None:
    names = ("database", "durability", "database file", "growth", "journal")
    assert [check.status for check in patient.look(*names) if check.subject == "database"] == ["note"]
    (tmp_path / "data").mkdir()
    database = open_database(f"sqlite:///{tmp_path}/data/trader.db")
    Ledgers(database, min).open("paper", "simulated", "BTC/USD", datetime.now(UTC))
    database.close()
    files = sorted((tmp_path / "data").iterdir())
    found = {check.subject: check for check in patient.look(*names)}
    assert found["database"].status == found["database file"].status == "ok"
    assert "every commit waits for the disk" in found["durability"].seen or "tmpfs" in found["durability"].seen
    assert sorted((tmp_path / "data").iterdir()) == files == [tmp_path / "data/trader.db"]


def test_a_file_that_grows_fast_is_noted(patient: Patient, books: Database) -> None:
    if not books.is_sqlite:
        assert patient.look("growth") == []
        return
    assert patient.look("growth") == [], "one day is needed to tell"
    at = datetime.now(UTC) - timedelta(days=10)
    with books.writing() as connection:
        connection.execute(text("UPDATE journal SET recorded_at = :at"), {"at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"})
    assert "MB a day" in patient.one("growth").seen


def test_a_damaged_file_is_found(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data/trader.db"
    database = open_database(f"sqlite:///{path}")
    database.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = patient.one("database file")
    assert found.status == "wrong"
    assert "restore" in found.cure
    path.write_bytes(b"this is a letter to my aunt" * 100)
    assert {check.status for check in patient.look("database", "database file")} == {"wrong"}


def test_a_file_without_its_write_ahead_log_is_noted(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    connection = sqlite3.connect(tmp_path / "data/trader.db")
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    found = {check.subject: check for check in patient.look("database", "durability")}
    assert "not ours" in found["database"].seen
    assert "write-ahead log" in found["durability"].seen
    (tmp_path / "data/trader.db-wal").touch()
    assert "start the trader once" in patient.one("database").seen


@pytest.mark.postgres
def test_a_server_that_does_not_wait_for_the_disk_is_wrong(
    patient: Patient, new_postgres: Callable[[], str], postgres_server: str
) -> None:
    patient.environ["DATABASE_URL"] = new_postgres()
    assert "still empty" in patient.one("database").seen
    assert "fsync is off" in patient.one("durability").seen, "as our tests have it"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute("ALTER SYSTEM SET fsync = on")
        server.execute("SELECT pg_reload_conf()")
    try:
        end = time.monotonic() + 10
        while (found := patient.one("durability")).status != "ok" and time.monotonic() < end:
            time.sleep(0.05)
        assert found.status == "ok"
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as server:
            server.execute("ALTER SYSTEM SET fsync = off")
            server.execute("SELECT pg_reload_conf()")


def test_a_server_that_is_away(patient: Patient) -> None:
    patient.environ["DATABASE_URL"] = f"postgresql+psycopg://me:{TOKEN}@127.0.0.1:1/trader"
    names = ("database", "durability", "journal", "alert channels", "unseen alerts", "growth", "database file")
    (found,) = patient.look(*names)
    assert found.status == "wrong"
    assert "DATABASE_URL" in found.cure


# ---------------------------------------------------------------- is a trader running?


def test_a_port_that_somebody_else_uses(patient: Patient, outside: Outside) -> None:
    assert patient.one("trader").seen == "is not running"
    patient.environ["TRADER_PORT"] = outside.url.rpartition(":")[2]
    assert "another program uses port" in patient.one("trader").seen
    outside.answers["/health"] = (200, {"status": "degraded"})
    assert "and says degraded" in patient.one("trader").seen


# ---------------------------------------------------------------- strategies

BROKEN = "import nosuchmodule\n"
GOOD = (ROOT / "strategies/custom_strategy.py").read_text(encoding="utf-8")


@pytest.fixture
def strategies(patient: Patient, tmp_path: Path) -> Callable[..., list[Check]]:
    """What is said of these files under this strategies.yml."""
    (tmp_path / "strategies").mkdir()

    def look(rules: str, **files: str) -> list[Check]:
        (tmp_path / "config/strategies.yml").write_text(f"timeframe: 5m\nstrategies:\n{rules}")
        for name, source in files.items():
            (tmp_path / f"strategies/{name}.py").write_text(source)
        return patient.look("strategies")

    return look


def test_a_strategy_loads_and_answers(strategies: Callable[..., list[Check]]) -> None:
    (found,) = strategies("  custom_strategy: {enabled: true, weight: 30}\n", custom_strategy=GOOD)
    assert found.status == "ok", found
    assert "loads and answers (weight 30" in found.seen


def test_strategies_that_are_missing_broken_or_weightless(strategies: Callable[..., list[Check]]) -> None:
    approved = hashlib.sha256(BROKEN.encode()).hexdigest()
    rules = (
        "  gone: {enabled: true, weight: 10}\n"
        f"  broken: {{enabled: true, weight: 0, sha256: {approved}}}\n"
        "  custom_strategy: {enabled: false, weight: 30}\n"
    )
    found = {check.subject: check for check in strategies(rules, broken=BROKEN, custom_strategy=GOOD)}
    assert {check.status for check in found.values()} == {"wrong"}
    assert "has no file gone.py" in found["strategy gone"].seen
    assert "does not load" in found["strategy broken"].seen
    assert "nobody votes" in found["strategies"].seen
    assert set(found) == {"strategy gone", "strategy broken", "strategies"}


def test_a_file_that_nobody_approved_and_one_that_was_changed_after_it_was(
    strategies: Callable[..., list[Check]], tmp_path: Path
) -> None:
    approved = hashlib.sha256(GOOD.encode()).hexdigest()
    rules = (
        "  mine: {enabled: true, weight: 10}\n"
        f"  changed: {{enabled: true, weight: 10, sha256: {approved}}}\n"
        "  custom_strategy: {enabled: true, weight: 30}\n"
    )
    kept = tmp_path / "data/strategies"
    kept.mkdir(parents=True)
    (kept / f"{approved}.py").write_text(GOOD)
    found = strategies(rules, mine=GOOD, changed=BROKEN, custom_strategy=GOOD)
    said = {(check.subject, check.status): check.seen for check in found}
    assert f"nobody approved its file (SHA-256 {approved}): it does not vote" in said["strategy mine", "wrong"]
    assert f"version {approved[:12]} goes on" in said["strategy changed", "note"]
    assert "loads and answers" in said["strategy changed", "ok"]
    assert "loads and answers" in said["strategy custom_strategy", "ok"]


def test_an_approved_version_is_found_where_the_data_directory_is_named_as_it_is_by_default(
    patient: Patient, strategies: Callable[..., list[Check]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a path that begins in the folder where the command is given: strategies run in another one."""
    monkeypatch.chdir(tmp_path)
    patient.environ["TRADER_DATA_DIR"] = "data"
    approved = hashlib.sha256(GOOD.encode()).hexdigest()
    (tmp_path / "data/strategies").mkdir(parents=True)
    (tmp_path / f"data/strategies/{approved}.py").write_text(GOOD)
    (found,) = strategies("  custom_strategy: {enabled: true, weight: 30}\n", custom_strategy=GOOD)
    assert found.status == "ok", found


# ---------------------------------------------------------------- the command


def test_the_command_says_so_in_lines_in_json_and_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outside: Outside
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    strategies = tmp_path / "config/strategies.yml"
    strategies.write_text("timeframe: 5m\nstrategies:\n  custom_strategy: {enabled: true, weight: 30}\n")
    monkeypatch.setenv("TRADER_STRATEGIES_DIR", str(ROOT / "strategies"))
    monkeypatch.setenv("BINANCEUS_REST_URL", outside.url)
    monkeypatch.setenv("TRADER_PORT", "1")
    before = sorted(tmp_path.rglob("*"))
    assert main.main(["doctor"]) == 0, capsys.readouterr().out
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok     ", "note   ")) for line in lines)
    assert sorted(tmp_path.rglob("*")) == before, "nothing was made"
    (tmp_path / ".env").write_text(f"DEEPSEEK_API_KEY={TOKEN}\nTRADER_PORT=eighty\n")
    (tmp_path / ".env").chmod(0o644)
    monkeypatch.delenv("TRADER_PORT")
    monkeypatch.setenv("DEEPSEEK_BASE_URL", f"{outside.url}/deepseek")
    assert main.main(["doctor", "--json"]) == 1
    said = capsys.readouterr().out
    told = json.loads(said)
    assert told["good"] is False
    assert told["checks"][0]["subject"] == "settings"
    assert {"subject", "status", "seen", "cure"} == set(told["checks"][0])
    assert TOKEN not in said
    with pytest.raises(SystemExit) as refused:
        main.main(["doctor", "--colour"])
    assert refused.value.code == 2


def test_everything_away_takes_less_than_fifteen_seconds(tmp_path: Path, outside: Outside) -> None:
    for path in ("/api/v3/time", "/api/v3/account", "/deepseek/models", "/panic/posts/", "/news/everything"):
        outside.answers[path] = (200, "never")
    trader = TraderProcess(tmp_path, "simulated")
    trader.settings |= {
        "BINANCEUS_REST_URL": outside.url,
        "DEEPSEEK_BASE_URL": f"{outside.url}/deepseek",
        "CRYPTOPANIC_BASE_URL": f"{outside.url}/panic",
        "NEWSAPI_BASE_URL": "https://198.51.100.1/v2",  # an address that nobody has
        "DATABASE_URL": "postgresql+psycopg://me:pw@10.255.255.1:5432/trader",
        "BINANCEUS_API_KEY": KEY,
        "BINANCEUS_API_SECRET": SECRET,
        "DEEPSEEK_API_KEY": TOKEN,
        "CRYPTOPANIC_API_KEY": TOKEN,
        "NEWSAPI_API_KEY": TOKEN,
    }
    begun = time.monotonic()
    done = trader.command("doctor")
    assert time.monotonic() - begun < 28, "one after the other, five questions of 6 s take half a minute"
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert "note   DeepSeek key: not checked: no answer within 6 s" in done.stdout
    assert not any(hidden in done.stdout for hidden in (KEY, SECRET, TOKEN))


def test_beside_a_running_trader(tmp_path: Path, outside: Outside) -> None:
    market = write_market(tmp_path / "market.csv", days=6)
    trader = TraderProcess(tmp_path, f"replay:{market}", speed="600", settings={"BINANCEUS_REST_URL": outside.url})
    process = trader.start()
    try:
        trader.signed_in().close()
        done = trader.command("doctor")
        assert "ok     trader: runs on paper replay:market.csv BTC/USD" in done.stdout, done.stdout + done.stderr
        assert "rows fit together" in done.stdout
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
