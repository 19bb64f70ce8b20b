"""What pages and the API are given: the engine's face, the door for commands, the reader, and sign-in. Nothing else."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

from app.backtest_ports import Backtests, CandleData
from app.checklist import Checklist
from app.core.model import Candle
from app.faces import WhatIfs
from app.ports import Control, EngineView, Reader, Row
from app.push import Push
from app.seam import Clock, Tasks
from app.settings_ports import SettingsDesk

HealthWord = Literal["ok", "starting", "degraded"]


class SignedIn(Protocol):
    """Who a cookie or token stands for."""

    @property
    def username(self) -> str: ...

    @property
    def must_change(self) -> bool:
        """The random first password still stands: nothing but changing it is allowed."""

    @property
    def expires_at(self) -> datetime: ...

    @property
    def read_only(self) -> bool:
        """A token that may look at everything and do nothing."""


class Answer(Protocol):
    """To a try to sign in; `secret` is the cookie's content or the token."""

    @property
    def outcome(self) -> Literal["ok", "wrong", "code_needed", "too_many"]: ...

    @property
    def secret(self) -> str: ...

    @property
    def must_change(self) -> bool: ...

    @property
    def retry_after_seconds(self) -> int: ...


class Browser(Protocol):
    """A signed-in browser, as its owner sees it."""

    @property
    def id(self) -> str: ...

    @property
    def agent(self) -> str: ...

    @property
    def address(self) -> str: ...

    @property
    def since(self) -> datetime: ...

    @property
    def current(self) -> bool: ...


class Browsers(Protocol):
    """The sign-ins of whoever holds the cookie `secret`."""

    async def signed_in(self, secret: str) -> Sequence[Browser]:
        """This one first, then the newest."""

    async def end_other(self, secret: str, id: str, address: str) -> bool: ...

    async def end_others(self, secret: str, address: str) -> int: ...


class Enrolment(Protocol):
    """`address` is what the picture says; `secret` the same for people who type."""

    @property
    def address(self) -> str: ...

    @property
    def secret(self) -> str: ...


class Codes(Protocol):
    """New recovery codes, to be shown once; else `why` not, in words."""

    @property
    def why(self) -> str: ...

    @property
    def codes(self) -> tuple[str, ...]: ...


class Factor(Protocol):
    """Enrolling and leaving a second factor. What wants a code takes a recovery code, too. "" is done, else why not."""

    @property
    def stays(self) -> bool:
        """It can be renewed, not removed."""

    def enrolled(self, username: str) -> bool: ...

    def codes_left(self, username: str) -> int:
        """Recovery codes not used yet. Blocking."""

    async def begin(self, who: str, secret: str, password: str, code: str, address: str) -> str: ...

    def pending(self, secret: str) -> Enrolment | None:
        """What is shown to this browser until its first code."""

    def give_up(self, secret: str) -> None: ...

    async def enrol(self, who: str, secret: str, code: str, address: str) -> Codes: ...

    async def renew_codes(self, who: str, password: str, code: str, address: str) -> Codes: ...

    async def remove(self, who: str, secret: str, password: str, code: str, address: str) -> str: ...


class ReadToken(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...

    @property
    def expires_at(self) -> datetime | None: ...

    @property
    def used_at(self) -> datetime | None: ...


class ReadTokens(Protocol):
    """Tokens that may only read."""

    async def make(self, who: str, name: str, days: int | None, address: str) -> tuple[str, str]:
        """("", its text, to be shown once), or (why not, "")."""

    async def of(self, who: str) -> Sequence[ReadToken]: ...

    async def revoke(self, who: str, id: str, address: str) -> bool: ...


class Auth(Protocol):
    """Sign-in. Everything that is slow in it runs beside the loop."""

    @property
    def browsers(self) -> Browsers: ...

    @property
    def factor(self) -> Factor: ...

    @property
    def read_tokens(self) -> ReadTokens: ...

    async def sign_in(self, username: str, password: str, otp: str | None, address: str, agent: str = "") -> Answer: ...

    async def token(self, username: str, password: str, otp: str | None, address: str) -> Answer: ...

    async def session(self, secret: str | None) -> SignedIn | None: ...

    async def bearer(self, text: str) -> SignedIn | None: ...

    async def sign_out(self, secret: str, address: str = "") -> None: ...

    async def end_all(self, username: str, address: str = "") -> None:
        """Sign out everywhere, programs too."""

    async def change_password(self, who: str, current: str | None, new: str, address: str) -> str | None:
        """Why not, in words; None when done and every session of this user has ended."""


class Answers(Protocol):
    """First answers to requests with an Idempotency-Key. Synchronous; always called beside the loop."""

    def recall(self, username: str, key: str, since: datetime) -> tuple[str, int, str] | None:
        """(SHA-256 of the request, status, answer), if not older than `since`."""

    def remember(self, username: str, key: str, body_sha256: str, status: int, answer: str, now: datetime) -> None: ...


class Looked(Protocol):
    """Which alerts a person has looked at. Synchronous; always called beside the loop. Raises StoreError."""

    def unread(self, username: str) -> int:
        """How many alerts came since this person last looked."""

    def look(self, username: str) -> None:
        """This person sees them all now."""


async def _nothing_yet() -> Row:
    return {}


async def _none() -> None:
    return None


async def _no_candles(timeframe: str | None, limit: int) -> Sequence[Candle]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """`public_url` is the address people type (https behind a proxy), where there is one.

    `hosts` are further names the program answers to; addresses and localhost always are.
    """

    view: EngineView
    control: Control
    reader: Reader
    auth: Auth
    answers: Answers
    clock: Clock
    tasks: Tasks
    health: Callable[[], HealthWord]
    public_url: str | None = None
    hosts: tuple[str, ...] = ()
    going_live: Callable[[], Checklist | None] = lambda: None  # None where no real money is to be traded
    insights: Callable[[], Awaitable[Row]] = _nothing_yet
    candles: Callable[[str | None, int], Awaitable[Sequence[Candle]]] = (
        _no_candles  # (time frame, how many), oldest first
    )
    backtests: Backtests | None = None
    what_if: WhatIfs | None = None
    vital_signs: Callable[[], Awaitable[Row]] = _nothing_yet
    incident: Callable[[], Awaitable[tuple[str, str] | None]] = _none  # name and text of the newest report
    data: CandleData | None = None
    settings: SettingsDesk | None = None
    push: Push | None = None
    looked: Looked | None = None
    upload_bytes: int = 20 * 2**20
    metrics_token: str | None = None  # lets a monitor on another machine read the figures

    @property
    def secure(self) -> bool:
        """People come by https: cookies must never travel otherwise."""
        return self.public_url is not None and self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        return "__Host-trader" if self.secure else "trader"

    @property
    def names(self) -> frozenset[str]:
        public = urlsplit(self.public_url).hostname if self.public_url else None
        return frozenset({*self.hosts, *({public} if public else ())})
