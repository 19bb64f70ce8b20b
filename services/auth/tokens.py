"""Bearer tokens for the API: signed with a key of our own, good for a day, revoked with the user's epoch."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import jwt

from app.core.errors import ConfigError
from app.seam import token

LIFETIME = timedelta(hours=24)
AUDIENCE = "bitcoin-autotrader-api"


def made(key: bytes, username: str, epoch: int, now: datetime) -> str:
    claims = {
        "sub": username,
        "epoch": epoch,
        "aud": AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    return jwt.encode(claims, key, algorithm="HS256")


def read(key: bytes, text: str, now: datetime) -> tuple[str, int, datetime] | None:
    """(user, epoch, expiry) of a token that we signed and that is not over; None for any other text."""
    try:
        claims = jwt.decode(
            text,
            key,
            algorithms=["HS256"],
            audience=AUDIENCE,
            # our clock says when it is over, not the library's
            options={"require": ["sub", "epoch", "exp", "iat"], "verify_exp": False, "verify_iat": False},
        )
        expires_at = datetime.fromtimestamp(int(claims["exp"]), now.tzinfo)
        return (str(claims["sub"]), int(claims["epoch"]), expires_at) if now < expires_at else None
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
        return None


def key_file(path: Path) -> bytes:
    """The signing key kept at `path`, made at the first start (mode 0600)."""
    try:
        if not path.exists():
            fresh = path.with_name(f"{path.name}.new")
            opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(opened, "w", encoding="ascii") as file:
                file.write(token(48))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{path}: the key for API tokens cannot be read or made: {error.strerror}") from error
    if len(key) < 32:
        raise ConfigError(f"{path}: too short for a signing key; delete the file and start again")
    return key
