"""Live prices and candles from an exchange that was written apart from the adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

import services.binance_us.client as client_module
from app.core.decisions import Shown
from app.core.messages import CandleClosed, Event, PriceSeen
from app.core.model import Candle
from app.core.rules import VotingRules
from app.cycle import Cycle
from app.past import PastWanted
from app.ports import StrategyFace
from app.seam import Clock, Tasks
from services.binance_us import Addresses, Client, LiveMarket
from services.binance_us.candles import MINUTE, candle_of_row, told_in
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
    return PastWanted(lived_until=EPOCH, startup=count * 10 // 11, seconds=60)


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


async def test_where_the_exchange_told_no_minute_the_first_that_it_tells_later_is_not_skipped(
    exchange: BinanceDouble,
) -> None:
    newest = minute_of(exchange, 1)
    exchange.candles.fill([(newest - 60 * 60_000, 50_000, 50_010, 49_990, 50_000, 1)])
    async with market(exchange) as (live, inbox):
        assert list(await live.past(minutes(20))) == []
        rows = [(newest - n * 60_000, 50_000, 50_010, 49_990, 50_000 + n, 1) for n in (2, 1)]
        exchange.candles.fill(rows)
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: live.source == "stream")
        exchange.candles.add(newest, 50_000, 50_010, 49_990, 50_000)
        await until(lambda: len(inbox.closes) == 3)
    assert inbox.closes == [Decimal(50_002), Decimal(50_001), Decimal(50_000)]


async def test_the_order_book(exchange: BinanceDouble) -> None:
    exchange.market.book([(49_990 - n, n + 1) for n in range(30)], [(50_010 + n, n + 1) for n in range(30)])
    async with market(exchange) as (live, _):
        book = await live.order_book()
    assert (len(book.bids), len(book.asks)) == (20, 20)
    assert (book.bids[0], book.asks[0]) == ((Decimal(49_990), Decimal(1)), (Decimal(50_010), Decimal(1)))


# ---------------------------------------------------------------- a start with long candles

FOUR_HOURS = 4 * 3600


def four_hours(lived_until: datetime = EPOCH, startup: int = 500) -> PastWanted:
    return PastWanted(lived_until=lived_until, startup=startup, seconds=FOUR_HOURS)


def a_history(exchange: BinanceDouble, minutes: int) -> None:
    """Prices and volumes with as many digits as the exchange has; the newest minute still runs."""
    now = minute_of(exchange, 0)
    price = [Decimal(50_000) + Decimal(n * 7919 % 1_000_003) / 100 for n in range(minutes + 1)]
    exchange.candles.fill(
        (now - n * 60_000, price[n + 1], max(price[n : n + 2]) + 1, min(price[n : n + 2]) - 1, price[n], f"0.{n:08}")
        for n in range(minutes)
    )


def asked_for_candles(exchange: BinanceDouble) -> int:
    return sum(asked.path.endswith("klines") for asked in exchange.requests.asked)


def shown(candles: Iterable[Candle], startup: int) -> Shown:
    face = StrategyFace(name="all", title="all", startup_candles=startup, reads_text=False, sha256="")
    cycle = Cycle(VotingRules(timeframe="4h"), {"all": face}, "BTC/USD")
    cycle.remember_all(candles)
    return cycle.shown()


async def test_a_start_with_long_candles_asks_a_few_times_and_shows_what_minutes_show(exchange: BinanceDouble) -> None:
    startup = 110
    a_history(exchange, (startup + 12) * 240)
    async with market(exchange) as (live, _):
        past = await live.past(four_hours(startup=startup))
    assert asked_for_candles(exchange) <= 3
    assert len(past.long) + len(past.minutes) < 2_500
    newest = int(past.minutes[-1].opened_at.timestamp() * 1000)
    minutes = exchange.candles.rows("1m", None, newest, 10**9)
    assert shown(past, startup) == shown((candle_of_row("BTC/USD", row) for row in minutes), startup)


async def test_after_a_day_and_an_hour_down_each_missed_minute_is_told(exchange: BinanceDouble) -> None:
    a_history(exchange, 40 * 240)
    lived_until = moment_of(minute_of(exchange, 25 * 60))
    async with market(exchange) as (live, _):
        past = await live.past(four_hours(lived_until, startup=30))
    missed = past.missed(lived_until)
    assert [candle.opened_at for candle in missed] == [lived_until + MINUTE * n for n in range(len(missed))]
    assert missed[-1].closed_at >= moment_of(minute_of(exchange, 1))  # the newest may not be settled yet
    assert asked_for_candles(exchange) <= 5


async def test_minutes_that_the_exchange_lost_make_the_newest_long_candle_incomplete(exchange: BinanceDouble) -> None:
    a_history(exchange, 40 * 240)
    boundary = minute_of(exchange, 0) // (FOUR_HOURS * 1000) * (FOUR_HOURS * 1000)
    exchange.candles.remove(boundary - 100 * 60_000)
    async with market(exchange) as (live, _):
        past = await live.past(four_hours(startup=30))
    assert not shown(past, 30).contiguous


def moment_of(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


@pytest.mark.parametrize(("seconds", "asked"), [(60, 60), (600, 300), (7200, 7200), (10800, 3600), (604800, 86400)])
def test_candles_that_the_exchange_does_not_make_are_made_of_the_longest_that_fit(seconds: int, asked: int) -> None:
    assert told_in(seconds) == asked
