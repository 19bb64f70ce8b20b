"""Passwords: argon2id hashes, what a password must be, and the random first one. Slow on purpose: never on the loop."""

import base64
import hashlib
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.seam import token
from services.settings.kinds import Wrong
from services.settings.passwords import PASSWORD

LONGEST = 128


class Passwords:
    """64 MiB, three passes, one lane; tests may ask for less."""

    def __init__(self, *, memory_kib: int = 64 * 1024, passes: int = 3) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._nobody = ""

    def hashed(self, password: str) -> str:
        return self._hasher.hash(_normal(password))

    def matches(self, hashed: str | None, password: str) -> bool:
        """Takes as long for a user who does not exist (`hashed` None) as for a wrong password."""
        if not self._nobody:
            self._nobody = self._hasher.hash(token())
        known = hashed is not None and len(password) <= LONGEST
        try:
            self._hasher.verify(hashed if hashed is not None and known else self._nobody, _normal(password[:LONGEST]))
        except (VerificationError, InvalidHashError):
            return False
        return known

    def is_dated(self, hashed: str) -> bool:
        """Made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)


def fault(password: str, username: str) -> str | None:
    """Why this password will not do, as a cure in words; None where it will."""
    try:
        PASSWORD.read(password)
    except Wrong as wrong:
        return f"The password: {wrong}"
    if username and username.casefold() in password.casefold() and len(password) < len(username) + 12:
        return "The password: leave your user name out of it"
    return None


def first_password() -> str:
    """100 random bits in five groups that a person can copy by hand."""
    letters = base64.b32encode(hashlib.sha256(token(32).encode()).digest()).decode().lower()[:20]
    return "-".join(letters[at : at + 4] for at in range(0, 20, 4))


def _normal(password: str) -> str:
    """The same letters typed on a phone and on a desk give the same bytes."""
    return unicodedata.normalize("NFC", password)
