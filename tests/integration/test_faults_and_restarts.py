"""The process dies in the middle of each doubt, and what a start finds on the exchange that the books do not know.

After the restart: no order before the exchange's truth is known, no doubled order, no orphan, nothing naked.
"""

import asyncio
from decimal import Decimal

import pytest

from app.core.model import Role
from app.core.orders import client_order_id
from tests.binance_us_double import Fault
from tests.integration.fault_cases import (
    CANCEL,
    ENTRY,
    EXIT,
    PLACE,
    REPLACE,
    STOP,
    check,
    close,
    minute_at,
    sold,
    steps,
    unheard,
)
from tests.live_trader import LiveTrader, live_trader

DONE = pytest.mark.parametrize("done", [True, False], ids=["it arrived", "it did not arrive"])


pytestmark = pytest.mark.usefixtures("patience")  # answers are held back until the process has died


async def dies_at(trader: LiveTrader, fault: Fault) -> None:
    """The process is gone while this request has no answer; what has not arrived by then never does."""
    async with asyncio.timeout(5):
        await fault.reached.wait()
    trader.exchange.requests.clear()
    trader.exchange.faults.waiting.clear()
    await trader.crash()


async def comes_back(trader: LiveTrader) -> float:
    """Started again; how many market seconds until it trades. No order leaves before the books are reconciled."""
    began = trader.clock.monotonic()
    await trader.start()
    await trader.until(lambda: trader.standing == "TRADING", within=60)
    asked = [each.call for each in trader.exchange.requests.asked]
    first = next((at for at, call in enumerate(asked) if call in (PLACE, REPLACE, CANCEL)), len(asked))
    assert "GET /api/v3/account" in asked[:first]
    return trader.clock.monotonic() - began


def strike(trader: LiveTrader, call: str, done: bool, **where: str) -> Fault:
    """The request gets no answer; `done`: the exchange does it all the same, at once, else never."""
    if done:
        return trader.exchange.faults.hold(call, acts=True, where=where)
    return trader.exchange.faults.add("silent", call, where=where)


# ---------------------------------------------------------------- F-47: dead while a request is under way


@DONE
async def test_f47_dead_while_the_entry_is_under_way(done: bool) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        fault = strike(trader, PLACE, done, **ENTRY)
        await trader.decide("BUY")
        await dies_at(trader, fault)
        await trader.start()
        took = await trader.until(lambda: trader.protected() or not trader.state.positions, within=60)
        assert took <= (5 if done else 30)
        assert steps(trader.ours()) == (["E01", "S02"] if done else [])
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        check(trader)
        await trader.pass_time(60, step=5)
        position = await trader.bought()
        assert position.id.endswith("0000002")
        check(trader)


@DONE
async def test_f48_dead_while_the_stop_is_under_way(done: bool) -> None:
    async with live_trader() as trader:
        await unheard(trader)
        fault = strike(trader, PLACE, done, **STOP)
        await trader.decide("BUY")
        await dies_at(trader, fault)
        await comes_back(trader)
        await trader.until(trader.protected, within=30)
        assert steps(trader.standing_stops()) == (["S02"] if done else ["S03"])
        check(trader)


async def test_f48_dead_between_the_fill_and_the_stop() -> None:
    async with live_trader() as trader:
        await unheard(trader)
        fault = strike(trader, PLACE, True, **ENTRY)
        await trader.decide("BUY")
        await dies_at(trader, fault)
        trader.exchange.market.move(49_000)  # while nobody looks
        await comes_back(trader)
        await trader.until(trader.protected, within=5)
        check(trader)


@DONE
@pytest.mark.parametrize("meanwhile", ["nothing happens", "the stop fires", "the stop fires in part"])
async def test_dead_while_the_cancel_is_under_way(done: bool, meanwhile: str) -> None:
    async with live_trader(stop_loss_orders=False) as trader:
        position = await trader.bought()
        await unheard(trader)
        fault = strike(trader, CANCEL, done)
        await close(trader, position)
        await dies_at(trader, fault)
        if meanwhile != "nothing happens":
            part = Decimal("0.004") if "part" in meanwhile else Decimal(20)
            trader.exchange.market.quote("47400", "47410", bid_quantity=part)
            trader.exchange.market.trade("47400")
            trader.exchange.market.quote("47300", "47410")
        await comes_back(trader)
        await trader.until(lambda: not trader.state.positions, within=30)
        (trade,) = trader.trades()
        assert sold(trader) == trade.quantity == position.quantity
        check(trader)


@DONE
async def test_dead_while_the_sale_is_under_way(done: bool) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        await unheard(trader)
        fault = strike(trader, PLACE, done, **EXIT)
        await close(trader, position)
        await dies_at(trader, fault)
        await trader.start()
        took = await trader.until(lambda: not trader.state.positions, within=60)
        assert took <= (5 if done else 30)
        (trade,) = trader.trades()
        assert sold(trader) == trade.quantity == position.quantity
        assert steps(trader.ours("C")) == (["C03"] if done else ["C04"])
        check(trader)


@DONE
async def test_dead_while_the_stop_is_being_moved(done: bool) -> None:
    async with live_trader() as trader:
        await trader.bought()
        await unheard(trader)
        fault = strike(trader, REPLACE, done)
        await minute_at(trader, 52_000)
        await dies_at(trader, fault)
        await comes_back(trader)
        await trader.until(trader.protected, within=30)
        assert steps(trader.standing_stops()) == (["S03"] if done else ["S02"])
        check(trader)
        assert trader.trades() == []


async def test_dead_for_hours_while_the_stop_fires_is_an_exit_at_its_price() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        await trader.crash()
        trader.exchange.market.move(47_000)
        trader.clock.carry(6 * 3_600)
        trader.exchange.market.move(47_100)
        await comes_back(trader)
        (trade,) = trader.trades()
        assert trade.quantity == position.quantity
        assert (trader.state.positions, sold(trader)) == ({}, position.quantity)
        check(trader)


async def test_dead_while_a_person_cancels_the_stop_brings_it_back_at_the_start() -> None:
    async with live_trader() as trader:
        await trader.bought()
        (old,) = trader.standing_stops()
        await trader.crash()
        trader.exchange.owner.cancel(old)
        await trader.start()
        took = await trader.until(trader.protected, within=30)
        assert took <= 10
        (new,) = trader.standing_stops()
        assert new.wish.stop_price == old.wish.stop_price
        check(trader)


async def test_dying_again_and_again_changes_nothing() -> None:
    async with live_trader() as trader:
        await trader.bought()
        for _ in range(5):
            await trader.restart()
            await trader.until(lambda: trader.standing == "TRADING", within=30)
        assert steps(trader.ours()) == ["E01", "S02"]
        check(trader)


# ---------------------------------------------------------------- orders with our mark that the books do not know


def an_id(role: Role, trade: int = 99, attempt: int = 1) -> str:
    return client_order_id(live=True, tag="test", trade=trade, role=role, attempt=attempt)


async def test_an_unknown_stop_that_no_entry_explains_is_cancelled_and_told() -> None:
    """What it would sell belongs to the owner; but a stop is not taken back before that is sure."""
    async with live_trader(balances={"BTC": "1"}) as trader:
        await trader.crash()
        orphan = trader.exchange.owner.order("BTCUSD", "SELL", "0.01", stop_price="47000", client_id=an_id(Role.STOP))
        await comes_back(trader)
        await trader.until(lambda: not orphan.is_open, within=120, step=2)
        assert trader.told().count("orphan_order") == 2
        assert trader.balance("BTC") == 1
        trader.check_books(own_bitcoin=1)


async def test_an_unknown_buy_order_of_ours_is_cancelled_and_told() -> None:
    async with live_trader() as trader:
        await trader.crash()
        orphan = trader.exchange.owner.order("BTCUSD", "BUY", "0.01", "45000", client_id=an_id(Role.ENTRY))
        await comes_back(trader)
        await trader.until(lambda: not orphan.is_open, within=10)
        assert "orphan_order" in trader.told()
        trader.check_books()
        position = await trader.bought()
        assert int(position.id.rpartition("-")[2], 36) == 100  # no number is used twice
        trader.check_books()


async def test_an_unknown_order_of_ours_that_appears_later_is_found_too() -> None:
    async with live_trader() as trader:
        orphan = trader.exchange.owner.order("BTCUSD", "BUY", "0.01", "45000", client_id=an_id(Role.ENTRY))
        took = await trader.until(lambda: not orphan.is_open, within=40)
        assert took <= 31
        await trader.pass_time(1)
        assert "orphan_order" in trader.told()
        trader.check_books()


async def test_somebody_elses_orders_are_never_touched() -> None:
    async with live_trader(balances={"BTC": "1"}) as trader:
        theirs = [
            trader.exchange.owner.sell("BTCUSD", "0.5", "60000"),
            trader.exchange.owner.buy("BTCUSD", "0.01", "40000"),
            trader.exchange.owner.order(
                "BTCUSD", "SELL", "0.1", "43000", stop_price="44000", client_id="bt1-Ltest-mine"
            ),
        ]
        position = await trader.bought()
        await trader.restart()
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        await trader.pass_time(65, step=5)
        await close(trader, position)
        await trader.until(trader.trades, within=5)
        assert all(order.is_open for order in theirs)
        trader.check_books(own_bitcoin=1)


# ---------------------------------------------------------------- two stops


@pytest.mark.parametrize("found", ["at the start", "while it runs"])
async def test_of_two_stops_of_one_position_the_unknown_one_is_cancelled(found: str) -> None:
    async with live_trader(balances={"BTC": "1"}) as trader:
        position = await trader.bought()
        (ours,) = trader.standing_stops()
        if found == "at the start":
            await trader.crash()
        number = int(position.id.rpartition("-")[2], 36)
        extra = trader.exchange.owner.order(
            "BTCUSD", "SELL", ours.quantity, stop_price="46000", client_id=an_id(Role.STOP, number, attempt=40)
        )
        if found == "at the start":
            await trader.start()
        await trader.until(lambda: not extra.is_open, within=40)
        assert ours.is_open
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        trader.check_books(own_bitcoin=1)


# ---------------------------------------------------------------- balances that lag behind


@pytest.mark.parametrize("seconds", [12, 30])
async def test_balances_that_lag_behind_a_fill_are_no_missing_money(seconds: float) -> None:
    """Read again and again meanwhile, as after reconnects: nothing is given up, booked as a loss, or told."""
    async with live_trader() as trader:
        trader.exchange.lag.account.seconds = seconds
        position = await trader.bought()
        for _ in range(int(seconds) // 2):
            trader.session.reconcile("reconnect")
            await trader.pass_time(2)
        assert trader.protected() == [position]
        await close(trader, position)
        await trader.until(trader.trades, within=5)
        for _ in range(int(seconds) // 2):
            trader.session.reconcile("reconnect")
            await trader.pass_time(2)
        assert "external_change" not in trader.told()
        assert trader.standing == "TRADING"
        check(trader)
