"""The dashboard in a real Chromium at a phone's width, and the attacks that only a real socket can show."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, RejectConnection, Request

from tests.fakes_ui import PASSWORD
from tests.ports import free_port

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ROOT = Path(__file__).resolve().parents[2]
QUIET = [
    f"--{name}"
    for name in (
        "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync",
    )
]  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
needs_chromium = pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")


class App:
    """The dashboard's process, told what happens on the market over its standard input."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, first_password: str) -> None:
        self._process, self.port, self.first_password = process, port, first_password
        self.url = f"http://127.0.0.1:{port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    async def tell(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        return await answer_of(self._process)


async def answer_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()


@asynccontextmanager
async def running(scene: str) -> AsyncIterator[App]:
    port = free_port()
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "NICEGUI", "COV_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.fake_app", str(port), scene,
        cwd=ROOT, env=environ, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        first = (await answer_of(process)).removeprefix("ready").strip()
        async with httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/health")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        yield App(process, port, first)
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def a_phone(width: int = 390, height: int = 844):  # type: ignore[no-untyped-def]
    """A fresh browser page; errors in its console fail the test at the end."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=30_000)  # the machine may be busy
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(viewport={"width": width, "height": height})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
        try:
            yield page
        finally:
            await browser.close()
        assert wrong == []


async def sign_in(page, app: App, password: str = PASSWORD) -> None:  # type: ignore[no-untyped-def]
    await page.goto(app.url)
    await page.fill("[name=username]", "admin")
    await page.fill("[name=password]", password)
    await page.get_by_role("button", name="Sign in").click()


# ---------------------------------------------------------------- in the browser


@needs_chromium
async def test_figures_arrive_by_themselves_and_the_price_grows_old_in_the_browser() -> None:
    from playwright.async_api import expect

    async with running("positions") as app, a_phone() as page:
        await sign_in(page, app)
        await expect(page.locator(".price")).to_have_text("$64,250.50")
        await app.tell("price 65000.10")
        await expect(page.locator(".price")).to_have_text("$65,000.10")
        age = page.locator("#price-age")
        for _ in range(20):  # a machine that is busy may look when "now" is over
            await app.tell("price 65000.10")
            if await age.get_attribute("data-words") == "now":
                break
            await page.wait_for_timeout(300)
        else:
            raise AssertionError("a price that has just come is not called new")
        await expect(page.locator("#price-age")).to_have_attribute("data-words", re.compile(r"\d s ago"))


@needs_chromium
@pytest.mark.parametrize("width", [360, 390, 1280])
async def test_nothing_sticks_out_and_everything_is_thumb_sized(width: int) -> None:
    from playwright.async_api import expect

    async with running("positions") as app, a_phone(width) as page:
        await sign_in(page, app)
        await expect(page.locator(".card")).to_have_count(4)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for button in await page.locator("button.button:visible, summary.card-head:visible").all():
            box = await button.bounding_box()
            assert box["height"] >= 44


@needs_chromium
async def test_close_asks_first_and_a_double_tap_is_one_order() -> None:
    from playwright.async_api import expect

    async with running("positions") as app, a_phone() as page:
        await sign_in(page, app)
        card = page.locator(".card").last
        await card.get_by_role("button", name="Close").click()
        await expect(page.get_by_text("Close this position?")).to_be_visible()
        assert await app.tell("orders") == "[]"
        await page.get_by_role("button", name="Close position").dblclick()
        await expect(card.get_by_role("button", name="Closing")).to_be_disabled()
        assert await app.tell("orders") == "[('close', 'admin', 'p1')]"


@needs_chromium
async def test_signing_out_elsewhere_moves_the_open_page_to_the_login_page() -> None:
    async with running("positions") as app, a_phone() as page:
        await sign_in(page, app)
        await page.wait_for_selector(".equity")
        await app.tell("end-session")
        await page.wait_for_url("**/login", timeout=20_000)


@needs_chromium
async def test_without_the_server_a_banner_says_that_the_figures_are_old() -> None:
    from playwright.async_api import expect

    async with a_phone() as page:
        async with running("positions") as app:
            await sign_in(page, app)
            await page.wait_for_selector(".equity")
            await expect(page.locator(".offline-banner")).not_to_be_visible()
        await expect(page.locator(".offline-banner")).to_be_visible()


# ---------------------------------------------------------------- attacks on the socket


async def socket_answer(app: App, *, origin: str | None, cookie: str, client_id: str = "x") -> int:
    """101 where the websocket is opened, else the status it is refused with."""
    headers = [(b"cookie", cookie.encode())] if cookie else []
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    connection = WSConnection(ConnectionType.CLIENT)
    path = f"/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id={client_id}"
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    try:
        writer.write(connection.send(Request(host=f"127.0.0.1:{app.port}", target=path, extra_headers=headers)))
        while True:
            connection.receive_data(await asyncio.wait_for(reader.read(4096), 10) or None)
            for event in connection.events():
                if isinstance(event, AcceptConnection):
                    return 101
                if isinstance(event, RejectConnection):
                    return event.status_code
    finally:
        writer.close()
        await writer.wait_closed()


async def test_the_websocket_opens_only_for_our_own_page_with_a_session() -> None:
    async with running("positions") as app, httpx.AsyncClient(base_url=app.url) as client:
        form = {"username": "admin", "password": PASSWORD}
        answer = await client.post("/login", data=form, headers={"origin": app.url})
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert await socket_answer(app, origin=app.url, cookie=cookie) == 101
        assert await socket_answer(app, origin="https://evil.example", cookie=cookie) == 403
        assert await socket_answer(app, origin="null", cookie=cookie) == 403
        assert await socket_answer(app, origin=None, cookie=cookie) == 403
        assert await socket_answer(app, origin=app.url, cookie="") == 403
        assert await socket_answer(app, origin=app.url, cookie="trader=made-up") == 403
        polling = await client.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling", headers={"origin": app.url})
        assert polling.status_code == 403
        await client.post("/logout", headers={"origin": app.url})
        assert await socket_answer(app, origin=app.url, cookie=cookie) == 403
