"""A canary in every secret setting of a real trader that works, fails and is asked wrong things: it sings nowhere.

The services that the settings point to are one loopback server that answers with everything it was sent, as errors do.
"""

import base64
import io
import json
import logging
import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest

import main
from services import logs
from services.secrets.commands import SecretSettings
from services.settings import SETTINGS, load_settings
from tests.one_time_codes import OneTimeCodes
from tests.post_office import MailServer
from tests.trader_process import TraderProcess, write_market

SEED = "CANARYSEEDABCDEFGHIJKLMNOPQRSTUV"
CANARIES = {row.name: f"cAnArY+{row.name.lower().replace('_', '-')}/7e2c" for row in SETTINGS if row.secret} | {
    "TRADER_ADMIN_TOTP_SECRET": SEED
}
BY_ENVIRONMENT = ("DEEPSEEK_API_KEY", "NEWSAPI_API_KEY", "SMTP_URL", "TRADER_METRICS_TOKEN")
BY_FILE = ("TRADER_ADMIN_PASSWORD", "TWILIO_AUTH_TOKEN", "CRYPTOPANIC_API_KEY")
IN_STORE = ("BINANCEUS_API_KEY", "BINANCEUS_API_SECRET", "DATABASE_URL", "TRADER_ADMIN_TOTP_SECRET")
IN_ENV_FILE = ("TWILIO_ACCOUNT_SID", "APPRISE_URLS", "ALERT_PING_URL")


def test_every_secret_setting_has_its_canary() -> None:
    given = (*BY_ENVIRONMENT, *BY_FILE, *IN_STORE, *IN_ENV_FILE)
    assert sorted(given) == sorted(CANARIES)


def forms(canary: str) -> set[str]:
    """As a library might write it."""
    encoded = base64.b64encode(canary.encode()).decode().rstrip("=")
    return {canary, quote(canary), quote(canary, safe=""), quote_plus(canary), json.dumps(canary)[1:-1], encoded}


def sung(text: str) -> list[str]:
    """Names of the settings whose value is in this text, in whatever form and letters."""
    text = text.casefold()
    return [name for name, canary in CANARIES.items() if any(form.casefold() in text for form in forms(canary))]


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, and repeats what it was sent."""

    def answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        said = f"{self.command} {self.path} {dict(self.headers)} {self.rfile.read(length)!r}".encode()
        self.send_response(401)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = answer  # noqa: N815  # the library asks for these names

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """Knows nobody."""
    server = MailServer().start()
    yield server
    server.stop()


# ---------------------------------------------------------------- the real process


class Canaries:
    """A trader with a value in every secret setting, given in every way there is."""

    def __init__(self, folder: Path, echo: str, mail: MailServer) -> None:
        self.folder = folder
        self.trader = TraderProcess(folder, f"replay:{write_market(folder / 'market.csv', days=5)}")
        self.values = dict(CANARIES) | {
            "DATABASE_URL": f"sqlite:///{folder}/data/trader.db",  # of a file only the path: that is no secret
            "SMTP_URL": f"smtp://me:{quote(CANARIES['SMTP_URL'], safe='')}@127.0.0.1:{mail.port}",
            "APPRISE_URLS": f"json://{echo}/{quote(CANARIES['APPRISE_URLS'], safe='')}",
            "ALERT_PING_URL": f"http://{echo}/{quote(CANARIES['ALERT_PING_URL'], safe='')}",
        }
        addresses = ("DEEPSEEK_BASE_URL", "CRYPTOPANIC_BASE_URL", "NEWSAPI_BASE_URL", "TWILIO_BASE_URL")
        self.trader.settings = {
            **dict.fromkeys((*addresses, "BINANCEUS_REST_URL", "NEWS_RSS_URLS"), f"http://{echo}"),
            **{name: self.values[name] for name in BY_ENVIRONMENT},
            "ALERT_EMAIL_TO": "me@example.org",
            "TWILIO_FROM": "+15551234567",
            "ALERT_SMS_TO": "+15557654321",
            "TRADER_LOG_LEVEL": "DEBUG",
            "TRADER_ADMIN_PASSWORD": "",
        }
        loud = "alerts: {levels: {info: {email: on, sms: on, apprise: on}}}\n"
        (folder / "config/app.yml").write_text(loud)  # every alert goes out by every channel, and is refused
        self._give()
        self.answers: list[str] = []
        self.output: list[str] = []
        self.codes = OneTimeCodes(SEED)

    def _give(self) -> None:
        for name in BY_FILE:
            held = self.folder / "held" / name
            held.parent.mkdir(exist_ok=True)
            held.write_text(f"{self.values[name]}\n")
            self.trader.settings[f"{name}_FILE"] = str(held)
        desk = SecretSettings(self.trader.environment, None)
        for name in IN_STORE:
            desk.set(name, self.values[name])
        lines = [f"{name}={desk.seal_only(name, self.values[name])[0]}\n" for name in IN_ENV_FILE]
        (self.folder / ".env").write_text("".join(lines))

    def ask(self, client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        answer = client.request(method, path, **more)
        self.answers.append(f"{len(self.answers)} {answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer

    def command(self, *arguments: str) -> None:
        done = self.trader.command(*arguments)
        assert done.returncode in (0, 1), done.stderr
        self.output.append(f"{arguments} {done.stdout} {done.stderr}")


def children_of(pid: int) -> list[int]:
    """All the way down."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [int(entry.name), *children_of(int(entry.name))]
    return found


def seen_of(pid: int, *names: str) -> str:
    return "\n".join(Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace") for name in names)


def work(home: Canaries, client: httpx.Client) -> None:
    """Trades, and what a person does."""
    answer = home.ask(client, "POST", "/api/v1/token", json={**sign_in(), "otp": home.codes.next()})
    assert answer.status_code == 200, answer.text
    client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    home.trader.until(lambda: client.get("/api/v1/trades").json().get("total"), "a trade")
    for path in ("status", "positions", "orders", "trades", "decisions", "events", "audit", "settings", "signals"):
        home.ask(client, "GET", f"/api/v1/{path}")
    home.ask(client, "POST", "/api/v1/pause", json={})
    home.ask(client, "POST", "/api/v1/resume", json={"otp": home.codes.next()})


def sign_in() -> dict[str, str]:
    return {"username": "admin", "password": CANARIES["TRADER_ADMIN_PASSWORD"]}


def ask_wrongly(home: Canaries, client: httpx.Client) -> None:
    """Each of these is refused, and what was sent with it is not said back."""
    canary = CANARIES["TRADER_ADMIN_PASSWORD"]
    for body in (
        f'{{"username": "admin", "password": "{canary}"',
        f'["{canary}"]',
        f'{{"username": "admin", "password": {{"inside": "{canary}"}}}}',
        f'{{"username": "admin", "passwort": "{canary}"}}',
        f'{{"username": "{canary}", "password": "admin"}}',  # the fields mixed up, as people do
        f'{{"username": "admin", "password": "{canary}", "otp": "000000"}}',
        f'{{"username": "admin", "password": "{canary}x"}}',
    ):
        sent = home.ask(client, "POST", "/api/v1/token", content=body, headers={"content-type": "application/json"})
        assert sent.status_code in (400, 401, 422, 429), sent.text
    query = quote_plus(canary)
    for method, path in (
        ("GET", f"/nothing/here?password={query}"),
        ("GET", f"/api/v1/nothing?token={query}"),
        ("GET", f"/api/v1/trades?limit={query}"),
        ("POST", f"/api/v1/positions/{query}/close"),
        ("DELETE", "/api/v1/token"),
        ("GET", f"/login?password={query}"),
        ("GET", "/metrics"),
    ):
        home.ask(client, method, path)
    for header in ("authorization", "cookie", "x-mbx-apikey"):
        home.ask(client, "GET", "/api/v1/status", headers={header: f"Bearer {canary}"})
    home.ask(client, "GET", "/metrics", headers={"authorization": f"Bearer {CANARIES['TRADER_METRICS_TOKEN']}"})


def tried(home: Canaries, *channels: str) -> bool:
    said = home.trader.command("alert", "list").stdout
    return all(f"{name}: " in said for name in channels)


def dumped(database: Path) -> str:
    """Every row of every table."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"users", "journal"} <= set(tables)
        rows = [repr(row) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]
    finally:
        connection.close()
    return "\n".join(rows)


def kept(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file but those that a person wrote the values into."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != "held":
            yield path, path.read_bytes().decode("latin-1")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_no_canary_is_heard_of_a_real_trader(tmp_path: Path, echo: str, mail: MailServer) -> None:
    home = Canaries(tmp_path, echo, mail)
    process = home.trader.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{home.trader.port}", timeout=30) as client:
            home.trader.until(lambda: client.get("/health").status_code == 200, "the trader to answer")
            work(home, client)
            ask_wrongly(home, client)
        children = children_of(process.pid)
        assert children, "the strategies have a process of their own"
        seen = {pid: seen_of(pid, "environ", "cmdline") for pid in children}
        seen[process.pid] = seen_of(process.pid, "cmdline")
        live = dict(kept(tmp_path))  # with the write-ahead log as it is while working
        listed = main.parser().format_help()
        home.command("secrets", "list")
        home.command("secrets", "list", "--json")
        if "doctor" in listed:
            home.command("doctor")
        home.command("alert", "test")
        home.command("alert", "list")
        home.trader.until(lambda: tried(home, "email", "apprise-1"), "the channels to have been tried")
        home.command("secrets", "rotate")
    finally:
        process.terminate()
        code = process.wait(timeout=60)
    assert code == 0, (tmp_path / "output.txt").read_text()[-3000:]

    assert {name: sung(text) for name, text in seen.items() if sung(text)} == {}
    assert [text for text in (*home.answers, *home.output) if sung(text)] == []
    for files in (live, dict(kept(tmp_path))):
        names = {path.relative_to(tmp_path).as_posix() for path in files}
        assert {"output.txt", "data/trader.db", "data/logs/trader.log", "data/secrets.sealed", ".env"} <= names
        assert {path.name: sung(text) for path, text in files.items() if sung(text)} == {}
    assert "data/trader.db-wal" in {path.relative_to(tmp_path).as_posix() for path in live}
    assert sung(dumped(tmp_path / "data/trader.db")) == []
    settings = load_settings(home.trader.environment, tmp_path / ".env")
    assert {getattr(settings, row.field).reveal() for row in SETTINGS if row.secret} == set(home.values.values())


def test_the_listener_is_not_deaf(tmp_path: Path) -> None:
    assert sung(f"x {quote_plus(CANARIES['SMTP_URL'])} y") == ["SMTP_URL"]
    assert sung(f"seed {SEED}") == ["TRADER_ADMIN_TOTP_SECRET"]
    with subprocess.Popen(["sleep", "30"], env={"A": CANARIES["DEEPSEEK_API_KEY"]}) as child:
        assert child.pid in children_of(os.getpid())
        assert sung(seen_of(child.pid, "environ")) == ["DEEPSEEK_API_KEY"]
        child.terminate()


# ---------------------------------------------------------------- a library that logs keys


async def test_the_exchange_s_library_at_debug_shows_neither_key_nor_signature(tmp_path: Path, echo: str) -> None:
    import ccxt.async_support as ccxt

    key, secret = CANARIES["BINANCEUS_API_KEY"], CANARIES["BINANCEUS_API_SECRET"]
    environ = {"TRADER_DATA_DIR": str(tmp_path), "BINANCEUS_API_SECRET": secret}
    SecretSettings(environ, None).set("BINANCEUS_API_KEY", key)
    root, stream = logging.getLogger(), io.StringIO()
    before, raising = root.level, logging.raiseExceptions
    running = logs.start("DEBUG", load_settings(environ, None).secrets(), directory=tmp_path, stream=stream)
    loud = [logging.getLogger(name) for name in ("ccxt", "ccxt.base.exchange", "aiohttp", "aiohttp.client", "asyncio")]
    for each in loud:
        each.setLevel(logging.DEBUG)
    exchange = ccxt.binanceus({"apiKey": key, "secret": secret, "enableRateLimit": False})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], f"http://{echo}/api/v3")
    try:
        with pytest.raises(ccxt.BaseError) as caught:
            await exchange.private_get_account()
        signature = str(exchange.last_request_url).rpartition("signature=")[2]
        assert len(signature) == 64
        assert key in str(caught.value), "the error itself repeats the header"
        for level in (logging.DEBUG, logging.ERROR):
            for each in (*loud, logging.getLogger("trader")):
                each.log(level, "refused: %s", caught.value, exc_info=caught.value)
                each.log(level, "sent %s", exchange.last_request_headers, extra={"url": exchange.last_request_url})
    finally:
        await exchange.close()
        running.stop()
        root.setLevel(before)
        logging.raiseExceptions = raising
        for each in loud:
            each.setLevel(logging.NOTSET)
    for text in (stream.getvalue(), (tmp_path / "trader.log").read_text(), repr(running.recent())):
        assert "refused: " in text
        assert sung(text) == []
        assert signature not in text
