"""How soon an order leaves while many people look on: the whole program in live mode, and fifty real dashboards.

Three processes: the trader, the double of the exchange, and this one with the dashboards. A dashboard is signed in,
loads its page and holds its Socket.IO connection as a browser does; it only draws nothing.
"""

import asyncio
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import aiohttp
import socketio  # type: ignore[import-untyped]

from tests.benchmarks.rows import Row, percentile
from tests.benchmarks.whole_trader import write_files

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery"
TICKS_A_SECOND = 20
PLACING = "POST /api/v3/order"


class Process:
    """One of ours, that speaks JSON by the line."""

    def __init__(self, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        self._process, self._errors = process, errors

    async def said(self, name: str, seconds: float = 60) -> Any:
        """What the next line that tells this says of it."""
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            while line := await self._process.stdout.readline():
                if line.startswith(b"{") and name in (told := json.loads(line)):
                    return told
        self._errors.seek(0)
        why = self._errors.read().decode()[-1500:]
        raise RuntimeError(f"the process ended before it told {name!r}: nothing was measured\n{why}")

    async def told(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def running(module: str, *arguments: str, **settings: str) -> AsyncIterator[Process]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("NICEGUI", "PYTEST", "COV_"))}
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=ROOT,
            env={**clean, **settings},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=2**24,
        )
        try:
            yield Process(process, errors)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


def trader_settings(folder: Path, exchange: dict[str, str]) -> dict[str, str]:
    """For the whole program on books of its own in `folder`, on this exchange."""
    write_files(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "TRADER_MODE": "live",
        "TRADER_MARKET": "binanceus",
        "TRADER_DATA_DIR": str(folder / "data"),
        "TRADER_CONFIG_DIR": str(folder / "config"),
        "TRADER_STRATEGIES_DIR": str(folder / "strategies"),
        "TRADER_PORT": str(port),
        "TRADER_ADMIN_PASSWORD": PASSWORD,
        "NICEGUI_STORAGE_PATH": str(folder / "nicegui"),
        "BINANCEUS_REST_URL": exchange["rest"],
        "BINANCEUS_WS_URL": exchange["ws"],
        "BINANCEUS_WS_API_URL": exchange["ws_api"],
        "BINANCEUS_API_KEY": exchange["key"],
        "BINANCEUS_API_SECRET": exchange["secret"],
    }


@dataclass
class Dashboard:
    """One open page."""

    client: socketio.AsyncClient
    id: str
    heard: int = 0
    next_message_id: int = 0

    async def follow(self, url: str, cookie: str) -> None:
        self.client.on("*", self.hear)
        query = f"client_id={self.id}&next_message_id={self.next_message_id}&implicit_handshake=true"
        await self.client.connect(
            f"{url}?{query}&document_id={self.id}&tab_id={self.id}",
            headers={"Cookie": cookie, "Origin": url},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )

    def hear(self, event: str, body: Any = None, *more: Any) -> None:
        self.heard += 1
        if isinstance(body, dict) and "_id" in body:
            self.next_message_id = body["_id"] + 1

    async def acknowledge(self) -> None:
        await self.client.emit("ack", {"client_id": self.id, "next_message_id": self.next_message_id})


@dataclass
class Crowd:
    """Dashboards of one signed-in person."""

    url: str
    password: str = PASSWORD
    pages: list[Dashboard] = field(default_factory=list)

    async def open(self, count: int) -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web:
            form, origin = {"username": "admin", "password": self.password, "otp": ""}, {"Origin": self.url}
            async with web.post(f"{self.url}/login", data=form, headers=origin, allow_redirects=False) as answer:
                if answer.status != 303:
                    raise RuntimeError(f"signing in was answered with {answer.status}: nothing was measured")
                cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in answer.cookies.items())
            for _ in range(count):
                async with web.get(f"{self.url}/") as page:
                    found = re.search(r"'client_id': '([^']+)', 'next_message_id': (\d+)", await page.text())
                if found is None:
                    raise RuntimeError("the page names no client: nothing was measured")
                dashboard = Dashboard(socketio.AsyncClient(), found[1], next_message_id=int(found[2]))
                await dashboard.follow(self.url, cookie)
                self.pages.append(dashboard)

    async def keep(self) -> None:
        """As a browser: what was received is acknowledged every three seconds."""
        while True:
            await asyncio.sleep(3)
            for page in self.pages:
                await page.acknowledge()


@asynccontextmanager
async def a_crowd(url: str, count: int, password: str = PASSWORD) -> AsyncIterator[Crowd]:
    crowd = Crowd(url, password)
    keeping = asyncio.create_task(crowd.keep())
    try:
        await crowd.open(count)
        yield crowd
    finally:
        keeping.cancel()
        for page in crowd.pages:
            await page.client.disconnect()


@asynccontextmanager
async def exchange_process() -> AsyncIterator[tuple[dict[str, str], aiohttp.ClientSession]]:
    """A double that counts no orders, with its addresses and its control; its prices tick."""
    async with running("tests.binance_us_double", "--price", "50000", "--past", "60") as process:
        told = await process.said("rest")
        async with aiohttp.ClientSession(told["control"]) as control:
            for what in ("weights.orders_10s", "weights.weight_limit"):
                await control.post("/set", json={"what": what, "to": 100_000})
            ticking = asyncio.create_task(tick(control))
            try:
                yield told, control
            finally:
                ticking.cancel()
                await asyncio.gather(ticking, return_exceptions=True)


async def tick(control: aiohttp.ClientSession) -> None:
    number = 0
    while True:
        number += 1
        async with control.post("/do", json={"call": "market.move", "with": [f"{50_000 + number % 7}"]}) as answer:
            await answer.read()
        await asyncio.sleep(1 / TICKS_A_SECOND)


async def signal_to_wire(entries: int = 150, dashboards: int = 50) -> list[Row]:
    """From a signal in the trader to the order at the exchange's door, with nobody looking and with many."""
    with tempfile.TemporaryDirectory() as folder:
        async with exchange_process() as (exchange, control):
            settings = trader_settings(Path(folder), exchange)
            async with running("tests.benchmarks.whole_trader", **settings) as trader:
                await trader.said("ready")
                alone = await _traded(trader, control, entries)
                async with a_crowd(f"http://127.0.0.1:{settings['TRADER_PORT']}", dashboards) as crowd:
                    heard = [page.heard for page in crowd.pages]
                    watched = await _traded(trader, control, entries)
                    news = min(page.heard - before for page, before in zip(crowd.pages, heard, strict=True))
    if news < entries / 10:
        raise RuntimeError(f"a dashboard heard {news} changes: nothing was measured")
    return [*_rows("0 dashboards", alone, ""), *_rows(f"{dashboards} dashboards", watched, f", ≥ {news} updates each")]


@dataclass(frozen=True)
class Taken:
    """Milliseconds: from each signal to the wire, and how late the trader's loop was meanwhile."""

    orders: list[float]
    lags: list[float]


def _rows(who: str, taken: Taken, more: str) -> list[Row]:
    how = f"{len(taken.orders)} entries, {TICKS_A_SECOND} prices a second, whole program, SQLite FULL{more}"
    beats = f"{len(taken.lags)} sleeps of 10 ms, p50 {percentile(taken.lags, 0.5):.2f} ms, max {max(taken.lags):.0f} ms"
    what = f"signal → order on the wire, {who}"
    return [
        Row(what=f"{what}, p50", value=percentile(taken.orders, 0.5), unit="ms", how=how),
        Row(what=f"{what}, p99", value=percentile(taken.orders, 0.99), unit="ms", target=150, how=how),
        Row(what=f"event-loop lag, {who}, p99", value=percentile(taken.lags, 0.99), unit="ms", target=20, how=beats),
    ]


async def _traded(trader: Process, control: aiohttp.ClientSession, entries: int) -> Taken:
    await trader.told(f"trade {entries}")
    told = await trader.said("signalled", 300)
    async with control.get("/requests") as answer:
        asked = (await answer.json())["asked"]
    placed = [each for each in asked if f"{each['method']} {each['path']}" == PLACING]
    seen = {each["params"]["newClientOrderId"]: each["ms"] for each in placed}
    # The exchange's clock shows whole milliseconds, rounded down.
    return Taken([seen[id] + 1 - at for id, at in told["signalled"].items()], told["lags"])
