"""The stop that follows the price, through the whole live trader: F-16 of the fault catalogue and what belongs to it.

The level never goes down, no position is bare for longer than a second, and never do two stops stand.
"""

from decimal import Decimal
from typing import Any

import pytest

from app.core.model import ExitReason
from tests.binance_us_double import Order as Listed
from tests.integration.fault_cases import (
    CANCEL,
    FEW_DOUBTS,
    KINDS_OF_STOP,
    PLACE,
    REPLACE,
    check,
    minute_at,
    name_of,
    steps,
    stop_of,
    unheard,
)
from tests.live_trader import LiveTrader, live_trader

REST = 600  # seconds: after a move that failed the next one waits
NEW_LEVEL = Decimal("50440.00")  # 3 % below 52,000


pytestmark = pytest.mark.usefixtures("short_time_limits")


def the_stop(trader: LiveTrader) -> Listed:
    (stop,) = trader.standing_stops()
    return stop


def check_one_stop(trader: LiveTrader) -> None:
    (position,) = trader.protected()
    assert position.stop_price == the_stop(trader).wish.stop_price
    check(trader)


# ---------------------------------------------------------------- as it should be


@pytest.mark.parametrize("cancel_replace", [True, False], ids=["cancelReplace", "cancel, then new"])
@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_the_stop_follows_the_price_up_and_sells_there(stop_loss_orders: bool, cancel_replace: bool) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        trader.exchange.listing.cancel_replace = cancel_replace
        if not cancel_replace:
            await trader.restart()
        await trader.bought()
        await minute_at(trader, 52_000)
        assert the_stop(trader).wish.stop_price == NEW_LEVEL
        check_one_stop(trader)
        await minute_at(trader, 51_000)  # back a little: it stays
        await minute_at(trader, 52_100)  # hardly higher: not worth a move
        assert the_stop(trader).wish.stop_price == NEW_LEVEL
        await minute_at(trader, 54_000)
        assert the_stop(trader).wish.stop_price == Decimal("52380.00")
        check_one_stop(trader)

        await trader.move(52_300)
        await trader.until(trader.trades, within=2)
        (trade,) = trader.trades()
        assert trade.exit_reason is ExitReason.TRAILING_STOP
        assert trade.profit_loss > 0
        assert steps(trader.ours()) == ["E01", "S02", "S03", "S04"]
        check(trader)


# ---------------------------------------------------------------- F-16: the cancel is done, the new one is not


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("without_time", [True, False], ids=["no time told", "time told"])
@pytest.mark.parametrize("cancel_replace", [True, False], ids=["cancelReplace", "cancel, then new"])
@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_f16_the_new_stop_is_refused_after_the_old_one_is_gone_so_the_old_level_is_back_at_once(
    stop_loss_orders: bool, cancel_replace: bool, without_time: bool
) -> None:
    """The price has fallen below the new level before the exchange gets to it."""
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        trader.exchange.listing.cancel_replace = cancel_replace
        trader.exchange.engine.cancel_without_time = without_time
        if not cancel_replace:
            await trader.restart()
        await trader.bought()
        old = the_stop(trader).wish.stop_price
        held = trader.exchange.faults.hold(REPLACE if cancel_replace else PLACE)
        await minute_at(trader, 52_000)
        assert held.struck
        trader.exchange.market.move(50_400)
        held.release()
        began = trader.clock.monotonic()
        await trader.until(lambda: steps(trader.standing_stops()) == ["S04"], within=5)
        assert trader.clock.monotonic() - began <= 1
        assert the_stop(trader).wish.stop_price == old
        await trader.pass_time(1)
        check_one_stop(trader)
        assert trader.trades() == []


@pytest.mark.parametrize("cancel_replace", [True, False], ids=["cancelReplace", "cancel, then new"])
async def test_f16_a_cancel_that_is_not_told_whole_does_not_hide_that_the_new_stop_does_not_stand(
    cancel_replace: bool,
) -> None:
    async with live_trader() as trader:
        trader.exchange.listing.cancel_replace = cancel_replace
        if not cancel_replace:
            await trader.restart()
        await trader.bought()
        await unheard(trader)
        first = the_stop(trader)
        trader.exchange.account.can_trade = not cancel_replace  # the cancel is done, a new order is not taken

        def untold(body: Any) -> Any:
            trader.exchange.account.can_trade = True
            return {**body, "data": {**body["data"], "cancelResponse": {}}} if cancel_replace else {}

        trader.exchange.faults.edit(REPLACE if cancel_replace else CANCEL, untold)
        await minute_at(trader, 52_000)
        await trader.until(lambda: len(trader.standing_stops()) == 1 and trader.protected(), within=5)
        assert the_stop(trader).wish.stop_price == first.wish.stop_price
        assert the_stop(trader).made_ms - first.changed_ms <= 1_500
        check_one_stop(trader)


@pytest.mark.usefixtures("patience")
async def test_f16_three_refused_moves_hours_apart_are_no_reason_to_sell() -> None:
    async with live_trader() as trader:
        await trader.bought()
        for number, price in enumerate((52_000, 53_000, 54_000)):
            held = trader.exchange.faults.hold(REPLACE)
            await minute_at(trader, price)
            assert held.struck, number
            trader.exchange.market.move(50_400)
            held.release()
            await trader.pass_time(REST, step=5)
            check_one_stop(trader)
        assert trader.trades() == []


@pytest.mark.usefixtures("patience")
async def test_f16_the_old_level_cannot_come_back_either_so_it_is_sold() -> None:
    async with live_trader() as trader:
        await trader.bought()
        held = trader.exchange.faults.hold(REPLACE)
        await minute_at(trader, 52_000)
        again = trader.exchange.faults.hold(PLACE, where=stop_of(True))
        trader.exchange.market.move(50_400)
        held.release()
        await again.reached.wait()
        trader.exchange.market.move(47_000)  # through the old level as well, before it stands
        again.release()
        assert await trader.until(trader.trades, within=5) <= 2
        (trade,) = trader.trades()
        assert trade.exit_reason is ExitReason.EMERGENCY
        check(trader)


# ---------------------------------------------------------------- the replacement in doubt


@pytest.mark.parametrize("told_by", ["stream", "asking"])
@pytest.mark.parametrize("doubt", FEW_DOUBTS, ids=name_of)
async def test_a_move_that_was_done_though_nobody_heard_so(doubt: tuple[str, dict[str, Any]], told_by: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        kind, options = doubt
        trader.exchange.faults.add(kind, REPLACE, acts=True, **options)
        await minute_at(trader, 52_000)
        await trader.until(trader.protected, within=5)
        assert the_stop(trader).wish.stop_price == NEW_LEVEL
        check_one_stop(trader)
        assert steps(trader.ours()) == ["E01", "S02", "S03"]


@pytest.mark.parametrize("doubt", FEW_DOUBTS, ids=name_of)
async def test_a_move_that_was_not_done_leaves_the_old_stop_standing(doubt: tuple[str, dict[str, Any]]) -> None:
    async with live_trader() as trader:
        await trader.bought()
        old = the_stop(trader).wish.stop_price
        kind, options = doubt
        trader.exchange.faults.add(kind, REPLACE, acts=False, **options)
        await minute_at(trader, 52_000)
        for _ in range(40):
            assert the_stop(trader).wish.stop_price == old
            await trader.pass_time(1)
        check_one_stop(trader)
        assert trader.standing == "TRADING"
        await trader.pass_time(REST - 40, step=5)
        await minute_at(trader, 53_000)
        assert the_stop(trader).wish.stop_price == Decimal("51410.00")
        check_one_stop(trader)
        assert trader.trades() == []


@pytest.mark.usefixtures("patience")
async def test_the_stop_that_fires_while_it_is_to_be_moved_is_an_exit_by_stop() -> None:
    async with live_trader() as trader:
        await trader.bought()
        held = trader.exchange.faults.hold(REPLACE)
        await minute_at(trader, 52_000)
        trader.exchange.market.move(47_000)
        held.release()
        await trader.until(trader.trades, within=5)
        (trade,) = trader.trades()
        assert trade.exit_reason is ExitReason.STOP
        assert steps(trader.ours()) == ["E01", "S02"]
        check(trader)
