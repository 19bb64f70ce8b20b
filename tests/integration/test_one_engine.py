"""One engine per account (F-49) and books that lose nothing (F-56): on both databases, and as real processes."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text

from app.core.errors import ConfigError, ExchangeBusy, StoreError
from app.seam import Clock, Tasks
from app.sole import SoleExchange, TakenOver
from services.binance_us import Addresses, BinanceUs, Client
from services.database import Database, open_database
from services.database.account_lock import AccountLock
from services.database.durable import require_durable
from tests.binance_us_double import BinanceDouble
from tests.integration.test_binance_us import an_entry
from tests.one_time_codes import OneTimeCodes
from tests.trader_process import ROOT, TraderProcess

OWNER = f"live number {os.getpid()}"  # of this run alone: the machine's lock is seen by others who run these tests


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same database, opened by somebody else."""
    opened = open_database(database_url)
    yield opened
    opened.close()


# ---------------------------------------------------------------- the lock


def test_an_account_is_held_once_whatever_the_ledger(database: Database, other: Database, tmp_path: Path) -> None:
    ours = AccountLock(database, OWNER, tmp_path / "a")
    theirs = AccountLock(other, OWNER, tmp_path / "b")
    assert ours.take()
    assert ours.held()
    assert not theirs.take()
    assert not theirs.held()
    another = AccountLock(other, f"{OWNER} of somebody else", tmp_path / "a")
    assert another.take()
    another.give()
    ours.give()
    assert not ours.held()
    assert theirs.take()
    theirs.give()


def test_two_databases_in_one_data_directory_are_one_place(database: Database, tmp_path: Path) -> None:
    elsewhere = open_database(f"sqlite:///{tmp_path}/other/trader.db")
    ours = AccountLock(database, OWNER, tmp_path / "data")
    assert ours.take()
    assert not AccountLock(elsewhere, OWNER, tmp_path / "data").take()
    ours.give()
    elsewhere.close()


@pytest.mark.skipif(sys.platform != "linux", reason="names without a file are known on Linux only")
def test_a_copied_data_directory_on_the_same_machine_is_no_second_account(tmp_path: Path) -> None:
    """Nothing is shared but the machine: the copy's own books say that it is the newest."""
    first = open_database(f"sqlite:///{tmp_path}/a/trader.db")
    ours = AccountLock(first, OWNER, tmp_path / "a")
    assert ours.take()
    ours.give()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copied = open_database(f"sqlite:///{tmp_path}/b/trader.db")
    theirs = AccountLock(copied, OWNER, tmp_path / "b")
    pretended = AccountLock(copied, OWNER, tmp_path / "b", "http://127.0.0.1:9")
    assert ours.take()
    assert not theirs.take()
    assert pretended.take(), "on an exchange of this machine's own the account is another one"
    pretended.give()
    ours.give()
    assert theirs.take()
    assert not ours.take()
    theirs.give()
    first.close()
    copied.close()


def test_whoever_was_replaced_knows_it(database: Database, other: Database, tmp_path: Path) -> None:
    """The files of the first were deleted or lie elsewhere: the number of the newest engine tells it all the same."""
    ours = AccountLock(database, OWNER, tmp_path / "a")
    assert ours.take()
    for path in ours.paths:
        path.unlink()
    assert not ours.held()
    ours.give()
    again = AccountLock(other, OWNER, tmp_path / "a")
    assert again.take()
    epoch = again.epoch
    assert again.held()
    with database.writing() as connection:
        connection.execute(text("UPDATE kept SET value = '99' WHERE name LIKE 'engine epoch%'"))
    assert not again.held()
    assert epoch == 2
    again.give()


@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_lost_connection_is_taken_again_unless_somebody_was_quicker(
    database: Database, other: Database, tmp_path: Path
) -> None:
    ours = AccountLock(database, OWNER, tmp_path / "a")
    theirs = AccountLock(other, OWNER, tmp_path / "b", "another machine")
    assert ours.take()
    break_connections(database)
    with pytest.raises(StoreError):
        ours.held()
    assert ours.held()
    break_connections(database)
    with pytest.raises(StoreError):
        ours.held()
    assert theirs.take()
    assert not ours.held()
    theirs.give()
    assert not ours.held(), "somebody has been there meanwhile"
    ours.give()


@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_the_server_soon_notices_that_a_machine_lost_power(database: Database) -> None:
    """Until then it keeps that machine's lock, and with it the account, from everybody else. On a socket of the same
    machine SHOW says 0, since nothing is asked for there: `reset_val` is what this connection would be given."""
    wanted = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
    query = "SELECT name, reset_val FROM pg_settings WHERE source = 'client' AND name LIKE 'tcp_keepalives_%'"
    for engine in (database.writer, database.readers):
        with engine.connect() as connection:
            told = connection.execute(text(query)).all()
        assert dict(map(tuple, told)) == wanted


def break_connections(database: Database) -> None:
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )


# ---------------------------------------------------------------- nothing leaves


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceDouble]:
    async with BinanceDouble() as running:
        running.market.move(50_000)
        yield running


class Engine:
    """One of two that would like to trade the same account: its way out to the exchange."""

    def __init__(self, exchange: BinanceDouble, database: Database, data_dir: Path) -> None:
        clock, self.tasks = Clock(), Tasks()
        addresses = Addresses(rest=exchange.rest_url, ws=exchange.ws_url, ws_api=exchange.ws_api_url)
        self.adapter = BinanceUs(
            Client(addresses, clock=clock, key=exchange.key, secret=exchange.secret),
            "BTC/USD",
            clock=clock,
            tasks=self.tasks,
        )
        self.sole = SoleExchange(self.adapter, clock=clock, tasks=self.tasks)
        self.lock = AccountLock(database, OWNER, data_dir)

    async def __aenter__(self) -> "Engine":
        await self.adapter.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.lock.give()
        await self.tasks.stop()
        await self.adapter.close()

    def take(self) -> bool:
        taken = self.lock.take()
        if taken:
            self.sole.take(self.lock)
        return taken


async def test_of_two_engines_only_one_is_heard(
    exchange: BinanceDouble, database: Database, other: Database, tmp_path: Path
) -> None:
    async with (
        Engine(exchange, database, tmp_path / "a") as first,
        Engine(exchange, other, tmp_path / "b") as second,
    ):
        assert (first.take(), second.take()) == (True, False)
        await first.sole.place(an_entry("0.001"))
        with pytest.raises(TakenOver):
            await second.sole.place(an_entry("0.001", attempt=2))
        first.lock.give()
        assert second.take()
        with pytest.raises(TakenOver):  # however fresh its last look was when the lock went
            await stale(first).place(an_entry("0.001", attempt=3))
        await second.sole.place(an_entry("0.001", attempt=4))
    assert len(exchange.engine.orders) == 2


def stale(engine: Engine) -> SoleExchange:
    """Two seconds later."""
    engine.sole._sure_at = float("-inf")
    return engine.sole


@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_a_server_that_is_gone_for_a_moment_sends_nothing_and_ends_nothing(
    exchange: BinanceDouble, database: Database, tmp_path: Path
) -> None:
    async with Engine(exchange, database, tmp_path) as engine:
        assert engine.take()
        break_connections(database)
        with pytest.raises(ExchangeBusy):
            await engine.sole.place(an_entry("0.001"))
        assert exchange.engine.orders == []
        await engine.sole.place(an_entry("0.001"))
        assert len(exchange.engine.orders) == 1


# ---------------------------------------------------------------- F-56: books that lose nothing


GOOD = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


@pytest.fixture
def server(postgres_server: str) -> Iterator[Callable[..., None]]:
    """Changes what the server is set to; as the other tests like it afterwards."""

    def set_to(**wanted: str) -> None:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            for name, value in wanted.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")  # type: ignore[call-overload]
            connection.execute("SELECT pg_reload_conf()")

    yield set_to
    set_to(**{**GOOD, "fsync": "off"})


@pytest.mark.postgres
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_real_money_is_refused_on_a_server_that_may_lose_commits(
    server: Callable[..., None], postgres_server: str, setting: str, tmp_path: Path
) -> None:
    url = postgres_server.replace("postgresql://", "postgresql+psycopg://")
    server(**GOOD)
    eventually(lambda: require_durable(url))
    server(**{setting: "off"})
    said = eventually(lambda: refusal(url))
    assert f"{setting} is off" in said
    assert f"ALTER SYSTEM SET {setting} = on" in said
    if setting == "fsync":  # the real program says the same
        ended = TraderProcess(tmp_path, "binanceus", settings=live_settings("http://127.0.0.1:9", url)).command("run")
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert f"{setting} is off" in ended.stderr


def refusal(url: str) -> str:
    with pytest.raises(ConfigError) as refused:
        require_durable(url)
    return str(refused.value)


def eventually(work: Any) -> Any:
    """The server reads its settings anew in its own time."""
    import time

    end = time.monotonic() + 30
    while True:
        try:
            return work()
        except (ConfigError, pytest.fail.Exception):
            if time.monotonic() > end:
                raise


@pytest.mark.parametrize(("kind", "word"), [("tmpfs", "lies in memory"), ("nfs4", "network file system")])
def test_real_money_is_refused_on_a_file_that_does_not_last(tmp_path: Path, kind: str, word: str) -> None:
    (tmp_path / "mounts").write_text(f"x / {kind} rw 0 0\n")
    url = f"sqlite:///{tmp_path}/trader.db"
    with pytest.raises(ConfigError, match=word):
        require_durable(url, proc=tmp_path)
    if kind == "tmpfs":
        require_durable(url, pretend=True, proc=tmp_path)
    else:
        with pytest.raises(ConfigError):
            require_durable(url, pretend=True, proc=tmp_path)


def test_an_ordinary_disk_will_do(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("x / ext4 rw 0 0\n")
    require_durable(f"sqlite:///{tmp_path}/trader.db", proc=tmp_path)


# ---------------------------------------------------------------- real processes


def live_settings(rest: str, database_url: str, **more: str) -> dict[str, str]:
    return {
        "TRADER_MODE": "live",
        "DATABASE_URL": database_url,
        "BINANCEUS_REST_URL": rest,
        "BINANCEUS_API_KEY": "k" * 20,
        "BINANCEUS_API_SECRET": "s" * 20,
        **more,
    }


@pytest.fixture
def double() -> Iterator[dict[str, str]]:
    """The exchange as a process of its own, with a market that moves and a past to warm up on."""
    command = [sys.executable, "-m", "tests.binance_us_double", "--symbol", "BTCUSD", "--live", "--past", "4000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def trader_on(double: dict[str, str], folder: Path, database_url: str, **more: str) -> TraderProcess:
    folder.mkdir(parents=True, exist_ok=True)
    places = {
        "BINANCEUS_WS_URL": double["ws"],
        "BINANCEUS_WS_API_URL": double["ws_api"],
        "BINANCEUS_API_KEY": double["key"],
        "BINANCEUS_API_SECRET": double["secret"],
    }
    settings = live_settings(double["rest"], database_url) | places | more
    return TraderProcess(folder, "binanceus", settings=settings)


async def test_live_stands_still_without_a_second_factor_and_two_are_one_too_many(
    double: dict[str, str], tmp_path: Path
) -> None:
    """The first start has nobody with a second factor; the second one has, and is left alone with the account."""
    url = f"sqlite:///{tmp_path}/books/trader.db"
    first, second = trader_on(double, tmp_path / "a", url), trader_on(double, tmp_path / "b", url)
    data, elsewhere = str(tmp_path / "a/data"), f"sqlite:///{tmp_path}/elsewhere/trader.db"
    third = trader_on(double, tmp_path / "c", elsewhere, TRADER_DATA_DIR=data)
    process = first.start()
    try:
        with first.signed_in() as client:
            found = first.until(lambda: settled(client), "the trader to say why it stands still")
            assert (found["state"], found["reason"]) == ("STOPPED", "live_check")
            listed = client.get("/api/v1/live-check").json()
            assert [item["name"] for item in listed["items"] if item["verdict"] == "failed"] == ["second factor"]

        refused = second.command("run")
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "another trader is running on ledger" in refused.stderr
        refused = third.command("run")
        assert refused.returncode == 2
        assert "error: another trader trades this account with real money; stop it first" in refused.stderr

        folder = tmp_path / "d"  # nothing is shared but the machine and its exchange
        refused = trader_on(double, folder, f"sqlite:///{folder}/books/trader.db").command("run")
        assert refused.returncode == 2
        assert "error: another trader trades this account with real money; stop it first" in refused.stderr

        enrolled = first.command("user", "totp")
        assert enrolled.returncode == 0
        # Somebody else opened and closed the books: they must still be ours to write.
        code = OneTimeCodes(enrolled.stdout.split("secret: ")[1].split()[0]).next()
        with signed_in_again(first, code) as client:
            assert client.post("/api/v1/pause").json()["state"] == "STOPPED"
        assert "I/O error" not in (first.folder / "output.txt").read_text()
        async with httpx.AsyncClient() as steering:
            truth = await steering.post(f"{double['control']}/do", json={"call": "settled", "with": [], "named": {}})
        assert truth.json()["result"]["orders"] == []
    finally:
        await ended(process)

    ready = trader_on(double, tmp_path / "a", url)
    assert ready.command("live-check").returncode == 0
    process = ready.start()
    try:
        url_of = f"http://127.0.0.1:{ready.port}"
        ready.until(lambda: httpx.get(f"{url_of}/health").status_code == 200, "the trader to answer")
        output = (ready.folder / "output.txt").read_text()
        assert output.count("go-live list is not passed") == 1  # of the first start
    finally:
        await ended(process)


def settled(client: httpx.Client) -> dict[str, Any] | None:
    status: dict[str, Any] = client.get("/api/v1/status").json()
    return status if status["state"] != "RECONCILING" else None


def signed_in_again(trader: TraderProcess, code: str) -> httpx.Client:
    url = f"http://127.0.0.1:{trader.port}"
    body = {"username": "admin", "password": "correct-horse-battery", "otp": code}
    answer = httpx.post(f"{url}/api/v1/token", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return httpx.Client(base_url=url, timeout=30, headers={"authorization": f"Bearer {answer.json()['access_token']}"})


async def ended(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    assert await asyncio.to_thread(process.wait, 60) == 0


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_another_ledger_of_the_same_account_is_the_same_account(
    double: dict[str, str], server: Callable[..., None], database_url: str, database: Database, tmp_path: Path
) -> None:
    """On PostgreSQL, from two machines: each with a data directory of its own."""
    server(**GOOD)
    eventually(lambda: require_durable(database_url))
    first = trader_on(double, tmp_path / "a", database_url)
    process = first.start()
    try:
        first.until(lambda: "trading on Binance.US" in (first.folder / "output.txt").read_text(), "the first to trade")
        with database.writing() as connection:  # so that the second one opens books of its own
            connection.execute(text("UPDATE ledgers SET current = false"))
        refused = trader_on(double, tmp_path / "b", database_url).command("run")
        assert refused.returncode == 2
        assert "error: another trader trades this account with real money; stop it first" in refused.stderr
        assert process.poll() is None

        with database.writing() as connection:  # somebody took over all the same
            connection.execute(text("UPDATE kept SET value = '99' WHERE name LIKE 'engine epoch%'"))
        assert await asyncio.to_thread(process.wait, 60) == 1
        assert "another trader has taken over this account" in (first.folder / "output.txt").read_text()
    finally:
        process.kill()
        process.wait()
