"""One question over HTTP: to the one address that was set, never where a redirect points to, and no more is read than
an answer needs. The key is in one header, and in nothing that leaves here.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

MOST_BYTES = 256 * 1024  # of an answer, the blank lines that keep the connection open included
MOST_TOLD = 200  # characters of what a server says about an error

for _name in ("httpx", "httpcore"):  # at INFO they log each request
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Heard:
    """`body` is {} where the answer was no JSON object; `text` is the answer as it came, for the record."""

    status: int
    body: Mapping[str, Any]
    text: str
    retry_after: str = ""


class Lost(Exception):
    """No answer came. `sent`: the question may have arrived, and may cost."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class Wire:
    def __init__(self, base_url: str, key: Callable[[], str], seconds: float) -> None:
        """`key` reveals it; `seconds` is the longest silence (the caller has a limit for the whole)."""
        self._url, self._key = f"{base_url}/chat/completions", key
        self._client = httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, content: str) -> Heard:
        """Raises Lost."""
        headers = {
            "authorization": f"Bearer {self._key()}",
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",  # a small compressed answer can be a very large one
        }
        try:
            async with self._client.stream("POST", self._url, content=content.encode(), headers=headers) as response:
                return await self._heard(response)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise Lost("the server cannot be reached", sent=False) from None
        except httpx.HTTPError as error:
            raise Lost(f"the connection broke off ({type(error).__name__})", sent=True) from None
        except (httpx.InvalidURL, ValueError):
            raise Lost("its address or its key cannot be used", sent=False) from None

    async def _heard(self, response: httpx.Response) -> Heard:
        packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        text = "" if packed else self.clean(await _read(response))
        return Heard(response.status_code, _object(text), text, response.headers.get("retry-after", ""))

    def clean(self, text: str) -> str:
        """Without the key, should a server repeat it."""
        return text.replace(self._key(), "***")


async def _read(response: httpx.Response) -> str:
    """What comes, up to the limit; nothing where there is more."""
    body = bytearray()
    async for part in response.aiter_raw(16 * 1024):
        body += part
        if len(body) > MOST_BYTES:
            return ""
    return body.decode("utf-8", "replace").strip()


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def told(heard: Heard) -> str:
    """What the server says about an error, cut."""
    error = heard.body.get("error")
    said = error.get("message") if isinstance(error, dict) else error or heard.body.get("detail")
    words = " ".join(str(said or "").split())
    words = "".join(mark if mark.isprintable() else "?" for mark in words)
    return words if len(words) <= MOST_TOLD else f"{words[: MOST_TOLD - 1]}…"


def waiting(heard: Heard, now: datetime) -> float | None:
    """The seconds that the server asks us to wait, in either form; None where it says nothing that can be meant."""
    word = heard.retry_after.strip()
    if word.isascii() and word.isdigit() and len(word) < 8:
        return float(word)
    try:
        return max(0.0, (parsedate_to_datetime(word) - now).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
