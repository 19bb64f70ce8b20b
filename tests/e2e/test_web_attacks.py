"""Attacks that only a real server, socket or browser can show, each beside the same thing done rightfully."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import aiohttp
import httpx
import pytest
import socketio

from components.page import TABS
from tests.e2e.test_dashboard_browser import ROOT, a_phone, needs_chromium, running, sign_in
from tests.fakes_ui import PASSWORD
from tests.hostile_texts import TEXTS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Server:
    """The dashboard's process, shared by this file's tests."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.url = process, f"http://127.0.0.1:{port}"

    def tell(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def orders(self) -> int:
        return self.tell("orders").count("(")

    def memory_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "NICEGUI", "COV_"))}
    command = [sys.executable, "-m", "tests.e2e.fake_app", str(port), "positions"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=environ, text=True, **pipes)  # type: ignore[call-overload]
    try:
        assert process.stdout.readline().startswith("ready")
        made = Server(process, port)
        until = monotonic() + 30
        while True:
            try:
                httpx.get(f"{made.url}/health")
                break
            except httpx.ConnectError:
                assert monotonic() < until
        yield made
    finally:
        process.kill()
        process.communicate()  # closes its pipes, too


class Visitor:
    """A signed-in browser made of HTTP and one websocket."""

    def __init__(self, server: Server, web: httpx.AsyncClient, raw: aiohttp.ClientSession) -> None:
        self.server, self.web, self._raw = server, web, raw
        self.gone = asyncio.Event()
        self.new_socket()
        self.page = self.button = self.listener = ""

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.web.cookies.items())

    async def open(self) -> None:
        text = (await self.web.get("/")).text
        self.page = re.search(r"'client_id': '([^']+)'", text)[1]  # type: ignore[index]
        found = re.search(r'"(\d+)":\{"tag":"button","text":"(?:Pause|Resume)".*?"listener_id":"([^"]+)"', text)
        assert found is not None
        self.button, self.listener = found[1], found[2]

    def new_socket(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False, http_session=self._raw)
        self.socket.on("disconnect", lambda *_: self.gone.set())

    async def connect(self, page: str) -> None:
        query = f"client_id={page}&next_message_id=0&implicit_handshake=true&document_id={page}&tab_id={page}"
        await self.socket.connect(
            f"{self.server.url}?{query}",
            headers={"Cookie": self.cookie, "Origin": self.server.url},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )

    async def press(self, button_of: "Visitor") -> None:
        """The first button of a page: Pause."""
        where = {"id": int(button_of.button), "client_id": button_of.page, "listener_id": button_of.listener}
        await self.socket.emit("event", {**where, "args": []})


@asynccontextmanager
async def a_visitor(server: Server) -> AsyncIterator[Visitor]:
    headers = {"origin": server.url}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as web, aiohttp.ClientSession() as raw:
        answer = await web.post("/login", data={"username": "admin", "password": PASSWORD})
        assert answer.status_code == 303
        visitor = Visitor(server, web, raw)
        await visitor.open()
        try:
            yield visitor
        finally:
            await visitor.socket.disconnect()


async def count_reaches(server: Server, count: int) -> None:
    until = monotonic() + 10
    while server.orders() < count:
        assert monotonic() < until, f"{server.orders()} orders, {count} awaited"
        await asyncio.sleep(0.02)


# ---------------------------------------------------------------- the socket


async def test_a_page_id_that_leaked_presses_nothing_from_another_sign_in(server: Server) -> None:
    async with a_visitor(server) as owner, a_visitor(server) as thief:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await thief.connect(owner.page)
        await owner.connect(owner.page)
        thief.new_socket()
        await thief.connect(thief.page)
        before = server.orders()
        await thief.press(owner)
        for number, who in enumerate(
            (thief, owner, owner), start=1
        ):  # what was to be heard was heard long before these
            await who.press(who)
            await count_reaches(server, before + number)
        assert server.orders() == before + 3


async def test_signing_out_elsewhere_closes_the_open_sockets_within_two_seconds(server: Server) -> None:
    async with a_visitor(server) as mine, a_visitor(server) as other:
        await mine.connect(mine.page)
        await other.connect(other.page)
        before, began = server.orders(), monotonic()
        await mine.web.post("/account/browsers/end-others")
        await asyncio.wait_for(other.gone.wait(), 5)
        assert monotonic() - began < 2
        assert not mine.gone.is_set()
        await mine.press(mine)
        await count_reaches(server, before + 1)


async def test_a_flood_of_clicks_is_slowed_down_and_the_server_goes_on_answering(server: Server) -> None:
    async with a_visitor(server) as visitor:
        await visitor.connect(visitor.page)
        began = monotonic()
        for _ in range(150):  # 120 may come at once, then ten a second
            await visitor.press(visitor)
        acknowledged = {"client_id": visitor.page, "next_message_id": 0}
        heard = asyncio.create_task(visitor.socket.call("ack", acknowledged, timeout=30))
        waits = []
        for _ in range(20):
            asked = monotonic()
            assert (await visitor.web.get("/health")).status_code == 200
            waits.append(monotonic() - asked)
        assert sorted(waits)[10] < 0.25
        await heard
        assert monotonic() - began > 2.5


async def test_an_address_that_a_visitor_makes_up_does_not_help_to_guess_passwords(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers={"origin": server.url}) as web:
        tries = [
            await web.post(
                "/login",
                data={"username": "somebody", "password": "guess"},
                headers={"x-forwarded-for": f"203.0.113.{at}", "x-real-ip": f"203.0.113.{at}"},
            )
            for at in range(6)
        ]
        assert [each.status_code for each in tries] == [401] * 5 + [429]


async def test_strangers_leave_nothing_behind_in_memory(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as web:
        for _ in range(50):
            await web.get("/login")
        before = server.memory_mb()
        for _ in range(250):
            await web.get("/login")
        assert server.memory_mb() - before < 5


# ---------------------------------------------------------------- text from outside, in a real browser

EXTRA = "document.querySelectorAll('[data-xss], iframe, object, embed, base, marquee').length"
STRANGE_LINKS = (
    "[...document.querySelectorAll('a[href]')].map(each => each.getAttribute('href'))"
    ".filter(each => !/^(https?:[/][/]|[/](?![/])|[?#])/i.test(each))"
)
ALL_SHOWN = "texts => texts.every(text => document.body.textContent.includes(text))"


@needs_chromium
async def test_sixty_hostile_texts_run_nothing_and_add_nothing_on_any_tab() -> None:
    from playwright.async_api import expect

    assert len(set(TEXTS)) == 60
    async with running("hostile") as app, a_phone() as page:
        asked: list[str] = []
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        await sign_in(page, app)
        for tab in TABS:
            await page.goto(f"{app.url}/?tab={tab.name}")
            await expect(page.locator(".tab:visible").first).to_be_visible()
            if tab.name == "insights":
                await page.get_by_role("button", name="Show all 60").click()
            await page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")
            if tab.name in ("positions", "insights"):  # opinions; headlines
                await page.wait_for_function(ALL_SHOWN, arg=TEXTS, timeout=20_000)
            assert await page.evaluate(EXTRA) == 0, tab.name
            assert await page.evaluate(STRANGE_LINKS) == [], tab.name
            assert await page.evaluate("window.__xss") is None, tab.name
        assert asked == []
        # the same texts, read as HTML, are seen by the same eyes
        as_html = "texts => texts.forEach(text => document.body.insertAdjacentHTML('beforeend', text))"
        await page.evaluate(as_html, [text for text in TEXTS if "<img" in text])
        await page.wait_for_function("window.__xss === 1", timeout=10_000)
        assert await page.evaluate(EXTRA) > 5
