"""Asking a server one cheap question: with time limits, redirects left alone, plain http to this machine only.

No address, header or error text of a library leaves here: an address may carry a key.
"""

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.seam import clock
from services.settings.addresses import is_loopback

LARGEST = 1_000_000  # bytes of an answer
ONLINE = "look at this machine's connection, then run doctor again"

for _name in ("httpx", "httpcore"):  # at INFO they log whole addresses
    logging.getLogger(_name).setLevel(logging.WARNING)


class Unanswered(Exception):
    """No answer came. `seen` and `cure` are for people."""

    def __init__(self, seen: str, cure: str = ONLINE) -> None:
        super().__init__(seen)
        self.seen, self.cure = seen, cure


@dataclass(frozen=True, slots=True)
class Answer:
    """`json` is None where the body was none. `asked_at` is this machine's time; `seconds` the round trip."""

    status: int
    json: Any
    asked_at: datetime
    seconds: float


class Web:
    """Two clients: this machine is never asked through a proxy, others as the environment says."""

    def __init__(self, seconds: float = 6) -> None:
        self._seconds = seconds
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def __aenter__(self) -> "Web":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def get(
        self, url: str, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            near = is_loopback(urlsplit(url).hostname or "")
            if not near and not url.startswith("https://"):
                raise Unanswered("not asked: plain http is for this machine only", "use https in its address")
            async with asyncio.timeout(self._seconds):
                return await self._ask(self._client(near), url, headers, params)
        except (TimeoutError, httpx.TimeoutException):
            raise Unanswered(f"no answer within {self._seconds:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise _unanswered(error) from None
        except (httpx.InvalidURL, ValueError):
            raise Unanswered("its address cannot be used", "correct it in the settings") from None

    def _client(self, near: bool) -> httpx.AsyncClient:
        if near not in self._clients:
            self._clients[near] = httpx.AsyncClient(
                timeout=self._seconds, follow_redirects=False, trust_env=not near, cookies=None
            )
        return self._clients[near]

    async def _ask(
        self,
        client: httpx.AsyncClient,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
    ) -> Answer:
        at, begun = clock.now(), clock.monotonic()
        asked = {"accept": "application/json", **(headers or {})}
        async with client.stream("GET", url, headers=asked, params=params) as response:
            seconds = clock.monotonic() - begun
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    break
        return Answer(response.status_code, _parsed(body), at, seconds)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _unanswered(error: BaseException) -> Unanswered:
    """The cause that people can do something about, wherever in the chain it stands."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unanswered(
                "its certificate cannot be trusted",
                "look at this machine's clock and at who answers instead, such as a proxy",
            )
        if isinstance(cause, socket.gaierror):
            return Unanswered("its name is not found")
        if isinstance(cause, ConnectionRefusedError):
            return Unanswered("the connection is refused")
        cause = cause.__cause__ or cause.__context__
    return Unanswered("no connection" if isinstance(error, (httpx.ConnectError, OSError)) else "the talk broke off")
