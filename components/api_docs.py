"""The API's description: `/api/openapi.json` and a plain page of it at `/api/docs`, both behind sign-in."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from fastapi import Depends, FastAPI, Response
from starlette.responses import HTMLResponse, JSONResponse

from components.api_shapes import described
from components.doors import SignedIn

Gate = Callable[..., Awaitable[SignedIn]]


def add(api: FastAPI, gate: Gate) -> None:
    async def openapi() -> Response:
        return JSONResponse(described(api))

    async def docs() -> Response:
        return HTMLResponse(_page(described(api)))

    for path, work in (("/openapi.json", openapi), ("/docs", docs)):
        api.add_api_route(path, work, methods=["GET"], dependencies=[Depends(gate)], include_in_schema=False)


def _page(description: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>/api{escape(path)}</code></td><td>{_inputs(operation)}</td></tr>"
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    )
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API · bitcoin-autotrader</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>:root{{color-scheme:dark light}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:860px;margin:0 auto;padding:24px 16px}}
table{{border-collapse:collapse;width:100%}}
td{{padding:8px 12px 8px 0;border-bottom:1px solid #8884;vertical-align:top}}
code{{overflow-wrap:anywhere}}</style></head><body><h1>API</h1>
<p>POST <code>/api/v1/token</code> with <code>{{"username", "password", "otp"?}}</code> gives a token
for 24 hours; send it as <code>Authorization: Bearer …</code>.
Lists take <code>limit</code> (1 to 1000) and
<code>offset</code> and answer <code>{{"items": […], "total": n}}</code>, newest first.
Money is a decimal string, times are UTC.
Errors are <code>application/problem+json</code>. POSTs take an <code>Idempotency-Key</code>.</p>
<table>{rows}</table><p>Machine-readable: <a href="/api/openapi.json">openapi.json</a></p></body></html>"""


def _inputs(operation: dict[str, Any]) -> str:
    names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    references = [body, *body.get("anyOf", ())]
    named = next((each["$ref"].rsplit("/", 1)[1] for each in references if "$ref" in each), "")
    return escape(", ".join(names) or (f"body: {named}" if named not in ("", "Nothing") else ""))
