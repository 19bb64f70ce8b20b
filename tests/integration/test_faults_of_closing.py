"""What can go wrong while a position is being closed, through the whole live trader: F-12 … F-15, F-18, F-19.

A stop holds the balance and may fire at any moment; whatever happens, never more is sold than there was.
"""

from decimal import Decimal
from typing import Any

import pytest

from app.core.messages import CloseAll
from app.core.model import ExitReason, Position, PositionStatus
from tests.integration.fault_cases import (
    CANCEL,
    ENTRY,
    EXIT,
    FEW_DOUBTS,
    FIND,
    KINDS_OF_STOP,
    PLACE,
    REPLACE,
    STOP,
    check,
    close,
    minute_at,
    name_of,
    sold,
    statuses,
    steps,
    unheard,
)
from tests.live_trader import LiveTrader, live_trader

TELLING = ["stream", "asking"]


def check_closed(trader: LiveTrader, position: Position, *reasons: ExitReason) -> None:
    """Closed once, everything sold once, nothing left on the book."""
    (trade,) = trader.trades()
    assert trade.exit_reason in (reasons or (ExitReason.MANUAL,))
    assert trader.state.positions == {}
    assert trader.standing_stops() == []
    assert sold(trader) == trade.quantity == position.quantity
    check(trader)


# ---------------------------------------------------------------- as it should be


@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_a_click_cancels_the_stop_and_sells_within_two_seconds(stop_loss_orders: bool) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        position = await trader.bought()
        await close(trader, position)
        assert await trader.until(trader.trades, within=5) <= 2
        check_closed(trader, position)
        assert statuses(trader) == {"E01": "FILLED", "S02": "CANCELED", "C03": "FILLED"}


async def test_twenty_clicks_close_once() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        for number in range(20):
            await close(trader, position, f"c{number}")
        await trader.until(trader.trades, within=5)
        await trader.pass_time(5)
        check_closed(trader, position)
        assert steps(trader.ours()) == ["E01", "S02", "C03"]
        assert len(trader.exchange.requests.of(CANCEL)) == 1


# ---------------------------------------------------------------- F-12: the stop fires between click and cancel


@pytest.mark.parametrize("told_by", TELLING)
@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_f12_a_stop_that_fires_before_the_cancel_arrives_is_the_exit(
    stop_loss_orders: bool, told_by: str
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        position = await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        held = trader.exchange.faults.hold(CANCEL)
        await close(trader, position)
        await held.reached.wait()
        trader.exchange.market.quote("47450", "47460")
        trader.exchange.market.trade("47450")
        held.release()
        await trader.until(trader.trades, within=5)
        await trader.pass_time(5)
        check_closed(trader, position, ExitReason.STOP, ExitReason.MANUAL)
        assert steps(trader.ours()) == ["E01", "S02"]  # no sale at the market besides


# ---------------------------------------------------------------- F-13: it is filled in part at the cancel


@pytest.mark.parametrize("told_by", TELLING)
@pytest.mark.parametrize("parts", [("0.004",), ("0.002", "0.003")])
async def test_f13_only_what_the_stop_did_not_sell_is_sold(parts: tuple[str, ...], told_by: str) -> None:
    async with live_trader(stop_loss_orders=False) as trader:
        position = await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        held = trader.exchange.faults.hold(CANCEL)
        await close(trader, position)
        await held.reached.wait()
        for part in parts:  # the first one wakes it up; then it rests and is hit
            trader.exchange.market.quote("47400", "47410", bid_quantity=part)
            if part == parts[0]:
                trader.exchange.market.trade("47400")
        trader.exchange.market.quote("46000", "46010")
        held.release()
        await trader.until(trader.trades, within=5)
        check_closed(trader, position)
        (exit,) = trader.ours("C")
        assert exit.quantity == position.quantity - sum(map(Decimal, parts))


async def test_f13_a_rest_too_small_to_sell_is_dust() -> None:
    async with live_trader(stop_loss_orders=False) as trader:
        position = await trader.bought()
        held = trader.exchange.faults.hold(CANCEL)
        await close(trader, position)
        await held.reached.wait()
        trader.exchange.market.quote("47400", "47410", bid_quantity=position.quantity - Decimal("0.00001"))
        trader.exchange.market.trade("47400")
        trader.exchange.market.quote("46000", "46010")
        held.release()
        await trader.until(trader.trades, within=5)
        assert trader.state.positions == {}
        assert trader.ours("C") == []
        check(trader)


# ---------------------------------------------------------------- F-14, F-15: a cancel in doubt


@pytest.mark.usefixtures("short_time_limits")
@pytest.mark.parametrize("told_by", TELLING)
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("doubt", FEW_DOUBTS, ids=name_of)
async def test_f14_a_cancel_without_an_answer_is_found_out_before_anything_is_sold(
    doubt: tuple[str, dict[str, Any]], done: bool, told_by: str
) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        kind, options = doubt
        trader.exchange.faults.add(kind, CANCEL, acts=done, **options)
        await close(trader, position)
        took = await trader.until(trader.trades, within=30)
        assert took <= 10
        check_closed(trader, position)
        assert steps(trader.ours()) == ["E01", "S02", "C03"]


@pytest.mark.usefixtures("short_time_limits")
@pytest.mark.parametrize("told_by", TELLING)
async def test_f15_a_cancel_that_says_unknown_order_because_it_was_done_already(told_by: str) -> None:
    """As where something on the way sends a DELETE a second time."""
    async with live_trader() as trader:
        position = await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        trader.exchange.faults.error(CANCEL, -2011, acts=True)
        await close(trader, position)
        assert await trader.until(trader.trades, within=10) <= 2
        check_closed(trader, position)
        assert steps(trader.ours()) == ["E01", "S02", "C03"]


async def test_a_cancel_that_is_refused_for_the_clock_is_made_anew_and_the_sale_follows() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        trader.exchange.faults.error(CANCEL, -1021)
        await close(trader, position)
        assert await trader.until(trader.trades, within=5) <= 2
        check_closed(trader, position)
        assert len(trader.exchange.requests.of(CANCEL)) == 2


async def test_f14_a_cancelled_stop_that_is_still_listed_for_long_sells_nothing_twice() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        await unheard(trader)
        await trader.pass_time(31)
        trader.exchange.lag.by(12)
        trader.exchange.faults.lost_after(CANCEL)
        await close(trader, position)
        await trader.until(trader.trades, within=30)
        assert len(trader.exchange.requests.of(CANCEL)) <= 3
        trader.exchange.lag.release()
        await trader.pass_time(30)
        check_closed(trader, position)


async def test_f14_a_cancel_that_keeps_failing_is_asked_for_once_a_second_and_then_done() -> None:
    """Each failure and each answer that the stop still stands come back at once: nobody must be flooded."""
    async with live_trader() as trader:
        position = await trader.bought()
        trader.exchange.faults.add("html", CANCEL, status=503, times=None)
        trader.exchange.requests.clear()
        await close(trader, position)
        await trader.pass_time(20)
        assert 5 <= len(trader.exchange.requests.of(CANCEL)) <= 21
        assert len(trader.exchange.requests.of(FIND)) <= 42
        (stop,) = trader.standing_stops()
        assert stop.is_open
        trader.exchange.faults.clear()
        assert await trader.until(trader.trades, within=5) <= 2
        check_closed(trader, position)


async def test_f14_the_cancel_of_an_old_stop_is_in_doubt_for_seconds_and_nobody_is_alarmed() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        await unheard(trader)
        trader.clock.carry(3_600)
        await trader.until(lambda: trader.standing == "TRADING", within=60)
        trader.exchange.faults.lost_after(CANCEL)
        trader.exchange.faults.add("html", FIND, status=503, times=4)
        await close(trader, position)
        await trader.until(trader.trades, within=30)
        assert "order_stuck" not in trader.told()
        check_closed(trader, position)


async def test_f14_the_sale_does_not_wait_for_an_answer_that_the_stream_has_overtaken() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        cancel = trader.exchange.faults.hold(CANCEL, acts=True)
        sale = trader.exchange.faults.hold(PLACE, acts=True, where=EXIT)
        await close(trader, position)
        await cancel.reached.wait()
        assert await trader.until(trader.trades, within=5) <= 1
        cancel.release()
        sale.release()
        await trader.pass_time(2)
        check_closed(trader, position)
        assert steps(trader.ours()) == ["E01", "S02", "C03"]


# ---------------------------------------------------------------- the sale in doubt


@pytest.mark.usefixtures("short_time_limits")
@pytest.mark.parametrize("told_by", TELLING)
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("doubt", FEW_DOUBTS, ids=name_of)
async def test_a_sale_without_an_answer_is_never_made_twice(
    doubt: tuple[str, dict[str, Any]], done: bool, told_by: str
) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=done, where=EXIT, **options)
        await close(trader, position)
        took = await trader.until(trader.trades, within=60)
        assert took <= (5 if done else 30)
        check_closed(trader, position)
        assert steps(trader.ours()) == ["E01", "S02", "C03" if done else "C04"]


# ---------------------------------------------------------------- F-18: no depth


async def test_f18_a_sale_that_found_few_buyers_goes_on_with_the_rest() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        trader.exchange.market.quote("49990", "50010", bid_quantity="0.004")
        await close(trader, position)
        await trader.until(lambda: len(trader.ours("C")) >= 1, within=5)
        trader.exchange.market.move(49_900)
        await trader.until(trader.trades, within=30)
        check_closed(trader, position)
        first, *rest = trader.ours("C")
        assert (first.status, first.executed) == ("EXPIRED", Decimal("0.004"))
        assert sum(order.executed for order in rest) == position.quantity - Decimal("0.004")


async def test_f18_five_sales_without_a_buyer_leave_the_rest_under_a_stop_and_call_a_person() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        trader.exchange.market.book([], [("50010", 20)])
        await close(trader, position)
        await trader.until(lambda: "position_stuck" in trader.told(), within=120)
        await trader.pass_time(5)
        assert len(trader.ours("C")) == 5
        (stop,) = trader.standing_stops()
        assert stop.quantity == position.quantity
        (kept,) = trader.state.positions.values()
        assert kept.status is PositionStatus.QUARANTINE
        check(trader)

        await trader.move(50_000)
        await close(trader, position, "c2")  # the person has looked
        await trader.until(trader.trades, within=5)
        check_closed(trader, position)


# ---------------------------------------------------------------- F-19: halted


@pytest.mark.parametrize("status", ["HALT", "BREAK"])
async def test_f19_a_halted_market_is_tried_every_ten_seconds_until_it_sells(status: str) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        trader.exchange.listing.status = status
        await close(trader, position)
        await trader.pass_time(60)
        assert "order_rejected" in trader.told()
        assert "stop_missing" in trader.told()  # within 30 s, since none can be placed either
        tries = [each for each in trader.exchange.requests.of(PLACE) if each.params["type"] == "MARKET"]
        assert 5 <= len(tries) <= 8
        trader.exchange.listing.status = "TRADING"
        assert await trader.until(trader.trades, within=30) <= 11
        check_closed(trader, position)


# ---------------------------------------------------------------- a close while the entry is in doubt


@pytest.mark.usefixtures("short_time_limits")
@pytest.mark.parametrize("everything", [True, False], ids=["close all", "close"])
@pytest.mark.parametrize("done", [True, False], ids=["bought", "not bought"])
async def test_f74_a_close_while_the_entry_is_in_doubt_waits_and_then_closes_what_there_is(
    done: bool, everything: bool
) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.lag.by(5)
        trader.exchange.faults.add("lost", PLACE, acts=done, where=ENTRY)
        await trader.decide("BUY")
        await trader.until(lambda: trader.standing == "PAUSED/unknown_order", within=2)
        (position,) = trader.state.positions.values()
        if everything:
            await trader.session.committed(CloseAll(at=trader.session.now(), id="c1", actor="admin"))
        else:
            await close(trader, position)
        await trader.until(lambda: not trader.state.positions, within=60)
        trader.exchange.lag.release()
        await trader.pass_time(10)
        assert steps(trader.ours()) == (["E01", "C02"] if done else [])
        assert len(trader.trades()) == done
        check(trader)


# ---------------------------------------------------------------- a close while the stop is in doubt


@pytest.mark.usefixtures("short_time_limits")
@pytest.mark.parametrize("done", [True, False], ids=["it stands", "it never came"])
async def test_a_close_while_the_stop_is_in_doubt_waits_for_it_and_sells_once(done: bool) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.lag.orders.seconds = 5
        trader.exchange.faults.add("lost", PLACE, acts=done, where=STOP)
        await trader.decide("BUY")
        await trader.until(lambda: statuses(trader).get("S02") == "UNKNOWN", within=2)
        (position,) = trader.state.positions.values()
        await close(trader, position)
        await trader.pass_time(2)
        assert trader.ours("C") == []  # while the stop may hold the balance, or fire
        took = await trader.until(trader.trades, within=60)
        assert took <= (10 if done else 30)
        check_closed(trader, position)


@pytest.mark.usefixtures("short_time_limits")
@pytest.mark.parametrize("done", [True, False], ids=["moved", "not moved"])
async def test_a_close_while_the_moving_of_the_stop_is_in_doubt_sells_once(done: bool) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        await unheard(trader)
        trader.exchange.lag.orders.seconds = 5
        trader.exchange.faults.add("lost", REPLACE, acts=done)
        await minute_at(trader, 52_000)
        await trader.until(lambda: statuses(trader).get("S03") == "UNKNOWN", within=2)
        await close(trader, position)
        took = await trader.until(trader.trades, within=60)
        assert took <= 35
        trader.exchange.lag.release()
        await trader.pass_time(5)
        check_closed(trader, position)


# ---------------------------------------------------------------- the race, at each of its moments


@pytest.mark.parametrize("moment", ["before the click", "the cancel is on its way", "the sale is on its way"])
@pytest.mark.parametrize("told_by", TELLING)
@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_a_stop_that_fires_while_a_person_closes_has_two_outcomes(
    stop_loss_orders: bool, told_by: str, moment: str
) -> None:
    """The stop sold all of it, or the close sold what the stop did not: never more than there was."""
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        position = await trader.bought()
        if told_by == "asking":
            await unheard(trader)
        held = trader.exchange.faults.hold(
            PLACE if "sale" in moment else CANCEL, where=EXIT if "sale" in moment else {}
        )
        if moment == "before the click":
            trader.exchange.market.move(47_400)
            held.release()
        await close(trader, position)
        if moment != "before the click":
            await held.reached.wait()
            trader.exchange.market.move(47_400)
            held.release()
        await trader.until(trader.trades, within=10)
        await trader.pass_time(5)
        check_closed(trader, position, ExitReason.STOP, ExitReason.MANUAL)
        by_stop = sum(order.executed for order in trader.ours("S"))
        by_close = sum(order.executed for order in trader.ours("C"))
        assert (by_stop, by_close) in ((position.quantity, 0), (0, position.quantity))
        assert (by_close > 0) is ("sale" in moment)
