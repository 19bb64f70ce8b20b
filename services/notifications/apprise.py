"""Whatever Apprise knows: Telegram, Discord, ntfy, Pushover and many more, one channel for each address.

Apprise says only yes or no; why not is read from what it logs. One message at a time goes out through it, in a
thread, so that a hanging service occupies no more than one.
"""

import asyncio
import re
from urllib.parse import urlencode, urlsplit, urlunsplit

import apprise

from app.channels import Channel, ChannelDown, ChannelRevoked, Sent
from app.core.errors import ConfigError
from app.notices import Message
from app.seam import Tasks
from services.settings import Secret

# How services are asked for a message without a sound, or with one that is heard.
SILENT = {
    "tgram": {"silent": "yes"},
    "ntfy": {"priority": "min"},
    "ntfys": {"priority": "min"},
    "pover": {"priority": "low"},
}
GRAVE = {"ntfy": {"priority": "max"}, "ntfys": {"priority": "max"}, "pover": {"priority": "high"}}
NOT_NOW = (408, 425, 429)
_STATUS = re.compile(r"error=(\d{3})")


def apprise_channels(urls: Secret, tasks: Tasks) -> list[Channel]:
    """ConfigError for an address that Apprise does not take; it is not shown, since it holds keys."""
    found: list[Channel] = []
    turn = asyncio.Lock()
    for number, url in enumerate(urls.reveal().split(","), start=1):
        service = apprise.Apprise.instantiate(url.strip(), suppress_exceptions=True)
        if service is None:
            raise ConfigError(
                f"APPRISE_URLS: address {number} is none that Apprise knows; "
                "its list of services shows how each is written"
            )
        found.append(AppriseChannel(f"apprise-{number}", Secret(url.strip()), str(service.service_name), tasks, turn))
    return found


class AppriseChannel:
    """Implements app.ports.Channel for one address."""

    kind = "apprise"
    reaches = 1

    def __init__(self, name: str, url: Secret, service: str, tasks: Tasks, turn: asyncio.Lock) -> None:
        self.name, self._url, self._service, self._tasks, self._turn = name, url, service, tasks, turn

    async def send(self, message: Message) -> Sent:
        async with self._turn:
            sent, told = await self._tasks.in_thread(lambda: self._notify(message))
        if sent:
            return Sent()
        found = _STATUS.search(told)
        status = int(found[1]) if found else 0
        text = f"{self._service} refuses the message ({status})" if status else f"{self._service} cannot be reached"
        if 400 <= status < 500 and status not in NOT_NOW:
            raise ChannelRevoked(text)
        raise ChannelDown(text)

    async def find(self, message: Message) -> Sent | None:
        return None

    async def delivered(self, id: str) -> bool:
        return True

    def _notify(self, message: Message) -> tuple[bool, str]:
        """(sent, what Apprise logged)."""
        how = GRAVE if message.grave else SILENT if message.silent else {}
        service = apprise.Apprise()
        service.add(with_query(self._url.reveal(), how.get(urlsplit(self._url.reveal()).scheme, {})))
        kind = apprise.NotifyType.FAILURE if message.grave else apprise.NotifyType.INFO
        with apprise.LogCapture(level=apprise.logging.INFO) as told:  # type: ignore[no-untyped-call]
            sent = service.notify(body=message.text, title=message.subject, notify_type=kind)
            return bool(sent), str(told.getvalue())


def with_query(url: str, more: dict[str, str]) -> str:
    """`url` with further settings; those that the owner wrote stay."""
    parts = urlsplit(url)
    own = {pair.partition("=")[0] for pair in parts.query.split("&")}
    added = urlencode({name: value for name, value in more.items() if name not in own})
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))
