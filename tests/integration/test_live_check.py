"""The go-live list against a whole exchange and real books: from nothing at all to ready."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert, update

import main
from app.channels import ChannelState
from app.checklist import Verdict
from app.seam import clock
from services.auth.model import User
from services.binance_us.account import rights_of
from services.database import Database, DatabaseOutbox, Ledgers, Users, open_database, tables
from services.database.backtests import Backtests
from tests.binance_us_double import BinanceDouble
from tests.integration.live_cases import ELSEWHERE, Owner, named

EQUITY = tables.EquityTable.__table__  # type: ignore[attr-defined]
WAIVED = ("address of the key", "paper day", "backtest", "alert channel", "fire drill")


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceDouble]:
    async with BinanceDouble(balances={"USD": "5000", "BTC": "0"}) as running:
        running.market.move(60_000)
        yield running


@pytest.fixture
def owner(exchange: BinanceDouble, tmp_path: Path, database_url: str) -> Owner:
    return Owner(exchange, tmp_path, database_url)


@pytest.fixture
def books(owner: Owner) -> Database:
    opened = open_database(owner.settings.database_url.reveal())
    yield opened  # type: ignore[misc]
    opened.close()


def enrol(books: Database) -> None:
    Users(books).save_user(User(username="admin", password_hash="x", totp_secret="sealed"))


def trade_on_paper(books: Database, minutes: int, last: str = "10000") -> None:
    ledger = Ledgers(books, min).open("paper", "simulated", "BTC/USD", clock.now())
    start, cash = clock.now().replace(second=0, microsecond=0), Decimal(10_000)
    rows = [
        {"ledger": ledger.name, "at": start + timedelta(minutes=minute), "equity": cash, "cash": cash}
        | {"quantity": Decimal(0), "price": Decimal(60_000)}
        for minute in range(minutes)
    ]
    with books.writing() as connection:
        connection.execute(insert(EQUITY), rows)
        newest = EQUITY.c.at == rows[-1]["at"]
        connection.execute(update(EQUITY).where(newest).values(equity=Decimal(last)))


def drilled(owner: Owner) -> None:
    folder = owner.settings.data_dir / "drills"
    folder.mkdir(parents=True)
    certificate = {"at": clock.now().isoformat(), "passed": True, "version": "1", "scenarios": [{}]}
    certificate |= {"config_sha256": owner.loaded.sha256}
    (folder / "2026-11-20T12-00-00Z.json").write_text(json.dumps(certificate))


async def failing(owner: Owner) -> list[str]:
    return [item.name for item in (await owner.look()).failing]


async def test_from_nothing_to_ready(owner: Owner, books: Database, request: pytest.FixtureRequest) -> None:
    flushed = books.is_sqlite  # the test server does without, which the list must see
    missing = ["second factor", *([] if flushed else ["durability"])]
    missing += ["paper day", "backtest", "alert channel", "fire drill"]
    assert await failing(owner) == missing
    enrol(books)
    trade_on_paper(books, 1440)
    Backtests(books).finished("b1", clock.now(), clock.now(), {"data": "BTC/USD"}, {"return_pct": 1.0})
    owner.environ |= {"SMTP_URL": "smtp://127.0.0.1:25", "ALERT_EMAIL_TO": "me@example.org"}
    assert "email untested" in (await owner.item("alert channel")).seen
    state = ChannelState(name="email", status="ok", changed_at=clock.now(), sent_at=clock.now())
    DatabaseOutbox(books, "x").remember(state)
    drilled(owner)
    found = await owner.look()
    assert [item.name for item in found.failing] == ([] if flushed else ["durability"])
    assert {item.name for item in found.items if item.verdict is Verdict.WARNING} == {
        "address of the key",
        "paper result",
    }
    said = json.dumps([str(item) for item in found.items])
    assert owner.exchange.key not in said
    assert owner.exchange.secret not in said


async def test_an_exchange_on_this_machine_waives_history_and_the_outside(owner: Owner, books: Database) -> None:
    owner.real = False
    enrol(books)
    found = await owner.look()
    assert tuple(item.name for item in found.items if item.verdict is Verdict.WAIVED) == WAIVED
    assert all(item.seen.startswith("not asked for") for item in found.items if item.verdict is Verdict.WAIVED)
    assert [item.name for item in found.failing] == ([] if books.is_sqlite else ["durability"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestWhatTheExchangeTells:
    async def test_a_key_that_may_withdraw(self, owner: Owner) -> None:
        owner.exchange.account.can_withdraw = True
        assert (await owner.item("withdrawals")).verdict is Verdict.FAILED
        owner.exchange.account.restrictions = {"enableWithdrawals": False, "ipRestrict": True}
        found = await owner.look()  # what is told of the key itself counts, not what is told of the account
        assert named(found, "withdrawals").verdict is Verdict.PASSED
        assert named(found, "address of the key").verdict is Verdict.PASSED
        owner.exchange.account.restrictions = {"enableWithdrawals": True, "ipRestrict": False}
        assert {"withdrawals", "address of the key"} <= set(await failing(owner))

    async def test_an_owner_confirms_a_key_of_which_the_exchange_tells_nothing(self, owner: Owner) -> None:
        owner.exchange.account.can_withdraw = True
        owner.environ["BINANCEUS_TRADE_ONLY_KEY"] = "another."
        assert (await owner.item("withdrawals")).verdict is Verdict.FAILED
        owner.environ["BINANCEUS_TRADE_ONLY_KEY"] = owner.exchange.key[:8]
        found = await owner.item("withdrawals")
        assert (found.verdict, owner.exchange.key[:8] in found.seen) == (Verdict.WARNING, False)

    async def test_a_key_that_may_not_trade(self, owner: Owner) -> None:
        owner.exchange.account.can_trade = False
        assert "may not trade" in (await owner.item("key")).seen

    async def test_a_key_that_is_refused(self, owner: Owner) -> None:
        owner.exchange.revoke_key()
        found = await owner.look()
        assert named(found, "key").sure
        assert "is refused" in named(found, "key").seen
        assert not named(found, "withdrawals").sure
        assert named(found, "withdrawals").verdict is Verdict.FAILED

    async def test_no_key_at_all(self, owner: Owner) -> None:
        for name in ("BINANCEUS_API_KEY", "BINANCEUS_API_SECRET"):
            del owner.environ[name]
        found = await owner.item("key")
        assert (found.verdict, found.seen) == (Verdict.FAILED, "none is configured")
        assert "secrets set" in found.cure

    async def test_an_exchange_that_is_away_is_no_failed_key_but_no_passed_one(self, owner: Owner) -> None:
        owner.exchange.faults.add("html", "GET /api/v3/account", status=503)
        found = await owner.item("key")
        assert (found.verdict, found.sure) == (Verdict.FAILED, False)

    async def test_a_clock_that_is_wrong(self, owner: Owner) -> None:
        owner.exchange.clock.skew(1.5)
        assert "behind the exchange's" in (await owner.item("clock")).seen
        assert (await owner.item("clock")).verdict is Verdict.FAILED

    async def test_a_symbol_that_is_halted_or_unknown(self, owner: Owner) -> None:
        owner.exchange.listing.status = "BREAK"
        found = await owner.item("symbol")
        assert (found.verdict, found.cure) == (Verdict.FAILED, "set TRADER_SYMBOL=BTC/USDT")
        owner.environ["TRADER_SYMBOL"] = "BTC/EUR"
        assert "does not know it" in (await owner.item("symbol")).seen

    async def test_an_account_too_small_for_one_entry_with_its_stop(self, owner: Owner) -> None:
        owner.exchange.listing.min_notional = Decimal(10)
        owner.exchange.market.move(90_000)
        owner.exchange.account.set("USD", "252")
        found = await owner.item("account size")
        assert found.verdict is Verdict.FAILED
        assert found.seen.startswith("account too small: need about $253")
        owner.exchange.account.set("USD", "254")
        assert (await owner.item("account size")).verdict is Verdict.PASSED


def test_the_number_of_an_account_is_believed_only_where_it_is_one() -> None:
    assert rights_of({"uid": 354937868}).number == "354937868"
    assert [rights_of({"uid": odd}).number for odd in (None, True, 0, -1, "7", {})] == [""] * 6


# ---------------------------------------------------------------- the command


@pytest.fixture
def environment(owner: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Owner:
    monkeypatch.chdir(tmp_path)
    for name, value in owner.environ.items():
        monkeypatch.setenv(name, value)
    return owner


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_command_in_any_mode(
    environment: Owner, books: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.seam import Tasks

    async def command(*arguments: str) -> int:
        return await Tasks().in_thread(lambda: main.main(["live-check", *arguments]))

    for mode in ("paper", "live"):
        monkeypatch.setenv("TRADER_MODE", mode)
        assert await command() == 1
        said = capsys.readouterr().out
        assert "failed  second factor: there is nobody yet" in said
        assert said.endswith("1 of 13 items fail: real money is not traded\n")
    enrol(books)
    assert await command("--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is True
    assert {item["verdict"] for item in said["items"]} == {"passed", "waived", "warning"}
    assert environment.exchange.key not in json.dumps(said)
    monkeypatch.setenv("TRADER_PORT", "abc")
    assert await command() == 2


def test_what_is_asked_elsewhere_is_not_this_machine(tmp_path: Path) -> None:
    from services.settings import load_settings

    assert not load_settings({"BINANCEUS_REST_URL": ELSEWHERE}, None).pretend_exchange
    assert load_settings({"BINANCEUS_REST_URL": "http://127.0.0.1:9"}, None).pretend_exchange
