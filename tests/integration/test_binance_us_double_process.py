"""The double as a process of its own, steered over its control endpoint: for tests that kill the trader."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

ROOT = Path(__file__).parents[2]
Started = tuple["subprocess.Popen[str]", dict[str, str]]


@pytest.fixture
def double() -> Iterator[Started]:
    command = [sys.executable, "-m", "tests.binance_us_double", "--symbol", "BTCUSDT", "--past", "3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _do(session: aiohttp.ClientSession, told: dict[str, str], call: str, *given: Any, **named: Any) -> Any:
    async with session.post(f"{told['control']}/do", json={"call": call, "with": given, "named": named}) as answer:
        return await answer.json()


async def test_it_is_steered_and_tells_the_truth(double: Started) -> None:
    process, told = double
    async with aiohttp.ClientSession() as session:
        await _do(session, told, "market.quote", 59000, 59010)
        async with session.get(f"{told['rest']}/api/v3/ticker/bookTicker?symbol=BTCUSDT") as answer:
            assert (await answer.json())["bidPrice"] == "59000.00000000"
        async with session.get(f"{told['rest']}/api/v3/klines?symbol=BTCUSDT&interval=1m") as answer:
            assert len(await answer.json()) == 3
        bought = await _do(session, told, "owner.buy", "BTCUSDT", "0.01")
        assert bought["result"]["status"] == "FILLED"
        refused = await _do(session, told, "owner.buy", "BTCUSDT", "20")
        assert refused == {"refused": {"code": -2010, "msg": "Account has insufficient balance for requested action."}}
        wrong = await _do(session, told, "market.sing")
        assert wrong == {"error": "AttributeError: 'Market' object has no attribute 'sing'"}
        async with session.post(f"{told['control']}/set", json={"what": "listing.tick", "to": "0.1"}) as answer:
            assert (await answer.json()) == {"result": "0.1"}
        async with session.get(f"{told['control']}/truth") as answer:
            truth = await answer.json()
        assert (truth["balances"]["BTC"], truth["orders"][0]["byOwner"]) == (["0.00998500", "0"], True)
        async with session.get(f"{told['control']}/requests") as answer:
            asked = await answer.json()
        assert [each["path"] for each in asked["asked"]] == ["/api/v3/ticker/bookTicker", "/api/v3/klines"]
        assert asked["hosts"] == [told["rest"].removeprefix("http://")]
        await session.post(f"{told['control']}/quit")
    assert await asyncio.to_thread(process.wait, 10) == 0


@pytest.mark.parametrize("middle", [False, True])
async def test_it_kills_a_process_out_of_the_order_path(double: Started, middle: bool) -> None:
    _, told = double
    asking = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
    victim = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.readline(); {asking}", f"{told['rest']}/api/v3/time"],
        stdin=subprocess.PIPE,
    )
    async with aiohttp.ClientSession() as session:
        await _do(session, told, "faults.add", "kill", "GET /api/v3/time", acts=True, pid=victim.pid, middle=middle)
        assert victim.stdin is not None
        victim.stdin.write(b"go\n")
        victim.stdin.close()
        assert await asyncio.to_thread(victim.wait, 10) == -signal.SIGKILL


def test_it_stops_when_it_is_told_to(double: Started) -> None:
    process, _ = double
    process.terminate()
    assert process.wait(10) == 0


async def test_a_market_that_moves_by_itself() -> None:
    command = [sys.executable, "-m", "tests.binance_us_double", "--live", "--symbol", "BTCUSDT"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        url = f"{told['ws']}/stream?streams=btcusdt@trade/btcusdt@kline_1m"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            heard = {(await socket.receive_json(timeout=10))["stream"] for _ in range(2)}
        assert heard == {"btcusdt@trade", "btcusdt@kline_1m"}
    finally:
        process.kill()
        await process.wait()
