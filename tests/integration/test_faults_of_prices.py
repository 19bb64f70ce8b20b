"""Prices and candles that a live trader must not believe, and more of them than anybody can use."""

import asyncio
import json
import time
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from app.core.messages import CandleClosed, PriceSeen
from app.core.model import Candle, MarketData
from tests.fakes import Answer, ScriptedStrategies
from tests.live_trader import LiveTrader, live_trader

MINUTE_MS = 60_000


def heard_prices(trader: LiveTrader) -> list[PriceSeen]:
    """From now on: what the engine is given of the feed."""
    heard: list[PriceSeen] = []
    trader.session.observe(
        lambda message: heard.append(message) if isinstance(message, PriceSeen) and message.source == "feed" else None
    )
    return heard


def heard_candles(trader: LiveTrader) -> list[Candle]:
    heard: list[Candle] = []
    trader.session.observe(lambda message: heard.append(message.candle) if isinstance(message, CandleClosed) else None)
    return heard


# ---------------------------------------------------------------- prices

LIES = {
    "zero": {"bid": "0.00000000", "ask": "0.00000000"},
    "negative": {"bid": "-1", "ask": "-1"},
    "no number": {"bid": "NaN", "ask": "NaN"},
    "infinite": {"bid": "Infinity", "ask": "Infinity"},
    "empty": {"bid": "", "ask": ""},
    "a comma": {"bid": "50,000.00", "ask": "50,001.00"},
    "enormous": {"bid": "1000000000", "ask": "1000000001"},
    "crossed": {"bid": "50100", "ask": "49900"},
    "torn apart": {"bid": "45000", "ask": "55000"},
    "sixty per cent down": {"bid": "20000", "ask": "20001"},
    "one cent": {"bid": "0.01", "ask": "0.02"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_f40_an_impossible_price_sells_nothing_buys_nothing_and_kills_nothing(lie: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        prices = heard_prices(trader)
        orders = len(trader.exchange.engine.orders)
        trader.exchange.market.lie(**LIES[lie])
        for _ in range(5):
            await trader.pass_time(0.3)
            trader.exchange.market.say()
        await trader.decide("BUY")
        await trader.settled()
        assert all(Decimal(49_000) < price.bid <= price.ask < 51_000 for price in prices)
        bought = trader.exchange.engine.orders[orders:]
        assert all(order.wish.side == "BUY" or order.is_open for order in bought), "nothing was sold"
        trader.exchange.market.truth()
        await trader.pass_time(3)
        assert trader.standing == "TRADING"
        assert trader.seal.sealed() is None
        assert {"kill_switch", "daily_loss"}.isdisjoint(trader.told())
        trader.check_books()


@pytest.mark.parametrize("lie", ["zero", "no number", "crossed", "torn apart"])
async def test_f40_a_lie_that_lasts_makes_the_price_stale_within_ten_seconds(lie: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.market.lie(**LIES[lie])
        took = await trader.until(lambda: trader.standing == "PAUSED/stale_price", within=12)
        assert took <= 12
        orders = len(trader.exchange.engine.orders)
        await trader.decide("BUY")
        await trader.pass_time(2)
        assert len(trader.exchange.engine.orders) == orders
        assert trader.seal.sealed() is None


async def test_f40_a_true_crash_is_believed_and_the_stop_has_fired() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.market.move(30_000)
        await trader.until(lambda: not trader.state.positions, within=15)
        await trader.until(
            lambda: trader.state.quote is not None and trader.state.quote.bid < 31_000, within=400, step=5
        )
        await trader.until(lambda: trader.standing == "TRADING", within=60)
        trader.check_books()


async def test_f40_a_book_with_a_hole_in_it_is_never_a_price_to_sell_at_however_long_it_lasts() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.market.book([(20_000, 1)], [(50_000, 1)])
        await trader.until(lambda: trader.standing == "PAUSED/stale_price", within=12)
        await trader.pass_time(60)
        assert len(trader.standing_stops()) == 1
        assert trader.told() == ["entry_fill"]
        trader.exchange.market.move(50_000)
        await trader.until(lambda: trader.standing == "TRADING", within=10)
        trader.check_books()


async def test_f41_a_feed_that_says_an_old_price_with_fresh_stamps_is_found_out_and_left() -> None:
    async with live_trader() as trader:
        await trader.bought()
        stream = trader.exchange.streams.market
        (frozen,) = stream.connections
        old = dict(stream.said[-1]["data"])
        stream.silent = True
        trader.exchange.market.move(50_400)
        for second in range(100):
            again = {"stream": "btcusd@bookTicker", "data": {**old, "u": old["u"] + 1 + second}}
            frozen.outgoing.put_nowait(json.dumps(again))
            await trader.pass_time(1)
            if frozen not in stream.connections:
                break
        assert second < 95
        stream.silent = False
        await trader.pass_time(5)
        assert trader.state.quote is not None
        assert trader.state.quote.bid > 50_300
        trader.check_books()


# ---------------------------------------------------------------- candles


async def test_f42_only_closed_candles_in_one_unbroken_row_are_ever_handed_on() -> None:
    async with live_trader() as trader:
        candles = heard_candles(trader)
        feed = trader.exchange.candles
        last = trader.exchange.clock.ms() // MINUTE_MS * MINUTE_MS
        await trader.pass_time(61 - trader.exchange.clock.ms() % MINUTE_MS / 1000, step=5)
        feed.forming(last + MINUTE_MS, 50_000, 50_000, 49_000, 49_000)
        feed.add(last, 50_000, 50_100, 49_900, 50_050)
        feed.say_again(last)
        feed.add(last, 50_000, 50_900, 49_900, 50_800)  # a revised close
        await trader.pass_time(121, step=5)
        feed.fill([(last + MINUTE_MS, 50_050, 50_060, 50_040, 50_050, 1)])  # nobody tells this one
        feed.add(last + 2 * MINUTE_MS, 50_050, 50_060, 50_040, 50_055)
        feed.add(last, 50_000, 50_900, 49_900, 50_700)  # an old one, late
        await trader.pass_time(10)
        opened = [int(candle.opened_at.timestamp() * 1000) for candle in candles]
        mine = [at for at in opened if at >= last]
        assert mine == [last, last + MINUTE_MS, last + 2 * MINUTE_MS]
        assert next(candle for candle in candles if candle.opened_at.timestamp() * 1000 == last).close == 50_050


async def test_f42_strategies_are_never_shown_a_row_of_candles_with_a_hole_that_can_be_filled() -> None:
    seen: list[tuple[Candle, ...]] = []

    def answer(data: MarketData) -> Answer:
        seen.append(data.candles)
        return "HOLD", Decimal(50), "looking"

    async with live_trader(strategies=ScriptedStrategies(answer)) as trader:
        feed = trader.exchange.candles
        for lost in (False, True, True, False, False):  # on the stream; the exchange has them all
            last = trader.exchange.clock.ms() // MINUTE_MS * MINUTE_MS
            feed.forming(last, 50_000, 60_000, 40_000, 41_000)
            await trader.pass_time(60.2 - trader.exchange.clock.ms() % MINUTE_MS / 1000, step=5)
            if lost:
                feed.fill([(last, 50_000, 50_000, 50_000, 50_000, 1)])
                await trader.pass_time(1)
            else:
                feed.add(last, 50_000, 50_000, 50_000, 50_000)
                await trader.pass_time(10, step=2)
    assert len(seen) >= 3
    for candles in seen:
        assert {two.opened_at - one.closed_at for one, two in pairwise(candles)} == {timedelta(0)}
        assert all(candle.close == 50_000 for candle in candles), "none that was still forming"


# ---------------------------------------------------------------- a flood


async def test_f43_a_thousand_messages_a_second_are_conflated_and_the_last_price_is_right() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.clock.flow()
        calm = await lag_p99_while(trader, 0)
        prices, began = heard_prices(trader), time.monotonic()
        flooded = await lag_p99_while(trader, 1_000)
        trader.exchange.market.quote("50123.45", "50124.45")
        async with asyncio.timeout(10):
            while trader.state.quote is None or trader.state.quote.bid != Decimal("50123.45"):
                await asyncio.sleep(0.01)
        elapsed = time.monotonic() - began
        print(f"loop lag p99 {flooded * 1000:.1f} ms, {calm * 1000:.1f} without; the exchange is in the same loop")
        assert flooded <= max(0.05, 3 * calm)
        assert len(prices) <= 5 * elapsed + 1, "at most five a second reach the engine"
        assert trader.state.quote is not None
        assert (trader.state.quote.bid, trader.state.quote.ask) == (Decimal("50123.45"), Decimal("50124.45"))
        trader.check_books()


async def lag_p99_while(trader: LiveTrader, messages_a_second: int) -> float:
    """How late the loop wakes sleepers of 10 ms, in 99 of 100 cases, while the market says so much for two seconds.

    Only what the loop itself had to do meanwhile counts, and not that others wanted the processor.
    """
    lags: list[float] = []
    probe = asyncio.create_task(_probe(lags))
    began, said = time.monotonic(), 0
    while (passed := time.monotonic() - began) < (2 if messages_a_second else 0.5):
        while said < passed * messages_a_second:
            said += 1
            trader.exchange.market.quote(50_000 + said % 50, 50_001 + said % 50)
        await asyncio.sleep(0.005)
    probe.cancel()
    assert said >= messages_a_second
    return sorted(lags)[int(len(lags) * 0.99)]


async def _probe(lags: list[float]) -> None:
    """How much later than asked a sleeper of 10 ms wakes."""
    while True:
        asked, worked = time.monotonic(), time.process_time()
        await asyncio.sleep(0.01)
        lags.append(min(time.monotonic() - asked - 0.01, time.process_time() - worked))
