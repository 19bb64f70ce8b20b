"""Bodies and repeats of the API's POSTs: size, media type, and one effect per `Idempotency-Key`.

Answers are kept for 24 hours in memory; after a restart a repeat is a new request (every order here is safe to repeat).
"""

import asyncio
import hashlib
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.seam import Clock
from components.edge import MOST_BYTES, TooLarge
from components.problems import Problem

DAY_SECONDS = 86_400.0
MOST_KEYS = 10_000
KEPT = frozenset({200, 202, 404, 409})  # what a repeat gets again; a refusal may be tried anew


@dataclass(slots=True)
class Kept:
    body: str  # SHA-256 of the request's
    at: float
    messages: list[Message] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Bodies:
    """Reads each POST's body whole before anything looks at it."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock
        self._kept: dict[str, Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            body = await _whole(receive)
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            _check_type(headers.get("content-type", ""), body)
            key = headers.get("idempotency-key")
            if key is not None and (len(key) > 64 or not key or not all("!" <= each <= "~" for each in key)):
                raise Problem(422, "Idempotency-Key: use 1 to 64 visible characters without spaces")
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if key is None or scope["path"].endswith("/token"):
            await self._app(scope, _again(body, receive), send)
            return
        whose = headers.get("authorization", "") + headers.get("cookie", "")
        name = hashlib.sha256("\n".join((whose, scope["path"], key)).encode()).hexdigest()
        await self._once(name, body, scope, receive, send)

    async def _once(self, name: str, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        now, digest = self._clock.monotonic(), hashlib.sha256(body).hexdigest()
        self._forget(now)
        kept = self._kept.setdefault(name, Kept(digest, now))
        if kept.body != digest:
            problem = Problem(422, "Idempotency-Key: it was used with another body; take a new one")
            await problem.response()(scope, receive, send)
            return
        async with kept.lock:  # a repeat that comes while the first is under way waits for its answer
            if kept.messages:
                for message in kept.messages:
                    await send(message)
                return
            heard: list[Message] = []

            async def listening(message: Message) -> None:
                heard.append(message)
                await send(message)

            try:
                await self._app(scope, _again(body, receive), listening)
            finally:
                if heard and heard[0].get("status") in KEPT:
                    kept.messages = heard
                else:
                    self._kept.pop(name, None)

    def _forget(self, now: float) -> None:
        while self._kept:
            first = next(iter(self._kept))
            if now - self._kept[first].at < DAY_SECONDS and len(self._kept) < MOST_KEYS:
                return
            del self._kept[first]


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
