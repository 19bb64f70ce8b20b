"""Text messages through Twilio. Taken is not delivered: the delivery is asked for afterwards.

A message whose answer was lost is looked for among those sent before it is sent again.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.channels import ChannelDown, ChannelRevoked, MessageRefused, Sent
from app.notices import Message
from services.notifications.outgoing import trusted
from services.settings import Secret

TIMEOUT = 15.0
SID = re.compile(r"[A-Za-z0-9]{10,64}")
ARRIVED = ("delivered", "read", "received")
LOST = ("undelivered", "failed", "canceled")
# What Twilio's codes mean to the owner. https://www.twilio.com/docs/api/errors
MEANING = {
    20003: "the account or its token is not right",
    21211: "the number is not a phone number",
    21212: "the sender is not one of the account's numbers",
    21408: "the account may not send to this country",
    21608: "a trial account sends to verified numbers only",
    21610: "the receiver has opted out; text START to the sender",
    21614: "the number takes no text messages",
    30003: "the phone could not be reached",
    30004: "the receiver blocks messages",
    30005: "the number does not exist",
    30006: "the number is a landline",
    30007: "the carrier filtered the message",
    30034: "the sender is not registered for messages to US numbers (A2P 10DLC)",
}
FOR_THIS_ONE = (30003, 30007)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    sid: Secret
    token: Secret
    sender: str  # a number, or a messaging service (MG…)
    base_url: str


class Sms:
    """Implements app.ports.Channel for one number."""

    kind = "sms"
    reaches = 1

    def __init__(self, name: str, account: Account, to: str) -> None:
        self.name, self._account, self._to = name, account, to
        self._trusted = trusted()
        self._messages = f"/2010-04-01/Accounts/{account.sid.reveal()}/Messages"

    async def send(self, message: Message) -> Sent:
        sender = "MessagingServiceSid" if self._account.sender.startswith("MG") else "From"
        form = {"To": self._to, sender: self._account.sender, "Body": message.short}
        answer = await self._ask("POST", f"{self._messages}.json", data=form)
        return Sent(id=_sid(answer))

    async def find(self, message: Message) -> Sent | None:
        """The newest message to this number with the same words, sent since the alert."""
        answer = await self._ask("GET", f"{self._messages}.json", params={"To": self._to, "PageSize": "50"})
        for row in answer.get("messages") or []:
            try:
                at = parsedate_to_datetime(str(row["date_created"]))
                if row["body"] == message.short and at >= message.at - timedelta(minutes=1):
                    return Sent(id=_sid(row))
            except (KeyError, TypeError, ValueError):
                continue
        return None

    async def delivered(self, id: str) -> bool:
        answer = await self._ask("GET", f"{self._messages}/{id}.json")
        status, code = answer.get("status"), answer.get("error_code")
        if status in LOST:
            text = f"not delivered: {_meaning(code)}"
            raise MessageRefused(text) if code in FOR_THIS_ONE else ChannelRevoked(text)
        return status in ARRIVED

    async def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """The answer's JSON object. Errors by status; no address or number is in their texts."""
        auth = (self._account.sid.reveal(), self._account.token.reveal())
        try:
            async with httpx.AsyncClient(
                base_url=self._account.base_url, auth=auth, timeout=TIMEOUT, trust_env=False, verify=self._trusted
            ) as client:
                response = await client.request(method, path, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ChannelDown("Twilio cannot be reached") from error
        except httpx.HTTPError as error:
            raise ChannelDown(f"Twilio does not answer ({type(error).__name__})", doubtful=method == "POST") from error
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ChannelDown(f"Twilio answers {response.status_code} in no form we know", doubtful=response.is_success)
        if response.is_success:
            return answer
        raise _sorted(response.status_code, answer.get("code"))


def _sorted(status: int, code: Any) -> Exception:
    text = f"Twilio answers {status}: {_meaning(code)}"
    if status == 429 or status >= 500:
        return ChannelDown(text, doubtful=status >= 500)
    if code in MEANING or status in (401, 403, 404):
        return ChannelRevoked(text)
    return MessageRefused(text)


def _meaning(code: Any) -> str:
    return f"{MEANING[code]} ({code})" if code in MEANING else f"error {code}"


def _sid(answer: dict[str, Any]) -> str:
    sid = str(answer.get("sid", ""))
    if not SID.fullmatch(sid):
        raise ChannelDown("Twilio's answer names no message", doubtful=True)
    return sid
