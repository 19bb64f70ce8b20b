"""A lost password or phone, mended by whoever may run commands here, beside a running trader.

What is changed ends every session and token of the user. Nothing is changed unless all of it is right.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from app.core.errors import ConfigError
from services.auth import codes, recovery_codes
from services.auth.model import People, Record, User
from services.auth.passwords import Passwords, fault
from services.auth.seeds import Seeds

WHO = "command line"
TRIES = 3


class Recovery:
    """The commands `user password` and `user totp`."""

    def __init__(self, people: People, seeds: Seeds, record: Record, passwords: Passwords | None = None) -> None:
        self._people, self._seeds, self._record = people, seeds, record
        self._passwords = passwords or Passwords()

    def known(self, username: str) -> str:
        """The name as it is kept. ConfigError names those there are."""
        name = username.strip().casefold()
        if self._people.get_user(name) is None:
            there = ", ".join(self._people.names())
            cure = f"there is {there}" if there else "start the trader once, it makes the first user"
            raise ConfigError(f"there is no user {name[:64]!a}; {cure}")
        return name

    def password(self, name: str, new: str) -> list[str]:
        if why := fault(new, name):
            raise ConfigError(f"{why[0].lower()}{why[1:]}; nothing was changed")
        hashed = self._passwords.hashed(new)
        self._change(name, "new password", lambda user: replace(user, password_hash=hashed, must_change=False))
        return [f"{name} has a new password; every sign-in of {name} has ended, programs' tokens too"]

    def totp_off(self, name: str) -> list[str]:
        user = self._people.get_user(name)
        if user is not None and not user.totp_secret:
            return [f"{name} has no second factor"]
        self._change(name, "second factor removed", _without_factor)
        return [f"{name} has no second factor any more; every sign-in of {name} has ended, programs' tokens too"]

    def totp(
        self, name: str, say: Callable[[str], None], ask: Callable[[], str] | None, now: Callable[[], datetime]
    ) -> list[str]:
        """Shows a new seed once; where there is a terminal it counts only after a code from it."""
        seed = codes.new_secret()
        say(f"add this to your authenticator app:\n{codes.address(seed, name)}\nsecret: {seed}")
        step = self._confirmed(seed, ask, now) if ask else 0
        text = self._seeds.sealed(name, seed)
        spare = recovery_codes.made()
        hashes = tuple(recovery_codes.hashed(name, each) for each in spare)
        self._change(
            name,
            "second factor enrolled",
            lambda user: replace(user, totp_secret=text, totp_step=step, recovery_codes=hashes),
        )
        return [
            f"{name} signs in with a code from now on; every sign-in of {name} has ended, programs' tokens too",
            "recovery codes, each good once where the phone is lost; keep them apart from it:",
            *spare,
        ]

    def _confirmed(self, seed: str, ask: Callable[[], str], now: Callable[[], datetime]) -> int:
        for _ in range(TRIES):
            if step := codes.used_step(seed, ask(), now().timestamp(), 0):
                return step
        raise ConfigError("none of the codes was right; nothing was changed. Is the clock of phone and computer right?")

    def _change(self, name: str, action: str, change: Callable[[User], User]) -> None:
        self._people.delete_tokens(name)
        if self._people.change_user(name, lambda user: replace(change(user), epoch=user.epoch + 1)) is None:
            raise ConfigError(f"the user {name} is gone; nothing was changed")
        self._people.delete_sessions(name)
        self._record(actor=WHO, action=action, target=name, detail="", address="", result="ok")


def _without_factor(user: User) -> User:
    return replace(user, totp_secret="", totp_step=0, recovery_codes=())
