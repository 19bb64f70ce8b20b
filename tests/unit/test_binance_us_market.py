"""Live prices and candles: possible ones only, the newest one always, no minute skipped or told twice."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from app.core.errors import DataError, ExchangeUnreachable
from app.core.messages import CandleClosed, Event, PriceSeen
from app.core.model import Candle
from app.past import PastWanted
from app.seam import Clock
from services.binance_us import Client, LiveMarket
from services.binance_us.candles import MINUTE, Tail, candle_of_event, gaps
from services.binance_us.ticker import ticker
from tests.builders import a_candle, d
from tests.unit.binance_us_cases import real
from tests.unit.binance_us_opened import TIME, until
from tests.unit.binance_us_peer import Peer, hang_up, socket, tasks

STREAM, KLINES = "GET /stream", "GET /api/v3/klines"
BOOK, AVERAGE, DEPTH = "GET /api/v3/ticker/bookTicker", "GET /api/v3/avgPrice", "GET /api/v3/depth"
START = datetime(2023, 11, 14, 22, 0, tzinfo=UTC)


class Posted:
    """app.ports.Inbox that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def post(self, event: Event) -> None:
        self.events.append(event)

    async def drained(self) -> None:
        return None

    def prices(self, source: str = "feed") -> list[tuple[Any, Any]]:
        return [(e.bid, e.ask) for e in self.events if isinstance(e, PriceSeen) and e.source == source]

    def minutes(self) -> list[int]:
        return [e.candle.opened_at.minute for e in self.events if isinstance(e, CandleClosed)]


class Hurried(Clock):
    """Pauses and the monotonic clock run fifty times as fast."""

    def monotonic(self) -> float:
        return super().monotonic() * 50

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 50)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def a_kline(minute: int, close: str = "50000") -> list[Any]:
    opened = START + minute * MINUTE
    return [ms(opened), close, close, close, close, "1.5", ms(opened) + 59_999, "0", 3, "0", "0", "0"]


def closing(minute: int, close: str = "50000", **values: Any) -> dict[str, Any]:
    """The event of a candle that closed."""
    body = {"t": ms(START + minute * MINUTE), "s": "BTCUSDT", "i": "1m", "x": True}
    body |= {"o": close, "h": close, "l": close, "c": close, "v": "1.5"}
    return {"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT", "k": {**body, **values}}}


def tick(bid: Any, ask: Any, **values: Any) -> dict[str, Any]:
    data = {"u": 1, "s": "BTCUSDT", "b": bid, "B": "1", "a": ask, "A": "1", **values}
    return {"stream": "btcusdt@bookTicker", "data": data}


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as running:
        running.says(TIME, {"serverTime": ms(START + timedelta(minutes=3, seconds=10))})
        running.says(AVERAGE, {"mins": 5, "price": "50000"})
        running.says(BOOK, {"symbol": "BTCUSDT", "bidPrice": "49999", "askPrice": "50001"})
        running.says(KLINES, [])
        running.does(STREAM, socket(running))
        yield running


@asynccontextmanager
async def market(peer: Peer, clock: Clock | None = None) -> AsyncIterator[tuple[LiveMarket, Posted]]:
    """A market without a key, and where it posts."""
    clock = clock or Clock()
    client, inbox = Client(peer.addresses(), clock=clock), Posted()
    await client.open()
    async with tasks() as running:
        try:
            await client.sync(1)
            yield LiveMarket(client, "BTC/USDT", clock=clock, tasks=running), inbox
        finally:
            await running.stop()
            await client.close()


@asynccontextmanager
async def running(peer: Peer, clock: Clock | None = None) -> AsyncIterator[tuple[LiveMarket, Posted]]:
    """A market that runs, with its stream standing."""
    async with market(peer, clock) as (live, inbox):
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: bool(peer.sockets))
        yield live, inbox


async def tells(peer: Peer, *events: Any) -> None:
    for event in events:
        await peer.sockets[-1].send_str(event if isinstance(event, str) else json.dumps(event))


# ---------------------------------------------------------------- prices


async def test_prices_of_the_stream_arrive(peer: Peer) -> None:
    async with running(peer) as (live, inbox):
        await until(lambda: bool(inbox.prices("reference")))
        await tells(peer, tick("50000.10", "50000.20"))
        await until(lambda: (d("50000.10"), d("50000.20")) in inbox.prices())
        assert live.source == "stream"
    assert peer.asked[-1].headers.get("X-MBX-APIKEY", "") == ""


async def test_of_a_thousand_prices_the_newest_arrives_and_few_others(peer: Peer) -> None:
    async with running(peer) as (_, inbox):
        await until(lambda: bool(inbox.prices("reference")))
        await tells(peer, *(tick(str(50000 + number), str(50001 + number)) for number in range(1000)))
        await until(lambda: (d(50999), d(51000)) in inbox.prices())
    assert len(inbox.prices()) < 20


@pytest.mark.parametrize(
    ("bid", "ask"),
    [("0", "50000"), ("-1", "1"), ("NaN", "50000"), ("50001", "50000"), ("", "1"), (None, "1"), ("1,5", "2")],
)
async def test_impossible_prices_are_passed_over(peer: Peer, bid: Any, ask: Any) -> None:
    with pytest.raises(DataError):
        ticker(bid, ask)
    async with running(peer) as (_, inbox):
        await until(lambda: bool(inbox.prices("reference")))
        await tells(peer, tick(bid, ask), "no json", tick("50000", "50001"))
        await until(lambda: (d(50000), d(50001)) in inbox.prices())
        assert set(inbox.prices()) <= {(d(50000), d(50001)), (d(49999), d(50001))}


async def test_without_an_average_a_price_is_believed_when_it_is_said_three_times(peer: Peer) -> None:
    peer.answers[AVERAGE].clear()
    peer.says(AVERAGE, {"price": "0"})
    async with running(peer, Hurried()) as (_, inbox):
        await tells(peer, tick("777", "778"))
        await until(lambda: inbox.prices() == [(d(49999), d(50001))])
        assert len(peer.calls(BOOK)) >= 3


@pytest.mark.parametrize("wild", [tick("20000", "20001"), tick("1000000000", "1000000001"), tick("40000", "60000")])
async def test_one_wild_price_is_not_believed(peer: Peer, wild: dict[str, Any]) -> None:
    async with running(peer) as (_, inbox):
        await until(lambda: bool(inbox.prices("reference")))
        await tells(peer, wild, tick("50000", "50001"))
        await until(lambda: (d(50000), d(50001)) in inbox.prices())
        assert (d(wild["data"]["b"]), d(wild["data"]["a"])) not in inbox.prices()


async def test_a_real_fall_is_believed_when_the_exchange_says_it_three_times(peer: Peer) -> None:
    peer.answers[BOOK].clear()
    peer.says(BOOK, {"symbol": "BTCUSDT", "bidPrice": "30000", "askPrice": "30001"})
    async with running(peer, Hurried()) as (_, inbox):
        await until(lambda: bool(inbox.prices("reference")))
        await until(lambda: (d(30000), d(30001)) in inbox.prices())
        assert len(peer.calls(BOOK)) >= 3


async def test_where_the_stream_is_silent_prices_are_asked_for(peer: Peer) -> None:
    """A quiet market is no dead one: the answer says that the price is as new as it was."""
    async with running(peer, Hurried()) as (_, inbox):
        await until(lambda: len(inbox.prices()) >= 3)
        assert set(inbox.prices()) == {(d(49999), d(50001))}


async def test_an_answer_does_not_undo_what_the_stream_said_meanwhile(peer: Peer) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await tells(peer, tick("50050", "50051"))
        await Clock().sleep(0.05)
        return web.json_response({"symbol": "BTCUSDT", "bidPrice": "49999", "askPrice": "50001"})

    peer.answers[BOOK].clear()
    peer.does(BOOK, slow)
    async with running(peer) as (_, inbox):
        await until(lambda: (d(50050), d(50051)) in inbox.prices())
        await Clock().sleep(0.3)  # long enough for the answer to be there too
        assert inbox.prices() == [(d(50050), d(50051))]


async def test_without_a_stream_prices_are_asked_for(peer: Peer) -> None:
    peer.answers[STREAM].clear()
    peer.says(STREAM, {}, 503)
    async with market(peer, Hurried()) as (live, inbox):
        live._tasks.start(live.run(inbox), "market")
        await until(lambda: len(inbox.prices()) >= 2)
        assert live.source == "asking every 2 s"


async def test_no_price_is_made_up_where_nobody_answers(peer: Peer) -> None:
    for call in (BOOK, AVERAGE):
        peer.answers[call].clear()
        peer.does(call, hang_up())
    async with running(peer, Hurried()) as (_, inbox):
        await until(lambda: len(peer.calls(BOOK)) >= 3)
        assert inbox.prices() == []


async def test_a_stream_that_breaks_comes_back(peer: Peer) -> None:
    async with running(peer, Hurried()) as (_, inbox):
        await peer.sockets[-1].close()
        await until(lambda: len(peer.sockets) == 2 and bool(inbox.prices("reference")))
        await tells(peer, tick("50007", "50008"))
        await until(lambda: (d(50007), d(50008)) in inbox.prices())


async def test_a_frozen_stream_is_opened_anew(peer: Peer) -> None:
    """It goes on telling the price of an hour ago, punctually."""
    async with running(peer, Hurried()) as (_, _inbox):
        with suppress(ConnectionResetError):
            while len(peer.sockets) == 1:
                await tells(peer, tick("49000", "49001"))
                await Clock().sleep(0.01)
        await until(lambda: len(peer.sockets) > 1)


# ---------------------------------------------------------------- candles


async def a_past(live: LiveMarket, minutes: int) -> list[Candle]:
    """All of it, for a trader that last lived so long ago."""
    until = START + timedelta(minutes=3 - minutes)
    return list(await live.past(PastWanted(lived_until=until, startup=minutes - 2, seconds=60)))


async def test_a_closed_candle_is_told_once(peer: Peer) -> None:
    async with running(peer) as (_, inbox):
        await tells(peer, closing(3, x=False), closing(3), closing(3, "51000"), closing(2), closing(4))
        await until(lambda: inbox.minutes() == [3, 4])
        first = inbox.events[[isinstance(e, CandleClosed) for e in inbox.events].index(True)]
        assert isinstance(first, CandleClosed)
        assert (first.candle.close, first.late) == (d(50000), False)


async def test_a_missed_candle_is_asked_for(peer: Peer) -> None:
    """The stream leaves out minute 3: nothing is told before it is there."""
    peer.answers[TIME].clear()
    peer.says(TIME, {"serverTime": ms(START + timedelta(minutes=3, seconds=50))})
    peer.answers[KLINES].clear()
    peer.says(KLINES, [a_kline(3), a_kline(4), a_kline(5)])
    async with running(peer, Hurried()) as (live, inbox):
        await tells(peer, closing(4))
        live._client.time.learn(ms(START + timedelta(minutes=5, seconds=4)), *[live._clock.monotonic()] * 2)
        await until(lambda: inbox.minutes()[:2] == [3, 4])


async def test_candles_that_closed_long_ago_are_marked(peer: Peer) -> None:
    async with market(peer, Hurried()) as (live, inbox):
        live._tail = Tail(START - 5 * MINUTE)
        peer.answers[KLINES].clear()
        peer.says(KLINES, [a_kline(number) for number in range(-5, 3)])
        await live._repair(inbox)
        late = [event.late for event in inbox.events if isinstance(event, CandleClosed)]
        assert late == [True] * 6 + [False] * 2


async def test_the_past_comes_in_pages_and_holes_are_asked_for_again(peer: Peer) -> None:
    rows = [a_kline(number) for number in range(-1500, 3)]
    peer.answers[KLINES].clear()
    peer.says(KLINES, rows[:500] + rows[520:1020])  # a page of 1000 with a hole in it
    peer.says(KLINES, [*rows[1020:], a_kline(3)])  # the last one is not closed yet
    peer.says(KLINES, rows[500:520])
    async with market(peer) as (live, _):
        past = await a_past(live, 1503)
    assert [candle.opened_at for candle in past] == [START + number * MINUTE for number in range(-1500, 3)]
    assert len(peer.calls(KLINES)) == 3
    assert gaps(past) == []


async def test_a_hole_of_the_exchange_itself_stays_one(peer: Peer) -> None:
    peer.answers[KLINES].clear()
    peer.says(KLINES, [a_kline(0), a_kline(2)])
    peer.says(KLINES, [])
    async with market(peer) as (live, _):
        assert [candle.opened_at.minute for candle in await a_past(live, 3)] == [0, 2]


async def test_impossible_candles_are_passed_over(peer: Peer) -> None:
    bad = [a_kline(1, "NaN"), a_kline(1, "-5"), [1, 2], "text", [True, *a_kline(1)[1:]], a_kline(2)]
    bad.insert(0, [ms(START), "5", "4", "6", "5", "1"])  # its high is below its low
    peer.answers[KLINES].clear()
    peer.says(KLINES, bad)
    async with market(peer) as (live, _):
        assert [candle.opened_at.minute for candle in await a_past(live, 3)] == [2]


async def test_an_answer_that_is_no_list_is_a_doubt(peer: Peer) -> None:
    peer.answers[KLINES].clear()
    peer.says(KLINES, {"rows": []})
    async with market(peer) as (live, _):
        with pytest.raises(ExchangeUnreachable):
            await a_past(live, 3)


def test_candles_of_another_kind_are_refused() -> None:
    for change in ({"s": "ETHUSDT"}, {"i": "5m"}, {"t": None}, {"c": "x"}):
        with pytest.raises(DataError):
            candle_of_event("BTC/USDT", closing(1, **change)["data"])
    with pytest.raises(DataError):
        candle_of_event("BTC/USDT", {"e": "kline"})


def test_a_tail_goes_minute_by_minute() -> None:
    tail = Tail(START)
    assert not tail.take(a_candle(at=START + MINUTE))
    assert tail.take(a_candle(at=START))
    assert not tail.take(a_candle(at=START))
    tail.skip_to(START)
    assert tail.take(a_candle(at=START + MINUTE))


# ---------------------------------------------------------------- the order book


async def test_the_order_book_of_a_real_answer(peer: Peer) -> None:
    peer.says(DEPTH, json.loads(json.dumps(real("nautilus_spot_http/depth_response.json"))))
    async with market(peer) as (live, _):
        book = await live.order_book()
    assert book.bids == ((d("4.00000000"), d("431.00000000")),)
    assert book.asks == ((d("4.00000200"), d("12.00000000")),)
    assert peer.calls(DEPTH)[0].params == {"symbol": "BTCUSDT", "limit": "20"}


@pytest.mark.parametrize("bids", [None, {}, [1], [["1"]], [["0", "1"]], [["NaN", "1"]], [["1", "-1"]]])
async def test_an_impossible_book_is_a_doubt(peer: Peer, bids: Any) -> None:
    peer.says(DEPTH, {"bids": bids, "asks": []})
    async with market(peer) as (live, _):
        with pytest.raises(ExchangeUnreachable):
            await live.order_book()
