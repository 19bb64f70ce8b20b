"""WebSocket handshakes and what comes in over open connections."""

import asyncio

from aiohttp import WSMsgType, web

from tests.binance_us_double import ws_api
from tests.binance_us_double.channels import Channel, Connection
from tests.binance_us_double.core import Core
from tests.binance_us_double.publish import converse
from tests.binance_us_double.rest import reset


class Sockets:
    """`/ws/<name>`, `/ws`, `/stream?streams=a/b` and `/ws-api/v3`."""

    def __init__(self, core: Core, closing: asyncio.Event) -> None:
        self._core, self._closing = core, closing

    async def handle(self, request: web.Request) -> web.StreamResponse:
        core, path = self._core, request.rel_url.raw_path
        core.requests.sockets.append(str(request.rel_url))
        core.requests.hosts.add(request.host)
        names = _names(request)
        channel = self._channel(path, names)
        if core.blackhole:
            if core.blackhole == "silent":
                with core.keeping(request):
                    await self._closing.wait()
            reset(request)
            return web.Response(status=500)
        if channel is None or channel.refuse or core.maintenance:
            return web.Response(status=404 if channel is None else channel.refuse or 503)
        if channel.elsewhere:
            return web.Response(status=302, headers={"Location": channel.elsewhere})
        socket = web.WebSocketResponse(autoping=False, timeout=0.5)
        await socket.prepare(request)
        connection = Connection(socket, lambda: reset(request), core.clock.elapsed(), path.startswith("/stream"))
        await self._serve(channel, connection, names)
        return socket

    def _channel(self, path: str, names: list[str]) -> Channel | None:
        streams = self._core.streams
        if path.startswith("/ws-api/v3"):
            return streams.api
        if path == "/stream" or path == "/ws" or path.startswith("/ws/"):
            return streams.user if any("@" not in name for name in names) else streams.market
        return None

    async def _serve(self, channel: Channel, connection: Connection, names: list[str]) -> None:
        core = self._core
        channel.connections.append(connection)
        writer = asyncio.create_task(connection.write())
        connection.names.extend(name for name in names if "@" not in name)
        core.subscribe(connection, [name for name in names if "@" in name])
        try:
            await self._listen(channel, connection)
        finally:
            writer.cancel()
            for each in core.streams.all:
                if connection in each.connections:
                    each.connections.remove(connection)

    async def _listen(self, channel: Channel, connection: Connection) -> None:
        core = self._core
        async for message in connection.socket:
            if channel.deaf:
                continue
            if message.type is WSMsgType.PONG:
                connection.unanswered = None
            elif connection.is_talkative(core.clock.elapsed()):
                connection.outgoing.put_nowait(1008)
            elif message.type is WSMsgType.PING:
                if not channel.silent:
                    await connection.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT and channel is core.streams.api:
                ws_api.answer(core, connection, message.data)
            elif message.type is WSMsgType.TEXT:
                converse(core, channel, connection, message.data)


def _names(request: web.Request) -> list[str]:
    """The streams in the address; a plain number is what some clients put there to tell connections apart."""
    path = request.rel_url.path
    named = request.rel_url.query.get("streams", "") if path == "/stream" else path.removeprefix("/ws").strip("/")
    return [name for name in named.split("/") if name and not name.isdigit() and not path.startswith("/ws-api")]
