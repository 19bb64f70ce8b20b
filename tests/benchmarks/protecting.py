"""How long real money is without a stop, and how soon everything is sold when the kill switch falls.

The whole live trader over HTTP and WebSocket against the double, in real time, its journal on SQLite with
synchronous=FULL. What is measured is read off the exchange's own clock, never off ours.
"""

import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from app.core import orders
from services.binance_us.user_stream import POLLING
from services.database import DatabaseJournal, Ledgers, open_database
from tests.benchmarks.rows import Row, percentile
from tests.benchmarks.skipping import SkippingClock
from tests.builders import NOON
from tests.live_trader import PRICE, RULES, LiveTrader, live_trader

ROUND_TRIP = 0.1  # seconds; the exchange answers each request so much later, and does it then
FULL = 4  # positions at once
KILL_RULES = replace(
    RULES, risk=replace(RULES.risk, stop_loss_pct=Decimal(10), kill_switch_loss_pct=Decimal(1), trailing=None)
)
FALLEN = Decimal("0.92")  # of the price: 8 % of a fifth of the equity is more than 1 %, and above every stop


@asynccontextmanager
async def a_trader(round_trip: float, **settings: Any) -> AsyncIterator[LiveTrader]:
    """It trades; order counts are no limit, since a day's trades are made in a minute."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/trader.db")
        journal = DatabaseJournal(database, Ledgers(database, min).open("live", "binanceus", "BTC/USD", NOON).name, "1")
        try:
            async with live_trader(journal=journal, clock=SkippingClock(), **settings) as trader:
                exchange = trader.exchange
                exchange.weights.orders_10s = exchange.weights.weight_limit = 100_000
                trader.client.limits.learn(exchange.weights.told())
                if round_trip:
                    exchange.faults.add("late", "*", times=None, seconds=round_trip)
                yield trader
        finally:
            journal.close()
            database.close()


async def come_true(trader: LiveTrader, true: Callable[[], Any], what: str, seconds: float = 30) -> None:
    """In real time: nobody's clock is carried forward."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            decision = trader.state.last_decision
            why = f"{trader.standing}, {decision.reason if decision else 'no decision'}"
            raise RuntimeError(f"waited {seconds:g} s for {what} ({why}): nothing was measured")
        await asyncio.sleep(0.002)


async def buy(trader: LiveTrader, count: int = FULL) -> None:
    """So many positions more, one after the other, each under its stop."""
    for _ in range(count):
        before = len(trader.protected())
        await trader.decide("BUY")
        await come_true(trader, partial(_has_more, trader, before), "a position under its stop")


def _has_more(trader: LiveTrader, before: int) -> bool:
    return len(trader.protected()) > before


async def sell(trader: LiveTrader) -> None:
    """Everything; then two minutes are skipped, since an entry needs a newer candle than the exit."""
    await trader.decide("SELL")
    await come_true(trader, lambda: not trader.state.positions, "everything to be sold")
    trader.clock.carry(121)
    trader.exchange.clock.tick()
    trader.exchange.market.say()
    await come_true(trader, lambda: trader.standing == "TRADING", "trading to go on")


def _ms(round_trip: float) -> str:
    return f"RTT {round_trip * 1000:.0f} ms" if round_trip else "loopback"


# ---------------------------------------------------------------- a new position and its stop


async def fill_to_stop(entries: int = 200) -> list[Row]:
    """From the first fill of an entry to its stop on the exchange's book, bare and over a long line."""
    rows = []
    for round_trip in (0.0, ROUND_TRIP):
        taken = await _bare_after_a_fill(entries, round_trip)
        how = f"{len(taken)} entries, {_ms(round_trip)}, exchange's clock, SQLite FULL, max {max(taken):.0f} ms"
        what = f"entry fill → stop confirmed, {_ms(round_trip)}"
        rows += [
            Row(what=f"{what}, p50", value=percentile(taken, 0.5), unit="ms", how=how),
            Row(what=f"{what}, p99", value=percentile(taken, 0.99), unit="ms", target=1000, how=how),
        ]
    return rows


async def _bare_after_a_fill(entries: int, round_trip: float) -> list[float]:
    async with a_trader(round_trip) as trader:
        for _ in range(-(-entries // FULL)):
            await buy(trader)
            await sell(trader)
        filled = {orders.position_of(order.wish.client_id): order.fills[0].ms for order in trader.ours("E")}
        stopped: dict[str | None, int] = {}
        for order in trader.ours("S"):
            stopped.setdefault(orders.position_of(order.wish.client_id), order.made_ms)
    return [float(stopped[position] - at) for position, at in filled.items()]


# ---------------------------------------------------------------- a stop that somebody took away


async def lost_stop(cases: int = 32) -> list[Row]:
    """From the owner's cancelling a stop at the exchange to the new one on its book, by each way of hearing of it."""
    rows = []
    for name, deafen in (("user stream", _hears), ("polling only", _asks), ("deaf stream", _is_deaf)):
        taken = await _bare_after_a_cancel(cases, deafen)
        how = f"{len(taken)} stops, real time, {_ms(ROUND_TRIP)}, p50 {percentile(taken, 0.5):.2f} s"
        what = f"lost stop → stop again, {name}, longest"
        rows.append(Row(what=what, value=max(taken), unit="s", target=10, how=how))
    return rows


def _hears(trader: LiveTrader) -> bool:
    return True


def _asks(trader: LiveTrader) -> bool:
    """Both ways of being told are refused from now on."""
    if trader.adapter.user_data != POLLING:
        trader.exchange.user_data.refuse(listen_key=410, subscription=True)
        trader.exchange.streams.user.drop()
    return trader.adapter.user_data == POLLING


def _is_deaf(trader: LiveTrader) -> bool:
    """It stands and pings are answered, and it says nothing."""
    trader.exchange.streams.user.freeze()
    return True


async def _bare_after_a_cancel(cases: int, deafen: Callable[[LiveTrader], bool]) -> list[float]:
    """Four traders side by side, each with four positions; the moments of the cancels are random, their seed is not."""
    share = -(-cases // FULL)
    parts = [_cancelled(share, deafen, random.Random(seed)) for seed in range(FULL)]
    return list(itertools.chain.from_iterable(await asyncio.gather(*parts)))


async def _cancelled(cases: int, deafen: Callable[[LiveTrader], bool], chance: random.Random) -> list[float]:
    taken: list[float] = []
    async with a_trader(ROUND_TRIP) as trader:
        exchange = trader.exchange
        while len(taken) < cases:
            await buy(trader)
            await come_true(trader, lambda: deafen(trader), "the stream to be gone")
            lost = trader.standing_stops()
            for stop in lost:
                await asyncio.sleep(chance.uniform(0, 1))
                exchange.owner.cancel(stop)
            again = [_next_stop(trader, orders.position_of(stop.wish.client_id)) for stop in lost]
            taken += [(await new - stop.changed_ms) / 1000 for new, stop in zip(again, lost, strict=True)]
            exchange.streams.user.thaw()
            await sell(trader)
    return taken


async def _next_stop(trader: LiveTrader, position: str | None) -> int:
    """When the stop that stands for it now was made, by the exchange's clock."""

    def standing() -> list[int]:
        return [o.made_ms for o in trader.standing_stops() if orders.position_of(o.wish.client_id) == position]

    await come_true(trader, standing, "a new stop", 60)
    return standing()[0]


# ---------------------------------------------------------------- the kill switch


async def kill_to_closes(traders: int = 8, rounds: int = 3) -> list[Row]:
    """From the first price at which too much is lost to the last of four closes at the exchange's door.

    Prices go on ticking twenty times a second; a few traders fall at once, each with an exchange of its own.
    """
    taken: list[float] = []
    for _ in range(rounds):
        taken += await asyncio.gather(*(_killed() for _ in range(traders)))
    how = (
        f"{len(taken)} kills, {FULL} positions, {_ms(ROUND_TRIP)}, exchange's clock, p50 {percentile(taken, 0.5):.2f} s"
    )
    return [Row(what="kill condition → all closes sent, longest", value=max(taken), unit="s", target=3, how=how)]


async def _killed() -> float:
    async with a_trader(ROUND_TRIP, rules=KILL_RULES) as trader:
        await buy(trader)
        exchange = trader.exchange
        began = exchange.clock.ms()
        falling = asyncio.create_task(_fall(trader))
        try:
            await come_true(trader, lambda: len(trader.ours("C")) == FULL, "four closes", 60)
        finally:
            falling.cancel()
        await come_true(trader, lambda: not trader.state.positions, "everything to be sold")
        return (max(order.made_ms for order in trader.ours("C")) - began) / 1000


async def _fall(trader: LiveTrader) -> None:
    """The price falls at once and stays down there, a few cents to and fro."""
    for number in itertools.count():
        trader.exchange.market.move(PRICE * FALLEN + number % 3)
        await asyncio.sleep(0.05)
