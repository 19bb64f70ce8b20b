"""Whoever leaves in the middle of a question or an answer is no fault of ours: nothing of it stands in the log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from nicegui.middlewares import RedirectWithPrefixMiddleware, SetCacheControlMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.fakes_ui import PASSWORD, Desk
from tests.integration.test_http_api import an_application
from tests.ports import free_port

BEGUN = (
    "POST /login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60\r\n{}\r\nusername="
)
ASKED = "GET /icons/slow HTTP/1.1\r\n{}\r\n"


def behind_what_nicegui_puts_before_it(web: FastAPI) -> FastAPI:
    """The layers that `ui.run` adds outside of ours, in its order."""
    for layer in (GZipMiddleware, RedirectWithPrefixMiddleware, SetCacheControlMiddleware):
        web.add_middleware(layer)
    return web


@asynccontextmanager
async def served(web: FastAPI) -> AsyncIterator[int]:
    """Over real sockets; at the end every answer has come to its own end."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(web, port=port, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await running


async def test_a_visitor_who_leaves_in_the_middle_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    desk, asked = Desk(), asyncio.Event()
    await desk.auth.start("admin", PASSWORD)
    web = an_application(desk)

    async def slow(_: Request) -> StreamingResponse:
        async def never() -> AsyncIterator[bytes]:
            asked.set()
            await asyncio.Event().wait()
            yield b""

        return StreamingResponse(never())

    web.router.routes.insert(0, Route("/icons/slow", slow))
    with caplog.at_level(logging.INFO):
        async with served(behind_what_nicegui_puts_before_it(web)) as port:
            head = f"Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            for words in (BEGUN, ASKED):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(words.format(head).encode())
                await writer.drain()
                if words is ASKED:
                    await asyncio.wait_for(asked.wait(), 5)
                writer.transport.abort()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
