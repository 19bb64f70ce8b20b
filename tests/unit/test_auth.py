"""Signing in, told as stories: real argon2, pyotp and jwt; only time is moved by hand."""

import asyncio
import stat
from pathlib import Path

import jwt
import pyotp
import pytest

from app.core.errors import ConfigError
from services.auth import Passwords, key_file
from services.auth.passwords import fault, first_password
from tests.fakes_ui import PASSWORD, HandClock, MemoryUsers, Trail, an_auth

HERE, THERE = "198.51.100.7", "203.0.113.9"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store() -> MemoryUsers:
    return MemoryUsers()


async def test_the_first_start_makes_a_password_once_that_must_be_changed(store: MemoryUsers, clock: HandClock) -> None:
    auth = an_auth(clock, store)
    first = await auth.start("admin")
    assert first is not None
    assert len(first) == 24
    assert await auth.start("admin") is None  # never again

    answer = await auth.sign_in("admin", first, None, HERE)
    assert (answer.outcome, answer.must_change) == ("ok", True)
    assert await auth.change_password("admin", None, "short", HERE) is not None
    assert await auth.change_password("admin", None, first, HERE) == "The new password must differ from the old one"
    assert await auth.change_password("admin", None, PASSWORD, HERE) is None
    assert await auth.session(answer.secret) is None  # every session ended
    again = await auth.sign_in("admin", PASSWORD, None, HERE)
    assert (again.outcome, again.must_change) == ("ok", False)
    assert await auth.change_password("admin", None, "another good one", HERE) == "The current password is needed"


async def test_a_password_from_the_settings_need_not_be_changed(store: MemoryUsers, clock: HandClock) -> None:
    auth = an_auth(clock, store)
    assert await auth.start("Admin", PASSWORD) is None
    answer = await auth.sign_in("ADMIN ", PASSWORD, None, HERE)  # names are the same in any case
    assert (answer.outcome, answer.must_change) == ("ok", False)


@pytest.mark.parametrize("bad", ["short", "x" * 129, "password1234", "bitcoin-autotrader", "aaaaaaaaaaaaaa"])
async def test_bad_first_passwords_are_refused_with_a_cure(bad: str) -> None:
    auth = an_auth()
    with pytest.raises(ConfigError, match="TRADER_ADMIN_PASSWORD: The password"):
        await auth.start("admin", bad)
    assert bad not in str(fault(bad, "admin"))


def test_rules_for_passwords() -> None:
    assert fault(PASSWORD, "admin") is None
    assert "user name" in str(fault("winnifred-2026!", "winnifred"))
    assert all(fault(first_password(), "admin") is None for _ in range(20))


def test_hashes_are_argon2id_as_strong_as_promised() -> None:
    hashed = Passwords().hashed(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert Passwords().matches(hashed, PASSWORD)
    assert not Passwords().matches(hashed, PASSWORD + "x")


async def test_a_hash_made_with_older_parameters_is_renewed_at_sign_in(store: MemoryUsers, clock: HandClock) -> None:
    auth = an_auth(clock, store)
    await auth.start("admin", PASSWORD)
    store.save_user(
        store.users["admin"].__class__(
            username="admin", password_hash=Passwords(memory_kib=16, passes=1).hashed(PASSWORD)
        )
    )
    before = store.users["admin"].password_hash
    assert (await auth.sign_in("admin", PASSWORD, None, HERE)).outcome == "ok"
    assert store.users["admin"].password_hash != before


# ---------------------------------------------------------------- sessions


async def test_a_session_ends_after_24_hours_however_much_it_is_used(store: MemoryUsers, clock: HandClock) -> None:
    auth = an_auth(clock, store)
    await auth.start("admin", PASSWORD)
    secret = (await auth.sign_in("admin", PASSWORD, None, HERE)).secret
    assert len(secret) >= 43  # 256 bits
    assert secret not in str(store.sessions)  # the store holds only its hash
    for _ in range(23):
        clock.forward(hours=1)
        assert await auth.session(secret) is not None
    clock.forward(hours=1)
    assert await auth.session(secret) is None
    assert await auth.session("made up") is None
    assert await auth.session("") is None
    assert await auth.session("x" * 4000) is None


async def test_signing_out_ends_the_session_at_once(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    secret = (await auth.sign_in("admin", PASSWORD, None, HERE)).secret
    assert await auth.session(secret) is not None
    await auth.sign_out(secret)
    assert await auth.session(secret) is None


async def test_only_the_five_newest_sessions_stay(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    secrets = []
    for _ in range(6):
        clock.forward(minutes=1)
        secrets.append((await auth.sign_in("admin", PASSWORD, None, HERE)).secret)
    assert [await auth.session(secret) is not None for secret in secrets] == [False, *[True] * 5]


async def test_signing_out_everywhere_ends_browsers_and_programs(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    secret = (await auth.sign_in("admin", PASSWORD, None, HERE)).secret
    token = (await auth.token("admin", PASSWORD, None, HERE)).secret
    assert await auth.bearer(token) is not None
    await auth.end_all("admin")
    assert await auth.session(secret) is None
    assert await auth.bearer(token) is None


# ---------------------------------------------------------------- tokens


async def test_a_token_lasts_a_day_and_cannot_be_forged(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    token = (await auth.token("admin", PASSWORD, None, HERE)).secret
    who = await auth.bearer(token)
    assert who is not None
    assert who.username == "admin"
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "wrong key of at least 32 bytes ....", algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "aud": "other"}, b"k" * 48, algorithm="HS256"),
        jwt.encode({**claims, "epoch": 99}, b"k" * 48, algorithm="HS256"),
        jwt.encode({**claims, "sub": "nobody"}, b"k" * 48, algorithm="HS256"),
        jwt.encode({"sub": "admin"}, b"k" * 48, algorithm="HS256"),
        token[:-4],
        "",
        "....",
    ]
    assert [await auth.bearer(each) for each in forged] == [None] * len(forged)
    clock.forward(hours=24)
    assert await auth.bearer(token) is None


def test_the_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = key_file(tmp_path / "api.key")
    assert key_file(tmp_path / "api.key") == key
    assert stat.S_IMODE((tmp_path / "api.key").stat().st_mode) == 0o600
    (tmp_path / "short").write_text("abc")
    with pytest.raises(ConfigError, match="too short"):
        key_file(tmp_path / "short")
    with pytest.raises(ConfigError, match="cannot be read or made"):
        key_file(tmp_path / "nowhere" / "api.key")


# ---------------------------------------------------------------- guessing


async def test_the_sixth_try_in_a_quarter_of_an_hour_is_refused_even_with_the_right_password(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    for _ in range(5):
        assert (await auth.sign_in("admin", "wrong password", None, HERE)).outcome == "wrong"
    sixth = await auth.sign_in("admin", PASSWORD, None, HERE)
    assert sixth.outcome == "too_many"
    assert 0 < sixth.retry_after_seconds <= 901
    assert (await auth.sign_in("admin", PASSWORD, None, THERE)).outcome == "ok"  # the owner, from elsewhere
    clock.forward(seconds=sixth.retry_after_seconds)
    assert (await auth.sign_in("admin", PASSWORD, None, HERE)).outcome == "ok"


async def test_a_hundred_tries_at_once_are_counted_as_a_hundred(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    answers = await asyncio.gather(*(auth.sign_in("admin", f"guess {n}", None, HERE) for n in range(100)))
    assert sum(answer.outcome == "wrong" for answer in answers) == 5


async def test_an_address_that_tries_many_names_is_slowed_down_too(clock: HandClock) -> None:
    auth = an_auth(clock)
    outcomes = [(await auth.sign_in(f"user{n}", "wrong", None, f"2001:db8::{n:x}")).outcome for n in range(25)]
    assert outcomes == ["wrong"] * 20 + ["too_many"] * 5  # one /64 is one address


async def test_all_the_world_together_is_slowed_down_so_that_hashing_cannot_eat_the_machine(clock: HandClock) -> None:
    auth = an_auth(clock)
    outcomes = [(await auth.sign_in("admin", "wrong", None, f"192.0.2.{n}")).outcome for n in range(70)]
    assert outcomes.count("too_many") == 10


async def test_an_unknown_user_is_judged_like_a_known_one(clock: HandClock) -> None:
    hashes: list[str | None] = []

    class Watched(Passwords):
        def matches(self, hashed: str | None, password: str) -> bool:
            hashes.append(hashed)
            return super().matches(hashed, password)

    auth = an_auth(clock)
    auth._passwords = Watched(memory_kib=8, passes=1)
    await auth.start("admin", PASSWORD)
    known = await auth.sign_in("admin", "wrong password", None, HERE)
    unknown = await auth.sign_in("nobody", "wrong password", None, HERE)
    assert known == unknown
    assert len(hashes) == 2  # both paid for a whole hash
    assert hashes[1] is None


# ---------------------------------------------------------------- second factor


async def test_the_second_factor_is_asked_for_and_each_code_works_once(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD, SECRET)
    totp = pyotp.TOTP(SECRET)
    assert auth.enrolled("admin")
    assert auth.two_factor
    assert (await auth.sign_in("admin", PASSWORD, None, HERE)).outcome == "code_needed"
    code = totp.at(clock.now())
    assert (await auth.sign_in("admin", PASSWORD, code, HERE)).outcome == "ok"
    assert (await auth.sign_in("admin", PASSWORD, code, HERE)).outcome == "wrong"  # used
    assert not auth.verify("admin", code)
    clock.forward(seconds=30)
    assert auth.verify("admin", totp.at(clock.now()))
    assert not auth.verify("admin", totp.at(clock.now()))


@pytest.mark.parametrize(("off", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
async def test_codes_of_one_step_before_and_after_are_taken(clock: HandClock, off: int, good: bool) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD, SECRET)
    code = pyotp.TOTP(SECRET).at(int(clock.now().timestamp()) + off)
    assert auth.verify("admin", code) is good


async def test_after_five_wrong_codes_none_is_good_for_a_while(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD, SECRET)
    right = pyotp.TOTP(SECRET).at(clock.now())
    for wrong in ("", "12345", "abcdef", "0000000", "٠٠٠٠٠٠"):
        assert not auth.verify("admin", wrong)
    assert not auth.verify("admin", right)
    clock.forward(minutes=16)
    assert auth.verify("admin", pyotp.TOTP(SECRET).at(clock.now()))
    assert not auth.verify("nobody", right)


async def test_a_second_factor_secret_must_be_base32() -> None:
    with pytest.raises(ConfigError, match="base32"):
        await an_auth().start("admin", PASSWORD, "not base32 at all!")


# ---------------------------------------------------------------- changing, and the trail


async def test_wrong_current_passwords_cannot_be_tried_for_ever(clock: HandClock) -> None:
    auth = an_auth(clock)
    await auth.start("admin", PASSWORD)
    said = [await auth.change_password("admin", f"guess {n}", "another good one", HERE) for n in range(6)]
    assert said[:5] == ["The current password is not right"] * 5
    assert "wait" in str(said[5])
    clock.forward(minutes=16)
    assert await auth.change_password("admin", PASSWORD, "another good one", HERE) is None
    assert await auth.change_password("gone", PASSWORD, "another good one", HERE) == "This user is gone"


async def test_everything_is_on_the_trail_and_nothing_secret(clock: HandClock) -> None:
    trail = Trail()
    auth = an_auth(clock, trail=trail)
    await auth.start("admin", PASSWORD)
    await auth.sign_in("admin", "wrong password", None, HERE)
    answer = await auth.sign_in("admin", PASSWORD, None, HERE, "Firefox")
    await auth.sign_out(answer.secret, HERE)
    await auth.change_password("admin", PASSWORD, "another good one", HERE)
    assert [(line["action"], line["result"]) for line in trail] == [
        ("first user made", "ok"),
        ("sign in", "refused"),
        ("sign in", "ok"),
        ("sign out", "ok"),
        ("change password", "ok"),
    ]
    assert all(secret not in str(trail) for secret in (PASSWORD, "wrong password", answer.secret, "another good one"))
