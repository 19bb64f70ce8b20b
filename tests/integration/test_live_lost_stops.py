"""A stop that its owner cancels at the exchange, moments after it was placed and told to nobody."""

from collections.abc import Callable

import pytest

from services.binance_us.user_stream import LISTEN_KEY, POLLING
from tests.live_trader import LiveTrader, live_trader


def refuse_streams(trader: LiveTrader) -> None:
    trader.exchange.user_data.refuse(listen_key=410, subscription=True)
    trader.exchange.streams.user.drop()


def freeze_the_stream(trader: LiveTrader) -> None:
    """It stands and answers pings, and says nothing."""
    trader.exchange.streams.user.freeze()


@pytest.mark.parametrize(
    ("silence", "way", "seconds"), [(refuse_streams, POLLING, 3), (freeze_the_stream, LISTEN_KEY, 10)]
)
async def test_a_new_stop_that_is_lost_is_back_soon_though_nobody_tells(
    silence: Callable[[LiveTrader], None], way: str, seconds: float
) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        silence(trader)
        await trader.until(lambda: trader.adapter.user_data == way)
        (stop,) = trader.standing_stops()
        trader.exchange.owner.cancel(stop)
        await trader.until(trader.standing_stops, within=seconds)
        (again,) = trader.standing_stops()
        assert again.wish.stop_price == position.stop_price
        await trader.until(trader.protected)
        trader.check_books()


async def test_a_list_that_lags_behind_a_new_stop_is_not_a_lost_stop() -> None:
    async with live_trader() as trader:
        refuse_streams(trader)
        await trader.until(lambda: trader.adapter.user_data == POLLING)
        trader.exchange.lag.orders.hold()
        await trader.bought()
        await trader.pass_time(15)
        assert len(trader.ours("S")) == 1
        assert len(trader.protected()) == 1
        trader.exchange.lag.release()
        await trader.pass_time(5)
        trader.check_books()
