"""The dashboard as an app: manifest, icons, the service worker, and the page for when there is no connection.

Everybody may fetch them, before signing in too: nothing in them is private. The worker must never keep a page.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from nicegui import __version__ as nicegui_version
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from components.theme import LIBRARIES, PRIVATE_LIBRARIES, SCRIPT, STYLE

HERE = Path(__file__).with_name("assets")
SOON_AGAIN = "no-cache"  # asked for each time, and answered in a word when nothing is new
DAY = "public, max-age=86400"
KINDS = {".png": "image/png", ".ico": "image/x-icon"}
NAME, SHORT_NAME = "bitcoin-autotrader", "Autotrader"
BACK = "#10151c"
APP_HEAD = (
    '<link rel="manifest" href="/manifest.webmanifest"><link rel="apple-touch-icon" href="/icons/apple-touch-180.png">'
    '<meta name="mobile-web-app-capable" content="yes"><meta name="apple-mobile-web-app-capable" content="yes">'
    '<meta name="apple-mobile-web-app-status-bar-style" content="default">'
    f'<meta name="apple-mobile-web-app-title" content="{SHORT_NAME}">'
)


def manifest() -> bytes:
    def icon(name: str, size: int, purpose: str = "any") -> dict[str, str]:
        return {"src": f"/icons/{name}", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}

    def shortcut(title: str, tab: str) -> dict[str, object]:
        return {"name": title, "url": f"/?tab={tab}", "icons": [icon("icon-192.png", 192)]}

    return json.dumps(
        {
            "id": "/",
            "name": NAME,
            "short_name": SHORT_NAME,
            "description": "Watch and steer your own bitcoin trader",
            "lang": "en",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": BACK,
            "theme_color": BACK,
            "categories": ["finance"],
            "icons": [
                icon("icon-192.png", 192),
                icon("icon-512.png", 512),
                icon("maskable-512.png", 512, "maskable"),
            ],
            "shortcuts": [shortcut("Positions", "positions"), shortcut("Pause or stop", "controls")],
        }
    ).encode()


def worker() -> bytes:
    """The cache's name changes with everything that is kept in it, so that an upgrade leaves nothing old behind."""
    offline = (HERE / "pwa/offline.html").read_bytes()
    kept = hashlib.sha256("\n".join((STYLE, SCRIPT)).encode() + offline).hexdigest()[:12]
    text = (HERE / "pwa/sw.js").read_text(encoding="utf-8")
    for mark, value in (
        ("__CACHE__", f"trader-{nicegui_version}-{kept}"),
        ("__LIBRARIES__", LIBRARIES),
        ("__PRIVATE_LIBRARIES__", PRIVATE_LIBRARIES),
    ):
        text = text.replace(mark, value)
    return text.encode()


def add_pwa(web: Starlette) -> None:
    icons = {path.name: path.read_bytes() for path in sorted((HERE / "icons").iterdir())}
    offline = (HERE / "pwa/offline.html").read_bytes()
    whole = {"service-worker-allowed": "/"}
    web.router.routes[:0] = [
        Route("/manifest.webmanifest", _server(manifest(), "application/manifest+json", SOON_AGAIN)),
        Route("/sw.js", _server(worker(), "text/javascript", SOON_AGAIN, whole)),
        Route("/offline.html", _server(offline, "text/html", SOON_AGAIN)),
        Route("/favicon.ico", _server(icons["favicon.ico"], KINDS[".ico"], DAY)),
        *(Route(f"/icons/{name}", _server(data, KINDS[Path(name).suffix], DAY)) for name, data in icons.items()),
    ]


def _server(
    content: bytes, kind: str, cached: str, more: dict[str, str] | None = None
) -> Callable[[Request], Awaitable[Response]]:
    mark = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"cache-control": cached, "etag": mark, **(more or {})}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return serve
