"""WebSocket connections and what a script can do to them, by channel: `market` streams, `user` (listenKey) and `api`
(the WebSocket API). Who says what is in `publish` and `user_data`.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.binance_us_double.clock import ServerClock

DAY_SECONDS = 86_400
PONG_SECONDS = 60
MESSAGES_A_SECOND = 5


@dataclass(eq=False)
class Connection:
    """One open socket; what is said to it leaves in order."""

    socket: web.WebSocketResponse
    abort: Callable[[], None]
    since: float
    combined: bool = False
    names: list[str] = field(default_factory=list)
    subscriptions: list[int] = field(default_factory=list)
    unanswered: float | None = None  # since when a ping waits for its pong
    outgoing: "asyncio.Queue[str | bytes | int]" = field(default_factory=asyncio.Queue)
    second: tuple[int, int] = (0, 0)

    async def write(self) -> None:
        """Until a closing code comes along: text is a message, bytes are a ping."""
        try:
            while not self.socket.closed:
                item = await self.outgoing.get()
                if isinstance(item, int):
                    await self.socket.close(code=item)
                elif isinstance(item, bytes):
                    await self.socket.ping(item)
                else:
                    await self.socket.send_str(item)
        except ConnectionError:
            return  # the other side has gone; the reading side notices too

    def is_talkative(self, now: float) -> bool:
        """More messages in this second than the exchange allows."""
        second, count = self.second
        self.second = (int(now), count + 1 if second == int(now) else 1)
        return self.second[1] > MESSAGES_A_SECOND


class Channel:
    """`silent`: nothing goes out; `deaf`: nothing that comes in is noticed; both: a half-open connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections: list[Connection] = []
        self.refuse: int | None = None  # the HTTP status that answers the handshake
        self.elsewhere = ""  # an address to which the handshake is led by a redirect
        self.silent = self.deaf = False
        self.copies = 1
        self.lose = 0
        self.said: deque[Any] = deque(maxlen=10_000)  # what was to be sent, whether or not it was
        self._held: list[tuple[Connection, str]] | None = None

    # ---------------------------------------------------------------- what scripts do

    def freeze(self) -> None:
        """Half-open in both directions: the sockets stay, and nothing passes any more."""
        self.silent = self.deaf = True

    def thaw(self) -> None:
        self.silent = self.deaf = False

    def hold(self) -> None:
        """Keep events back until `release`."""
        self._held = []

    @property
    def held(self) -> list[Any]:
        return [json.loads(text) for _, text in self._held or []]

    def release(self, order: list[int] | None = None, copies: int = 1) -> None:
        """Send what was kept, in this order of indices (each may stand there more than once, or not at all)."""
        held, self._held = self._held or [], None
        for number in order if order is not None else range(len(held)):
            for _ in range(copies):
                connection, text = held[number]
                connection.outgoing.put_nowait(text)

    def drop(self) -> None:
        """Every connection is reset."""
        for connection in list(self.connections):
            connection.abort()

    def close(self, code: int = 1001) -> None:
        """Every connection is closed with a farewell."""
        for connection in list(self.connections):
            connection.outgoing.put_nowait(code)

    def ping(self, now: float = 0.0) -> None:
        for connection in self.connections:
            if not self.silent:
                connection.outgoing.put_nowait(str(int(now * 1000)).encode())
                connection.unanswered = now if connection.unanswered is None else connection.unanswered

    # ---------------------------------------------------------------- what the exchange does

    def event(self, connection: Connection, body: Any) -> None:
        """Something happened: this may be lost, doubled, kept back."""
        text = json.dumps(body, separators=(",", ":"))
        self.said.append(body)
        if self.silent:
            return
        if self.lose:
            self.lose -= 1
        elif self._held is not None:
            self._held.append((connection, text))
        else:
            for _ in range(self.copies):
                connection.outgoing.put_nowait(text)

    def reply(self, connection: Connection, body: Any) -> None:
        """The answer to what the other side said."""
        if not self.silent:
            connection.outgoing.put_nowait(json.dumps(body, separators=(",", ":")))


class Streams:
    """The three channels, and what becomes of connections as time goes by."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self.market, self.user, self.api = Channel("market"), Channel("user"), Channel("api")
        self.all = (self.market, self.user, self.api)
        self.ping_seconds = 20.0
        self._pinged = clock.elapsed()
        clock.on_tick(self.tick)

    def tick(self) -> None:
        """Pings, and the connections that are too old or too quiet."""
        now = self._clock.elapsed()
        due = now - self._pinged >= self.ping_seconds
        for channel in self.all:
            for connection in list(channel.connections):
                if now - connection.since >= DAY_SECONDS:
                    connection.outgoing.put_nowait(1001)
                elif connection.unanswered is not None and now - connection.unanswered >= PONG_SECONDS:
                    connection.outgoing.put_nowait(1008)
            if due:
                channel.ping(now)
        if due:
            self._pinged = now

    def notice(self) -> None:
        """The serverShutdown event: this connection will end soon."""
        body = {"e": "serverShutdown", "E": self._clock.ms()}
        for channel in self.all:
            for connection in channel.connections:
                said: dict[str, Any] = body
                if channel is self.api:
                    said = {"event": body}
                elif connection.combined:
                    said = {"stream": "!serverShutdown", "data": body}
                channel.event(connection, said)

    def shut_down(self) -> None:
        self.notice()
        for channel in self.all:
            channel.close(1001)

    def cut_off(self, how: str) -> None:
        for channel in self.all:
            channel.thaw()
            if how == "silent":
                channel.freeze()
            elif how:
                channel.drop()
