"""Signing in: who gets in, who does not, how often one may try, and what ends a session."""

import asyncio
import base64
import hashlib
from datetime import timedelta

import jwt
import pyotp
import pytest

from app.core.errors import ConfigError
from services.auth import key_file
from tests.fakes_ui import KEY, PASSWORD, Desk

SECRET = base64.b32encode(b"twenty bytes of seed").decode()
HERE = "192.0.2.7"


async def a_desk(password: str | None = PASSWORD, totp: str | None = None) -> tuple[Desk, str | None]:
    desk = Desk()
    return desk, await desk.auth.start("Admin", password, totp)


def code(desk: Desk, steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(desk.clock.now() + timedelta(seconds=30 * steps))


# ---------------------------------------------------------------- the first password


async def test_the_first_start_makes_one_password_and_shows_it_once() -> None:
    desk, first = await a_desk(password=None)
    assert first is not None
    assert len(first) >= 20
    assert await desk.fresh_auth().start("admin") is None
    answer = await desk.auth.sign_in("admin", first, None, HERE)
    assert (answer.outcome, answer.must_change) == ("ok", True)


async def test_a_password_from_the_settings_is_neither_shown_nor_to_be_changed() -> None:
    desk, first = await a_desk()
    assert first is None
    answer = await desk.auth.sign_in("ADMIN ", PASSWORD, None, HERE)
    assert (answer.outcome, answer.must_change) == ("ok", False)


@pytest.mark.parametrize("weak", ["short", "changeme12345", "aaaaaaaaaaaaaaaa", "x" * 129])
async def test_a_weak_password_in_the_settings_ends_the_start(weak: str) -> None:
    with pytest.raises(ConfigError, match="TRADER_ADMIN_PASSWORD"):
        await a_desk(password=weak)


async def test_a_second_factor_that_is_no_base32_ends_the_start() -> None:
    with pytest.raises(ConfigError, match="base32"):
        await a_desk(totp="not base32!")


async def test_choosing_a_password_ends_every_session_and_token() -> None:
    desk, first = await a_desk(password=None)
    assert first is not None
    browser = await desk.auth.sign_in("admin", first, None, HERE)
    program = await desk.auth.token("admin", first, None, HERE)
    assert await desk.auth.change_password("admin", None, "my own four words", HERE) is None
    assert await desk.auth.session(browser.secret) is None
    assert await desk.auth.bearer(program.secret) is None
    assert (await desk.auth.sign_in("admin", first, None, HERE)).outcome == "wrong"
    again = await desk.auth.sign_in("admin", "my own four words", None, HERE)
    assert (again.outcome, again.must_change) == ("ok", False)


async def test_a_password_is_changed_only_by_who_knows_it() -> None:
    desk, _ = await a_desk()
    assert "needed" in (await desk.auth.change_password("admin", None, "my own four words", HERE) or "")
    assert "not right" in (await desk.auth.change_password("admin", "guessed it, no?", "my own four words", HERE) or "")
    assert "12" in (await desk.auth.change_password("admin", PASSWORD, "short", HERE) or "")
    assert "differ" in (await desk.auth.change_password("admin", PASSWORD, PASSWORD, HERE) or "")
    assert await desk.auth.change_password("admin", PASSWORD, "my own four words", HERE) is None


# ---------------------------------------------------------------- sessions and tokens


async def test_a_session_lasts_24_hours_however_much_it_is_used() -> None:
    desk, _ = await a_desk()
    secret = (await desk.auth.sign_in("admin", PASSWORD, None, HERE)).secret
    for _ in range(23):
        desk.clock.forward(hours=1)  # type: ignore[attr-defined]
        assert await desk.auth.session(secret) is not None
    desk.clock.forward(hours=1)  # type: ignore[attr-defined]
    assert await desk.auth.session(secret) is None


async def test_sessions_outlive_a_restart_and_the_store_cannot_open_them() -> None:
    desk, _ = await a_desk()
    secret = (await desk.auth.sign_in("admin", PASSWORD, None, HERE)).secret
    assert list(desk.users.sessions) == [hashlib.sha256(secret.encode()).hexdigest()]
    signed_in = await desk.fresh_auth().session(secret)
    assert signed_in is not None
    assert signed_in.username == "admin"
    assert await desk.auth.session(next(iter(desk.users.sessions))) is None


async def test_the_sixth_session_ends_the_oldest() -> None:
    desk, _ = await a_desk()
    secrets = []
    for _ in range(6):
        secrets.append((await desk.auth.sign_in("admin", PASSWORD, None, HERE)).secret)
        desk.clock.forward(seconds=5)  # type: ignore[attr-defined]
    assert [await desk.auth.session(secret) is not None for secret in secrets] == [False, True, True, True, True, True]


async def test_signing_out_ends_this_session_only_and_everywhere_ends_all() -> None:
    desk, _ = await a_desk()
    phone, desktop = [(await desk.auth.sign_in("admin", PASSWORD, None, HERE)).secret for _ in range(2)]
    program = (await desk.auth.token("admin", PASSWORD, None, HERE)).secret
    await desk.auth.sign_out(phone)
    assert await desk.auth.session(phone) is None
    assert await desk.auth.session(desktop) is not None
    await desk.auth.end_all("admin")
    assert await desk.auth.session(desktop) is None
    assert await desk.auth.bearer(program) is None


async def test_a_token_is_good_for_24_hours() -> None:
    desk, _ = await a_desk()
    token = (await desk.auth.token("admin", PASSWORD, None, HERE)).secret
    assert await desk.auth.bearer(token) is not None
    desk.clock.forward(hours=24)  # type: ignore[attr-defined]
    assert await desk.auth.bearer(token) is None


@pytest.mark.parametrize(
    "forged",
    [
        jwt.encode({"sub": "admin", "epoch": 0, "exp": 9999999999, "iat": 0}, "k" * 40, algorithm="HS256"),
        jwt.encode({"sub": "admin", "epoch": 0, "exp": 9999999999, "iat": 0}, None, algorithm="none"),
        jwt.encode({"sub": "admin", "epoch": 0, "iat": 0, "aud": "bitcoin-autotrader-api"}, KEY, algorithm="HS256"),
        "",
        "a.b.c",
    ],
)
async def test_forged_tokens_open_nothing(forged: str) -> None:
    desk, _ = await a_desk()
    assert await desk.auth.bearer(forged) is None


@pytest.mark.parametrize("secret", [None, "", "x" * 5000, "nobody-has-this"])
async def test_made_up_cookies_open_nothing(secret: str | None) -> None:
    desk, _ = await a_desk()
    assert await desk.auth.session(secret) is None


# ---------------------------------------------------------------- trying too often


async def test_five_wrong_tries_and_even_the_right_password_must_wait_a_quarter_of_an_hour() -> None:
    desk, _ = await a_desk()
    for _ in range(5):
        assert (await desk.auth.sign_in("admin", "wrong", None, HERE)).outcome == "wrong"
    answer = await desk.auth.sign_in("admin", PASSWORD, None, HERE)
    assert answer.outcome == "too_many"
    assert 0 < answer.retry_after_seconds <= 901
    assert (await desk.auth.sign_in("admin", PASSWORD, None, "198.51.100.1")).outcome == "ok"  # the owner elsewhere
    desk.clock.forward(minutes=15, seconds=1)  # type: ignore[attr-defined]
    assert (await desk.auth.sign_in("admin", PASSWORD, None, HERE)).outcome == "ok"


async def test_fifty_tries_at_once_are_judged_five_times_at_most() -> None:
    desk, _ = await a_desk()
    answers = await asyncio.gather(*(desk.auth.sign_in("admin", "wrong", None, HERE) for _ in range(50)))
    assert sorted({answer.outcome for answer in answers}) == ["too_many", "wrong"]
    assert sum(answer.outcome == "wrong" for answer in answers) == 5


async def test_one_address_cannot_try_many_names() -> None:
    desk, _ = await a_desk()
    outcomes = [(await desk.auth.sign_in(f"user{at}", "wrong", None, HERE)).outcome for at in range(21)]
    assert outcomes == ["wrong"] * 20 + ["too_many"]


async def test_unknown_names_get_the_same_answer_as_wrong_passwords() -> None:
    desk, _ = await a_desk()
    known, unknown = (
        await desk.auth.sign_in("admin", "wrong", None, HERE),
        await desk.auth.sign_in("nobody", "wrong", None, HERE),
    )
    assert known == unknown


async def test_every_try_is_in_the_audit_trail_and_no_password_ever_is() -> None:
    desk, _ = await a_desk()
    await desk.auth.sign_in("admin", "wrong guess", None, HERE)
    await desk.auth.sign_in("admin", PASSWORD, None, HERE)
    told = [(line["action"], line["result"], line["address"]) for line in desk.audit.lines[-2:]]
    assert told == [("sign in", "refused", HERE), ("sign in", "ok", HERE)]
    assert PASSWORD not in str(desk.audit.lines)
    assert "wrong guess" not in str(desk.audit.lines)


async def test_a_password_typed_into_the_wrong_field_is_not_kept() -> None:
    desk, _ = await a_desk()
    for _ in range(6):
        await desk.auth.sign_in(PASSWORD, "admin", None, HERE)
    assert [line["actor"] for line in desk.audit.lines[-6:]] == ["unknown user"] * 6
    assert PASSWORD not in str(desk.audit.lines)


# ---------------------------------------------------------------- second factor


async def test_where_a_second_factor_is_enrolled_the_password_alone_is_not_enough() -> None:
    desk, _ = await a_desk(totp=SECRET)
    assert desk.auth.enrolled("admin")
    assert (await desk.auth.sign_in("admin", PASSWORD, None, HERE)).outcome == "code_needed"
    assert (await desk.auth.sign_in("admin", "wrong", None, HERE)).outcome == "wrong"
    assert (await desk.auth.sign_in("admin", PASSWORD, "000000", HERE)).outcome == "wrong"
    assert (await desk.auth.sign_in("admin", PASSWORD, code(desk), HERE)).outcome == "ok"


async def test_a_code_works_once_also_after_a_restart() -> None:
    desk, _ = await a_desk(totp=SECRET)
    now = code(desk)
    assert desk.auth.verify("admin", now)
    assert not desk.auth.verify("admin", now)
    assert not desk.fresh_auth().verify("admin", now)
    assert not desk.auth.verify("admin", code(desk, -1))  # older than the one used
    assert desk.auth.verify("admin", code(desk, +1))


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_phone_may_be_one_step_off(steps: int, good: bool) -> None:
    desk, _ = await a_desk(totp=SECRET)
    assert desk.auth.verify("admin", code(desk, steps)) is good


async def test_codes_cannot_be_guessed() -> None:
    desk, _ = await a_desk(totp=SECRET)
    for guess in range(5):
        assert not desk.auth.verify("admin", f"{guess:06}")
    assert not desk.auth.verify("admin", code(desk))
    desk.clock.forward(minutes=16)  # type: ignore[attr-defined]
    assert desk.auth.verify("admin", code(desk))


@pytest.mark.parametrize("odd", ["", "12345", "abcdef", "１２３４５６", "1234567"])
async def test_what_is_no_code_is_refused(odd: str) -> None:
    desk, _ = await a_desk(totp=SECRET)
    assert not desk.auth.verify("admin", odd)


# ---------------------------------------------------------------- the signing key


def test_the_signing_key_is_made_once_and_only_its_owner_can_read_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "api.key"
    assert key_file(path) == key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("short")
    with pytest.raises(ConfigError, match="too short"):
        key_file(path)
