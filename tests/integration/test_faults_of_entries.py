"""What can go wrong with an entry, through the whole live trader: F-01 … F-06, F-10, F-11 of the fault catalogue.

Whatever the answer was: one order at the exchange, its stop behind it, books that agree, no entry while in doubt.
"""

from decimal import Decimal
from typing import Any

import pytest

from app.core.model import ExitReason, OrderStatus, Role
from tests.integration.fault_cases import (
    CUT,
    DOUBTS,
    ENTRY,
    FIND,
    KINDS_OF_STOP,
    PLACE,
    check,
    name_of,
    rest,
    statuses,
    steps,
    unheard,
)
from tests.live_trader import LiveTrader, live_trader

pytestmark = pytest.mark.usefixtures("short_time_limits")


def check_one_protected_entry(trader: LiveTrader) -> None:
    assert steps(trader.ours()) == ["E01", "S02"]
    assert len(trader.protected()) == 1
    assert len(trader.exchange.requests.of(PLACE)) == 2
    check(trader)


# ---------------------------------------------------------------- F-01, F-03, F-05: it was accepted


@pytest.mark.parametrize("told_by", ["stream", "asking"])
@pytest.mark.parametrize("doubt", [*DOUBTS, *CUT], ids=name_of)
async def test_f01_f03_f05_an_accepted_entry_with_a_lost_answer_is_adopted_and_protected(
    doubt: tuple[str, dict[str, Any]], told_by: str
) -> None:
    async with live_trader() as trader:
        if told_by == "asking":
            await unheard(trader)
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=True, where=ENTRY, **options)
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=5)
        assert took <= 2
        check_one_protected_entry(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=5)


# ---------------------------------------------------------------- F-02: it never arrived


@pytest.mark.parametrize("doubt", DOUBTS, ids=name_of)
async def test_f02_an_entry_that_never_arrived_shuts_entries_until_that_is_proved(
    doubt: tuple[str, dict[str, Any]],
) -> None:
    async with live_trader() as trader:
        kind, options = doubt
        trader.exchange.faults.add(kind, PLACE, acts=False, where=ENTRY, **options)
        await trader.decide("BUY")
        await trader.until(lambda: trader.standing == "PAUSED/unknown_order", within=2)
        began = trader.clock.monotonic()
        while trader.standing == "PAUSED/unknown_order":
            await trader.decide("BUY")  # asked for again and again
            await trader.pass_time(2)
        assert 20 <= trader.clock.monotonic() - began <= 40
        assert statuses(trader) == {"E01": "NOT_PLACED"}
        assert trader.ours() == []
        assert len(trader.exchange.requests.of(PLACE)) == 1
        check(trader)

        position = await trader.bought()  # with an id of its own
        assert position.id.endswith("0000002")
        check(trader)


# ---------------------------------------------------------------- F-04: accepted and not seen for long


@pytest.mark.parametrize("seconds", [12, 19])
async def test_f04_an_entry_that_is_not_seen_for_long_stays_in_doubt_and_is_found(seconds: float) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.lag.by(seconds)
        trader.exchange.faults.lost_after(PLACE, where=ENTRY)
        await trader.decide("BUY")
        await trader.pass_time(seconds - 1)
        assert statuses(trader) == {"E01": "UNKNOWN"}
        trader.exchange.faults.clear()
        took = await trader.until(trader.protected, within=12)
        assert took <= 12
        check_one_protected_entry(trader)


async def test_f04_lists_that_lag_beyond_the_fence_prove_nothing_while_the_money_is_gone() -> None:
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.lag.orders.hold()
        trader.exchange.lag.trades.hold()
        trader.exchange.faults.lost_after(PLACE, where=ENTRY)
        await trader.decide("BUY")
        await trader.pass_time(60)
        assert statuses(trader) == {"E01": "UNKNOWN"}
        assert trader.standing == "PAUSED/unknown_order"
        trader.exchange.lag.release()
        await trader.until(trader.protected, within=12)
        check_one_protected_entry(trader)


async def test_f04_questions_without_an_answer_are_no_evidence() -> None:
    """However often asking fails, and in whatever way: the order is not called absent for it."""
    async with live_trader() as trader:
        await unheard(trader)
        trader.exchange.faults.lost_after(PLACE, where=ENTRY)
        for kind, options in (
            ("html", {"status": 502}),
            ("raw", {"body": "null"}),
            ("lost", {}),
            ("error", {"code": -1000}),
        ):
            trader.exchange.faults.add(kind, FIND, times=None if kind == "error" else 6, **options)
        await trader.decide("BUY")
        await trader.pass_time(60)
        assert statuses(trader) == {"E01": "UNKNOWN"}
        trader.exchange.faults.clear()
        await trader.until(trader.protected, within=12)
        check_one_protected_entry(trader)


# ---------------------------------------------------------------- F-06: duplicate


@pytest.mark.parametrize("told_by", ["stream", "asking"])
async def test_f06_a_duplicate_means_that_the_twin_is_there(told_by: str) -> None:
    async with live_trader() as trader:
        if told_by == "asking":
            await unheard(trader)
        trader.exchange.faults.error(PLACE, -2010, msg="Duplicate order sent.", acts=True, where=ENTRY)
        await trader.decide("BUY")
        await trader.until(trader.protected, within=2)
        check_one_protected_entry(trader)


# ---------------------------------------------------------------- F-10, F-11: filled in part


async def decide_and_meet(trader: LiveTrader, quantity: str) -> None:
    """An entry is decided on, and when it arrives only so much is on offer."""
    held = trader.exchange.faults.hold(PLACE, where=ENTRY)
    await trader.decide("BUY")
    await held.reached.wait()
    trader.exchange.market.quote("49990", "50010", ask_quantity=quantity)
    held.release()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("stop_loss_orders", KINDS_OF_STOP)
async def test_f10_a_part_that_was_filled_is_protected_and_the_rest_of_the_money_is_free(
    stop_loss_orders: bool,
) -> None:
    async with live_trader(stop_loss_orders=stop_loss_orders) as trader:
        await decide_and_meet(trader, "0.0037")
        await trader.until(trader.protected, within=2)
        (entry,), (stop,) = trader.ours("E"), trader.standing_stops()
        assert (entry.status, entry.executed) == ("EXPIRED", Decimal("0.0037"))
        assert stop.wish.quantity == Decimal("0.00369")  # the fee was taken in bitcoin
        check(trader)
        await trader.move(50_000)
        await trader.bought()  # nothing is reserved for what was never bought
        check(trader)


async def with_minimum(trader: LiveTrader, minimum: str) -> None:
    """The exchange takes no order below so many dollars; the trader has read that."""
    trader.exchange.listing.min_notional = Decimal(minimum)
    await trader.restart()
    await trader.until(lambda: trader.standing == "TRADING", within=30)


@pytest.mark.usefixtures("patience")
async def test_f11_a_part_too_small_for_a_stop_is_sold_at_once() -> None:
    async with live_trader() as trader:
        await with_minimum(trader, "10")
        await decide_and_meet(trader, "0.00022")
        await trader.until(trader.trades, within=2)
        (trade,) = trader.trades()
        assert (trade.exit_reason, trade.quantity) == (ExitReason.EMERGENCY, Decimal("0.00021"))
        assert (steps(trader.ours()), trader.state.positions) == (["E01", "C02"], {})
        check(trader)


@pytest.mark.usefixtures("patience")
async def test_f11_a_part_too_small_for_anything_is_dust_that_counts_and_is_sold_with_the_next_position() -> None:
    async with live_trader() as trader:
        await with_minimum(trader, "10")
        await decide_and_meet(trader, "0.00005")
        await trader.until(lambda: not trader.state.positions, within=2)
        assert steps(trader.ours()) == ["E01"]
        assert trader.state.account is not None
        assert trader.state.account.dust == Decimal("0.00004993")
        check(trader)  # the dust is in the books' bitcoin

        await trader.move(50_000)
        await rest(trader)
        position = await trader.bought()
        assert position.quantity > position.net_quantity
        check(trader)
        trader.exchange.market.move(47_000)
        await trader.until(lambda: not trader.state.positions, within=5)
        check(trader)
        assert trader.balance("BTC") < Decimal("0.00001")


@pytest.mark.usefixtures("patience")
async def test_an_entry_that_nobody_sells_to_leaves_nothing() -> None:
    async with live_trader() as trader:
        held = trader.exchange.faults.hold(PLACE, where=ENTRY)
        await trader.decide("BUY")
        await held.reached.wait()
        trader.exchange.market.move(50_500)  # beyond the entry's limit before it arrives
        held.release()
        await trader.until(lambda: not trader.state.positions, within=2)
        assert [order.status for order in trader.orders(Role.ENTRY)] == [OrderStatus.EXPIRED]
        assert trader.trades() == []
        check(trader)


# ---------------------------------------------------------------- answers that the stream overtakes


@pytest.mark.usefixtures("patience")
async def test_f01_the_stop_does_not_wait_for_an_answer_that_the_stream_has_overtaken() -> None:
    """The request may hang for 15 s before it is given up; the fill is known after a moment."""
    async with live_trader() as trader:
        held = trader.exchange.faults.hold(PLACE, where=ENTRY, acts=True)
        await trader.decide("BUY")
        await held.reached.wait()
        assert await trader.until(trader.protected, within=5) <= 1
        held.release()
        await trader.pass_time(2)
        check_one_protected_entry(trader)
