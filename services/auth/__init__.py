"""Signing in: passwords, second factor, sessions, tokens. The one place that knows argon2, pyotp and jwt."""

from services.auth.auth import Auth
from services.auth.model import Answer, LoginSession, ReadToken, Record, Seals, SignedIn, Store, User
from services.auth.passwords import Passwords
from services.auth.recovery import Recovery
from services.auth.seeds import SeedRows, Seeds
from services.auth.tokens import key_file

__all__ = [
    "Answer",
    "Auth",
    "LoginSession",
    "Passwords",
    "ReadToken",
    "Record",
    "Recovery",
    "Seals",
    "SeedRows",
    "Seeds",
    "SignedIn",
    "Store",
    "User",
    "key_file",
]
