"""What signing in is made of: users, sessions, answers, and the store they live in. No secret is ever in clear here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`epoch` goes up with each change that must end every session and token; `totp_step` is the last one used.

    `totp_secret` is sealed; a clear one is of an older version.
    """

    username: str
    password_hash: str
    must_change: bool = False
    epoch: int = 0
    totp_secret: str = ""
    totp_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """One signed-in browser. `id` is the SHA-256 of what its cookie holds: a stolen database opens nothing."""

    id: str
    username: str
    epoch: int
    created_at: datetime
    expires_at: datetime
    address: str = ""
    agent: str = ""


class Store(Protocol):
    """Where users and sessions are kept. Synchronous; always called beside the loop."""

    def get_user(self, username: str) -> User | None: ...

    def has_users(self) -> bool: ...

    def save_user(self, user: User) -> None:
        """Insert or replace."""

    def change_user(self, username: str, change: Callable[[User], User | None]) -> User | None:
        """Read, change and save as one step, also for other processes.

        What was saved; None where there is no such user or `change` wanted nothing saved.
        """

    def create_session(self, session: LoginSession) -> None: ...

    def get_session(self, id: str) -> LoginSession | None: ...

    def sessions_of(self, username: str) -> Sequence[LoginSession]:
        """Oldest first."""

    def delete_session(self, id: str) -> None: ...

    def delete_sessions(self, username: str) -> None: ...

    def delete_expired(self, now: datetime) -> None: ...


class People(Store, Protocol):
    """Everybody, for commands."""

    def names(self) -> Sequence[str]: ...


class Seals(Protocol):
    """Seals and opens short texts, each bound to a name."""

    def seal(self, name: str, text: str) -> str: ...

    def open(self, name: str, text: str, place: str, again: str) -> str:
        """ConfigError says what is wrong in `place`, and with `again` how the value is made anew."""


class Record(Protocol):
    """Writes one line of the audit trail."""

    def __call__(self, *, actor: str, action: str, target: str, detail: str, address: str, result: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who a cookie or token stands for."""

    username: str
    must_change: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To a try to sign in. `secret` is the session's id or the token, only where the outcome is ok."""

    outcome: Literal["ok", "wrong", "code_needed", "too_many"]
    secret: str = ""
    must_change: bool = False
    retry_after_seconds: int = 0
