"""Web push: the phones and browsers on which a person asked to be told, and the door through which they come and go.

Implementations live in services/notifications and services/database; fakes in tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.ports import Who

MOST_DEVICES = 20  # of one user


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a browser gives away: where to post, and the keys with which only it opens what is posted (base64url)."""

    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """`agent`: how the browser names itself. `error`: why the last message did not get there; "" where it did."""

    id: int
    username: str
    subscription: Subscription
    agent: str
    created_at: datetime
    sent_at: datetime | None = None
    error: str = ""

    @property
    def name(self) -> str:
        return device_name(self.agent)


class Devices(Protocol):
    """Where devices are kept. Synchronous; always called beside the loop. Raises StoreError."""

    def all(self) -> Sequence[Device]:
        """Oldest first."""

    def put(self, username: str, subscription: Subscription, agent: str, at: datetime) -> Device:
        """A new one, or a known endpoint's new keys and user."""

    def remove(self, id: int) -> None: ...

    def note(self, id: int, sent_at: datetime | None, error: str) -> None:
        """How the last message went; `sent_at` None leaves the old time."""


class Push(Protocol):
    """Web push, for pages and the API. Only a person's own devices are ever shown, changed or tried."""

    async def public_key(self) -> str:
        """What browsers must subscribe with (base64url). ConfigError where no key can be kept."""

    def devices(self, username: str) -> Sequence[Device]:
        """Oldest first. Cheap; called on the loop."""

    async def add(self, who: Who, subscription: Subscription, agent: str) -> Device:
        """The same one again changes nothing. Unfit: no such subscription can be. Conflict: there are enough."""

    async def remove(self, who: Who, id: int) -> None:
        """KeyError: this person has no such device."""

    async def test(self, who: Who, id: int) -> str:
        """Send one message; "" where the push service took it, else why not. KeyError as above."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after a device has come, gone or changed. Returns the function that ends the subscription."""


# The first that is found names it: what comes later is in the agents of those before, too.
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS")),
    *(("Mac OS", "Mac"), ("Linux", "Linux")),
)
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox")),
    *(("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari")),
)


def device_name(agent: str) -> str:
    """ "Chrome on Android". An installed app on an iPhone names no browser."""
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    return " on ".join(each for each in (browser, system) if each) or "A browser"
