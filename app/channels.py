"""How people are reached, as Protocols: the channels that carry alerts, and the durable outbox before them.

Implementations live in services/notifications and services/database; fakes in tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.notices import Letter, Message, Told


class ChannelDown(Exception):
    """Not sent now; try later. `doubtful`: the message may have arrived all the same."""

    def __init__(self, text: str, *, doubtful: bool = False) -> None:
        super().__init__(text)
        self.doubtful = doubtful


class ChannelRevoked(Exception):
    """The channel refuses us: a key, a sender or a receiver is no longer good. A person must look."""


class MessageRefused(Exception):
    """This one message will never be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A channel took the message. `id`: under which its delivery can be asked for; "": taken is delivered.

    `warning`: it did not reach everybody."""

    id: str = ""
    warning: str = ""


class Channel(Protocol):
    """One receiver of alerts. Raises the three errors above and nothing else; each call ends within a minute."""

    @property
    def name(self) -> str:
        """Unique and stable: email, sms-1, apprise-2."""

    @property
    def kind(self) -> str:
        """Its column in the matrix: email, sms, push, apprise."""

    @property
    def reaches(self) -> int:
        """How many receivers it has now. While it has none, no letter is written for it and it is not shown."""

    async def send(self, message: Message) -> Sent: ...

    async def find(self, message: Message) -> Sent | None:
        """Whether a message that is in doubt was taken after all, where the channel can tell."""

    async def delivered(self, id: str) -> bool:
        """False while it is on its way. Raises MessageRefused or ChannelRevoked where it will not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What is known of a channel: untested, ok, failing, revoked. `error` is "" where it works."""

    name: str
    status: str = "untested"
    error: str = ""
    changed_at: datetime | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnItsWay:
    """A message that a channel took and whose delivery is asked for. `letters` are their ids."""

    id: str
    letters: tuple[int, ...]
    sent_at: datetime


class Outbox(Protocol):
    """Alerts and their letters, durable. Synchronous; always called beside the loop. Raises StoreError."""

    def fresh(self) -> Sequence[Told]:
        """Alerts for which no letter was written yet, oldest first."""

    def post(self, alerts: Sequence[Told], letters: Sequence[Letter]) -> None:
        """Write the letters of these alerts (their ids are given by the store)."""

    def unseen(self, since: datetime) -> Sequence[Told]:
        """Posted grave alerts that nobody has acknowledged and that are not over, the newest first."""

    def repeat(self, alert: Told, letters: Sequence[Letter]) -> None: ...

    def over(self, alert: Told, at: datetime, letters: Sequence[Letter]) -> None: ...

    def receivers(self, alert: Told) -> Sequence[str]:
        """Names of the channels that have had this alert."""

    def due(self, channel: str, now: datetime) -> Sequence[Letter]:
        """Letters not sent yet, oldest first; those in doubt whatever their time."""

    def messages_since(self, channel: str, since: datetime) -> int: ...

    def sending(self, letters: Sequence[Letter], reference: str) -> None: ...

    def put_back(self, letters: Sequence[Letter], error: str, *, doubtful: bool) -> None: ...

    def sent(self, letters: Sequence[Letter], at: datetime, id: str) -> None: ...

    def refused(self, letters: Sequence[int], error: str) -> None: ...

    def expired(self, letters: Sequence[Letter]) -> None: ...

    def on_their_way(self, channel: str) -> Sequence[OnItsWay]: ...

    def arrived(self, letters: Sequence[int]) -> None: ...

    def acknowledge(self, ids: Sequence[int] | None, who: str, at: datetime) -> int:
        """Grave alerts that a person has seen (None: all); returns how many were new."""

    def grave_waiting_since(self) -> datetime | None:
        """Since when the oldest grave letter has been waiting on every channel it could go by."""

    def states(self) -> Sequence[ChannelState]: ...

    def remember(self, state: ChannelState) -> None: ...
