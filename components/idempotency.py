"""Bodies and repeats of the API's POSTs: size, media type, and one effect per `Idempotency-Key` for 24 hours.

An upload is read by its own route, as it comes: to send the same candles twice changes nothing.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.doors import Doors, SignedIn
from components.edge import MOST_BYTES, TooLarge, is_upload
from components.problems import Problem

DAY = timedelta(hours=24)
KEPT = frozenset({200, 202, 404, 409})  # what a repeat gets again; a refusal may be tried anew


class Bodies:
    """Reads the body of each request that may change something, whole, before anything looks at it."""

    def __init__(self, app: ASGIApp, doors: Doors, signed_in: Callable[[Request], Awaitable[SignedIn]]) -> None:
        self._app, self._doors, self._signed_in = app, doors, signed_in
        self._under_way: dict[tuple[str, str], asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] not in ("POST", "DELETE")
            or is_upload(scope)
            or not _is_known(scope)
        ):
            await self._app(scope, receive, send)
            return
        try:
            body = await _whole(receive)
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            _check_type(headers.get("content-type", ""), body)
            key = headers.get("idempotency-key")
            if key is None or scope["path"].endswith("/token"):
                await self._app(scope, _again(body, receive), send)
                return
            if not 0 < len(key) <= 64 or not all("!" <= each <= "~" for each in key):
                raise Problem(422, "Idempotency-Key: use 1 to 64 visible characters without spaces")
            who = await self._signed_in(Request(scope))
            await self._once(who.username, key, body, scope, receive, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)

    async def _once(self, username: str, key: str, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """A repeat that comes while the first is under way waits for its answer."""
        digest = hashlib.sha256(scope["path"].encode() + b"\n" + body).hexdigest()
        lock = self._under_way.setdefault((username, key), asyncio.Lock())
        try:
            async with lock:
                now = self._doors.clock.now()
                found = await self._doors.tasks.in_thread(lambda: self._doors.answers.recall(username, key, now - DAY))
                if found is None:
                    await self._first(username, key, digest, _again(body, receive), scope, send)
                    return
                known, status, answer = found
                if known != digest:
                    raise Problem(422, "Idempotency-Key: it was used for another request; take a new one")
                kind = "application/json" if status < 400 else "application/problem+json"
                await Response(answer, status, media_type=kind)(scope, receive, send)
        finally:
            if not lock.locked():
                self._under_way.pop((username, key), None)

    async def _first(self, username: str, key: str, digest: str, receive: Receive, scope: Scope, send: Send) -> None:
        status, parts = 0, list[bytes]()

        async def listening(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            parts.append(message.get("body", b""))
            if status in KEPT and message["type"] == "http.response.body" and not message.get("more_body", False):
                # written before the last of it leaves: whoever has the answer can rely on getting it again
                answer, now = b"".join(parts).decode(), self._doors.clock.now()
                await self._doors.tasks.in_thread(
                    lambda: self._doors.answers.remember(username, key, digest, status, answer, now)
                )
            await send(message)

        await self._app(scope, receive, listening)


def _is_known(scope: Scope) -> bool:
    """What no route takes is told so, whatever key and body it came with."""
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "the request ended before its body did")
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(parts)
    except TooLarge as error:
        raise Problem(413, f"at most {MOST_BYTES} bytes are taken") from error


def _check_type(declared: str, body: bytes) -> None:
    if body and declared.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "send the body as application/json")


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever the connection says."""
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
