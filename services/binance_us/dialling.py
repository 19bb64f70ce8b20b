"""Whom we may dial: the configured addresses and nobody else, whatever an answer or a resolver says."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The three places that may be dialled, as configured."""

    rest: str
    ws: str
    ws_api: str

    def hosts(self) -> frozenset[str]:
        return frozenset(urlsplit(url).hostname or "" for url in (self.rest, self.ws, self.ws_api))

    def origins(self) -> frozenset[tuple[str, int]]:
        return frozenset(origin(url) for url in (self.rest, self.ws, self.ws_api))


def origin(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme in ("https", "wss") else 80)


class OnlyTheseHosts(AbstractResolver):
    """Resolves the configured names and no other."""

    def __init__(self, hosts: frozenset[str], inner: AbstractResolver) -> None:
        self._hosts, self._inner = hosts, inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host not in self._hosts:
            raise OSError(f"{host} is not a configured host")
        return await self._inner.resolve(host, port, family)

    async def close(self) -> None:
        await self._inner.close()


def no_redirects() -> aiohttp.TraceConfig:
    """A WebSocket handshake follows redirects and cannot be told not to: so it fails before anybody else is dialled."""
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_led_elsewhere)
    return trace


async def _led_elsewhere(session: aiohttp.ClientSession, context: object, told: object) -> None:
    raise aiohttp.ClientError("a redirect is not followed")
