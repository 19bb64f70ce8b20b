"""The open websockets: each belongs to a session, ends with it, presses only that session's buttons, and not too fast.

NiceGUI takes a page's id for a proof of who one is. Here it is not: an id that leaked opens nothing without the cookie.
"""

import inspect
from collections.abc import Callable
from typing import Any

from nicegui import core
from starlette.types import Message, Receive, Send

from components.doors import Doors
from components.flood import Allowance

EVENTS_PER_SECOND, EVENTS_AT_ONCE = 10.0, 120.0  # of all pages of a session: a person types five keys a second
MOST_FRAME = 1024 * 1024
EVENT, ACKNOWLEDGED = "42", '42["ack"'
NAMES_PAGE = ("handshake", "event", "javascript_response", "ack", "log")
Handler = Callable[..., Any]
_nicegui: dict[str, Handler] = {}


class Sockets:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._pace = Allowance(doors.clock, per_second=EVENTS_PER_SECOND, burst=EVENTS_AT_ONCE)
        self._lines: dict[Line, str] = {}

    def open(self, secret: str, receive: Receive, send: Send) -> "Line":
        async def paced() -> None:
            if early := self._pace.take(secret):
                await self._doors.clock.sleep(early)  # nothing more is read meanwhile: the sender has to wait

        line = Line(receive, send, paced)
        self._lines[line] = secret
        return line

    def closed(self, line: "Line") -> None:
        self._lines.pop(line, None)

    async def sweep(self) -> None:
        """Close those whose session is over."""
        for line, secret in list(self._lines.items()):
            if await self._doors.auth.session(secret) is None:
                await line.close(4401)

    def __len__(self) -> int:
        return len(self._lines)


class Line:
    """One websocket."""

    def __init__(self, receive: Receive, send: Send, paced: Callable[[], Any]) -> None:
        self._receive, self._send, self._paced = receive, send, paced
        self._closed = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            text = message.get("text") or ""
            if len(text) + len(message.get("bytes") or b"") > MOST_FRAME:
                await self.close(1009)
                return {"type": "websocket.disconnect", "code": 1009}
            if self._closed:
                return {"type": "websocket.disconnect", "code": 4401}
            if text.startswith(EVENT) and not text.startswith(ACKNOWLEDGED):
                await self._paced()
        return message

    async def send(self, message: Message) -> None:
        if not self._closed:
            await self._send(message)

    async def close(self, code: int) -> None:
        if not self._closed:
            self._closed = True
            await self._send({"type": "websocket.close", "code": code})


def keep_to_own_pages(owner: Callable[[str], str | None]) -> None:
    """From now on a socket's words about a page count only where the page was opened by the same session.

    `owner` says which session a page belongs to; None for a page that has none, such as the one that says 404.
    """
    for name in NAMES_PAGE:
        core.sio.on(name, _own_pages_only(_nicegui.setdefault(name, core.sio.handlers["/"][name]), owner))


def _own_pages_only(handler: Handler, owner: Callable[[str], str | None]) -> Handler:
    async def kept(socket: str, message: object, *rest: Any) -> Any:
        page = message.get("client_id") if isinstance(message, dict) else None
        scope = (core.sio.get_environ(socket) or {}).get("asgi.scope", {})
        if not isinstance(page, str) or owner(page) not in (None, scope.get("session_secret")):
            return False
        answer = handler(socket, message, *rest)
        return await answer if inspect.isawaitable(answer) else answer

    return kept
