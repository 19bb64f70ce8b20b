"""What can go wrong with a stop, through the whole live trader: F-07, F-08, F-09, F-17, F-20 of the fault catalogue.

Whatever happens: never two stops, never longer without one than the limits say, never sold what is not there.
"""

from decimal import Decimal
from typing import Any

import pytest

from app.core.model import ExitReason
from tests.integration.fault_cases import (
    DOUBTS,
    FEW_DOUBTS,
    KINDS_OF_STOP,
    PLACE,
    check,
    name_of,
    sold,
    statuses,
    steps,
    stop_of,
    unheard,
)
from tests.live_trader import LiveTrader, live_trader

TELLING = ["stream", "asking"]


pytestmark = pytest.mark.usefixtures("short_time_limits")


def check_gone(trader: LiveTrader, reason: ExitReason) -> None:
    """Closed, everything sold that there was, nothing left on the book."""
    (trade,) = trader.trades()
    assert trade.exit_reason is reason
    assert trader.state.positions == {}
    assert trader.standing_stops() == []
    check(trader)


# ---------------------------------------------------------------- F-07: refused


@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-2010, "Order would trigger immediately."),
        (-1013, "Filter failure: PERCENT_PRICE"),
        (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
        (-1013, "Stop loss orders are not supported for this symbol."),
    ],
)
async def test_f07_a_refused_stop_is_a_sale_at_the_market(stop_loss_orders: bool, code: int, text: str) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        trader.exchange.faults.error(PLACE, code, msg=text, where=stop_of(stop_loss_orders), times=None)
        await trader.decide("BUY")
        took = await trader.until(trader.trades, within=5)
        assert took <= 2
        check_gone(trader, ExitReason.EMERGENCY)
        assert {"order_rejected", "stop_missing"} <= set(trader.told())


async def test_f07_a_stop_that_the_price_has_passed_before_it_arrives_is_a_sale_at_the_market() -> None:
    """Nothing is feigned here: the exchange itself refuses a stop above the price."""
    async with live_trader() as trader:
        held = trader.exchange.faults.hold(PLACE, where=stop_of(True))
        await trader.decide("BUY")
        await held.reached.wait()
        trader.exchange.market.move(47_000)
        held.release()
        took = await trader.until(trader.trades, within=5)
        assert took <= 2
        check_gone(trader, ExitReason.EMERGENCY)


# ---------------------------------------------------------------- F-08: in doubt


@pytest.mark.parametrize(("told_by", "stop_loss_orders"), [("stream", True), ("asking", True), ("asking", False)])
@pytest.mark.parametrize("doubt", DOUBTS, ids=name_of)
async def test_f08_a_stop_that_stands_though_its_answer_was_lost_is_found_and_none_is_placed_beside_it(
    doubt: tuple[str, dict[str, Any]], stop_loss_orders: bool, told_by: str
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        if told_by == "asking":
            await unheard(trader)
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=True, where=stop_of(stop_loss_orders), **options)
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=5)
        assert took <= 2
        await trader.pass_time(5)
        assert steps(trader.ours()) == ["E01", "S02"]
        check(trader)


@pytest.mark.parametrize(
    ("doubt", "stop_loss_orders"),
    [*((doubt, True) for doubt in FEW_DOUBTS), *((doubt, False) for doubt in DOUBTS[:2])],
    ids=name_of,
)
async def test_f08_a_stop_that_never_arrived_leaves_the_position_bare_for_30_s_at_most(
    doubt: tuple[str, dict[str, Any]], stop_loss_orders: bool
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=False, where=stop_of(stop_loss_orders), **options)
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=35)
        assert 20 <= took <= 30
        assert statuses(trader) == {"E01": "FILLED", "S02": "NOT_PLACED", "S03": "OPEN"}
        assert steps(trader.ours()) == ["E01", "S03"]
        check(trader)
        assert sold(trader) == 0


@pytest.mark.parametrize("lag", [3, 12, 29])
async def test_f08_a_stop_that_stands_but_is_not_seen_is_never_placed_twice_nor_sold_twice(lag: float) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.lag.by(lag)
        trader.exchange.faults.lost_after(PLACE, where=stop_of(True))
        await trader.decide("BUY")
        for _ in range(100):
            await trader.pass_time(1)
            assert len(trader.standing_stops()) <= 1
        (stop,) = trader.ours("S")[:1]
        assert sold(trader) in (Decimal(0), stop.quantity)
        trader.exchange.lag.release()
        await trader.pass_time(30)
        check(trader)


# ---------------------------------------------------------------- F-09: not enough bitcoin for the stop


async def test_f09_a_stop_refused_for_want_of_balance_is_taken_at_the_second_attempt() -> None:
    async with live_trader() as trader:
        trader.exchange.faults.error(PLACE, -2010, where=stop_of(True))
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=5)
        assert took <= 2
        assert statuses(trader) == {"E01": "FILLED", "S02": "REJECTED", "S03": "OPEN"}
        assert steps(trader.ours()) == ["E01", "S03"]
        check(trader)


# ---------------------------------------------------------------- F-17: the price jumps the stop


async def test_f17_a_price_that_jumps_the_limit_of_a_stop_limit_is_rescued_at_the_market() -> None:
    """−8 % at once: the stop-limit wakes up with a limit that nobody pays, and would rest there for ever."""
    async with live_trader(stop_loss_orders=False) as trader:
        await trader.bought()
        trader.exchange.market.move(46_000)
        took = await trader.until(trader.trades, within=15)
        assert took <= 10
        (stop,) = trader.ours("S")
        assert (stop.status, stop.executed) == ("CANCELED", 0)
        check_gone(trader, ExitReason.EMERGENCY)
        assert "stop_rescued" in trader.told()
        assert sold(trader) == stop.quantity


async def test_f17_a_stop_limit_that_was_filled_in_part_before_the_price_jumped_it_loses_only_the_rest() -> None:
    async with live_trader(stop_loss_orders=False) as trader:
        await trader.bought()
        (stop,) = trader.standing_stops()
        trader.exchange.market.quote("47400", "47410", bid_quantity="0.004")
        trader.exchange.market.trade("47400")  # the stop wakes up and finds buyers for a part
        trader.exchange.market.quote("46000", "46010")
        took = await trader.until(trader.trades, within=15)
        assert took <= 10
        assert (stop.status, stop.executed) == ("CANCELED", Decimal("0.004"))
        check_gone(trader, ExitReason.EMERGENCY)
        assert sold(trader) == stop.quantity


async def test_f17_a_stop_loss_order_that_does_not_fire_is_not_waited_for() -> None:
    """Prices far below the stop, though nothing was traded there: the exchange's stop sleeps on."""
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.market.quote("46000", "46010")
        took = await trader.until(trader.trades, within=15)
        assert took <= 10
        check_gone(trader, ExitReason.EMERGENCY)


async def test_f17_a_price_that_comes_back_within_seconds_sells_nothing() -> None:
    async with live_trader(stop_loss_orders=False) as trader:
        await trader.bought()
        trader.exchange.market.quote("46000", "46010")
        await trader.pass_time(3)
        trader.exchange.market.move(50_000)
        await trader.pass_time(10)
        assert len(trader.protected()) == 1
        check(trader)


# ---------------------------------------------------------------- F-20: the stop is gone


@pytest.mark.parametrize("told_by", TELLING)
@pytest.mark.parametrize("how", ["the exchange expires it", "a person cancels it"])
@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_f20_a_stop_that_is_gone_is_back_within_ten_seconds(
    stop_loss_orders: bool, how: str, told_by: str
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        await trader.pass_time(30)  # an order that was confirmed just now is not missed yet: lists lag
        (old,) = trader.standing_stops()
        if how == "a person cancels it":
            trader.exchange.owner.cancel(old)
        else:
            trader.exchange.engine.expire(old)
        took = await trader.until(trader.standing_stops, within=12)
        assert took <= 10
        (new,) = trader.standing_stops()
        assert new.wish.stop_price == old.wish.stop_price
        await trader.pass_time(1)
        assert "stop_missing" in trader.told()
        check(trader)


async def test_f20_a_stop_that_was_filled_in_part_when_it_expired_is_put_back_for_the_rest() -> None:
    async with live_trader(stop_loss_orders=False) as trader:
        position = await trader.bought()
        (old,) = trader.standing_stops()
        trader.exchange.market.quote("47400", "47410", bid_quantity="0.004")
        trader.exchange.market.trade("47400")
        trader.exchange.market.move(50_000)  # the rest of the stop is a limit order now, and met nobody
        await trader.pass_time(1)
        if old.is_open:
            trader.exchange.engine.expire(old)
        await trader.until(lambda: trader.standing_stops() or trader.trades(), within=10)
        await trader.pass_time(1)
        check(trader)
        assert sold(trader) <= position.quantity


async def test_f20_a_stop_that_is_gone_while_nothing_answers_for_long_is_no_longer_waited_for() -> None:
    """Whether the new one stands cannot be found out for two minutes: as soon as it can, the position is out."""
    async with live_trader() as trader:
        await trader.bought()
        (old,) = trader.standing_stops()
        trader.exchange.engine.expire(old)
        trader.exchange.down_for_maintenance()
        await trader.pass_time(120, step=5)
        assert "stop_missing" in trader.told()
        trader.exchange.down_for_maintenance(False)
        took = await trader.until(trader.trades, within=60)
        assert took <= 30
        check_gone(trader, ExitReason.EMERGENCY)


async def test_a_stop_lost_three_times_at_once_is_a_sale() -> None:
    async with live_trader() as trader:
        await trader.bought()
        for _ in range(3):
            (stop,) = trader.standing_stops()
            trader.exchange.owner.cancel(stop)
            await trader.until(lambda: trader.standing_stops() or trader.trades(), within=10)
        await trader.until(trader.trades, within=2)
        check_gone(trader, ExitReason.EMERGENCY)
