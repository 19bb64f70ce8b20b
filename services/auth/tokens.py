"""Bearer tokens for the API: signed with a key of our own, good for a day, revoked with the user's epoch."""

from datetime import datetime, timedelta
from pathlib import Path

import jwt

from app.core.errors import ConfigError
from app.seam import token
from services.private_files import read_private, write_private

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
    what = "the key for API tokens"
    key = read_private(path, what)
    if key is None:
        write_private(path, token(48).encode(), what, only_new=True)
        key = read_private(path, what) or b""
    key = key.strip()
    if len(key) < 32:
        raise ConfigError(f"{path}: too short for a signing key; delete the file and start again")
    return key
