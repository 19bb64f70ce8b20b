"""What goes out by web push: sealed as the standard says, only to push services, in few and harmless words."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.alerts import AlertEvent
from app.push import Subscription, device_name
from services.notifications import push_subject
from services.notifications.push import parcel
from services.notifications.push_hosts import refusal
from services.notifications.push_wire import CURVE, BadKeys, keys_of, sealed, unpacked
from services.settings import load_settings
from tests.unit.test_notices import OVER, a_letter, compose

# The worked example of RFC 8291, section 5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
BROWSER = Subscription(
    endpoint="https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
    p256dh="BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    auth="BTBZMqHH6r4Tts7J_aSIgg",
)
PRIVATE = int.from_bytes(unpacked("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
SALT = unpacked("DGv6ra1nlYgDCS1FRnbzlw")
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_standards_own_example_comes_out_byte_for_byte() -> None:
    private = ec.derive_private_key(PRIVATE, CURVE)
    assert sealed(PLAIN, BROWSER, private=private, salt=SALT) == unpacked(BODY)


def test_no_two_messages_look_alike() -> None:
    assert sealed(PLAIN, BROWSER) != sealed(PLAIN, BROWSER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"p256dh": "not base64!"},
        {"p256dh": BROWSER.p256dh[:-4]},
        {"p256dh": "BA" + "A" * 85},  # of the right length, and not on the curve
        {"auth": "AAAA"},
        {"auth": ""},
    ],
)
def test_keys_that_no_browser_has_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadKeys):
        keys_of(replace(BROWSER, **wrong))


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:APA91b",
        "https://web.push.apple.com/QGuQyavXutnMH",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://wns2-by3p.notify.windows.com/w/?token=AwYAAAC",
    ],
)
def test_the_push_services_of_browsers_are_known(endpoint: str) -> None:
    assert refusal(endpoint) == ""


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com:8443/fcm/send/abc",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://fcm.googleapis.com@evil.example/x",
        "https://user:pass@fcm.googleapis.com/x",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://notify.windows.com.evil.example/x",
        "https://evilpush.apple.com/x",
        "https://127.0.0.1/latest/meta-data",
        "http://127.0.0.1:8080/api/v1/pause",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::1/x",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/\r\nx-evil: 1",
        "https://fcm.googleapis.com/#x",
        "file:///etc/passwd",
        "//fcm.googleapis.com/x",
        "https://fcm.googleapis.com/" + "x" * 1024,
        "https://ｆcm.googleapis.com/x",
        "",
    ],
)
def test_no_other_server_can_be_called_by_subscribing(endpoint: str) -> None:
    assert refusal(endpoint) != ""


def test_the_owner_may_name_a_push_service_of_their_own() -> None:
    assert refusal("https://push.example.org/x", ["push.example.org"]) == ""
    assert refusal("http://push.example.org/x", ["push.example.org"]) == "the endpoint must be https"
    assert refusal("http://127.0.0.1:9000/x", ["127.0.0.1:9000"]) == ""
    assert refusal("http://127.0.0.1:9001/x", ["127.0.0.1:9000"]) != ""


# ---------------------------------------------------------------- words


def shown(*letters: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(parcel(compose(*letters)))  # type: ignore[arg-type]
    return found


def test_a_trade_says_what_was_bought_and_leads_to_it() -> None:
    letter = a_letter(event=AlertEvent.ENTRY_FILL, text="0.0078 BTC at 64,250.50")
    content = shown(letter)
    assert (content["title"], content["body"]) == ("[PAPER] Bought", "0.0078 BTC at 64,250.50")
    assert (content["url"], content["grave"]) == ("/?tab=positions", False)


def test_what_lasts_takes_the_place_of_its_older_word() -> None:
    first, still, over = (shown(a_letter(round=round)) for round in (0, 3, OVER))
    assert first["tag"] == still["tag"] == over["tag"] == "kill_switch"
    assert [each["title"] for each in (still, over)] == ["[PAPER] Still: Kill switch", "[PAPER] Over: Kill switch"]
    assert (first["grave"], over["grave"]) == (True, False)


def test_several_alerts_share_one_message_that_names_each() -> None:
    letters = [a_letter(n, AlertEvent.ENTRY_FILL, f"number {n}") for n in range(7)]
    lines = str(shown(*letters)["body"]).splitlines()
    assert lines[0] == "Bought: number 0"
    assert lines[-1] == "and 2 more"


def test_a_message_of_any_length_fits_into_a_push() -> None:
    letters = [a_letter(n, AlertEvent.STRATEGY, f"{n} " + "€" * 5000) for n in range(7)]
    assert len(sealed(parcel(compose(*letters)), BROWSER)) <= 4096


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit Version/17.5 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("curl/8", "A browser"),
    ],
)  # fmt: skip
def test_a_device_has_a_name_that_its_owner_knows(agent: str, name: str) -> None:
    assert device_name(agent) == name


@pytest.mark.parametrize(
    ("settings", "subject"),
    [
        ({"VAPID_SUBJECT": "mailto:ops@example.org"}, "mailto:ops@example.org"),
        ({"TRADER_PUBLIC_URL": "https://bot.example.org"}, "https://bot.example.org"),
        ({"SMTP_URL": "smtps://a:b@mail.example.org", "ALERT_EMAIL_TO": "me@example.org"}, "mailto:me@example.org"),
        ({}, "mailto:owner@example.com"),
    ],
)
def test_a_push_service_always_learns_whom_to_ask(settings: dict[str, str], subject: str) -> None:
    assert push_subject(load_settings(settings, None)) == subject
