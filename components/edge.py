"""The outer wall: every request and every websocket passes here before NiceGUI or the API sees it.

Pure ASGI, since other middleware never sees websockets. Must never let a page or a socket through without a session.
"""

import http.cookies
import ipaddress
import json
import math
from urllib.parse import parse_qs, urlsplit

from nicegui import Client
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.doors import Doors, SignedIn
from components.failing import failed_answer
from components.flood import Allowance, neighbours
from components.sockets import Sockets
from components.theme import LIBRARIES, PRIVATE_LIBRARIES

MOST_BYTES = 1024 * 1024
PER_SECOND, AT_ONCE = 200.0, 2000.0  # requests of one address: some hundred page loads at once
UPLOAD = "/api/v1/data"
SOCKET = "/_nicegui_ws"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset(
    {
        *("/health", "/metrics", "/login", "/favicon.ico", "/robots.txt"),
        *("/manifest.webmanifest", "/sw.js", "/offline.html"),
    }
)
OPEN_FOLDERS = ("/api/", "/assets/", "/icons/")
CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src {connect}; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'; form-action 'self'"
)


class Edge:
    """Host, Origin, session, size and headers. What it lets in finds who it is in `scope["signed_in"]`."""

    def __init__(self, app: ASGIApp, doors: Doors, pages: "Pages | None" = None, at_once: float = AT_ONCE) -> None:
        self._app, self._doors, self._pages = app, doors, pages or Pages(doors)
        self._pace = Allowance(doors.clock, per_second=PER_SECOND, burst=at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        host = headers.get("host", "")
        send = self._dressed(scope, host, send)
        if refusal := self._refusal(scope, headers, host):
            await _refuse(scope, receive, send, *refusal)
            return
        if early := self._pace.refuse(neighbours((scope.get("client") or ("",))[0])):
            await _refuse(scope, receive, send, 429, "Too many requests", "slow down", early)
            return
        secret = cookie_value(headers.get("cookie", ""), self._doors.cookie)
        who = await self._doors.auth.session(secret) if secret else None
        scope["signed_in"], scope["session_secret"] = who, secret if who else None
        if scope["type"] == "websocket":
            if who is None or who.must_change or secret is None:
                await _refuse(scope, receive, send, 401, "Not signed in", "sign in at /login")
            elif self._pages.owner(_page_of(scope)) not in (None, secret):
                await _refuse(scope, receive, send, 403, "Not your page", "reload the page")
            else:
                await self._socket(scope, receive, send, secret)
            return
        if away := _sent_away(scope, who):
            await _redirect(send, away)
            return
        await self._answer(scope, headers, receive, send)

    async def _answer(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        answer = Answering(send)
        try:
            await self._app(scope, limited(receive, self._most(scope)), answer)
        except TooLarge:
            await _refuse(scope, receive, send, 413, "Too large", f"at most {self._most(scope)} bytes are taken")
        except ClientDisconnect:  # in the middle of what it was sending: nobody waits for an answer
            await answer.end()
        except Exception as error:
            if not answer.begun:  # before the layers outside answer: theirs would come without our headers
                what = f"{scope['method']} {scope['path']}"
                await failed_answer(what, error, headers.get("accept", ""))(scope, receive, answer)
            raise
        else:
            await answer.end()

    async def _socket(self, scope: Scope, receive: Receive, send: Send, secret: str) -> None:
        line = self._pages.sockets.open(secret, receive, send)
        try:
            await self._app(scope, line.receive, line.send)
        finally:
            self._pages.sockets.closed(line)

    def _refusal(self, scope: Scope, headers: dict[str, str], host: str) -> tuple[int, str, str] | None:
        """(status, title, detail) of what must not come in at all."""
        if not answers_to(host, self._doors.names):
            return 421, "Unknown host", "set TRADER_PUBLIC_URL to the address you use, or use the server's IP address"
        socket = scope["type"] == "websocket" or scope["path"].startswith(SOCKET)
        if scope["type"] == "http" and scope["path"].startswith(SOCKET):
            return 403, "Websocket only", "there is no polling here"
        unsafe = socket or scope["method"] not in SAFE
        if unsafe and not _own_origin(headers, host, needs_one=socket or "cookie" in headers):
            return 403, "Foreign origin", "this request came from another page than the trader's own"
        if _declared_length(headers) > (most := self._most(scope)):
            return 413, "Too large", f"at most {most} bytes are taken"
        return None

    def _most(self, scope: Scope) -> int:
        return self._doors.upload_bytes if is_upload(scope) else MOST_BYTES

    def _dressed(self, scope: Scope, host: str, send: Send) -> Send:
        """Add the security headers to every answer."""
        connect = (
            f"'self' {'wss' if self._doors.secure else 'ws'}://{host}"
            if answers_to(host, self._doors.names)
            else "'self'"
        )
        extra = {
            b"content-security-policy": CSP.format(connect=connect).encode("latin-1", "ignore"),
            b"x-content-type-options": b"nosniff",
            b"x-frame-options": b"DENY",
            b"referrer-policy": b"same-origin",
            b"cross-origin-opener-policy": b"same-origin",
            b"permissions-policy": b"camera=(), microphone=(), geolocation=(), payment=()",
        }
        if self._doors.secure:
            extra[b"strict-transport-security"] = b"max-age=31536000; includeSubDomains"
        private = scope["type"] == "http" and not scope["path"].startswith(("/assets/", LIBRARIES))

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", ())}
                fresh = extra | ({b"cache-control": b"no-store"} if private else {})
                added = [pair for pair in fresh.items() if pair[0] not in present]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        return dressed


class Pages:
    """The open pages and the session each belongs to. One whose session is over is moved to the sign-in page."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._secrets: dict[str, str] = {}
        self.sockets = Sockets(doors)

    def owner(self, id: str) -> str | None:
        """The session that opened this page; None where it has none."""
        return self._secrets.get(id)

    def enter(self, client: Client, secret: str) -> None:
        self._secrets[client.id] = secret
        client.on_delete(lambda: self._secrets.pop(client.id, None))

    async def sweep(self) -> None:
        over = [id for id, secret in list(self._secrets.items()) if await self._doors.auth.session(secret) is None]
        ending = [client for id in over if (client := Client.instances.get(id)) is not None]
        for client in ending:
            if client.has_socket_connection:
                client.run_javascript("location.replace('/login')")
        if ending:
            await self._doors.clock.sleep(0.3)  # the order to leave must get out before the door shuts
        for id in over:
            self._secrets.pop(id, None)
            if (client := Client.instances.get(id)) is not None:
                client.delete()
        await self.sockets.sweep()


class Answering:
    """Ends an answer that its maker gave up because the visitor has left: else the layers outside call it a crash."""

    def __init__(self, send: Send) -> None:
        self._send, self._begun, self._ended = send, False, False

    @property
    def begun(self) -> bool:
        return self._begun

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def end(self) -> None:
        if not self._begun:
            await self._send({"type": "http.response.start", "status": 500, "headers": []})
        if not self._ended:
            await self._send({"type": "http.response.body", "body": b""})


class TooLarge(Exception):
    """The body turned out longer than its headers said and than we take."""


def is_upload(scope: Scope) -> bool:
    """The one request whose body may be long: it is written to disk as it comes."""
    return bool(scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == UPLOAD)


def answers_to(host: str, names: frozenset[str]) -> bool:
    """Addresses and localhost are safe from DNS rebinding, other names only when they are known to be ours."""
    try:
        parsed = urlsplit(f"//{host}")
        name, _ = parsed.hostname, parsed.port
    except ValueError:
        return False
    if not name or parsed.username is not None or parsed.path or parsed.query:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def cookie_value(header: str, name: str) -> str | None:
    try:
        morsel = http.cookies.SimpleCookie(header).get(name)
    except http.cookies.CookieError:
        return None
    return morsel.value if morsel else None


def limited(receive: Receive, most: int) -> Receive:
    """Stops reading a body that turns out longer than it may be, whatever its headers said."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > most:
                raise TooLarge
        return message

    return counted


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _own_origin(headers: dict[str, str], host: str, *, needs_one: bool) -> bool:
    """A browser names the page that a request comes from; a program with a token has none to name."""
    origin = headers.get("origin")
    if origin is None:
        return not needs_one
    return origin.partition("://")[2] == host


def _page_of(scope: Scope) -> str:
    """The page that a websocket's address names."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return str(query.get("client_id", [""])[0])


def _declared_length(headers: dict[str, str]) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _sent_away(scope: Scope, who: SignedIn | None) -> str | None:
    """Where a page's visitor must go first. The API answers for itself."""
    path = scope["path"]
    if path in OPEN or path == "/api" or path.startswith(OPEN_FOLDERS):
        return None
    if path.startswith(LIBRARIES) and not path.startswith(PRIVATE_LIBRARIES):
        return None
    if who is None:
        return "/login"
    if who.must_change and path not in ("/password", "/logout"):
        return "/password"
    return None


async def _redirect(send: Send, where: str) -> None:
    await send({"type": "http.response.start", "status": 303, "headers": [(b"location", where.encode())]})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, title: str, detail: str, retry_after: float = 0.0
) -> None:
    if scope["type"] == "websocket":
        await receive()  # the connect
        await send({"type": "websocket.close", "code": 4403 if status == 403 else 4401})
        return
    body = json.dumps({"title": title, "status": status, "detail": detail}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    if retry_after:
        headers.append((b"retry-after", str(math.ceil(retry_after)).encode()))
    if status == 413:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
