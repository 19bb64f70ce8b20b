"""A peer that says what a test tells it to say: for what goes wrong between two machines, byte by byte.

It knows nothing of an exchange; `rest` is its address, `asked` what it was asked.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from app.seam import Clock, Tasks
from services.binance_us.client import Client
from services.binance_us.dialling import Addresses

Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Asked:
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


class Peer:
    """`answers["POST /api/v3/order"]` is a list of scripts; the last one stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Script]] = defaultdict(list)
        self.sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def addresses(self) -> Addresses:
        return Addresses(rest=self.rest, ws=self.ws, ws_api=f"{self.ws}/ws-api/v3")

    def says(self, call: str, body: Any, status: int = 200, **headers: str) -> None:
        """Next in line for `call`: this JSON."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}

        async def script(request: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status, headers=names)

        self.answers[call].append(script)

    def sends(self, call: str, text: str | bytes, status: int = 200, **headers: str) -> None:
        """Next in line for `call`: these bytes, whatever they are."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}

        async def script(request: web.Request) -> web.StreamResponse:
            return web.Response(body=text if isinstance(text, bytes) else text.encode(), status=status, headers=names)

        self.answers[call].append(script)

    def does(self, call: str, script: Script) -> None:
        self.answers[call].append(script)

    def calls(self, call: str) -> list[Asked]:
        return [each for each in self.asked if each.call == call]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = request.query_string or (await request.text())
        asked = Asked(request.method, request.path, dict(parse_qsl(text)), dict(request.headers))
        self.asked.append(asked)
        scripts = self.answers.get(asked.call)
        if not scripts:
            return web.json_response({"code": -1, "msg": f"nothing is scripted for {asked.call}"}, status=500)
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return await script(request)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self.sockets:
            await each.close()
        if self._runner is not None:
            await self._runner.cleanup()


def hang_up(after: bytes = b"") -> Script:
    """The line goes dead, after these raw bytes."""

    async def script(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            if isinstance(transport, asyncio.WriteTransport) and after:
                transport.write(after)
                await asyncio.sleep(0.01)
            transport.abort()
        return web.Response()

    return script


def silent() -> Script:
    """No answer at all, until the test ends."""

    async def script(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    return script


def socket(peer: Peer, *events: dict[str, Any], then_close: bool = False) -> Script:
    """A WebSocket that sends these events, and then whatever a test sends through `peer.sockets`."""

    async def script(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        peer.sockets.append(response)
        for event in events:
            await response.send_str(json.dumps(event))
        if then_close:
            await response.close()
        async for _ in response:
            pass
        return response

    return script


@asynccontextmanager
async def connected(peer: Peer, **settings: Any) -> AsyncIterator[Client]:
    """A client that dials `peer` and no other."""
    client = Client(peer.addresses(), clock=Clock(), key="the-key-of-a-test", secret="the-secret-of-a-test", **settings)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def tasks() -> AsyncIterator[Tasks]:
    """Background work that ends with the test, and fails it where it crashed."""
    crashed: list[tuple[str, BaseException]] = []
    running = Tasks(on_crash=lambda name, error: crashed.append((name, error)))
    yield running
    await running.stop()
    assert crashed == []
