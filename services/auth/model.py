"""What signing in is made of: users, sessions, answers, and the store they live in. No secret is ever in clear here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`epoch` goes up with each change that must end every session and token; `totp_step` is the last one used.

    `totp_secret` is sealed; a clear one is of an older version. `recovery_codes` are hashes of those not used yet.
    """

    username: str
    password_hash: str
    must_change: bool = False
    epoch: int = 0
    totp_secret: str = ""
    totp_step: int = 0
    recovery_codes: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadToken:
    """A token that may read and nothing else. `sha256` is of its text; `id` is what a person revokes it by."""

    id: str
    username: str
    name: str
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None


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

    def add_token(self, token: ReadToken) -> None: ...

    def find_token(self, sha256: str) -> ReadToken | None: ...

    def tokens_of(self, username: str) -> Sequence[ReadToken]:
        """Oldest first."""

    def token_used(self, id: str, at: datetime) -> None: ...

    def delete_token(self, username: str, id: str) -> bool:
        """Whether it was there."""

    def delete_tokens(self, username: str) -> None: ...


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
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A signed-in browser, as its owner sees it. `id` names it and opens nothing."""

    id: str
    agent: str
    address: str
    since: datetime
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A second factor on its way: what an authenticator app reads, and the same to be typed by hand."""

    address: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """New recovery codes, to be shown once; else `why` not, in words."""

    why: str = ""
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To a try to sign in. `secret` is the session's id or the token, only where the outcome is ok."""

    outcome: Literal["ok", "wrong", "code_needed", "too_many"]
    secret: str = ""
    must_change: bool = False
    retry_after_seconds: int = 0
