"""Each channel against a real server: mail over SMTP, text messages and Apprise over HTTP, the ping."""

import logging
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.channels import ChannelDown, ChannelRevoked, MessageRefused, Sent
from app.core.errors import ConfigError
from app.notices import Message
from app.seam import Tasks
from services.notifications import channels
from services.notifications.apprise import AppriseChannel, apprise_channels, with_query
from services.notifications.email import Email
from services.notifications.ping import Ping
from services.notifications.sms import Account, Sms
from services.settings import Secret, load_settings
from tests.builders import NOON
from tests.ports import free_port
from tests.post_office import PASSWORD, Asked, MailServer, WebService, web_service

SID, TOKEN = "AC" + "1" * 32, "t0ken" * 6
MESSAGE = Message(
    reference="abc123",
    subject="[PAPER] Kill switch: down 50.1 % in all",
    text="line one\nline two · https://me.example",
    short="[PAPER] Kill switch: down 50.1 % in all",
    grave=True,
    silent=False,
    at=NOON,
)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


def email(server: MailServer, *receivers: str, url: str | None = None) -> Email:
    return Email(Secret(url or server.url), "bot@example.org", receivers or ("me@example.org",))


# ---------------------------------------------------------------- e-mail


async def test_a_mail_arrives_with_its_words_and_its_weight(mail: MailServer) -> None:
    assert await email(mail, "me@example.org", "you@example.org").send(MESSAGE) == Sent()
    (got,) = mail.mails
    assert mail.receivers == [["me@example.org", "you@example.org"]]
    assert got["Subject"] == MESSAGE.subject
    assert got["Message-ID"] == "<abc123@example.org>"
    assert (got["Importance"], got["Auto-Submitted"]) == ("high", "auto-generated")
    assert got.get_content().splitlines() == MESSAGE.text.splitlines()  # type: ignore[attr-defined]


async def test_a_mail_that_is_tried_again_is_the_same_mail(mail: MailServer) -> None:
    channel = email(mail)
    await channel.send(MESSAGE)
    await channel.send(MESSAGE)
    assert len({str(each["Message-ID"]) for each in mail.mails}) == 1


async def test_a_mail_server_that_is_away_is_tried_later() -> None:
    server = MailServer(free_port())
    with pytest.raises(ChannelDown, match=f"127.0.0.1:{server.port} cannot be reached") as away:
        await email(server).send(MESSAGE)
    assert not away.value.doubtful


async def test_a_wrong_password_is_told_and_is_not_in_the_text(mail: MailServer) -> None:
    mail.revoked = True
    with pytest.raises(ChannelRevoked, match="535") as refused:
        await email(mail).send(MESSAGE)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 try again later", ChannelDown),
        ("452 too full", ChannelDown),
        ("552 too large", MessageRefused),
        ("554 looks like spam", MessageRefused),
        ("550 not welcome", ChannelRevoked),
    ],
)
async def test_a_refusal_is_sorted_by_its_code(mail: MailServer, answer: str, error: type[Exception]) -> None:
    mail.refuse_data = answer
    with pytest.raises(error, match=answer[:3]):
        await email(mail).send(MESSAGE)


async def test_one_bad_receiver_does_not_keep_the_mail_from_the_others(mail: MailServer) -> None:
    mail.refuse_receivers = {"gone@example.org": "550 no such user"}
    sent = await email(mail, "gone@example.org", "me@example.org").send(MESSAGE)
    assert "gone@example.org" in sent.warning
    assert mail.receivers == [["me@example.org"]]


@pytest.mark.parametrize(("code", "error"), [("550 no such user", ChannelRevoked), ("450 later", ChannelDown)])
async def test_no_good_receiver_at_all_is_told(mail: MailServer, code: str, error: type[Exception]) -> None:
    mail.refuse_receivers = {"me@example.org": code}
    with pytest.raises(error, match=code[:3]):
        await email(mail).send(MESSAGE)


async def test_a_connection_that_breaks_off_leaves_a_doubt(mail: MailServer) -> None:
    async def cut(server: Any, _session: Any, _envelope: Any) -> str:
        server.transport.close()
        return "250 never heard"

    mail.handle_DATA = cut  # type: ignore[method-assign]
    with pytest.raises(ChannelDown) as broken:
        await email(mail).send(MESSAGE)
    assert broken.value.doubtful


async def test_a_server_on_another_machine_must_offer_tls_before_anything_is_said() -> None:
    own = own_address()
    server = MailServer(host=own).start()
    try:
        with pytest.raises(ChannelRevoked, match="TLS"):
            await email(server).send(MESSAGE)
        assert server.mails == []
    finally:
        server.stop()


def own_address() -> str:
    """One of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


# ---------------------------------------------------------------- text messages


def sms(service: WebService, to: str = "+15557654321") -> Sms:
    account = Account(sid=Secret(SID), token=Secret(TOKEN), sender="+15551234567", base_url=service.url)
    return Sms("sms-1", account, to)


def queued(_: Asked) -> tuple[int, Any]:
    return 201, {"sid": "SM" + "2" * 32, "status": "queued", "error_code": None}


async def test_a_text_message_is_taken_and_its_delivery_asked_for() -> None:
    with web_service(queued) as service:
        channel = sms(service)
        sent = await channel.send(MESSAGE)
        (asked,) = service.asked
        assert asked.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
        assert asked.form == {"To": "+15557654321", "From": "+15551234567", "Body": MESSAGE.short}
        assert asked.headers["authorization"].startswith("Basic ")
        for status, done in (("queued", False), ("sent", False), ("delivered", True)):
            service.answer = lambda _, status=status: (200, {"sid": sent.id, "status": status})  # type: ignore[misc]
            assert await channel.delivered(sent.id) is done


async def test_a_messaging_service_can_be_the_sender() -> None:
    with web_service(queued) as service:
        account = Account(sid=Secret(SID), token=Secret(TOKEN), sender="MG" + "a" * 32, base_url=service.url)
        await Sms("sms-1", account, "+15557654321").send(MESSAGE)
        assert service.asked[0].form["MessagingServiceSid"] == "MG" + "a" * 32


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (401, 20003, ChannelRevoked, "the account or its token is not right"),
        (400, 21211, ChannelRevoked, "not a phone number"),
        (400, 21608, ChannelRevoked, "verified numbers only"),
        (400, 21610, ChannelRevoked, "opted out"),
        (404, 20404, ChannelRevoked, "404"),
        (429, 20429, ChannelDown, "429"),
        (503, None, ChannelDown, "503"),
        (400, 21617, MessageRefused, "21617"),
    ],
)
async def test_what_twilio_refuses_is_told_in_words(
    status: int, code: int | None, error: type[Exception], words: str
) -> None:
    told = {"code": code, "message": f"for {TOKEN}"}
    with web_service(lambda _: (status, told)) as service, pytest.raises(error, match=words) as refused:
        await sms(service).send(MESSAGE)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [(30034, ChannelRevoked), (30005, ChannelRevoked), (30003, MessageRefused), (None, ChannelRevoked)],
)
async def test_a_message_that_was_taken_and_lost_is_told(code: int | None, error: type[Exception]) -> None:
    lost = {"status": "undelivered", "error_code": code}
    with web_service(lambda _: (200, lost)) as service, pytest.raises(error, match="not delivered"):
        await sms(service).delivered("SM" + "2" * 32)


async def test_a_lost_answer_is_a_doubt_and_the_message_is_found_again() -> None:
    with web_service(lambda _: None) as service:
        channel = sms(service)
        with pytest.raises(ChannelDown) as lost:
            await channel.send(MESSAGE)
        assert lost.value.doubtful
        row = {"sid": "SM" + "3" * 32, "body": MESSAGE.short, "date_created": format_datetime(NOON)}
        old = {**row, "sid": "SM" + "4" * 32, "date_created": format_datetime(NOON - timedelta(hours=1))}
        other = {**row, "sid": "SM" + "5" * 32, "body": "something else"}
        service.answer = lambda _: (200, {"messages": [{}, old, other, row]})
        assert await channel.find(MESSAGE) == Sent(id="SM" + "3" * 32)
        assert service.asked[-1].query["To"] == ["+15557654321"]
        service.answer = lambda _: (200, {"messages": [old, other]})
        assert await channel.find(MESSAGE) is None


@pytest.mark.parametrize("answer", [(200, "<html>"), (201, {}), (201, {"sid": "../../x"}), (200, "[]")])
async def test_an_answer_in_no_known_form_is_a_doubt(answer: tuple[int, Any]) -> None:
    with web_service(lambda _: answer) as service, pytest.raises(ChannelDown) as odd:
        await sms(service).send(MESSAGE)
    assert odd.value.doubtful


async def test_a_redirect_is_not_followed() -> None:
    with web_service(lambda _: (302, {})) as service:
        with pytest.raises(MessageRefused):
            await sms(service).send(MESSAGE)
        assert len(service.asked) == 1


# ---------------------------------------------------------------- Apprise


def ntfy(service: WebService, query: str = "") -> Secret:
    return Secret(f"ntfy://{service.url.removeprefix('http://')}/alerts{query}")


async def test_whatever_apprise_knows_gets_the_message() -> None:
    with web_service(lambda _: (200, {"id": "x"})) as service:
        (channel,) = apprise_channels(ntfy(service), Tasks())
        assert channel.name == "apprise-1"
        assert await channel.send(MESSAGE) == Sent()
        (asked,) = service.asked
        assert MESSAGE.text.splitlines()[0] in asked.body


@pytest.mark.parametrize(("status", "error"), [(401, ChannelRevoked), (404, ChannelRevoked), (500, ChannelDown)])
async def test_what_apprise_is_told_is_sorted(status: int, error: type[Exception]) -> None:
    with web_service(lambda _: (status, {"code": status * 100 + 1, "error": "no"})) as service:
        (channel,) = apprise_channels(ntfy(service), Tasks())
        with pytest.raises(error, match=str(status)):
            await channel.send(MESSAGE)


async def test_a_service_that_is_away_is_tried_later() -> None:
    (channel,) = apprise_channels(Secret(f"ntfy://127.0.0.1:{free_port()}/alerts"), Tasks())
    with pytest.raises(ChannelDown, match="cannot be reached"):
        await channel.send(MESSAGE)


async def test_each_address_is_a_channel_of_its_own() -> None:
    both = apprise_channels(Secret("ntfy://127.0.0.1:1/a, json://127.0.0.1:1/b"), Tasks())
    assert [(each.name, each.kind) for each in both] == [("apprise-1", "apprise"), ("apprise-2", "apprise")]


def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match="APPRISE_URLS: address 2 is none that Apprise knows") as wrong:
        apprise_channels(Secret("ntfy://host/topic,nosuchservice://k3y-of-mine/"), Tasks())
    assert "k3y" not in str(wrong.value)


def test_a_silent_message_is_asked_for_where_the_service_can() -> None:
    assert with_query("tgram://token/chat", {"silent": "yes"}) == "tgram://token/chat?silent=yes"
    assert with_query("ntfy://h/t?priority=high", {"priority": "min"}) == "ntfy://h/t?priority=high"
    assert with_query("ntfy://h/t", {}) == "ntfy://h/t"


async def test_grave_and_silent_messages_have_their_priority() -> None:
    with web_service(lambda _: (200, {"id": "x"})) as service:
        (channel,) = apprise_channels(ntfy(service), Tasks())
        assert isinstance(channel, AppriseChannel)
        await channel.send(MESSAGE)
        await channel.send(Message(**{**_fields(MESSAGE), "grave": False, "silent": True}))
        seen = [f"{asked.headers} {asked.body}" for asked in service.asked]
        assert "5" in service.asked[0].headers.get("x-priority", "") or "max" in seen[0] or "urgent" in seen[0]
        assert "min" in seen[1] or "1" in service.asked[1].headers.get("x-priority", "")


def _fields(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__dataclass_fields__}


# ---------------------------------------------------------------- the ping


async def test_the_watchdog_is_called_and_a_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with web_service(lambda _: (200, "OK")) as service:
        ping = Ping(Secret(f"{service.url}/ping/s3cret-id"))
        assert await ping.call()
        assert service.asked[0].path == "/ping/s3cret-id"
        service.answer = lambda _: (404, {})
        with caplog.at_level(logging.WARNING):
            assert not await ping.call()
            assert not await ping.call()
    assert not await ping.call()
    told = [record.getMessage() for record in caplog.records if record.name.startswith("services")]
    assert len(told) == 1
    assert "404" in told[0]
    assert "s3cret" not in told[0]


# ---------------------------------------------------------------- from the settings


def made(**given: str) -> list[str]:
    settings = load_settings(given, None)
    return [channel.name for channel in channels(settings, Tasks())]


def test_channels_are_those_that_are_set_up() -> None:
    twilio = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_FROM": "+15551234567"}
    assert made() == []
    assert made(
        SMTP_URL="smtps://me:pw@mail.example.org",
        ALERT_EMAIL_TO="me@example.org",
        **twilio,
        ALERT_SMS_TO="+15557654321,+15557654322",
        APPRISE_URLS="ntfy://127.0.0.1/a,json://127.0.0.1/b",
    ) == ["email", "sms-1", "sms-2", "apprise-1", "apprise-2"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"SMTP_URL": "smtp://a:b@h.example.org"}, "SMTP_URL is of no use without ALERT_EMAIL_TO"),
        ({"ALERT_EMAIL_TO": "me@example.org"}, "ALERT_EMAIL_TO is of no use without SMTP_URL"),
        ({"TWILIO_FROM": "+15551234567", "ALERT_SMS_TO": "+15557654321"}, "TWILIO_FROM is of no use without TWILIO_A"),
        ({"ALERT_SMS_TO": "5551234567"}, "a number such as +15551234567"),
        ({"SMTP_URL": "mail.example.org"}, "an address such as smtp://"),
        ({"SMTP_URL": "smtp://a:b@h.example.org", "ALERT_EMAIL_TO": "me"}, "an address such as me@example.org"),
        ({"ALERT_PING_URL": "http://watchdog.example.org/x"}, "plain http is allowed only to this machine"),
        ({"APPRISE_URLS": "not an address"}, "a channel address such as"),
    ],
)
def test_what_is_half_set_up_or_wrong_gets_one_line(given: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        made(**given)
    assert line in str(wrong.value)
    assert "\n" not in str(wrong.value)


async def test_no_call_holds_up_the_loop_by_reading_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_service(lambda _: (201, {"sid": "SM" + "1" * 32})) as service:
        ping, message = Ping(Secret(f"{service.url}/x")), sms(service)
        read: list[str] = []
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **__: read.append("certificates"))
        assert await ping.call()
        await message.send(MESSAGE)
        assert read == []
