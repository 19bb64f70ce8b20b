"""Live prices and candles from an exchange that was written apart from the adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

import services.binance_us.client as client_module
from app.core.messages import CandleClosed, Event, PriceSeen
from app.past import PastWanted
from app.seam import Clock, Tasks
from services.binance_us import Addresses, Client, LiveMarket
from services.binance_us.candles import MINUTE
from services.binance_us.server_time import EPOCH
from tests.binance_us_double import BinanceDouble


class Hurried(Clock):
    """Pauses and the monotonic clock run twenty times as fast."""

    def monotonic(self) -> float:
        return super().monotonic() * 20

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


@dataclass
class Posted:
    """app.ports.Inbox that keeps everything."""

    events: list[Event] = field(default_factory=list)

    def post(self, event: Event) -> None:
        self.events.append(event)

    async def drained(self) -> None:
        return None

    @property
    def prices(self) -> list[tuple[Decimal, Decimal]]:
        return [(e.bid, e.ask) for e in self.events if isinstance(e, PriceSeen) and e.source == "feed"]

    @property
    def closes(self) -> list[Decimal]:
        return [e.candle.close for e in self.events if isinstance(e, CandleClosed)]


@pytest.fixture
async def exchange() -> AsyncIterator[BinanceDouble]:
    async with BinanceDouble() as running:
        running.market.move(50_000)
        yield running


@asynccontextmanager
async def market(exchange: BinanceDouble, clock: Clock | None = None) -> AsyncIterator[tuple[LiveMarket, Posted]]:
    clock = clock or Hurried()
    addresses = Addresses(rest=exchange.rest_url, ws=exchange.ws_url, ws_api=exchange.ws_api_url)
    client, tasks = Client(addresses, clock=clock), Tasks()
    await client.open()
    try:
        await client.sync()
        live, inbox = LiveMarket(client, "BTC/USD", clock=clock, tasks=tasks), Posted()
        yield live, inbox
    finally:
        await tasks.stop()
        await client.close()


@asynccontextmanager
async def running(exchange: BinanceDouble, clock: Clock | None = None) -> AsyncIterator[tuple[LiveMarket, Posted]]:
    async with market(exchange, clock) as (live, inbox):
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: bool(inbox.prices) and live.source == "stream")
        yield live, inbox


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def minutes(count: int) -> PastWanted:
    """The past of a trader who never lived, in minutes."""
    return PastWanted(lived_until=EPOCH, startup=count - 2, seconds=60)


def minute_of(exchange: BinanceDouble, ago: int) -> int:
    """Opening time, in ms, of the minute that many minutes before the running one."""
    return (exchange.clock.ms() // 60_000 - ago) * 60_000


async def test_prices_follow_the_market(exchange: BinanceDouble) -> None:
    async with running(exchange) as (_, inbox):
        for price in (50_100, 50_200, 50_300):
            exchange.market.move(price)
        await until(lambda: inbox.prices[-1][0] < 50_300 < inbox.prices[-1][1])


@pytest.mark.parametrize(
    "lie", [{"bid": "0", "ask": "1"}, {"bid": "NaN"}, {"bid": "60000"}, {"bid": "20000", "ask": "20001"}]
)
async def test_a_bad_tick_is_not_believed(exchange: BinanceDouble, lie: dict[str, str]) -> None:
    async with running(exchange) as (_, inbox):
        exchange.market.lie(**lie)
        exchange.market.truth()
        exchange.market.move(50_100)
        await until(lambda: inbox.prices[-1][0] > 50_050)
        assert all(49_000 < bid <= ask < 51_000 for bid, ask in inbox.prices)


@pytest.mark.parametrize("how", ["refused", "silent"])
async def test_without_a_stream_prices_are_asked_for(exchange: BinanceDouble, how: str) -> None:
    if how == "refused":
        exchange.streams.market.refuse = 503
    else:
        exchange.streams.market.silent = True
    async with market(exchange) as (live, inbox):
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: len(inbox.prices) >= 2)
        exchange.market.move(50_200)
        await until(lambda: inbox.prices[-1][0] > 50_100)


async def test_a_frozen_line_is_left(exchange: BinanceDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PING_SECONDS", 0.2)
    async with running(exchange) as (_, inbox):
        opened = len(exchange.requests.sockets)
        exchange.streams.market.freeze()
        await until(lambda: len(exchange.requests.sockets) > opened)
        exchange.streams.market.thaw()
        exchange.market.move(50_400)
        await until(lambda: inbox.prices[-1][0] > 50_300)


async def test_no_network_gives_no_price(exchange: BinanceDouble) -> None:
    async with running(exchange) as (_, inbox):
        exchange.cut_off("reset")
        await asyncio.sleep(0)
        count = len(inbox.prices)
        await until(lambda: len(exchange.requests.asked) > 0)
        exchange.market.move(50_300)
        await Hurried().sleep(12)  # longer than a price may live
        assert len(inbox.prices) <= count + 1  # one may have been on its way
        exchange.cut_off("")
        await until(lambda: inbox.prices[-1][0] > 50_200)


async def test_the_past_and_the_candles_after_it_follow_on(exchange: BinanceDouble) -> None:
    newest = minute_of(exchange, 1)
    exchange.candles.fill((newest - n * 60_000, 50_000, 51_500, 49_990, 50_000 + n, 1) for n in range(1_200))
    async with market(exchange) as (live, inbox):
        past = list(await live.past(minutes(1_200)))
        assert len(past) in (1_199, 1_200)  # a minute may just have begun
        assert all(two.opened_at - one.opened_at == MINUTE for one, two in pairwise(past))
        assert (past[-1].opened_at - EPOCH) // timedelta(milliseconds=1) == newest
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: bool(exchange.streams.market.connections))
        exchange.candles.forming(newest + 60_000, 50_000, 50_010, 49_990, 50_001)
        exchange.candles.add(newest + 60_000, 50_000, 50_010, 49_990, 50_002)
        exchange.candles.say_again(newest + 60_000)
        await until(lambda: inbox.closes == [50_002])


async def test_a_candle_that_the_stream_left_out_is_asked_for(exchange: BinanceDouble) -> None:
    newest = minute_of(exchange, 1)
    exchange.candles.fill((newest - n * 60_000, 50_000, 50_010, 49_990, 50_000, 1) for n in range(1, 30))
    async with market(exchange) as (live, inbox):
        past = list(await live.past(minutes(20)))
        assert (past[-1].opened_at - EPOCH) // timedelta(milliseconds=1) == newest - 60_000
        exchange.candles.fill([(newest, 50_000, 50_010, 49_990, 50_007, 1)])
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: inbox.closes[:1] == [50_007])


async def test_the_order_book(exchange: BinanceDouble) -> None:
    exchange.market.book([(49_990 - n, n + 1) for n in range(30)], [(50_010 + n, n + 1) for n in range(30)])
    async with market(exchange) as (live, _):
        book = await live.order_book()
    assert (len(book.bids), len(book.asks)) == (20, 20)
    assert (book.bids[0], book.asks[0]) == ((Decimal(49_990), Decimal(1)), (Decimal(50_010), Decimal(1)))
