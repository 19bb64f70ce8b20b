"""Pages without NiceGUI: sign-in and the account. Forms and text, a small stylesheet, no script that is needed.

They are stricter than the dashboard: nothing inline runs here. Every POST's Origin was checked by the edge.
"""

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse

from components.pwa import APP_HEAD
from components.theme import ICON, LIBRARIES, LOGIN_STYLE, PLAIN_SCRIPT, SCRIPT, STYLE, VIEWPORT

NEEDED = (  # what the dashboard loads first: fetched while the password is being typed
    "quasar.umd.prod.js", "vue.esm-browser.prod.js", "socket.io.min.js", "nicegui.js", "dompurify.mjs",
    "immutable.es.js", "lang/en-US.umd.prod.js", "quasar.unimportant.prod.css", "quasar.important.prod.css",
    "nicegui.css", "fonts.css",
)  # fmt: skip
PREFETCHED = "".join(
    f'<link rel="prefetch" href="{address}">'
    for address in (*(f"{LIBRARIES}static/{name}" for name in NEEDED), STYLE, SCRIPT)
)
# What the browser keeps of us by itself. Not "storage": that would take the service worker, and with it the alerts that
# a person wants most while signed out. It keeps no page, and we keep no secret where a script could read it.
CLEARED = {"clear-site-data": '"cache"'}
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'; form-action 'self'"
)


def page(
    title: str, content: str, status: int = 200, headers: dict[str, str] | None = None, *, wide: bool = False
) -> HTMLResponse:
    """`content` is HTML: whatever came from outside was escaped before."""
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · bitcoin-autotrader</title>
<meta name="viewport" content="{VIEWPORT}"><meta name="robots" content="noindex">
<meta name="color-scheme" content="dark light">
<link rel="icon" type="image/svg+xml" href="{ICON}"><link rel="stylesheet" href="{LOGIN_STYLE}">
{APP_HEAD}<script defer src="{PLAIN_SCRIPT}"></script>{PREFETCHED}</head>
<body{' class="wide"' if wide else ""}><main><h1><img src="{ICON}" alt="" width="36" height="36">bitcoin-autotrader</h1>
{content}</main></body></html>""",
        status,
        {"content-security-policy": CSP, **(headers or {})},
    )


def said(text: str, *, good: bool = False) -> str:
    return f'<p class="{"good" if good else "said"}" role="alert">{escape(text)}</p>' if text else ""


async def fields(request: Request, *names: str) -> list[str]:
    """What a form holds under these names; files and repeats are as good as nothing."""
    form = await request.form(max_files=0, max_fields=10)
    values = (form.get(name) for name in names)
    return [value if isinstance(value, str) else "" for value in values]


def address(request: Request) -> str:
    return request.client.host if request.client else ""
