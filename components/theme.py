"""The look: one stylesheet and one script of our own, served once and kept by the browser for ever.

Each is written in pieces (assets/style, assets/script: a piece for each part of the page) and sent as one, in the order
of their names.
"""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from nicegui import __version__ as nicegui_version
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ASSETS = Path(__file__).with_name("assets")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LIBRARIES = f"/_nicegui/{nicegui_version}/"  # NiceGUI's own files, for everybody
PRIVATE_LIBRARIES = f"{LIBRARIES}dynamic_resources/"
VIEWPORT = "width=device-width, initial-scale=1, viewport-fit=cover"  # the style keeps clear of notch and home bar
FOR_EVER = "public, max-age=31536000, immutable"


def _joined(folder: str) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted((ASSETS / folder).iterdir()))


CONTENT = {
    "trader.css": _joined("style"),
    "trader.js": _joined("script"),
    **{name: (ASSETS / name).read_bytes() for name in ("login.css", "plain.js", "icon.svg")},
}


def _address(name: str) -> str:
    """With the content's hash in it: a new content is a new address."""
    return f"/assets/{hashlib.sha256(CONTENT[name]).hexdigest()[:12]}/{name}"


STYLE, SCRIPT, LOGIN_STYLE, ICON = (_address(name) for name in ("trader.css", "trader.js", "login.css", "icon.svg"))
PLAIN_SCRIPT = _address("plain.js")
HEAD = (
    f'<link rel="stylesheet" href="{STYLE}"><script defer src="{SCRIPT}"></script>'
    f'<link rel="icon" type="image/svg+xml" href="{ICON}">'
    '<meta name="theme-color" content="#10151c" media="(prefers-color-scheme: dark)">'
    '<meta name="theme-color" content="#f4f6f9" media="(prefers-color-scheme: light)">'
    '<meta name="format-detection" content="telephone=no">'
)


def add_assets(web: FastAPI) -> None:
    for address in (STYLE, SCRIPT, LOGIN_STYLE, ICON, PLAIN_SCRIPT):
        web.router.routes.append(Route(address, _server(address.rsplit("/", 1)[1])))


def _server(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(_: Request) -> Response:
        kind = TYPES[Path(name).suffix]
        return Response(CONTENT[name], media_type=kind, headers={"cache-control": FOR_EVER})

    return serve
