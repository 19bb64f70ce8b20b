"""Web push to a real push service on loopback: what arrives, what is forgotten, and who may subscribe what."""

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.channels import ChannelDown, ChannelRevoked, MessageRefused, Sent
from app.core.alerts import AlertEvent
from app.core.errors import ConfigError
from app.notices import AlertRules
from app.ports import Conflict, Who
from app.push import MOST_DEVICES, Subscription
from app.seam import Tasks
from app.strategy_files import Unfit
from services.database import Database, Ledgers, PushDevices, open_database
from services.notifications import push_key
from services.notifications.push import WebPush
from services.secrets import Vault
from services.secrets.rotating import Together
from tests.fakes_ui import NOW, PASSWORD, AuditTrail, HandClock
from tests.fakes_ui import Desk as Pages
from tests.integration.test_alerts import Desk
from tests.integration.test_channels import MESSAGE
from tests.integration.test_http_api import HOST, an_application, is_problem
from tests.push_stand_in import PushService, push_service

ME = Who(username="admin", address="10.0.0.7")
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 7) Chrome/126.0"


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as running:
        yield running


@pytest.fixture(scope="module")
def empty_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Brought to the newest schema once."""
    path = tmp_path_factory.mktemp("books") / "trader.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def database(tmp_path: Path, empty_books: Path) -> Iterator[Database]:
    shutil.copy(empty_books, tmp_path / "trader.db")
    opened = open_database(f"sqlite:///{tmp_path}/trader.db")
    yield opened
    opened.close()


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    """The outbox and its notifier; channels and rules are given by the test."""
    found = Desk(database, [])
    yield found
    found.journal.close()


def a_push(database: Database, folder: Path, service: PushService, audit: AuditTrail | None = None) -> WebPush:
    """As it is after each start."""
    kept, seals = Ledgers(database, min), Vault(folder / "secrets.key", folder)
    return WebPush(
        PushDevices(database),
        key=lambda: push_key.load(kept, seals),
        subject="mailto:me@example.org",
        hosts=[service.host],
        record=audit or AuditTrail(),
        clock=HandClock(),
        tasks=Tasks(),
    )


# ---------------------------------------------------------------- delivery


async def test_only_the_phone_that_asked_can_read_what_arrives(
    database: Database, tmp_path: Path, service: PushService
) -> None:
    push = a_push(database, tmp_path, service)
    device = await push.add(ME, service.subscribed(), PHONE)
    assert await push.send(MESSAGE) == Sent()
    (got,) = service.got
    assert got.content["title"] == MESSAGE.subject
    assert got.content["url"].startswith("/")
    assert got.claims == {"aud": service.url, "sub": "mailto:me@example.org", "exp": int(NOW.timestamp()) + 12 * 3600}
    assert got.key == await push.public_key()
    assert (got.headers["urgency"], got.headers["ttl"], got.headers["topic"]) == ("high", "86400", MESSAGE.reference)
    assert push.devices("admin")[0].sent_at == NOW
    assert PushDevices(database).all()[0].id == device.id


async def test_alerts_go_out_by_push_beside_trading_and_to_nobody_where_no_device_is(
    desk: Desk, database: Database, tmp_path: Path, service: PushService
) -> None:
    push = a_push(database, tmp_path, service)
    desk.channels = [push]
    desk.notifier = desk.a_notifier()
    desk.happens(AlertEvent.DAILY_LOSS, "before anybody asked")
    await desk.step()
    assert (await desk.letters(), desk.notifier.states()) == ([], [])
    await push.add(ME, service.subscribed(), PHONE)
    for event in (AlertEvent.ENTRY_FILL, AlertEvent.DAILY_LOSS, AlertEvent.KILL_SWITCH, AlertEvent.CONNECTION_LOST):
        desk.happens(event, f"words of {event}")
    await desk.step()
    assert {each.content["body"] for each in service.got} == {
        *("words of entry_fill", "words of daily_loss", "words of kill_switch", "words of connection_lost")
    }
    assert [each.status for each in desk.notifier.states()] == ["ok"]


async def test_quiet_hours_hold_back_trades_and_never_a_kill_switch(
    desk: Desk, database: Database, tmp_path: Path, service: PushService
) -> None:
    push = a_push(database, tmp_path, service)
    night = (NOW - timedelta(hours=1)).time(), (NOW + timedelta(hours=1)).time()
    desk.channels, desk.rules = [push], AlertRules(quiet=night)
    desk.notifier = desk.a_notifier()
    await push.add(ME, service.subscribed(), PHONE)
    desk.happens(AlertEvent.EXIT_FILL, "sold at night")
    desk.happens(AlertEvent.KILL_SWITCH, "down 50 %")
    await desk.step()
    assert [each.content["body"] for each in service.got] == ["down 50 %"]
    desk.clock.forward(minutes=61)
    await desk.step()
    assert service.got[-1].content["body"] == "sold at night"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_device_that_is_gone_is_forgotten_and_the_others_have_it(
    database: Database, tmp_path: Path, service: PushService, status: int
) -> None:
    push = a_push(database, tmp_path, service)
    await push.add(ME, service.subscribed("/gone"), PHONE)
    await push.add(ME, service.subscribed("/here"), PHONE)
    service.status["/gone"] = status
    assert await push.send(MESSAGE) == Sent()
    assert [each.path for each in service.got] == ["/here"]
    assert [each.subscription.endpoint for each in a_push(database, tmp_path, service).devices("admin")] == [
        f"{service.url}/here"
    ]


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, ChannelDown), (503, ChannelDown), (401, ChannelRevoked), (403, ChannelRevoked), (413, MessageRefused)],
)
async def test_a_refusal_is_sorted_by_its_status(
    database: Database, tmp_path: Path, service: PushService, status: int, error: type[Exception]
) -> None:
    push = a_push(database, tmp_path, service)
    await push.add(ME, service.subscribed(), PHONE)
    service.status["/a"] = status
    with pytest.raises(error, match=str(status)):
        await push.send(MESSAGE)
    assert str(status) in push.devices("admin")[0].error
    assert service.url not in push.devices("admin")[0].error


async def test_one_device_that_cannot_be_reached_is_named_and_keeps_nothing_from_the_others(
    database: Database, tmp_path: Path, service: PushService
) -> None:
    push = a_push(database, tmp_path, service)
    await push.add(ME, service.subscribed("/well"), "iPhone")
    await push.add(ME, service.subscribed("/ill"), PHONE)
    service.status["/ill"] = 500
    assert await push.send(MESSAGE) == Sent(warning="not on Chrome on Android: its push service answers 500")


async def test_with_the_last_device_gone_a_message_is_not_tried_for_a_day(
    database: Database, tmp_path: Path, service: PushService
) -> None:
    push = a_push(database, tmp_path, service)
    with pytest.raises(MessageRefused, match="no device"):
        await push.send(MESSAGE)


# ---------------------------------------------------------------- the key


async def test_the_key_is_made_once_and_kept_sealed(database: Database, tmp_path: Path, service: PushService) -> None:
    key = await a_push(database, tmp_path, service).public_key()
    assert await a_push(database, tmp_path, service).public_key() == key
    text = Ledgers(database, min).kept(push_key.NAME)
    assert text is not None
    assert text.startswith("sealed:v1:")
    vault, rows = Vault(tmp_path / "secrets.key", tmp_path), push_key.PushKeyRow(Ledgers(database, min))
    assert Together(rows).texts() == {push_key.NAME: text}
    Together(rows).exchange(
        push_key.NAME, lambda old: vault.seal(push_key.NAME, vault.open(push_key.NAME, old))
    )  # as a rotation does
    assert Ledgers(database, min).kept(push_key.NAME) != text
    assert await a_push(database, tmp_path, service).public_key() == key


async def test_a_lost_sealing_key_makes_a_new_pair_instead_of_no_alerts(
    database: Database, tmp_path: Path, service: PushService
) -> None:
    key = await a_push(database, tmp_path, service).public_key()
    (tmp_path / "secrets.key").unlink()
    assert await a_push(database, tmp_path, service).public_key() != key


# ---------------------------------------------------------------- people


async def test_a_person_sees_changes_and_tries_only_their_own_devices(
    database: Database, tmp_path: Path, service: PushService
) -> None:
    audit = AuditTrail()
    push = a_push(database, tmp_path, service, audit)
    device = await push.add(ME, service.subscribed(), PHONE)
    other = Who(username="other")
    assert push.devices("other") == []
    for work in (push.remove, push.test):
        with pytest.raises(KeyError):
            await work(other, device.id)
    assert await push.test(ME, device.id) == ""
    assert service.got[0].content["title"] == "It works"
    await push.remove(ME, device.id)
    assert (push.devices("admin"), PushDevices(database).all()) == ([], [])
    assert [(line["action"], line["target"]) for line in audit.lines] == [
        *(("push_on", "Chrome on Android"), ("push_off", "Chrome on Android"))
    ]


async def test_the_same_browser_is_one_device_whoever_signs_in_on_it(
    database: Database, tmp_path: Path, service: PushService
) -> None:
    push, subscription = a_push(database, tmp_path, service), service.subscribed()
    first = await push.add(ME, subscription, PHONE)
    assert await push.add(ME, subscription, PHONE) == first
    await push.add(Who(username="other"), subscription, PHONE)
    assert (push.devices("admin"), len(push.devices("other"))) == ([], 1)


async def test_what_no_browser_would_send_is_refused(database: Database, tmp_path: Path, service: PushService) -> None:
    push, good = a_push(database, tmp_path, service), service.subscribed()
    for endpoint in ("http://127.0.0.1:9/x", "https://169.254.169.254/latest/meta-data"):
        with pytest.raises(Unfit, match="endpoint"):
            await push.add(ME, Subscription(endpoint=endpoint, p256dh=good.p256dh, auth=good.auth), PHONE)
    with pytest.raises(Unfit, match="keys"):
        await push.add(ME, Subscription(endpoint=good.endpoint, p256dh=good.auth, auth=good.auth), PHONE)
    for number in range(MOST_DEVICES):
        await push.add(ME, service.subscribed(f"/{number}"), PHONE)
    with pytest.raises(Conflict, match="remove one first"):
        await push.add(ME, good, PHONE)


# ---------------------------------------------------------------- over HTTP


class Browser:
    """Signed in on the dashboard, as a person's browser is."""

    def __init__(self, client: httpx.AsyncClient, push: WebPush) -> None:
        self.client, self.push = client, push
        self.origin = {"origin": HOST}

    async def subscribe(self, subscription: Subscription, **headers: str) -> httpx.Response:
        keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
        body = {"endpoint": subscription.endpoint, "keys": keys, "expirationTime": None}
        return await self.client.post("/api/v1/push", json=body, headers={**self.origin, **headers})


@pytest.fixture
async def browser(database: Database, tmp_path: Path, service: PushService) -> AsyncIterator[Browser]:
    pages, push = Pages(), a_push(database, tmp_path, service)
    await pages.auth.start("admin", PASSWORD)
    transport = httpx.ASGITransport(an_application(pages, pages.doors(push=push)))
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers={"user-agent": PHONE}) as client:
        form = {"username": "admin", "password": PASSWORD}
        assert (await client.post("/login", data=form, headers={"origin": HOST})).status_code == 303
        yield Browser(client, push)


async def test_a_browser_subscribes_is_tried_and_removed(browser: Browser, service: PushService) -> None:
    added = (await browser.subscribe(service.subscribed())).json()
    listed = (await browser.client.get("/api/v1/push")).json()
    assert listed["items"] == [added]
    assert (added["name"], added["error"]) == ("Chrome on Android", None)
    assert listed["public_key"] == await browser.push.public_key()
    assert service.url not in str(listed), "an endpoint is a secret of the browser's"
    tried = await browser.client.post(f"/api/v1/push/{added['id']}/test", headers=browser.origin)
    assert tried.json() == {"sent": True, "error": None}
    path = f"/api/v1/push/{added['id']}"
    assert (await browser.client.delete(path, headers=browser.origin)).status_code == 204
    assert is_problem(await browser.client.delete(path, headers=browser.origin), 404, "no device of yours")


async def test_nobody_subscribes_from_another_page_without_a_session_or_with_a_token(
    browser: Browser, service: PushService
) -> None:
    good = service.subscribed()
    assert is_problem(await browser.subscribe(good, origin="https://evil.example"), 403)
    form = {"username": "admin", "password": PASSWORD}
    token = (await browser.client.post("/api/v1/token", json=form, headers=browser.origin)).json()["access_token"]
    assert is_problem(await browser.subscribe(good, authorization=f"Bearer {token}"), 403, "signed in on the dashboard")
    browser.client.cookies.clear()
    assert is_problem(await browser.subscribe(good), 401)
    assert is_problem(await browser.client.get("/api/v1/push"), 401)
    assert browser.push.devices("admin") == []


async def test_a_server_of_ones_own_choice_is_not_called(browser: Browser, service: PushService) -> None:
    keys = service.subscribed()
    for endpoint in ("https://evil.example/x", "http://127.0.0.1:8080/api/v1/pause"):
        forged = Subscription(endpoint=endpoint, p256dh=keys.p256dh, auth=keys.auth)
        assert is_problem(await browser.subscribe(forged), 422, "endpoint")
    assert service.got == []


async def test_without_a_place_for_the_key_the_reason_is_told(database: Database, tmp_path: Path) -> None:
    def shut() -> object:
        raise ConfigError("the key file is not there; put it back")

    pages = Pages()
    push = WebPush(
        PushDevices(database),
        key=shut,  # type: ignore[arg-type]
        subject="",
        record=AuditTrail(),
        clock=HandClock(),
        tasks=Tasks(),
    )
    await pages.auth.start("admin", PASSWORD)
    transport = httpx.ASGITransport(an_application(pages, pages.doors(push=push)))
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        token = (await client.post("/api/v1/token", json={"username": "admin", "password": PASSWORD})).json()
        headers = {"authorization": f"Bearer {token['access_token']}"}
        assert is_problem(await client.get("/api/v1/push", headers=headers), 503, "put it back")


# ---------------------------------------------------------------- who has looked


async def test_what_is_new_is_counted_for_each_person(desk: Desk) -> None:
    for number in range(3):
        desk.happens(AlertEvent.ENTRY_FILL, str(number))
    assert (desk.outbox.unread("admin"), desk.outbox.unread("other")) == (3, 3)
    desk.outbox.look("admin")
    desk.happens(AlertEvent.EXIT_FILL)
    assert (desk.outbox.unread("admin"), desk.outbox.unread("other")) == (1, 4)
