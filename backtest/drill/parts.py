"""What a drill is given: the shipped parts, and books of its own for each scenario. Never those of a running trader."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.channels import Outbox
from app.control import Controls
from app.core.errors import ExchangeUnreachable
from app.core.messages import Event
from app.ports import Journal, KillSeal, LedgerRow, PaperStore
from app.session import Session


class OpenJournal(Journal, Protocol):
    def close(self) -> None: ...


class Books(Protocol):
    """All that outlives a process. `journal` is opened by each process anew, and closed when it ends."""

    @property
    def ledger(self) -> LedgerRow: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def paper(self) -> PaperStore: ...

    @property
    def seal(self) -> KillSeal: ...

    def journal(self) -> OpenJournal: ...


class Line:
    """The connection that the heartbeat is felt on: it lives and dies with the pretend exchange."""

    key_refused, silent_seconds = "", 0.0

    def __init__(self, now: Callable[[], datetime], silent: Callable[[], bool]) -> None:
        self.time, self._silent = LineTime(now), silent

    async def sync(self) -> None:
        if self._silent():
            raise ExchangeUnreachable("no answer")


class LineTime:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now()

    def wall_offset_seconds(self) -> float:
        return 0.0


class Heartbeat(Protocol):
    async def beat(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`books` opens the books of that name; `heartbeat` is given a line, where to post, and whom to call when the
    exchange is back. The others are what is shipped, unless a test wants to see a drill fail."""

    books: Callable[[str], Books]
    heartbeat: Callable[[Line, Callable[[Event], None], Callable[[], None]], Heartbeat]
    version: str
    session: Callable[..., Session] = Session
    controls: Callable[..., Controls] = Controls
