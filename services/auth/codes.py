"""The second factor: six digits from a phone (TOTP, RFC 6238), each good once and for a step before and after."""

import hmac

import pyotp

from app.core.errors import ConfigError

STEP_SECONDS = 30


def used_step(secret: str, code: str, unix_seconds: float, last_step: int) -> int | None:
    """The time step that `code` belongs to, if it is newer than the last one used; None for a wrong or old code."""
    digits = code.replace(" ", "")
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    now = int(unix_seconds) // STEP_SECONDS
    made = pyotp.HOTP(secret)
    found = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(made.at(step), digits)]
    return next((step for step in found if step > last_step), None)


def checked_secret(secret: str) -> str:
    """A base32 secret as authenticator apps write it; ConfigError for anything else."""
    plain = secret.replace(" ", "").replace("-", "").upper().rstrip("=")
    try:
        if len(pyotp.HOTP(plain).byte_secret()) < 10:
            raise ValueError
    except (ValueError, TypeError) as error:
        raise ConfigError("the second factor's secret must be base32 (A-Z, 2-7), at least 16 characters") from error
    return plain
