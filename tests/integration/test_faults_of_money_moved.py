"""Money that comes and goes by the owner's hand is neither profit nor loss, whoever tells of it and when."""

from decimal import Decimal

import pytest

from tests.live_trader import live_trader

SOON = Decimal("1e-9")
LISTS = "/sapi/v1/fiatpayment/query/deposit/history", "/sapi/v1/fiatpayment/query/withdraw/history"


@pytest.mark.parametrize("amount", [5_000, -6_000])
@pytest.mark.parametrize("heard", ["by the stream", "by nobody", "while the trader was off", "late, after the list"])
async def test_f32_money_that_comes_or_goes_is_no_profit_and_no_loss(heard: str, amount: int) -> None:
    async with live_trader() as trader:
        await trader.bought()
        before, user = trader.nav, trader.exchange.streams.user
        if heard == "while the trader was off":
            await trader.crash()
        user.silent = heard == "by nobody"
        if heard == "late, after the list":
            user.hold()
        trader.exchange.owner.deposit("USD", amount)
        user.silent = False
        if heard == "while the trader was off":
            await trader.start()
        await trader.pass_time(70, step=2)
        if heard == "late, after the list":
            user.release()
        await trader.pass_time(70, step=2)
        assert abs(trader.nav - before) <= SOON
        assert trader.state.account is not None
        assert (trader.state.account.flows, trader.state.account.day_flows) == (amount, amount)
        assert trader.standing == "TRADING"
        assert {"external_change", "kill_switch", "daily_loss", "total_loss_warning"}.isdisjoint(trader.told())
        trader.check_books()


async def test_f32_several_at_once_while_the_trader_was_off_are_all_found() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.owner.deposit("USD", 250)
        await trader.pass_time(1)
        before = trader.nav
        await trader.crash()
        for amount in (1_000, -300, "0.55", -2_000):
            trader.exchange.owner.deposit("USD", amount)
        trader.exchange.owner.deposit("BTC", 2)
        await trader.start()
        await trader.pass_time(70, step=2)
        assert abs(trader.nav - before) <= SOON
        assert trader.standing == "TRADING"
        trader.check_books(own_bitcoin=2)


async def test_f32_tethers_are_looked_for_in_the_list_of_coins() -> None:
    async with live_trader(symbol="BTC/USDT") as trader:
        before = trader.nav
        trader.exchange.streams.user.silent = True
        trader.exchange.owner.deposit("USDT", 700)
        trader.exchange.owner.withdraw("USDT", 3_000)
        trader.exchange.streams.user.silent = False
        await trader.pass_time(70, step=2)
        assert abs(trader.nav - before) <= SOON
        assert trader.standing == "TRADING"
        assert trader.state.account is not None
        assert trader.state.account.cash == trader.balance("USDT")


async def test_f32_a_deposit_that_the_list_tells_late_waits_for_a_person_and_is_no_profit() -> None:
    async with live_trader() as trader:
        before = trader.nav
        trader.exchange.streams.user.silent = True
        trader.exchange.owner.deposit("USD", 1_000)
        trader.exchange.streams.user.silent = False
        trader.exchange.account.flows[-1]["status"] = "Processing"
        await trader.until(lambda: trader.standing == "PAUSED/external_change", within=100)
        assert trader.nav == before
        trader.exchange.account.flows[-1]["status"] = "Successful"
        await trader.pass_time(61, step=2)
        assert abs(trader.nav - before) <= SOON
        await trader.resumed()
        await trader.pass_time(61, step=2)
        assert trader.standing == "TRADING"
        trader.check_books()


async def test_f32_a_withdrawal_that_nobody_heard_kills_nothing_while_the_list_cannot_be_read() -> None:
    async with live_trader() as trader:
        await trader.bought()
        before = trader.nav
        for call in LISTS:
            trader.exchange.faults.error(call, -1000, times=None)
        trader.exchange.streams.user.silent = True
        trader.exchange.owner.withdraw("USD", 8_000)
        trader.exchange.streams.user.silent = False
        await trader.until(lambda: trader.standing == "PAUSED/external_change", within=100)
        await trader.pass_time(120, step=3)
        trader.exchange.faults.clear()
        await trader.pass_time(31)
        assert abs(trader.nav - before) <= SOON
        assert {"kill_switch", "daily_loss"}.isdisjoint(trader.told())
        await trader.resumed()
        await trader.until(lambda: trader.standing == "TRADING", within=10)
        trader.check_books()


async def test_f32_a_withdrawal_during_the_kill_leaves_the_lock_and_the_losses_as_they_are() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.account.set("USD", 100)  # all but this is gone, and nobody says why
        await trader.until(lambda: "kill_switch" in trader.told(), within=800, step=10)
        await trader.until(lambda: not trader.state.positions)
        before = trader.nav
        trader.exchange.owner.deposit("USD", 20_000)
        await trader.pass_time(40)
        trader.exchange.owner.withdraw("USD", 19_000)
        await trader.pass_time(40)
        assert abs(trader.nav - before) <= SOON
        assert trader.standing == "STOPPED/kill_switch"
        assert trader.seal.sealed()


async def test_f32_a_key_that_may_not_read_the_lists_trades_on_and_is_not_asked_again_at_once() -> None:
    async with live_trader() as trader:
        for call in LISTS:
            trader.exchange.faults.error(call, -2015, times=None)
        await trader.restart()
        await trader.until(lambda: trader.adapter.user_data == "listenKey stream")
        trader.exchange.owner.deposit("USD", 300)
        await trader.pass_time(100)
        assert trader.standing == "TRADING"
        assert "exchange_refuses" not in trader.told()
        assert len(trader.exchange.requests.of(LISTS[0])) <= 3
        trader.check_books()
