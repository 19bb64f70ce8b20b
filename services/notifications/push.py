"""Web push: one message to every device that asked for it. Push services see whom, never what.

A device whose service says that it is gone is forgotten. Nothing here is waited for by trading.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from app.channels import ChannelDown, ChannelRevoked, MessageRefused, Sent
from app.core.errors import ConfigError, StoreError
from app.notices import Message
from app.ports import Conflict, Who
from app.push import MOST_DEVICES, Device, Devices, Subscription
from app.seam import Clock, Tasks
from app.strategy_files import Unfit
from services.notifications.outgoing import trusted
from services.notifications.push_hosts import refusal
from services.notifications.push_wire import MOST, BadKeys, keys_of, packed, point_of, sealed, signature

log = logging.getLogger(__name__)
TIMEOUT = 5.0
KEPT_FOR = 24 * 3600  # seconds that a push service keeps it for a phone that is off
GONE = (404, 410)
NOT_NOW = (408, 425, 429)
LONGEST_AGENT = 300


class Record(Protocol):
    def __call__(self, *, actor: str, action: str, target: str, detail: str, address: str, result: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message to one device."""

    kind: Literal["taken", "gone", "down", "refused", "too long"]
    text: str = ""


class WebPush:
    """Implements app.channels.Channel, for all devices together, and app.push.Push."""

    name = kind = "push"

    def __init__(
        self,
        store: Devices,
        *,
        key: Callable[[], ec.EllipticCurvePrivateKey],
        subject: str,
        hosts: Sequence[str] = (),
        record: Record,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        """`key` may block: it is asked for beside the loop, once, and not before anybody wants it."""
        self._store, self._make_key, self._subject, self._hosts = store, key, subject, tuple(hosts)
        self._record, self._clock, self._tasks = record, clock, tasks
        self._key: ec.EllipticCurvePrivateKey | None = None
        self._making = asyncio.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._devices = {device.id: device for device in store.all()}

    @property
    def reaches(self) -> int:
        """How many devices there are."""
        return len(self._devices)

    async def _private(self) -> ec.EllipticCurvePrivateKey:
        async with self._making:
            if self._key is None:
                self._key = await self._tasks.in_thread(self._make_key)
            return self._key

    # ------------------------------------------------------------ the channel

    async def send(self, message: Message) -> Sent:
        """To all devices at once; taken is enough where one of them has it."""
        devices = list(self._devices.values())
        outcomes = await asyncio.gather(*(self._deliver(device, message) for device in devices))
        said = list(zip(devices, outcomes, strict=True))
        missed = [f"{device.name}: {outcome.text}" for device, outcome in said if outcome.kind != "taken"]
        kinds = {outcome.kind for outcome in outcomes}
        if "taken" in kinds:
            left = [f"{device.name}: {outcome.text}" for device, outcome in said if outcome.kind in ("down", "refused")]
            return Sent(warning=f"not on {'; '.join(left)}" if left else "")
        if "down" in kinds:
            raise ChannelDown(missed[0])
        if "refused" in kinds:
            raise ChannelRevoked(missed[0])
        raise MessageRefused(missed[0] if missed else "no device is left that asked for it")

    async def find(self, message: Message) -> Sent | None:
        """Nobody can ask; but the same message again takes the place of the first, on the way and on the phone."""
        return None

    async def delivered(self, id: str) -> bool:
        return True

    async def _deliver(self, device: Device, message: Message) -> Outcome:
        outcome = await self._post(device, message)
        try:
            await self._noted(device, outcome)
        except StoreError as error:
            log.warning("how a push went could not be written down: %s", error)
        return outcome

    async def _post(self, device: Device, message: Message) -> Outcome:
        subscription = device.subscription
        if why := refusal(subscription.endpoint, self._hosts):
            return Outcome("refused", why)
        try:
            private = await self._private()
            body = sealed(parcel(message), subscription)
        except (BadKeys, ConfigError) as error:
            return Outcome("refused", str(error))
        headers = {
            "authorization": signature(private, subscription.endpoint, self._subject, self._clock.now()),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(KEPT_FOR),
            "urgency": "high" if message.grave else "low" if message.silent else "normal",
            "topic": (message.topic or message.reference)[:32],
        }
        try:
            known = await self._tasks.in_thread(trusted)
            async with (
                asyncio.timeout(TIMEOUT),
                httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=known) as client,
                client.stream("POST", subscription.endpoint, content=body, headers=headers) as response,
            ):  # the answer's status is all that is read of it
                return _sorted(response.status_code)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Outcome("down", f"its push service does not answer ({type(error).__name__})")

    async def _noted(self, device: Device, outcome: Outcome) -> None:
        if outcome.kind == "gone":
            log.info("%s of %s no longer takes alerts", device.name, device.username)
            await self._tasks.in_thread(lambda: self._store.remove(device.id))
            self._devices.pop(device.id, None)
            self._changed()
            return
        at = self._clock.now() if outcome.kind == "taken" else None
        await self._tasks.in_thread(lambda: self._store.note(device.id, at, outcome.text))
        if device.id in self._devices:
            self._devices[device.id] = replace(device, sent_at=at or device.sent_at, error=outcome.text)
            self._changed()

    # ------------------------------------------------------------ people

    async def public_key(self) -> str:
        return packed(point_of((await self._private()).public_key()))

    def devices(self, username: str) -> Sequence[Device]:
        return [device for device in self._devices.values() if device.username == username]

    async def add(self, who: Who, subscription: Subscription, agent: str) -> Device:
        if why := refusal(subscription.endpoint, self._hosts):
            raise Unfit(f"endpoint: {why}")
        try:
            keys_of(subscription)
        except BadKeys as error:
            raise Unfit(f"keys: {error}") from None
        known = next((each for each in self._devices.values() if each.subscription == subscription), None)
        if known is not None and known.username == who.username:
            return known
        if len(self.devices(who.username)) >= MOST_DEVICES:
            raise Conflict(f"{MOST_DEVICES} devices take alerts already; remove one first")
        now, agent = self._clock.now(), agent[:LONGEST_AGENT]
        device = await self._tasks.in_thread(lambda: self._store.put(who.username, subscription, agent, now))
        self._devices[device.id] = device
        await self._audit(who, "push_on", device)
        self._changed()
        return device

    async def remove(self, who: Who, id: int) -> None:
        device = self._own(who, id)
        await self._tasks.in_thread(lambda: self._store.remove(id))
        self._devices.pop(id, None)
        await self._audit(who, "push_off", device)
        self._changed()

    async def test(self, who: Who, id: int) -> str:
        return (await self._deliver(self._own(who, id), a_test(self._clock.now()))).text

    def _own(self, who: Who, id: int) -> Device:
        device = self._devices.get(id)
        if device is None or device.username != who.username:
            raise KeyError(id)
        return device

    async def _audit(self, who: Who, action: str, device: Device) -> None:
        line = {"actor": who.username, "action": action, "target": device.name, "address": who.address}
        await self._tasks.in_thread(lambda: self._record(**line, detail=f"device {device.id}", result="ok"))

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)

        def end() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return end

    def _changed(self) -> None:
        for callback in list(self._callbacks):
            callback()


def a_test(now: datetime) -> Message:
    title, text = "It works", "Alerts reach this device."
    return Message(
        reference=f"test-{now:%H%M%S}",
        subject=title,
        text=text,
        short=text,
        grave=False,
        silent=False,
        at=now,
        title=title,
        body=text,
        tab="positions",
    )


def parcel(message: Message) -> bytes:
    """What the service worker is given; the link leads into the dashboard and says nothing."""
    content = {
        "title": message.title or message.subject,
        "body": message.body,
        "tag": message.topic or message.reference,
        "url": f"/?tab={message.tab}" if message.tab else "/",
        "grave": message.grave,
        "silent": message.silent,
    }
    data = json.dumps(content, ensure_ascii=False).encode()
    if len(data) > MOST:
        content["body"] = f"{message.body.encode()[: MOST // 2].decode(errors='ignore')} …"
        data = json.dumps(content, ensure_ascii=False).encode()
    return data


def _sorted(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome("taken")
    if status in GONE:
        return Outcome("gone", "it no longer takes alerts")
    text = f"its push service answers {status}"
    if status in NOT_NOW or status >= 500:
        return Outcome("down", text)
    if status == 413:
        return Outcome("too long", text)
    return Outcome("refused", f"{text}; turn alerts off and on again on that device")
