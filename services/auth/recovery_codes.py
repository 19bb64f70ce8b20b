"""Ten codes for the day on which the phone is lost: 80 random bits each, each good once, only their hashes kept."""

import base64
import hashlib

from app.seam import token

COUNT = 10
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def made() -> tuple[str, ...]:
    """Such as `k3vd-x7aq-mz2c-9pwt` would be: four groups that a person can copy by hand."""
    return tuple(_grouped(_letters()) for _ in range(COUNT))


def hashed(username: str, code: str) -> str:
    """80 random bits need no slow hash. Bound to its user; case, blanks and hyphens do not count. "" for no code."""
    plain = "".join(code.casefold().split()).replace("-", "")
    if len(plain) != 16 or any(letter not in LETTERS for letter in plain):
        return ""
    return hashlib.sha256(f"recovery code of {username}: {plain}".encode()).hexdigest()


def _letters() -> str:
    return base64.b32encode(base64.urlsafe_b64decode(token(10) + "==")).decode().lower()


def _grouped(letters: str) -> str:
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))
