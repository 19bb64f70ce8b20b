"""The exchange as a server on loopback: `async with BinanceDouble() as exchange:`, then a client to its addresses."""

import asyncio
import ssl
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.binance_us_double.core import Core
from tests.binance_us_double.rest import Rest, reset_line
from tests.binance_us_double.sockets import Sockets

HOUSEKEEPING_SECONDS = 0.5


class BinanceDouble(Core):
    """`rest_url`, `ws_url` and `ws_api_url` are where a client goes; everything else is for the script of a test."""

    def __init__(self, *args: Any, port: int = 0, tls: ssl.SSLContext | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.port, self._tls = port, tls
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._housekeeper: asyncio.Task[None] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def rest_url(self) -> str:
        return f"http{'s' if self._tls else ''}://{self.host}"

    @property
    def ws_url(self) -> str:
        return f"ws{'s' if self._tls else ''}://{self.host}"

    @property
    def ws_api_url(self) -> str:
        return f"{self.ws_url}/ws-api/v3"

    async def __aenter__(self) -> Self:
        rest, sockets = Rest(self, self._closing), Sockets(self, self._closing)

        async def handle(request: web.Request) -> web.StreamResponse:
            upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
            return await (sockets.handle(request) if upgrade else rest.handle(request))

        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/{path:.*}", handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._housekeeper = asyncio.create_task(self._keep_house())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.faults.clear()
        if self._housekeeper is not None:
            self._housekeeper.cancel()
        for channel in self.streams.all:
            channel.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    def cut_off(self, how: str = "reset") -> None:
        """Kept connections that are idle just now die too: none outlives a loss of the network."""
        super().cut_off(how)
        if how == "reset" and self._runner is not None and self._runner.server is not None:
            for line in self._runner.server.connections:
                if line.transport is not None:
                    reset_line(line.transport)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            self.clock.tick()
