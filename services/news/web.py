"""Asks the web for news: one deadline, answers of bounded size, never a private address, never a foreign redirect.

No address, header or error text of a library leaves here: an address may carry a key.
"""

import asyncio
import ipaddress
import logging
import socket
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import httpx

from services.news.source import SourceDown
from services.settings.addresses import is_loopback

SECONDS = 20.0  # for a whole answer, redirects and all
MOST_BYTES = 2_000_000  # of an answer, unpacked
MOST_REDIRECTS = 3
LONGEST_WAIT = timedelta(days=1)  # that a server may ask for
AGENT = "bitcoin-autotrader (news reader)"

for _name in ("httpx", "httpcore"):  # at INFO they log whole addresses
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def retry_after(self, now: datetime) -> timedelta | None:
        """How long the server asks us to wait, at most a day."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
        return min(max(wait, timedelta(0)), LONGEST_WAIT)


class Web:
    """One client for all sources. `seconds` is the deadline of a whole answer."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        redirects: int = 0,
    ) -> Answer:
        """Raises SourceDown where no whole answer comes. Redirects: https only, or this machine to itself."""
        try:
            async with asyncio.timeout(self._seconds):
                near = is_loopback(urlsplit(url).hostname or "")
                for _ in range(redirects + 1):
                    answer, url = await self._once(url, headers, params, near)
                    if not 300 <= answer.status < 400 or answer.status == 304 or not redirects:
                        return answer
                    params = None
            raise SourceDown(f"leads on and on (more than {redirects} redirects)")
        except (TimeoutError, httpx.TimeoutException):
            raise SourceDown(f"gave no whole answer within {self._seconds:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise SourceDown(_why(error)) from None
        except (httpx.InvalidURL, ValueError):
            raise SourceDown("its address cannot be used") from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _once(
        self, url: str, headers: Mapping[str, str] | None, params: Mapping[str, str] | None, near: bool
    ) -> tuple[Answer, str]:
        """One answer, and where it leads."""
        target = httpx.URL(url, params=params) if params else httpx.URL(url)
        address = await _allowed(target, near)
        given = {"user-agent": AGENT, "accept-encoding": "gzip", **(headers or {}), "host": _host(target)}
        request = self._open_client().build_request(
            "GET",
            target.copy_with(host=address),  # the address that was looked at, not one that the name has a moment later
            headers=given,
            extensions={"sni_hostname": target.host},
        )
        response = await self._open_client().send(request, stream=True)
        try:
            body = await _bounded(response.aiter_raw(), response.headers.get("content-encoding", ""))
        finally:
            await response.aclose()
        answer = Answer(status=response.status_code, headers=dict(response.headers), body=body)
        return answer, urljoin(url, response.headers.get("location", ""))

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self._seconds, follow_redirects=False, trust_env=False, limits=httpx.Limits(max_connections=20)
            )
        return self._client


def _host(target: httpx.URL) -> str:
    name = f"[{target.host}]" if ":" in target.host else target.host
    return f"{name}:{target.port}" if target.port else name


async def _allowed(target: httpx.URL, near: bool) -> str:
    """The address to go to. `near`: the owner named this machine; nobody else may lead us to it."""
    if target.userinfo or target.scheme not in ("http", "https"):
        raise SourceDown("leads to an address of another kind")
    if is_loopback(target.host):
        if not near:
            raise SourceDown("leads to this machine itself, where nobody is to be sent")
        return "127.0.0.1" if target.host == "localhost" else target.host
    if target.scheme != "https":
        raise SourceDown("leads to plain http, which is for this machine only")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port or 443, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not addresses or not all(_public(each) for each in addresses):
        raise SourceDown("leads into a private network, where nobody is to be sent")
    return addresses[0]


def _public(text: str) -> bool:
    """Whether an address is one of the open internet, also the one that is packed into it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        packed = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            packed = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if packed is not None:
            return _public(str(packed))
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def _bounded(parts: AsyncIterator[bytes], encoding: str) -> bytes:
    """The body, unpacked as far as the bound allows: a small answer may hold a huge one."""
    if encoding.strip().lower() not in ("", "identity", "gzip", "x-gzip"):
        raise SourceDown("answers in a packing that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding.lower() else None
    body = bytearray()
    async for part in parts:
        try:
            body += unpack.decompress(part, MOST_BYTES + 1 - len(body)) if unpack else part
        except zlib.error:
            raise SourceDown("answers with a broken packing") from None
        if len(body) > MOST_BYTES:
            raise SourceDown(f"answers with more than {MOST_BYTES // 1_000_000} MB")
    return bytes(body)


def _why(error: BaseException) -> str:
    """The cause that people can do something about, wherever in the chain it stands."""
    cause: BaseException | None = error
    while cause is not None:
        name = type(cause).__name__
        if name == "SSLCertVerificationError":
            return "its certificate cannot be trusted"
        if isinstance(cause, socket.gaierror):
            return "its name is not found"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection is refused"
        cause = cause.__cause__ or cause.__context__
    return "cannot be reached" if isinstance(error, (httpx.ConnectError, OSError)) else "the talk broke off"
