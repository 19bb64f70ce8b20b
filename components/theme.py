"""The look: one small stylesheet and one small script of our own, served once and kept by the browser for ever."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ASSETS = Path(__file__).with_name("assets")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


def _address(name: str) -> str:
    """With the content's hash in it: a new content is a new address."""
    return f"/assets/{hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:12]}/{name}"


STYLE, SCRIPT, LOGIN_STYLE, ICON = (_address(name) for name in ("trader.css", "trader.js", "login.css", "icon.svg"))
HEAD = (
    f'<link rel="stylesheet" href="{STYLE}"><script defer src="{SCRIPT}"></script>'
    f'<link rel="icon" type="image/svg+xml" href="{ICON}">'
    '<meta name="theme-color" content="#10151c" media="(prefers-color-scheme: dark)">'
    '<meta name="theme-color" content="#f4f6f9" media="(prefers-color-scheme: light)">'
    '<meta name="format-detection" content="telephone=no">'
)


def add_assets(web: FastAPI) -> None:
    for address in (STYLE, SCRIPT, LOGIN_STYLE, ICON):
        web.router.routes.append(Route(address, _server(ASSETS / address.rsplit("/", 1)[1])))


def _server(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()

    async def serve(_: Request) -> Response:
        return Response(content, media_type=TYPES[path.suffix], headers={"cache-control": FOR_EVER})

    return serve
