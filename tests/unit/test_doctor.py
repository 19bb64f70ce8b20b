"""The doctor's judgements, one by one: what is seen, how grave it is, and that a cure stands beside it."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import StoreError
from app.ports import LedgerRow
from app.push import Subscription
from app.seam import Tasks, clock
from services.database import PushDevices, open_database
from services.database.durable import nearest_folder
from services.database.looking import Server, file_system, held
from services.doctor import books, candles, channels, machine, permissions, server_time, strategies
from services.doctor.check import Check, Status, json_of, note, ok, text_of, wrong
from services.doctor.examination import Examined, Probe, examine
from services.doctor.installation import Installation
from services.doctor.keys import balances, model_names, refused, rights, signed, unexpected
from services.doctor.web import Answer, Unanswered, Web
from services.settings import Secret
from services.settings.salvaging import salvage, secrets_in_clear

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "sk-0123456789abcdef0123456789abcdef"
ENVIRON = {"PATH": "/bin"}


def here(folder: Path, env_file: Path | None = None, **environ: str) -> Installation:
    """An installation with these settings."""
    found = salvage({"TRADER_DATA_DIR": str(folder / "data"), **environ}, env_file)
    return Installation(
        salvaged=found,
        rules=None,
        rules_wrong="",
        env_file=env_file,
        version="1.2.3",
        web=Web(),
        tasks=Tasks(),
        stored_candles=lambda _: (),
        proc=folder / "proc",
    )


def only(said: Check | list[Check] | None) -> Check:
    found = said if isinstance(said, list) else [said]
    assert len(found) == 1
    assert found[0] is not None
    return found[0]


# ---------------------------------------------------------------- the examination itself


def looked(*probes: Probe, environ: dict[str, str] | None = None, env_file: Path | None = None) -> Examined:
    return examine(environ or ENVIRON, env_file, version="1", stored_candles=lambda _: (), probes=probes)


def test_lines_are_for_people_and_objects_for_programs() -> None:
    checks = (ok("disk", "10 GB free"), note("memory", "0.5 GB", "add swap"), wrong("clock", "2 s ahead", "set it"))
    assert text_of(checks).splitlines() == [
        "ok     disk: 10 GB free",
        "note   memory: 0.5 GB; add swap",
        "wrong  clock: 2 s ahead; set it",
    ]
    told = json.loads(json_of(checks))
    assert told["good"] is False
    assert told["checks"][2] == {"subject": "clock", "status": "wrong", "seen": "2 s ahead", "cure": "set it"}
    assert json.loads(json_of(checks[:2]))["good"] is True


def test_a_check_that_breaks_becomes_a_line_and_stops_nothing_else() -> None:
    def breaks(_: Installation) -> Check:
        raise KeyError(SECRET)

    def refuses(_: Installation) -> Check:
        raise StoreError("the books are shut")

    async def passes(_: Installation) -> Check:
        return ok("third", "fine")

    examined = looked(Probe("first", breaks), Probe("second", refuses), Probe("third", passes))
    assert [check.status for check in examined.checks[1:]] == ["wrong", "wrong", "ok"]
    assert "itself broke (KeyError)" in examined.checks[1].seen
    assert SECRET not in text_of(examined.checks)
    assert not examined.good
    assert not examined.hanging


def test_a_check_that_hangs_is_left_behind_in_time() -> None:
    begun = time.monotonic()
    woken: list[bool] = []

    def hangs(_: Installation) -> Check:
        while not woken:
            time.sleep(0.01)
        return ok("first", "at last")

    hanging = [Probe(f"hangs {number}", hangs, seconds=0.5) for number in range(20)]
    examined = looked(*hanging, Probe("quick", lambda _: ok("quick", "fine")))
    woken.append(True)
    assert time.monotonic() - begun < 9, "not one after the other"
    assert examined.hanging
    assert examined.good, "slowness alone is no fault"
    assert examined.checks[-1] == ok("quick", "fine")
    assert "not finished within 0.5 s" in examined.checks[1].seen


def test_broken_settings_come_first_and_the_rest_is_checked_without_them() -> None:
    environ = {"TRADER_PORT": "eighty", "DATABASE_URL": f"mysql://me:{SECRET}@db/x", "TRADER_HOTS": "x"}
    probes = (
        Probe("database", lambda _: ok("database", "?"), ("DATABASE_URL",)),
        Probe("disk", lambda _: ok("disk", "10 GB"), ("TRADER_DATA_DIR",)),
    )
    examined = looked(*probes, environ=environ)
    words = text_of(examined.checks)
    assert [check.subject for check in examined.checks] == ["settings", "settings", "settings", "database", "disk"]
    assert "TRADER_HOTS is not a setting" in words
    assert "TRADER_PORT is 'eighty'" in words
    assert "note   database: not checked: DATABASE_URL cannot be read; mend the settings first" in words
    assert "ok     disk: 10 GB" in words
    assert SECRET not in words
    assert all(check.cure for check in examined.checks[:3])


def test_no_secret_and_no_forged_line_comes_through() -> None:
    probe = Probe("leak", lambda _: note("leak", f"it said {SECRET}\nok     all: well", f"call {SECRET}\x1b[31m"))
    words = text_of(looked(probe, environ={"DEEPSEEK_API_KEY": SECRET}).checks)
    assert SECRET not in words
    assert "\x1b" not in words
    assert not any(line.startswith("ok     all") for line in words.splitlines())


def test_a_configuration_file_that_is_wrong_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "risk.yml").write_text("stop_loss_pct: 90\n")
    examined = looked(environ={"TRADER_CONFIG_DIR": str(tmp_path)})
    assert examined.checks[0].status == Status.WRONG
    assert "risk.yml line 1: stop_loss_pct" in examined.checks[0].seen


# ---------------------------------------------------------------- settings that are partly wrong


def test_each_wrong_setting_is_named_and_the_good_ones_are_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        f"TRADER_PORT=x\nTRADER_HOST=::1\nDEEPSEEK_API_KEY={SECRET}\nNEWS_SECONDS\nNEWSAPI_API_KEY_FILE=/nowhere\n"
        "OTHERS=1\nTRADER_MOOD=good\nALERT_EMAIL_TO='open\n"
    )
    found = salvage({"TRADER_MODE": "live", "TRADER_MARKET": "simulated"}, file)
    assert len(found.wrong) == 6
    assert found.lost == {"TRADER_PORT", "NEWSAPI_API_KEY", "NEWS_SECONDS", "ALERT_EMAIL_TO"}
    assert found.settings.host == "::1"
    assert found.settings.port == 8080
    assert found.settings.deepseek_api_key == Secret(SECRET)
    assert any("TRADER_MARKET must be binanceus" in line for line in found.wrong)
    assert SECRET not in str(found)


def test_of_a_file_that_cannot_be_read_everything_is_in_doubt(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe")
    found = salvage({"TRADER_PORT": "8081"}, file)
    assert "byte order mark" in found.wrong[0]
    assert "DATABASE_URL" in found.lost
    assert "TRADER_PORT" not in found.lost
    assert found.settings.port == 8081


def test_a_sealed_value_that_does_not_open_is_lost_alone(tmp_path: Path) -> None:
    from services.secrets import Vault

    sealed = Vault(tmp_path / "a.key", tmp_path).seal("NEWSAPI_API_KEY", SECRET)
    environ = {"TRADER_DATA_DIR": str(tmp_path), "NEWSAPI_API_KEY": sealed, "TRADER_PORT": "8081"}
    found = salvage(environ, None)
    assert found.lost == {"NEWSAPI_API_KEY"}
    assert found.settings.port == 8081
    (tmp_path / "secrets.sealed").write_text("{")
    (tmp_path / "secrets.sealed").chmod(0o600)
    assert salvage({"TRADER_DATA_DIR": str(tmp_path)}, None).lost >= {"DATABASE_URL", "SMTP_URL"}


# ---------------------------------------------------------------- permissions


def test_secrets_in_clear_are_a_note_and_readable_ones_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"DEEPSEEK_API_KEY={SECRET}\nDATABASE_URL=sqlite:///x.db\nTRADER_PORT=1\n")
    file.chmod(0o600)
    assert secrets_in_clear(file) == ("DEEPSEEK_API_KEY",)
    found = only(permissions.secrets_in_clear(here(tmp_path, file)))
    assert found.status == "note"
    assert "main.py secrets set DEEPSEEK_API_KEY" in found.cure
    file.chmod(0o644)
    found = only(permissions.secrets_in_clear(here(tmp_path, file)))
    assert found.status == "wrong"
    assert found.cure == f"run: chmod 600 {file}"
    assert SECRET not in str(found)
    file.write_text("TRADER_PORT=1\n")
    assert permissions.secrets_in_clear(here(tmp_path, file)) is None
    assert permissions.secrets_in_clear(here(tmp_path)) is None


def test_the_data_directory_is_its_owners(tmp_path: Path) -> None:
    place, folder = here(tmp_path), tmp_path / "data"
    assert permissions.data_directory(place).status == "note"
    folder.mkdir(mode=0o700)
    assert permissions.data_directory(place).status == "ok"
    folder.chmod(0o777)
    assert permissions.data_directory(place).cure == f"run: chmod go-w {folder}"
    folder.rmdir()
    folder.touch(mode=0o600)
    assert "no directory" in permissions.data_directory(place).seen


def test_database_and_keys_are_their_owners_alone(tmp_path: Path) -> None:
    place, folder = here(tmp_path), tmp_path / "data"
    folder.mkdir(mode=0o700)
    assert "none there yet" in only(permissions.private_files(place)).seen
    for name in ("trader.db", "secrets.key", "api.key"):
        (folder / name).touch(mode=0o600)
    assert only(permissions.private_files(place)).status == "ok"
    (folder / "trader.db").chmod(0o640)
    (folder / "secrets.key").chmod(0o604)
    (folder / "secrets.sealed").symlink_to(tmp_path / "nowhere")
    found = permissions.private_files(place)
    assert isinstance(found, list)
    assert [check.status for check in found] == ["wrong"] * 3
    assert f"run: chmod 600 {folder}/secrets.key" in {check.cure for check in found}


@pytest.mark.parametrize(
    ("host", "url", "status"),
    [
        ("127.0.0.1", "", "ok"),
        ("0.0.0.0", "", "note"),
        ("0.0.0.0", "http://me.example", "note"),
        ("0.0.0.0", "https://me.example", "ok"),
    ],
)
def test_an_open_dashboard_is_noted(tmp_path: Path, host: str, url: str, status: str) -> None:
    place = here(tmp_path, TRADER_HOST=host, TRADER_PUBLIC_URL=url)
    assert permissions.open_to_the_network(place).status == status


# ---------------------------------------------------------------- machine and clock


def disk_of(free_gb: float, total_gb: float, files_free: int = 900, files: int = 1000) -> os.statvfs_result:
    block = 4096
    blocks, free = int(total_gb * 1e9 / block), int(free_gb * 1e9 / block)
    return os.statvfs_result((block, block, blocks, free, free, files, files_free, files_free, 0, 255))


@pytest.mark.parametrize(
    ("state", "status", "word"),
    [
        (disk_of(50, 100), "ok", "50.0 GB (50 %)"),
        (disk_of(4, 100), "wrong", "5 % and 1 GB are needed"),
        (disk_of(0.9, 10), "wrong", "5 % and 1 GB are needed"),
        (disk_of(50, 100, files_free=10), "wrong", "inodes"),
        (disk_of(50, 100, files_free=0, files=0), "ok", "free"),
    ],
)
def test_room_on_the_disk(state: os.statvfs_result, status: str, word: str) -> None:
    found = machine.judged_disk(Path("/data"), state)
    assert found.status == status
    assert word in found.seen


def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parents(tmp_path: Path) -> None:
    assert nearest_folder(tmp_path / "a/b/c") == tmp_path.resolve()
    assert machine.disk(here(tmp_path)).seen


def test_memory(tmp_path: Path) -> None:
    place = here(tmp_path)
    assert machine.memory(place).status == "note"
    (tmp_path / "proc").mkdir()
    meminfo = tmp_path / "proc/meminfo"
    meminfo.write_text("MemTotal:        4000000 kB\nMemFree: 1 kB\nMemAvailable:     2000000 kB\nHugePages_Total: 0\n")
    assert machine.memory(place).seen == "4.1 GB in all, 2.0 GB available"
    meminfo.write_text("MemTotal:         500000 kB\n")
    assert machine.memory(place).status == "note"


@pytest.mark.parametrize(
    ("round_trip", "ahead", "status"),
    [(0.05, 0.01, "ok"), (0.05, -0.7, "note"), (0.05, 1.5, "wrong"), (0.05, -3600.0, "wrong"), (4.0, 1.5, "note")],
)
def test_the_clock(round_trip: float, ahead: float, status: str) -> None:
    found = server_time.judged(round_trip, ahead)
    assert found.status == status
    assert status == "ok" or "time synchronisation" in found.cure


def test_the_offset_is_taken_in_the_middle_of_the_round_trip() -> None:
    stamp = int(NOW.timestamp() * 1000)
    assert server_time.ahead(Answer(200, {"serverTime": stamp}, NOW, 0.4)) == pytest.approx(0.2)
    for odd in (None, [], {}, {"serverTime": "1"}, {"serverTime": True}, {"serverTime": -1}, {"serverTime": 10**30}):
        assert server_time.ahead(Answer(200, odd, NOW, 0.4)) is None
    assert server_time.ahead(Answer(503, {"serverTime": stamp}, NOW, 0.4)) is None


# ---------------------------------------------------------------- where a database lies, and who holds it

MOUNTS = (
    "/dev/vda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nnas:/x /mnt/my\\040disk nfs4 rw 0 0\n"
    "/dev/vdb /srv ext4 rw 0 0\ntmpfs /srv tmpfs rw 0 0\nodd\n"
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib/x", "ext4"), ("/tmp/x", "tmpfs"), ("/tmpx", "ext4"), ("/mnt/my disk/a", "nfs4"), ("/srv/a", "tmpfs")],
)
def test_the_kind_of_file_system(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert file_system(Path(path), tmp_path) == kind
    assert file_system(Path(path), tmp_path / "nowhere") == ""


@pytest.mark.parametrize(("kind", "word"), [("tmpfs", "gone at a restart"), ("nfs4", "network file system")])
def test_books_in_memory_or_on_the_network_are_wrong(tmp_path: Path, kind: str, word: str) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mounts").write_text(f"x / {kind} rw 0 0\n")
    found = only(books.durability(here(tmp_path)))
    assert found.status == "wrong"
    assert word in found.seen


def test_a_lock_is_looked_for_and_not_touched(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "x.lock"
    assert not held(path)
    with path.open("w") as file:
        assert not held(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert held(path)


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({}, "ok", "PostgreSQL 16"),
        ({"fsync": False}, "wrong", "fsync is off"),
        ({"full_page_writes": False}, "wrong", "full_page_writes is off"),
        ({"synchronous_commit": "off"}, "wrong", "synchronous_commit is off"),
        ({"synchronous_commit": "local"}, "ok", "every commit"),
        ({"replica": True}, "wrong", "replica"),
        ({"version": 110_000}, "note", "PostgreSQL 11"),
    ],
)
def test_a_server_that_may_lose_commits_is_wrong(change: dict[str, object], status: str, word: str) -> None:
    server = Server(version=160_004, fsync=True, full_page_writes=True, synchronous_commit="on", replica=False)
    found = only(books.judged_server(replace(server, **change)))  # type: ignore[arg-type]
    assert found.status == status
    assert word in found.seen


@pytest.mark.parametrize(
    ("market", "speed", "minutes", "status"),
    [
        ("simulated", 60, 2, "ok"),
        ("simulated", 60, 10, "wrong"),
        ("simulated", 0.1, 20, "ok"),
        ("replay:x.csv", 60, 10, "note"),
        ("binanceus", 0.1, 20, "wrong"),
        ("simulated", 60, None, "note"),
    ],
)
def test_a_trader_that_no_longer_writes(market: str, speed: float, minutes: int | None, status: str) -> None:
    ledger = LedgerRow(name="paper x", tag="abcd", mode="paper", market=market, symbol="BTC/USD", opened_at=NOW)
    age = None if minutes is None else timedelta(minutes=minutes)
    assert books.judged_age(ledger, age, speed).status == status


# ---------------------------------------------------------------- keys


def test_the_signature_is_that_of_the_exchanges_own_example() -> None:
    url = signed("https://x/api/v3/account", Secret("key"))
    question, _, signature = url.partition("?")[2].rpartition("&signature=")
    import hashlib
    import hmac

    assert signature == hmac.new(b"key", question.encode(), hashlib.sha256).hexdigest()
    assert question.startswith("recvWindow=10000&timestamp=")


@pytest.mark.parametrize(
    ("account", "status", "word"),
    [
        ({"canTrade": True, "canWithdraw": False}, "ok", "may not withdraw"),
        ({"canTrade": True, "canWithdraw": True}, "wrong", "may withdraw"),
        ({"canTrade": True}, "wrong", "may withdraw"),
        ({"canTrade": False, "canWithdraw": False}, "note", "may not trade"),
    ],
)
def test_what_a_key_may_do(account: dict[str, bool], status: str, word: str) -> None:
    found = rights("key", account)
    assert found.status == status
    assert word in found.seen


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (401, {"code": -2015}, "refused (-2015)"),
        (400, {"code": -2014}, "refused (-2014)"),
        (400, {"code": -1022}, "does not fit its secret"),
        (400, {"code": -1021}, "time (-1021)"),
        (401, {"code": -9}, "refused (-9)"),
        (401, None, "unexpected answer (HTTP 401)"),
        (429, {"code": -1003}, "too many requests"),
        (503, None, "in trouble (HTTP 503)"),
        (302, None, "sent elsewhere (HTTP 302)"),
    ],
)
def test_why_a_key_is_refused(status: int, body: object, word: str) -> None:
    assert word in refused("key", Answer(status, body, NOW, 0.1)).seen
    assert unexpected("key", 404).status == "note"


def test_odd_answers_of_deepseek_break_nothing() -> None:
    assert model_names({"data": [{"id": "a"}, {"no": 1}, 7]}) == {"a"}
    assert model_names({"data": "x"}) == model_names([]) == set()
    rows = [{"currency": "USD", "total_balance": "1.5"}, {"currency": "CNY", "total_balance": "NaN"}, {}, 3]
    assert {name: str(amount) for name, amount in balances({"balance_infos": rows}).items()} == {
        "USD": "1.5",
        "CNY": "0",
    }
    assert balances({"balance_infos": None}) == {}


async def test_plain_http_goes_to_this_machine_only() -> None:
    async with Web() as web:
        with pytest.raises(Unanswered, match="plain http"):
            await web.get("http://example.org/x")
        with pytest.raises(Unanswered, match="cannot be used"):
            await web.get("https://[::1/x")


# ---------------------------------------------------------------- channels, strategies, history


def test_alert_channels_whole_half_and_none(tmp_path: Path) -> None:
    found = only(channels.configured(here(tmp_path)))
    assert (found.status, found.seen) == ("note", "no channel is set up")
    assert "only the ping" in only(channels.configured(here(tmp_path, ALERT_PING_URL="https://x.example/y"))).seen
    mail = {"SMTP_URL": "smtp://me:hunter2hunter2@mail.example:587"}
    found = only(channels.configured(here(tmp_path, **mail)))
    assert found.status == "wrong"
    assert found.seen == "email is set up by half: SMTP_URL alone"
    found = only(channels.configured(here(tmp_path, **mail, ALERT_EMAIL_TO="me@example.org")))
    assert (found.status, found.seen) == ("ok", "set up: email")
    found = only(channels.configured(here(tmp_path, TWILIO_FROM="+15551234567")))
    assert "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN and ALERT_SMS_TO" in found.cure
    found = only(channels.configured(here(tmp_path, APPRISE_URLS="nosuchthing://hunter2hunter2")))
    assert found.status == "wrong"
    assert "hunter2" not in str(found)
    database = open_database(here(tmp_path).database_url)
    phone = Subscription(endpoint="https://fcm.googleapis.com/x", p256dh="", auth="")
    PushDevices(database).put("admin", phone, "Firefox on Android", clock.now())
    database.close()
    assert only(channels.configured(here(tmp_path))).seen == "set up: push"


async def test_without_a_configuration_no_strategy_is_judged(tmp_path: Path) -> None:
    assert only(await strategies.all_of_them(here(tmp_path))).status == "note"


def test_the_newest_imported_candle(tmp_path: Path) -> None:
    def imported(*rows: dict[str, str]) -> Iterator[Check]:
        found = candles.newest(replace(here(tmp_path), stored_candles=lambda _: rows))
        yield from found if isinstance(found, list) else [found] if found else []

    assert list(imported({"name": "BTC/USD:1m", "last": "2023-03-21T00:00:00+00:00"})) == []
    (tmp_path / "data").mkdir()
    (old,) = imported({"name": "BTC/USD:1m", "last": "2023-03-21T00:00:00+00:00"})
    assert old.status == "note"
    assert "until 2023-03-21 00:00 UTC" in old.seen
    (fresh,) = imported({"name": "BTC/USD:1m", "last": datetime.now(UTC).isoformat()})
    assert fresh.status == "ok"
    (odd,) = imported({"name": "BTC/USD:1m"})
    assert odd.status == "note"
