"""Seeds of second factors sealed at rest, and the commands for a lost password or phone."""

import base64
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from app.core.errors import ConfigError
from services.auth import Auth, Recovery, Seeds
from services.secrets import Vault, is_sealed
from tests.fakes_ui import KEY, PASSWORD, QUICK, Desk

SECRET = base64.b32encode(b"twenty bytes of seed").decode()
HERE = "192.0.2.7"
NEW = "another four random words"


class RealDesk(Desk):
    """The desk with a real key file."""

    def __init__(self, folder: Path) -> None:
        self.vault = Vault(folder / "secrets.key", folder)
        super().__init__()

    def fresh_auth(self) -> Auth:
        return Auth(
            self.users,
            key=KEY,
            seals=self.vault,
            record=self.audit,
            clock=self.clock,
            tasks=self.tasks,
            passwords=QUICK,
        )

    @property
    def recovery(self) -> Recovery:
        return Recovery(self.users, Seeds(self.vault), self.audit, QUICK)

    def seed_at_rest(self) -> str:
        return self.users.users["admin"].totp_secret

    def code(self, secret: str = SECRET, steps: int = 0) -> str:
        return pyotp.TOTP(secret).at(self.clock.now() + timedelta(seconds=30 * steps))


@pytest.fixture
async def desk(tmp_path: Path) -> RealDesk:
    made = RealDesk(tmp_path)
    await made.auth.start("admin", PASSWORD, SECRET)
    return made


# ---------------------------------------------------------------- at rest


async def test_a_seed_from_the_settings_is_sealed_and_works(desk: RealDesk) -> None:
    assert is_sealed(desk.seed_at_rest())
    assert SECRET not in repr(desk.users.users)
    assert (await desk.auth.sign_in("admin", PASSWORD, desk.code(), HERE)).outcome == "ok"
    assert (await desk.auth.sign_in("admin", PASSWORD, desk.code(), HERE)).outcome == "wrong", "each code once"


async def test_a_clear_seed_of_an_older_version_works_and_is_sealed_at_first_use(desk: RealDesk) -> None:
    desk.users.users["admin"] = replace(desk.users.users["admin"], totp_secret=SECRET)
    assert not desk.auth.verify("admin", "000000")
    assert desk.seed_at_rest() == SECRET, "a wrong code changes nothing"
    assert desk.auth.verify("admin", desk.code())
    assert is_sealed(desk.seed_at_rest())
    assert desk.auth.verify("admin", desk.code(steps=1))


async def test_a_clear_seed_is_sealed_at_the_start_too(desk: RealDesk) -> None:
    desk.users.users["admin"] = replace(desk.users.users["admin"], totp_secret=SECRET)
    await desk.fresh_auth().start("admin")
    assert is_sealed(desk.seed_at_rest())


async def test_without_the_key_file_the_start_says_so_in_one_line(desk: RealDesk) -> None:
    desk.vault.keys.path.unlink()
    with pytest.raises(ConfigError) as caught:
        await desk.fresh_auth().start("admin")
    assert "secrets.key is not there" in str(caught.value)
    assert "or enrol anew with: main.py user totp admin" in str(caught.value)


async def test_a_key_file_lost_while_running_lets_nobody_in_and_ends_nothing(
    desk: RealDesk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.vault.keys.path.unlink()
    with caplog.at_level(logging.ERROR):
        for _ in range(6):
            assert not desk.auth.verify("admin", desk.code())
    assert "is not there" in caplog.text
    assert SECRET not in caplog.text


async def test_a_stolen_seed_row_opens_for_no_other_user(desk: RealDesk) -> None:
    desk.users.users["eve"] = replace(desk.users.users["admin"], username="eve")
    assert not desk.auth.verify("eve", desk.code())


# ---------------------------------------------------------------- a lost password


async def test_a_new_password_ends_every_sign_in_of_a_running_trader(desk: RealDesk) -> None:
    browser = await desk.auth.sign_in("admin", PASSWORD, desk.code(), HERE)
    program = await desk.auth.token("admin", PASSWORD, desk.code(steps=1), HERE)
    assert await desk.auth.session(browser.secret) is not None
    assert await desk.auth.bearer(program.secret) is not None
    lines = desk.recovery.password(desk.recovery.known(" Admin "), NEW)
    assert lines == ["admin has a new password; every sign-in of admin has ended, programs' tokens too"]
    desk.clock.forward(seconds=3)  # type: ignore[attr-defined]
    assert await desk.auth.session(browser.secret) is None
    assert await desk.auth.bearer(program.secret) is None
    desk.clock.forward(minutes=2)  # type: ignore[attr-defined]
    assert (await desk.auth.sign_in("admin", PASSWORD, desk.code(), HERE)).outcome == "wrong"
    assert (await desk.auth.sign_in("admin", NEW, desk.code(), HERE)).outcome == "ok"


async def test_a_new_password_is_checked_as_at_sign_up(desk: RealDesk) -> None:
    before = desk.users.users["admin"]
    for weak in ("short", "changeme12345", "aaaaaaaaaaaaaaaa", "x" * 129, "my admin one"):
        with pytest.raises(ConfigError, match="nothing was changed") as caught:
            desk.recovery.password("admin", weak)
        assert weak not in str(caught.value)
    assert desk.users.users["admin"] == before


async def test_nobody_of_that_name(desk: RealDesk) -> None:
    with pytest.raises(ConfigError, match="there is no user 'bob'; there is admin"):
        desk.recovery.known("bob")
    desk.users.users.clear()
    with pytest.raises(ConfigError, match="start the trader once"):
        desk.recovery.known("admin")


async def test_it_is_in_the_audit_trail_and_no_secret_is(desk: RealDesk) -> None:
    desk.recovery.password("admin", NEW)
    desk.recovery.totp_off("admin")
    told = [(line["actor"], line["action"], line["target"], line["result"]) for line in desk.audit.lines[-2:]]
    assert told == [
        ("command line", "new password", "admin", "ok"),
        ("command line", "second factor removed", "admin", "ok"),
    ]
    assert NEW not in str(desk.audit.lines)


# ---------------------------------------------------------------- a lost phone


async def test_a_new_seed_is_shown_once_and_counts_after_a_code(desk: RealDesk) -> None:
    said: list[str] = []
    tries = iter(["000000", "code"])

    def answer() -> str:
        given = next(tries)
        return desk.code(said[0].rpartition("secret: ")[2]) if given == "code" else given

    lines = desk.recovery.totp("admin", said.append, answer, desk.clock.now)
    assert "signs in with a code from now on" in lines[0]
    (shown,) = said
    seed = shown.rpartition("secret: ")[2]
    assert f"otpauth://totp/bitcoin-autotrader:admin?secret={seed}&issuer=bitcoin-autotrader" in shown
    assert len(seed) == 32
    assert seed not in repr(desk.users.users)
    assert not desk.auth.verify("admin", desk.code())
    assert not desk.auth.verify("admin", desk.code(seed)), "the code that confirmed is used up"
    assert desk.auth.verify("admin", desk.code(seed, +1))
    spare = lines[-10:]
    assert (await desk.auth.sign_in("admin", PASSWORD, spare[0], HERE)).outcome == "ok"
    assert spare[0] not in repr(desk.users.users)


async def test_three_wrong_codes_change_nothing(desk: RealDesk) -> None:
    before = desk.users.users["admin"]
    with pytest.raises(ConfigError, match="nothing was changed"):
        desk.recovery.totp("admin", lambda _: None, lambda: "000000", desk.clock.now)
    assert desk.users.users["admin"] == before


async def test_without_a_terminal_it_counts_at_once_and_works_without_the_old_key(desk: RealDesk) -> None:
    desk.vault.keys.path.unlink()
    said: list[str] = []
    desk.recovery.totp("admin", said.append, None, desk.clock.now)
    assert desk.auth.verify("admin", desk.code(said[0].rpartition("secret: ")[2]))
    await desk.fresh_auth().start("admin")


async def test_off_removes_it_and_ends_every_sign_in(desk: RealDesk) -> None:
    browser = await desk.auth.sign_in("admin", PASSWORD, desk.code(), HERE)
    desk.recovery.totp_off("admin")
    desk.clock.forward(seconds=3)  # type: ignore[attr-defined]
    assert await desk.auth.session(browser.secret) is None
    assert (await desk.auth.sign_in("admin", PASSWORD, None, HERE)).outcome == "ok"
    assert not desk.auth.two_factor
    assert desk.recovery.totp_off("admin") == ["admin has no second factor"]


# ---------------------------------------------------------------- two at once


async def test_a_trader_does_not_undo_what_a_command_changed_meanwhile(desk: RealDesk) -> None:
    """The trader read the user before the command, and saves after it."""
    real = desk.users.change_user

    def late(username: str, change: object) -> object:
        desk.users.change_user = real  # type: ignore[method-assign]
        desk.recovery.password("admin", NEW)
        return real(username, change)  # type: ignore[arg-type]

    desk.users.change_user = late  # type: ignore[method-assign,assignment]
    assert desk.auth.verify("admin", desk.code())
    desk.clock.forward(seconds=60)  # type: ignore[attr-defined]
    assert (await desk.auth.sign_in("admin", NEW, desk.code(), HERE)).outcome == "ok"

    desk.users.change_user = late  # type: ignore[method-assign,assignment]
    assert await desk.auth.change_password("admin", NEW, "yet another four words", HERE) == (
        "This user was changed meanwhile; try again"
    )
