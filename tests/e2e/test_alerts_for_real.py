"""The real program, a real mail server, a watchdog: what a person gets to know, and what shows when a channel fails."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.post_office import MailServer, WebService, web_service
from tests.push_stand_in import PushService, push_service
from tests.trader_process import PASSWORD, TraderProcess, write_market

pytestmark = pytest.mark.xdist_group("sigkill")

EVERYTHING = "alerts: {max_per_hour: 200, levels: {info: {email: on}}}\n"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def watchdog() -> Iterator[WebService]:
    with web_service() as service:
        yield service


@pytest.fixture
def push() -> Iterator[PushService]:
    with push_service() as service:
        yield service


def subscribe(trader: TraderProcess, push: PushService) -> None:
    """As a phone's browser does, signed in on the dashboard."""
    given, origin = push.subscribed(), f"http://127.0.0.1:{trader.port}"
    with httpx.Client(base_url=origin, headers={"origin": origin, "user-agent": "Firefox on Android"}) as phone:
        phone.post("/login", data={"username": "admin", "password": PASSWORD})
        keys = {"p256dh": given.p256dh, "auth": given.auth}
        assert phone.post("/api/v1/push", json={"endpoint": given.endpoint, "keys": keys}).status_code == 200


@pytest.fixture
def trader(tmp_path: Path, mail: MailServer, watchdog: WebService, push: PushService) -> TraderProcess:
    market = write_market(tmp_path / "market.csv", days=10)
    settings = {
        "SMTP_URL": mail.url,
        "ALERT_EMAIL_TO": "me@example.org",
        "ALERT_PING_URL": f"{watchdog.url}/ping",
        "BINANCEUS_REST_URL": watchdog.url,
        "PUSH_HOSTS": push.host,
    }
    found = TraderProcess(tmp_path, f"replay:{market}", speed="20000", settings=settings)
    (found.folder / "config/app.yml").write_text(EVERYTHING)
    return found


def test_trades_arrive_by_mail_and_push_and_a_channel_that_refuses_shows_everywhere(
    trader: TraderProcess, mail: MailServer, push: PushService
) -> None:
    tried = trader.command("alert", "test")
    assert (tried.returncode, tried.stdout) == (0, "email: arrived\n")
    assert mail.subjects == ["[PAPER] Test: this channel works"]

    with trader.running(), trader.signed_in() as api:
        subscribe(trader, push)
        trader.until(lambda: any("Bought: " in each for each in mail.subjects), "the mail of an entry")
        trader.until(lambda: any("Sold: " in each for each in mail.subjects), "the mail of an exit")
        assert any(each.startswith("[PAPER] Started: version") for each in mail.subjects)
        trader.until(lambda: any("Bought" in each.content["title"] for each in push.got), "the push of an entry")
        bought = next(each for each in push.got if "Bought" in each.content["title"])
        assert bought.content["url"] in ("/?tab=positions", "/?tab=history")
        assert bought.claims["aud"] == push.url
        status = api.get("/api/v1/status").json()
        assert [(each["name"], each["status"]) for each in status["channels"]] == [*(("email", "ok"), ("push", "ok"))]
        rows = api.get("/api/v1/alerts").json()["items"]
        assert {"entry_fill", "started"} <= {row["event"] for row in rows}
        assert all(letter["status"] == "delivered" for row in rows[-3:] for letter in row["letters"])

        mail.revoked = True  # somebody has changed the mailbox's password
        channel = trader.until(
            lambda: [each for each in api.get("/api/v1/status").json()["channels"] if each["status"] == "revoked"],
            "the status to tell of the refusal",
        )[0]
        assert "535" in channel["error"]
        told = trader.command("doctor")
        assert told.returncode == 1
        assert any(line.startswith("wrong") and "email" in line and "535" in line for line in told.stdout.splitlines())
        listed = trader.command("alert", "list", "--limit", "3").stdout
        assert "email: revoked" in listed
        assert api.post("/api/v1/alerts/acknowledge").json() == {"acknowledged": 0}
    assert trader.command("alert", "test", "email").returncode == 1
    mail.revoked = False
    assert trader.command("alert", "test", "email").returncode == 0
    assert trader.command("alert", "seen").stdout == "0 alerts acknowledged: they are not repeated\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("alert", "test", "pager"), "error: alert test: there is no channel 'pager'; set up are: email\n"),
        (("alert", "list", "--limit", "0"), "is not a number from 1 to 1000"),
    ],
)
def test_wrong_use_gets_one_line(trader: TraderProcess, arguments: tuple[str, ...], line: str) -> None:
    found = trader.command(*arguments)
    assert found.returncode == 2
    assert line in found.stderr
    assert "Traceback" not in found.stderr


def test_without_a_channel_the_test_says_how_to_get_one(tmp_path: Path) -> None:
    found = TraderProcess(tmp_path, "simulated").command("alert", "test")
    assert found.returncode == 1
    assert "SMTP_URL and ALERT_EMAIL_TO" in found.stdout
