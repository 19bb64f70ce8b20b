"""What the exchange and the account's owner do to a live trader: fills told badly, fees in strange money, a key that is
revoked, coins and orders of somebody else, and money that comes and goes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from app.core.messages import Resume, Unlock
from app.core.model import LatchKind, Role
from app.core.portfolio import nav
from app.core.state import held, liquidated
from tests.live_trader import LiveTrader, live_trader

PLACE, OPEN, TRADES = "POST /api/v3/order", "GET /api/v3/openOrders", "GET /api/v3/myTrades"
CENT = Decimal("0.01")


def the_nav(trader: LiveTrader) -> Decimal:
    assert trader.state.account is not None
    return nav(trader.state.account, liquidated(trader.state))


async def resumed(trader: LiveTrader) -> None:
    """A person has looked and lets trading go on."""
    await trader.session.committed(Resume(at=trader.session.now(), id="r", actor="owner"))


# ---------------------------------------------------------------- fills


async def test_f21_fills_told_five_times_in_any_order_before_the_answer_are_booked_once() -> None:
    async with live_trader() as trader:
        trader.exchange.market.book([(49_990, 1)], [(50_000, "0.004"), (50_010, "0.003"), (50_020, 1)])
        await trader.settled()
        trader.exchange.streams.user.hold()
        answer = trader.exchange.faults.hold(PLACE, acts=True)
        await trader.decide("BUY")
        await trader.until(answer.reached.is_set)
        (entry,) = trader.ours("E")
        assert len(entry.fills) == 3
        told = list(reversed(range(len(trader.exchange.streams.user.held))))
        trader.exchange.streams.user.release(order=told, copies=5)
        await trader.pass_time(1)
        answer.release()
        await trader.until(trader.protected)

        (booked,) = trader.orders(Role.ENTRY)
        assert booked.filled_quantity == sum(fill.quantity for fill in entry.fills)
        assert len(trader.state.booked) == 3
        trader.check_books()


@pytest.mark.parametrize("fee_in", ["received", "quote", "BNB", "BNB without a price", "nothing"])
async def test_f22_whatever_the_fee_is_taken_in_no_more_is_sold_than_is_there(fee_in: str) -> None:
    async with live_trader(balances={"BNB": 10}) as trader:
        trader.exchange.account.fee_in = fee_in.split(maxsplit=1)[0]
        trader.exchange.markets["BNBUSD"].move(600)
        if fee_in == "BNB without a price":
            trader.exchange.faults.error("GET /api/v3/ticker/price", -1000, times=None)
        bnb = trader.balance("BNB")
        position = await trader.bought()
        (stop,) = trader.standing_stops()
        assert stop.wish.quantity == position.remaining <= trader.balance("BTC")
        trader.check_books()

        await trader.decide("SELL")
        await trader.until(lambda: not trader.state.positions)
        trader.check_books()
        (trade,) = trader.trades()
        paid_in_bnb = (bnb - trader.balance("BNB")) * 600
        earned = trader.balance("USD") - 10_000 - paid_in_bnb
        believed = paid_in_bnb / 3 if fee_in == "BNB without a price" else 0  # the plain rate knows no discount
        assert abs(trade.profit_loss - (earned - believed)) <= CENT


# ---------------------------------------------------------------- the key


def refused(trader: LiveTrader) -> int:
    """Requests that the exchange turned away for their key."""
    return len([each for each in trader.exchange.requests.asked if each.code in (-2015, -1022)])


@asynccontextmanager
async def refusing() -> AsyncIterator[LiveTrader]:
    """A trader with a position whose key was just revoked, and which knows it."""
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.revoke_key()
        await trader.until(lambda: trader.standing == "PAUSED/exchange_refuses", within=10)
        yield trader


@pytest.mark.parametrize("first", ["its stream ends", "an order list is refused", "an order is refused"])
async def test_f26_the_first_refusal_of_the_key_locks_entries_and_is_no_rate_limit(first: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        at_the_lock: list[int] = []

        def notice(heard: object) -> None:
            if LatchKind.AUTH in trader.state.latches and not at_the_lock:
                at_the_lock.append(refused(trader))

        trader.session.observe(notice)
        if first == "its stream ends":
            trader.exchange.revoke_key()
        else:
            trader.exchange.keys.revoked = True
        if first == "an order is refused":
            await trader.decide("BUY")
        await trader.until(lambda: trader.standing == "PAUSED/exchange_refuses", within=11, step=0.05)
        assert at_the_lock == [1]
        assert trader.told().count("exchange_refuses") == 1
        assert trader.client.limits.silent_seconds == 0


async def test_f26_while_the_key_is_refused_nothing_is_bought_and_the_door_is_not_hammered() -> None:
    async with refusing() as trader:
        before, entries = refused(trader), len(trader.ours("E"))
        await trader.decide("BUY")
        await trader.pass_time(120, step=2)
        assert len(trader.ours("E")) == entries
        assert len(trader.standing_stops()) == 1
        assert refused(trader) - before <= 20
        assert trader.told().count("exchange_refuses") == 1


async def test_f26_a_key_that_is_good_again_trades_once_a_person_has_unlocked() -> None:
    async with refusing() as trader:
        trader.exchange.revoke_key(False)
        await trader.pass_time(30)
        assert trader.standing == "PAUSED/exchange_refuses"
        await unlocked(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=10)
        await trader.bought()
        trader.check_books()


async def test_f26_unlocking_while_the_key_is_still_refused_locks_again_and_says_so_again() -> None:
    async with refusing() as trader:
        await unlocked(trader)
        await trader.pass_time(15)
        assert trader.standing == "PAUSED/exchange_refuses"
        assert trader.told().count("exchange_refuses") == 2


async def test_f26_a_new_key_and_a_restart_find_the_position_and_wait_for_a_person() -> None:
    async with refusing() as trader:
        await trader.crash()
        trader.exchange.keys.revoked = False
        trader.exchange.key = trader.exchange.keys.key = "A" * 64
        await trader.start()
        await trader.until(trader.protected, within=30)
        assert trader.standing == "PAUSED/exchange_refuses"
        await unlocked(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=15)
        trader.check_books()


async def test_f26_a_stop_that_fires_while_the_key_is_refused_is_found_when_it_is_good_again() -> None:
    async with refusing() as trader:
        await trader.move(47_000)
        await trader.pass_time(900, step=10)
        assert trader.state.positions, "nobody may ask, so nothing is known"
        trader.exchange.revoke_key(False)
        await trader.until(lambda: not trader.state.positions, within=60)
        await unlocked(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=60)
        trader.check_books()


async def unlocked(trader: LiveTrader) -> None:
    await trader.session.committed(Unlock(at=trader.session.now(), id="u", actor="owner", kind=LatchKind.AUTH))


# ---------------------------------------------------------------- the owner's hands


async def test_f29_the_owners_own_coins_come_and_go_and_are_never_sold() -> None:
    async with live_trader(balances={"BTC": 1}) as trader:
        await trader.bought()
        trader.exchange.owner.sell("BTCUSD", "0.4")  # its dollars come unasked for: they are nobody's profit
        trader.exchange.owner.withdraw("BTC", "0.5")
        before = the_nav(trader)
        await trader.pass_time(70, step=2)
        assert abs(the_nav(trader) - before) < Decimal("0.0001")
        assert len(trader.standing_stops()) == 1
        await trader.move(47_000)
        await trader.until(lambda: not trader.state.positions)
        assert trader.balance("BTC") >= Decimal("0.1")


@pytest.mark.parametrize("how", ["sells", "withdraws"])
async def test_f29_coins_of_ours_that_are_gone_stop_entries_and_nothing_else_is_sold(how: str) -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        (stop,) = trader.standing_stops()
        trader.exchange.owner.cancel(stop)
        gone = trader.balance("BTC") // Decimal("0.00001") * Decimal("0.00001")
        if how == "sells":
            trader.exchange.owner.sell("BTCUSD", gone)
        else:
            trader.exchange.owner.withdraw("BTC", gone)
        await trader.until(lambda: "external_change" in trader.told(), within=70)
        assert trader.standing.startswith(("PAUSED", "STOPPED"))
        sold = sum((order.executed for order in trader.ours() if order.wish.side == "SELL"), Decimal(0))
        assert sold <= position.remaining - gone
        entries = len(trader.ours("E"))
        await trader.decide("BUY")
        await trader.pass_time(60, step=2)
        assert len(trader.ours("E")) == entries
        assert trader.balance("BTC") < Decimal("0.00001")


async def test_f29_a_person_lets_the_change_pass_and_trading_goes_on() -> None:
    async with live_trader() as trader:
        trader.exchange.account.set("USD", 9_000)  # a thousand is gone, and nobody says why
        await trader.until(lambda: trader.standing == "PAUSED/external_change", within=70)
        assert the_nav(trader) == pytest.approx(Decimal("0.9"), abs=Decimal("0.0001")), "what is unexplained is a loss"
        await resumed(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=10)
        await trader.pass_time(70, step=2)
        assert trader.standing == "TRADING"
        assert trader.told().count("external_change") == 1
        await trader.bought()
        trader.check_books()


async def test_f30_a_stop_cancelled_by_hand_is_back_within_ten_seconds_and_told() -> None:
    async with live_trader() as trader:
        await trader.bought()
        (stop,) = trader.standing_stops()
        trader.exchange.owner.cancel(stop)
        took = await trader.until(lambda: trader.protected() and trader.standing_stops() not in ([], [stop]), within=10)
        assert took <= 10
        assert "stop_missing" in trader.told()
        trader.check_books()


async def test_f31_orders_of_a_foreign_hand_are_left_alone_and_their_money_is_not_counted_on() -> None:
    async with live_trader(balances={"BTC": 1}) as trader:
        foreign = [
            trader.exchange.owner.buy("BTCUSD", "0.24", 40_000),  # locks 9,600 of 10,000
            trader.exchange.owner.sell("BTCUSD", "0.9", 90_000),
        ]
        await trader.pass_time(31)
        await trader.decide("BUY")
        await trader.pass_time(2)
        assert trader.ours("E") == []
        assert trader.state.last_decision is not None
        assert "Insufficient balance" in trader.state.last_decision.reason
        trader.exchange.owner.cancel(foreign[0])
        await trader.pass_time(31)
        await trader.bought()
        assert foreign[1].is_open
        assert trader.standing == "TRADING"
        trader.check_books(own_bitcoin=1)


async def test_f33_an_entry_that_would_meet_the_owners_own_order_ends_and_buys_nothing() -> None:
    async with live_trader(balances={"BTC": 1}) as trader:
        trader.exchange.listing.stp = "EXPIRE_TAKER"
        trader.exchange.market.book([(49_990, 1)], [(50_020, 1)])
        own = trader.exchange.owner.sell("BTCUSD", "0.5", 50_005)
        await trader.pass_time(1)
        await trader.decide("BUY")
        await trader.until(lambda: trader.ours("E") and not trader.state.positions)
        (entry,) = trader.ours("E")
        assert (entry.status, own.is_open) == ("EXPIRED_IN_MATCH", True)
        assert trader.standing == "TRADING"
        trader.check_books(own_bitcoin=1)


async def test_f34_a_stop_that_fired_unheard_is_found_among_a_thousand_foreign_trades() -> None:
    async with live_trader(balances={"BTC": 2}) as trader:
        await trader.bought()
        trader.exchange.cut_off()
        for price in (50_000, 47_000):
            trader.exchange.market.move(price)
            trader.exchange.market.book([(price, 100)], [(price + 1, 100)])
            for _ in range(550):
                trader.exchange.owner.sell("BTCUSD", "0.00100")
        trader.exchange.cut_off("")
        trader.exchange.requests.clear()
        await trader.until(lambda: not trader.state.positions)
        await trader.pass_time(61, step=2)
        pages = [each.params["fromId"] for each in trader.exchange.requests.of(TRADES) if "fromId" in each.params]
        assert len(set(pages)) >= 3, "the foreign trades are read by their numbers, page by page"
        assert len(trader.state.booked) == 2
        assert trader.balance("BTC") - Decimal("0.9") == held(trader.state)
        assert trader.standing_stops() == []


# ---------------------------------------------------------------- money that comes and goes

SOON = Decimal("1e-9")
LISTS = "/sapi/v1/fiatpayment/query/deposit/history", "/sapi/v1/fiatpayment/query/withdraw/history"


@pytest.mark.parametrize("amount", [5_000, -6_000])
@pytest.mark.parametrize("heard", ["by the stream", "by nobody", "while the trader was off", "late, after the list"])
async def test_f32_money_that_comes_or_goes_is_no_profit_and_no_loss(heard: str, amount: int) -> None:
    async with live_trader() as trader:
        await trader.bought()
        before, user = the_nav(trader), trader.exchange.streams.user
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
        assert abs(the_nav(trader) - before) <= SOON
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
        before = the_nav(trader)
        await trader.crash()
        for amount in (1_000, -300, "0.55", -2_000):
            trader.exchange.owner.deposit("USD", amount)
        trader.exchange.owner.deposit("BTC", 2)
        await trader.start()
        await trader.pass_time(70, step=2)
        assert abs(the_nav(trader) - before) <= SOON
        assert trader.standing == "TRADING"
        trader.check_books(own_bitcoin=2)


async def test_f32_tethers_are_looked_for_in_the_list_of_coins() -> None:
    async with live_trader(symbol="BTC/USDT") as trader:
        before = the_nav(trader)
        trader.exchange.streams.user.silent = True
        trader.exchange.owner.deposit("USDT", 700)
        trader.exchange.owner.withdraw("USDT", 3_000)
        trader.exchange.streams.user.silent = False
        await trader.pass_time(70, step=2)
        assert abs(the_nav(trader) - before) <= SOON
        assert trader.standing == "TRADING"
        assert trader.state.account is not None
        assert trader.state.account.cash == trader.balance("USDT")


async def test_f32_a_deposit_that_the_list_tells_late_waits_for_a_person_and_is_no_profit() -> None:
    async with live_trader() as trader:
        before = the_nav(trader)
        trader.exchange.streams.user.silent = True
        trader.exchange.owner.deposit("USD", 1_000)
        trader.exchange.streams.user.silent = False
        trader.exchange.account.flows[-1]["status"] = "Processing"
        await trader.until(lambda: trader.standing == "PAUSED/external_change", within=100)
        assert the_nav(trader) == before
        trader.exchange.account.flows[-1]["status"] = "Successful"
        await trader.pass_time(61, step=2)
        assert abs(the_nav(trader) - before) <= SOON
        await resumed(trader)
        await trader.pass_time(61, step=2)
        assert trader.standing == "TRADING"
        trader.check_books()


async def test_f32_a_withdrawal_that_nobody_heard_kills_nothing_while_the_list_cannot_be_read() -> None:
    async with live_trader() as trader:
        await trader.bought()
        before = the_nav(trader)
        for call in LISTS:
            trader.exchange.faults.error(call, -1000, times=None)
        trader.exchange.streams.user.silent = True
        trader.exchange.owner.withdraw("USD", 8_000)
        trader.exchange.streams.user.silent = False
        await trader.until(lambda: trader.standing == "PAUSED/external_change", within=100)
        await trader.pass_time(120, step=3)
        trader.exchange.faults.clear()
        await trader.pass_time(31)
        assert abs(the_nav(trader) - before) <= SOON
        assert {"kill_switch", "daily_loss"}.isdisjoint(trader.told())
        await resumed(trader)
        await trader.until(lambda: trader.standing == "TRADING", within=10)
        trader.check_books()


async def test_f32_a_withdrawal_during_the_kill_leaves_the_lock_and_the_losses_as_they_are() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.account.set("USD", 100)  # all but this is gone, and nobody says why
        await trader.until(lambda: "kill_switch" in trader.told(), within=120)
        await trader.until(lambda: not trader.state.positions)
        before = the_nav(trader)
        trader.exchange.owner.deposit("USD", 20_000)
        await trader.pass_time(40)
        trader.exchange.owner.withdraw("USD", 19_000)
        await trader.pass_time(40)
        assert abs(the_nav(trader) - before) <= SOON
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
