"""What a person with a phone waits for: a slow line, a slow processor, fifty others looking on, ten thousand trades."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.crowd import a_crowd
from tests.benchmarks.latency import WATCH
from tests.benchmarks.rows import Row, percentile
from tests.e2e.test_dashboard_browser import CHROMIUM, QUIET, App, running
from tests.fakes_ui import PASSWORD

SLOWER = 4  # times: a middling phone's processor beside this machine's
TYPING_SECONDS = 4.0
LIVE = "window.socket && window.socket.connected"
TURNED = "(was) => document.querySelector('.pager .soft').innerText !== was"
ROUNDS = 5


@dataclass(frozen=True)
class Line:
    """Mbit/s down, milliseconds there and back."""

    name: str
    megabits: float
    milliseconds: float


FAST_4G, SLOW_4G = Line("8 Mbit/s, 165 ms", 8, 165), Line("1.6 Mbit/s, 150 ms", 1.6, 150)


async def loading() -> list[Row]:
    """In Chromium as a Pixel 7, its processor slowed down, over slow lines. Medians of five."""
    if not Path(CHROMIUM).exists():
        print("loading: Chromium is not installed, not measured", flush=True)
        return []
    async with running("full") as app, a_browser() as (browser, phone):
        cookies = await _cookies(browser, app)
        cold = [await _first_tab(browser, phone, app, cookies, FAST_4G) for _ in range(ROUNDS)]
        warm, chart = await _warm(browser, phone, app, cookies)
        signing = [await _sign_in(browser, phone, app) for _ in range(ROUNDS)]
    how = f"Chromium as a Pixel 7, processor {SLOWER} x slower, median of {ROUNDS}"
    return [
        _row(f"first tab visible and live, cold, {FAST_4G.name}", cold, 3, how),
        _row(f"first tab visible and live, warm, {SLOW_4G.name}", warm, 3, how),
        _row(f"signed in to visible, {SLOW_4G.name}", signing, 2.7, f"{how}; {TYPING_SECONDS:g} s to type a password"),
        _row(f"first chart on Insights, warm, {SLOW_4G.name}", chart, 1.5, how),
    ]


async def history() -> list[Row]:
    """From the tap on History to the newest of ten thousand trades, real store, real browser, no slowing down."""
    async with running("thousands") as app, a_browser() as (browser, _):
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await _enter(page, app)
        taken = []
        for _ in range(ROUNDS):
            await page.click("[data-tab=positions]")
            await page.wait_for_selector(".tab-positions:visible")
            began = time.monotonic()
            await page.click("[data-tab=history]")
            await page.wait_for_selector(".entry:visible")
            taken.append((time.monotonic() - began) * 1000)
            older = time.monotonic()
            before = await page.inner_text(".pager .soft")
            await page.click(".pager .button >> nth=1")
            await page.wait_for_function(
                "(was) => document.querySelector('.pager .soft').innerText !== was", arg=before
            )
            taken.append((time.monotonic() - older) * 1000)
    how = f"10,000 trades in SQLite, opening and turning a page, median of {len(taken)}, loopback"
    return [Row(what="a page of history", value=percentile(taken, 0.5), unit="ms", target=300, how=how)]


async def watched_by_fifty(dashboards: int = 50, changes: int = 100) -> list[Row]:
    """Five changes a second, in one real browser, with so many other open pages."""
    async with running("positions") as app, a_browser() as (browser, _), a_crowd(app.url, dashboards, PASSWORD):
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await _enter(page, app)
        await page.evaluate(WATCH)
        spent, began, sent = _cpu(app.pid), time.monotonic(), {}
        for number in range(changes):
            sent[f"{60000 + number:,}.37"] = time.time() * 1000
            await app.tell(f"price {60000 + number}.37")
            await asyncio.sleep(0.2)
        share = (_cpu(app.pid) - spent) / (time.monotonic() - began) * 100
        seen = await page.evaluate("() => window.seen")
    found: dict[str, float] = {}
    for at, text in seen:
        found.setdefault(text.strip().lstrip("$"), at)
    taken = [found[text] - at for text, at in sent.items() if text in found]
    if len(taken) < changes * 0.9:
        raise RuntimeError(f"only {len(taken)} of {changes} changes were seen in the browser")
    what, how = f"with {dashboards} dashboards", f"{changes} changes, 5 a second"
    return [
        Row(what=f"event → text, {what}, p99", value=percentile(taken, 0.99), unit="ms", target=300, how=how),
        Row(what=f"server's processor, {what}", value=share, unit="%", target=25, how=f"{how}, of one core"),
    ]


@asynccontextmanager
async def a_browser() -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """With what makes a page of it a phone's."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser, playwright.devices["Pixel 7"]
        await browser.close()


async def _enter(page: Any, app: App) -> None:
    await page.goto(f"{app.url}/login")
    await page.fill("[name=username]", "admin")
    await page.fill("[name=password]", PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_selector(".price")
    await page.wait_for_function(LIVE)


async def _cookies(browser: Any, app: App) -> list[Any]:
    context = await browser.new_context()
    await _enter(await context.new_page(), app)
    cookies: list[Any] = await context.cookies()
    await context.close()
    return cookies


async def _slowed(context: Any, line: Line) -> Any:
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    bytes_a_second = line.megabits * 1e6 / 8
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": line.milliseconds,
            "downloadThroughput": bytes_a_second,
            "uploadThroughput": bytes_a_second,
        },
    )
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return page


async def _visible(page: Any) -> None:
    await page.wait_for_selector(".card:visible")
    await page.wait_for_function(LIVE)


async def _first_tab(browser: Any, phone: dict[str, Any], app: App, cookies: list[Any], line: Line) -> float:
    """With an empty cache, seconds."""
    context = await browser.new_context(**phone)
    await context.add_cookies(cookies)
    page = await _slowed(context, line)
    began = time.monotonic()
    await page.goto(app.url, wait_until="commit")
    await _visible(page)
    taken = time.monotonic() - began
    await context.close()
    return taken


async def _warm(browser: Any, phone: dict[str, Any], app: App, cookies: list[Any]) -> tuple[list[float], list[float]]:
    """Seconds to the first tab, and from the tap to the first chart, with everything in the browser's cache."""
    context = await browser.new_context(**phone)
    await context.add_cookies(cookies)
    warming = await context.new_page()
    await warming.goto(app.url)
    await _visible(warming)
    await warming.click("[data-tab=insights]")
    await warming.wait_for_selector(".price-chart svg path:visible")
    await warming.close()
    tabs, charts = [], []
    for _ in range(ROUNDS):
        page = await _slowed(context, SLOW_4G)
        began = time.monotonic()
        await page.goto(app.url, wait_until="commit")
        await _visible(page)
        tabs.append(time.monotonic() - began)
        began = time.monotonic()
        await page.click("[data-tab=insights]")
        await page.wait_for_selector(".price-chart svg path:visible")
        charts.append(time.monotonic() - began)
        await page.close()
    await context.close()
    return tabs, charts


async def _sign_in(browser: Any, phone: dict[str, Any], app: App) -> float:
    """A stranger's phone: the password is typed while the rest is fetched, then signed in. Seconds from the tap."""
    context = await browser.new_context(**phone)
    page = await _slowed(context, SLOW_4G)
    await page.goto(f"{app.url}/login")
    await page.fill("[name=username]", "admin")
    await asyncio.sleep(TYPING_SECONDS)
    await page.fill("[name=password]", PASSWORD)
    began = time.monotonic()
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_selector(".card:visible")
    taken = time.monotonic() - began
    await context.close()
    return taken


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _row(what: str, taken: list[float], target: float, how: str) -> Row:
    spread = f"{min(taken):.2f} to {max(taken):.2f} s"
    return Row(what=what, value=percentile(taken, 0.5), unit="s", target=target, how=f"{how}, {spread}")
