"""The life of a position with real money: the whole trader against an exchange that was written apart from it."""

from decimal import Decimal

from app.core.model import ExitReason
from tests.live_trader import live_trader


async def test_an_entry_has_its_stop_on_the_exchange_and_a_fall_stops_it_out() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        (stop,) = trader.standing_stops()
        assert stop.wish.stop_price == (position.entry_price * Decimal("0.95")).quantize(Decimal("0.01"))
        trader.check_books()

        await trader.move(47_000)
        await trader.until(lambda: not trader.state.positions)
        (trade,) = trader.trades()
        assert trade.exit_reason is ExitReason.STOP
        trader.check_books()
