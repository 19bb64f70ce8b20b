"""The second factor: six digits from a phone (TOTP, RFC 6238), each good once and for a step before and after."""

import base64
import hmac

import pyotp

from app.core.errors import ConfigError
from app.seam import token

ISSUER = "bitcoin-autotrader"
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


def new_secret() -> str:
    """160 random bits in base32."""
    return base64.b32encode(base64.urlsafe_b64decode(token(20) + "=")).decode()


def address(secret: str, username: str) -> str:
    """What authenticator apps read: otpauth://…"""
    return pyotp.TOTP(secret, name=username, issuer=ISSUER).provisioning_uri()


def checked_secret(secret: str) -> str:
    """A base32 secret as authenticator apps write it; ConfigError for anything else."""
    plain = secret.replace(" ", "").replace("-", "").upper().rstrip("=")
    try:
        if len(pyotp.HOTP(plain).byte_secret()) < 10:
            raise ValueError
    except (ValueError, TypeError) as error:
        raise ConfigError("the second factor's secret must be base32 (A-Z, 2-7), at least 16 characters") from error
    return plain
