"""Enrolling a second factor, losing the phone, and going back: who may, what is used up, and who is signed out."""

import asyncio
import base64
import threading
from datetime import timedelta

import pyotp
import pytest

from services.auth import Answer, recovery_codes
from tests.fakes_ui import PASSWORD, Desk

SECRET = base64.b32encode(b"twenty bytes of seed").decode()
HERE = "192.0.2.7"


def code(desk: Desk, secret: str = SECRET, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(desk.clock.now() + timedelta(seconds=30 * steps))


def later(desk: Desk, **how_long: float) -> None:
    desk.clock.forward(**how_long)  # type: ignore[attr-defined]


async def sign_in(desk: Desk, otp: str | None = None) -> Answer:
    return await desk.auth.sign_in("admin", PASSWORD, otp, HERE, "a browser")


async def enrolled(desk: Desk) -> tuple[str, str, tuple[str, ...]]:
    """(cookie, seed, recovery codes) of an owner who has just enrolled a phone on a page."""
    await desk.auth.start("admin", PASSWORD)
    cookie = (await sign_in(desk)).secret
    factor = desk.auth.factor
    assert await factor.begin("admin", cookie, PASSWORD, "", HERE) == ""
    shown = factor.pending(cookie)
    assert shown is not None
    made = await factor.enrol("admin", cookie, code(desk, shown.secret), HERE)
    assert made.why == ""
    later(desk, seconds=60)
    return cookie, shown.secret, made.codes


def told(desk: Desk) -> list[tuple[str, str]]:
    return [(line["action"], line["result"]) for line in desk.audit.lines]


# ---------------------------------------------------------------- enrolling


async def test_a_phone_is_enrolled_by_its_first_code_and_is_asked_for_from_then_on() -> None:
    desk = Desk()
    _, seed, spare = await enrolled(desk)
    assert desk.auth.enrolled("admin")
    assert desk.auth.two_factor
    assert len(spare) == 10
    assert len(set(spare)) == 10
    assert (await sign_in(desk)).outcome == "code_needed"
    assert (await sign_in(desk, code(desk, seed))).outcome == "ok"
    assert ("second factor enrolled", "ok") in told(desk)


async def test_the_seed_and_the_recovery_codes_are_nowhere_in_clear() -> None:
    desk = Desk()
    _, seed, spare = await enrolled(desk)
    kept = desk.users.users["admin"]
    assert kept.totp_secret.startswith("sealed:")
    assert not {*spare, *(each.replace("-", "") for each in spare)} & set(kept.recovery_codes)
    told_all = str(desk.audit.lines)
    assert not [each for each in (seed, PASSWORD, *spare) if each in told_all]


async def test_enrolling_wants_the_password_and_the_phones_own_code() -> None:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    cookie = (await sign_in(desk)).secret
    assert "password" in await desk.auth.factor.begin("admin", cookie, "guessed it, no?", "", HERE)
    assert desk.auth.factor.pending(cookie) is None
    await desk.auth.factor.begin("admin", cookie, PASSWORD, "", HERE)
    shown = desk.auth.factor.pending(cookie)
    assert shown is not None
    assert "secret=" in shown.address
    wrong = await desk.auth.factor.enrol("admin", cookie, "000000", HERE)
    assert "not right" in wrong.why
    assert not desk.auth.enrolled("admin")
    other = (await sign_in(desk)).secret
    assert desk.auth.factor.pending(other) is None, "another browser sees the seed"
    assert (await desk.auth.factor.enrol("admin", other, code(desk, shown.secret), HERE)).codes == ()
    later(desk, minutes=11)
    assert "too long" in (await desk.auth.factor.enrol("admin", cookie, code(desk, shown.secret), HERE)).why


async def test_the_first_code_cannot_be_guessed() -> None:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    cookie = (await sign_in(desk)).secret
    await desk.auth.factor.begin("admin", cookie, PASSWORD, "", HERE)
    shown = desk.auth.factor.pending(cookie)
    assert shown is not None
    for guess in range(5):
        await desk.auth.factor.enrol("admin", cookie, f"{guess:06}", HERE)
    assert "Too many" in (await desk.auth.factor.enrol("admin", cookie, code(desk, shown.secret), HERE)).why


async def test_enrolling_signs_out_everybody_who_came_in_without_a_code() -> None:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    stranger = (await sign_in(desk)).secret
    program = (await desk.auth.token("admin", PASSWORD, None, HERE)).secret
    later(desk, seconds=5)
    cookie, _, _ = await enrolled(desk)
    assert await desk.auth.session(cookie) is not None
    assert await desk.auth.session(stranger) is None
    assert await desk.auth.bearer(program) is None


async def test_a_new_phone_is_enrolled_with_a_code_of_the_old_one() -> None:
    desk = Desk()
    cookie, old, spare = await enrolled(desk)
    factor = desk.auth.factor
    assert "code" in await factor.begin("admin", cookie, PASSWORD, "000000", HERE)
    assert await factor.begin("admin", cookie, PASSWORD, code(desk, old), HERE) == ""
    shown = factor.pending(cookie)
    assert shown is not None
    assert shown.secret != old
    assert (await sign_in(desk, code(desk, old, +1))).outcome == "ok", "the old phone is good until the new one is"
    fresh = await factor.enrol("admin", cookie, code(desk, shown.secret), HERE)
    later(desk, seconds=60)
    assert not set(fresh.codes) & set(spare)
    assert (await sign_in(desk, code(desk, old))).outcome == "wrong"
    assert (await sign_in(desk, spare[0])).outcome == "wrong"
    assert (await sign_in(desk, code(desk, shown.secret))).outcome == "ok"


# ---------------------------------------------------------------- recovery codes


async def test_a_recovery_code_signs_in_once() -> None:
    desk = Desk()
    _, _, spare = await enrolled(desk)
    assert (await sign_in(desk, f" {spare[3].upper().replace('-', ' ')} ")).outcome == "ok"
    assert ("recovery code used", "ok") in told(desk)
    assert (await sign_in(desk, spare[3])).outcome == "wrong"
    assert desk.auth.factor.codes_left("admin") == 9
    assert (await sign_in(desk, spare[4])).outcome == "ok"


async def test_a_recovery_code_moves_no_money() -> None:
    desk = Desk()
    _, _, spare = await enrolled(desk)
    assert not desk.auth.verify("admin", spare[0])
    assert desk.auth.factor.codes_left("admin") == 10


async def test_recovery_codes_are_renewed_with_password_and_code_and_the_old_ones_end() -> None:
    desk = Desk()
    _, seed, spare = await enrolled(desk)
    factor = desk.auth.factor
    assert "password" in (await factor.renew_codes("admin", "wrong", code(desk, seed), HERE)).why
    assert "code" in (await factor.renew_codes("admin", PASSWORD, "000000", HERE)).why
    fresh = await factor.renew_codes("admin", PASSWORD, code(desk, seed), HERE)
    assert len(fresh.codes) == 10
    assert (await sign_in(desk, spare[0])).outcome == "wrong"
    assert (await sign_in(desk, fresh.codes[0])).outcome == "ok"


async def test_without_a_second_factor_there_are_no_recovery_codes() -> None:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    assert (await desk.auth.factor.renew_codes("admin", PASSWORD, "", HERE)).codes == ()


@pytest.mark.parametrize("odd", ["", "abcd", "abcd-efgh-ijkl-mn01", "ａbcd-efgh-ijkl-mnop", "abcd-efgh-ijkl-mnop-qrst"])
def test_what_is_no_recovery_code_has_no_hash(odd: str) -> None:
    assert recovery_codes.hashed("admin", odd) == ""


def test_recovery_codes_are_80_bits_and_belong_to_one_user() -> None:
    made = recovery_codes.made()
    assert all(len(base64.b32decode(each.replace("-", "").upper())) == 10 for each in made)
    assert recovery_codes.hashed("admin", made[0]) != recovery_codes.hashed("other", made[0])


# ---------------------------------------------------------------- removing


async def test_a_second_factor_is_removed_with_password_and_code() -> None:
    desk = Desk()
    cookie, seed, _ = await enrolled(desk)
    factor = desk.auth.factor
    assert "password" in await factor.remove("admin", cookie, "wrong", code(desk, seed), HERE)
    assert "code" in await factor.remove("admin", cookie, PASSWORD, "000000", HERE)
    assert desk.auth.enrolled("admin")
    assert await factor.remove("admin", cookie, PASSWORD, code(desk, seed), HERE) == ""
    assert not desk.auth.enrolled("admin")
    assert desk.users.users["admin"].recovery_codes == ()
    assert await desk.auth.session(cookie) is not None
    assert (await sign_in(desk)).outcome == "ok"


async def test_where_real_money_is_traded_it_is_never_removed() -> None:
    desk = Desk(factor_stays=True)
    cookie, seed, _ = await enrolled(desk)
    assert "live mode" in await desk.auth.factor.remove("admin", cookie, PASSWORD, code(desk, seed), HERE)
    assert desk.auth.enrolled("admin")
    assert (await sign_in(desk, code(desk, seed))).outcome == "ok", "the refusal used up the code"


# ---------------------------------------------------------------- each code once


async def test_of_many_at_once_with_one_code_exactly_one_gets_through() -> None:
    desk = Desk()
    _, seed, _ = await enrolled(desk)
    now, together, good = code(desk, seed), threading.Barrier(4), []

    def act() -> None:
        together.wait()
        good.append(desk.auth.verify("admin", now))

    await asyncio.gather(*(asyncio.to_thread(act) for _ in range(4)))
    assert good.count(True) == 1


async def test_ten_thousand_guesses_open_nothing_and_five_are_judged() -> None:
    desk = Desk()
    _, seed, _ = await enrolled(desk)
    right = code(desk, seed)
    judged = [guess for guess in range(10_000) if desk.auth.verify("admin", f"{guess:06}")]
    assert judged in ([], [int(right)] if int(right) < 5 else [])
    assert not desk.auth.verify("admin", right)
