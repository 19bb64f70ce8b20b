"""One ccxt `binanceus` for building and signing requests, and our own HTTP under it.

Must never dial a host that was not configured, follow a redirect, send anything twice by itself, or name a secret in
an error. ccxt's user streams and sandbox are never used: they lead to another company.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from app.core.errors import ExchangeBusy, ExchangeError, ExchangeRefused, ExchangeUnreachable
from app.seam import Clock
from services.binance_us import library
from services.binance_us.dialling import Addresses, OnlyTheseHosts, no_redirects, origin
from services.binance_us.errors import AUTH, CLOCK, Answer, HalfDone, failure
from services.binance_us.limits import Limits, Urgency
from services.binance_us.server_time import ServerTime

binanceus, BaseError = library.loaded()

logging.getLogger("ccxt").setLevel(logging.WARNING)  # at DEBUG it would write the key and every signature

RECV_WINDOW_MS = 5_000
ORDER_SECONDS, READ_SECONDS, CONNECT_SECONDS = 15.0, 10.0, 10.0
MOST_BYTES = 5_000_000
MOST_STREAM_BYTES = 1_000_000
PING_SECONDS = 10.0  # a stream that does not answer a ping within half of it is closed
CANNOT_CONNECT_SECONDS = 5.0
PLACING = ("private_post_order", "private_post_order_cancelreplace")
ACTING = (*PLACING, "private_delete_order")


class Wire(binanceus):  # type: ignore[misc, valid-type]  # ccxt carries no types
    """ccxt with our way of sending and our clock. `client` sets both before the first call."""

    client: "Client"

    async def fetch(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Any:
        return await self.client.send(url, method, headers or {}, body)

    def nonce(self) -> int:
        return self.client.time.milliseconds()


class Client:
    """Ask with `ask`, listen with `stream`. Raises ExchangeErrors and nothing else."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        clock: Clock,
        key: str = "",
        secret: str = "",
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.addresses = addresses
        self.time = ServerTime(clock)
        self.limits = Limits(self.time.seconds, clock.monotonic)
        self.key_refused = ""  # why the exchange does not take our key, while it does not
        self.key_was_refused: Callable[[], None] = lambda: None  # called at the first refusal
        self._clock, self._key, self._secret = clock, key, secret
        self._resolver = resolver
        self._origins = addresses.origins()
        self._session: aiohttp.ClientSession | None = None
        self._wire = self._new_wire(addresses.rest.rstrip("/"))

    @property
    def silent_seconds(self) -> float:
        """How long the exchange wants to be asked nothing."""
        return self.limits.silent_seconds

    @property
    def has_key(self) -> bool:
        return bool(self._key and self._secret)

    def _new_wire(self, rest: str) -> Wire:
        wire = Wire({"apiKey": self._key, "secret": self._secret, "enableRateLimit": False})
        wire.options["recvWindow"] = RECV_WINDOW_MS
        wire.urls["api"] = {"public": f"{rest}/api/v3", "private": f"{rest}/api/v3", "sapi": f"{rest}/sapi/v1"}
        wire.client = self
        return wire

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """Must be called on the loop before anything else."""
        inner = self._resolver or ThreadedResolver()
        connector = aiohttp.TCPConnector(resolver=OnlyTheseHosts(self.addresses.hosts(), inner), ttl_dns_cache=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            raise_for_status=False,
            trace_configs=[no_redirects()],
        )
        # aiohttp would send a DELETE again by itself when a kept connection breaks.
        self._session._retry_connection = False

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # ------------------------------------------------------------ time

    async def sync(self, samples: int = 1) -> None:
        """Ask the exchange what time it is."""
        for _ in range(samples):
            asked = self._clock.monotonic()
            body = await self.ask("public_get_time", what="reading the exchange's clock", urgency=Urgency.CLOSING)
            answered = self._clock.monotonic()
            now = body.get("serverTime") if isinstance(body, dict) else None
            if not isinstance(now, int) or now <= 0:
                raise ExchangeUnreachable("reading the exchange's clock: no time in the answer")
            self.time.learn(now, asked, answered)

    # ------------------------------------------------------------ requests

    async def ask(
        self,
        call: str,
        params: Mapping[str, str] | None = None,
        *,
        what: str,
        urgency: Urgency = Urgency.READING,
    ) -> Any:
        """One request by ccxt's name for it; the parsed answer. A wrong clock is set and the request repeated once,
        unless it places or cancels an order: whoever wants that decides it anew, and may no longer be allowed to."""
        self.limits.check(urgency, order=call in PLACING)
        try:
            return await self._once(call, params, what)
        except ExchangeRefused as refused:
            if refused.code != CLOCK:
                raise
            await self._set_clock()
            if call in ACTING:
                raise
        return await self._once(call, params, what)

    async def _set_clock(self) -> None:
        self.time.forget()
        try:
            await self.sync(samples=2)
        except ExchangeError:
            return  # the refusal itself is what the caller is told

    async def _once(self, call: str, params: Mapping[str, str] | None, what: str) -> Any:
        if not self.has_key and _needs_key(call):
            raise ExchangeRefused(f"{what}: no key of the exchange is configured; nothing was sent", code="-2014")
        try:
            body = await getattr(self._wire, call)(dict(params or {}))
        except ExchangeRefused as refused:
            text = f"{what}: {refused}"
            if _needs_key(call) and refused.code in {str(code) for code in AUTH} | {"401"}:
                self.refuse_key(text)
            raise ExchangeRefused(text, code=refused.code) from None
        except ExchangeBusy as busy:
            raise ExchangeBusy(f"{what}: {busy}", busy.retry_after_seconds) from None
        except HalfDone:
            raise
        except ExchangeUnreachable as doubt:
            raise ExchangeUnreachable(f"{what}: {doubt}") from None
        except BaseError as error:  # whatever ccxt itself stumbles over proves nothing
            raise ExchangeUnreachable(f"{what}: {_named(error)}") from None
        if call.startswith("private"):
            self.key_refused = ""
        return body

    def refuse_key(self, why: str) -> None:
        """Remember that the exchange does not take our key, and say so at once where that is new."""
        known, self.key_refused = self.key_refused, why
        if not known:
            self.key_was_refused()

    async def send(self, url: str, method: str, headers: Mapping[str, str], body: str | None) -> Any:
        """What ccxt wants sent. Called by `Wire` alone."""
        acting = method != "GET" and "/order" in urlsplit(url).path
        seconds = ORDER_SECONDS if acting else READ_SECONDS
        try:
            try:
                answer = await self._answer(url, method, headers, body, seconds)
            except aiohttp.ServerDisconnectedError:
                if acting:
                    raise
                # A mere question, over a kept connection that had been closed meanwhile.
                answer = await self._answer(url, method, headers, body, seconds)
        except aiohttp.ServerDisconnectedError as error:
            raise ExchangeUnreachable(_named(error)) from None
        self.limits.note(answer)
        failed = failure(answer, "the exchange said", acting=acting)
        if failed is not None:
            raise failed
        return answer.body

    async def _answer(
        self, url: str, method: str, headers: Mapping[str, str], body: str | None, seconds: float
    ) -> Answer:
        session = self._known(url)
        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                data=body.encode() if body else None,
                headers=dict(headers),
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                text = await _text(response)
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(status=response.status, headers=names, body=parsed(text))
        except aiohttp.ServerDisconnectedError:
            raise
        except aiohttp.ClientConnectorError as error:  # no connection, so not a byte of it left
            raise ExchangeBusy(f"{_named(error)}; nothing was sent", CANNOT_CONNECT_SECONDS) from None
        except TimeoutError:
            raise ExchangeUnreachable(f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ExchangeUnreachable(_named(error)) from None

    def _known(self, url: str) -> aiohttp.ClientSession:
        """The session, for a configured address only."""
        if origin(url) not in self._origins:
            raise ExchangeRefused(
                f"{urlsplit(url).hostname} is not a configured address; nothing was sent", code="host"
            )
        if self._session is None:
            raise ExchangeBusy("the connection is closed; nothing was sent", CANNOT_CONNECT_SECONDS)
        return self._session

    # ------------------------------------------------------------ streams

    @asynccontextmanager
    async def stream(self, url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket of ours. Pings are sent and answered; a peer that stays silent to them is closed."""
        session = self._known(url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket_ = await session.ws_connect(
                    URL(url, encoded=True), heartbeat=PING_SECONDS, max_msg_size=MOST_STREAM_BYTES
                )
        except TimeoutError:
            raise ExchangeUnreachable("the stream did not open in time") from None
        except aiohttp.WSServerHandshakeError as error:
            if 400 <= error.status < 500:
                text = f"the exchange refuses the stream (HTTP {error.status})"
                raise ExchangeRefused(text, code=str(error.status)) from None
            raise ExchangeUnreachable(f"the stream did not open (HTTP {error.status})") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ExchangeUnreachable(f"the stream did not open: {_named(error)}") from None
        try:
            yield socket_
        except (aiohttp.ClientError, OSError) as error:
            raise ExchangeUnreachable(f"the stream broke: {_named(error)}") from None
        finally:
            await socket_.close()

    def signed(self, params: Mapping[str, str]) -> dict[str, str | int]:
        """`params` with key, time and signature, in the form of the WebSocket interface, where times are numbers."""
        whole: dict[str, str | int] = {**params, "apiKey": self._key, "timestamp": self.time.milliseconds()}
        query = urlencode(sorted(whole.items()))
        signature = hmac.new(self._secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return {**whole, "signature": signature}


def _needs_key(call: str) -> bool:
    return call.startswith("private") or "userdatastream" in call


def _named(error: Exception) -> str:
    """The kind of an error. Its text may hold an address with a signature or a listenKey, so it is not shown."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its name is not found"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not to be trusted"
        case aiohttp.ClientConnectorError():
            return f"it cannot be connected to ({error.os_error.strerror or type(error.os_error).__name__})"
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection"
    return type(error).__name__


async def _text(response: aiohttp.ClientResponse) -> str | None:
    """The body, or None where it is longer than any answer of the exchange may be."""
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_chunked(65_536):
        parts.append(part)
        length += len(part)
        if length > MOST_BYTES:
            response.close()
            return None
    return b"".join(parts).decode("utf-8", errors="replace")


def parsed(text: str | bytes | None) -> Any:
    """JSON with exact numbers, or None where it is none. NaN and infinity are no JSON."""
    if not text:
        return None
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")
