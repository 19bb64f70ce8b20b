"""Fills that are told badly, fees in strange money, and the hands of others on the account: coins, stops, orders."""

from decimal import Decimal

import pytest

from app.core.model import Role
from app.core.state import held
from tests.live_trader import live_trader

PLACE, TRADES = "POST /api/v3/order", "GET /api/v3/myTrades"
CENT = Decimal("0.01")


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


# ---------------------------------------------------------------- the owner's hands


async def test_f29_the_owners_own_coins_come_and_go_and_are_never_sold() -> None:
    async with live_trader(balances={"BTC": 1}) as trader:
        await trader.bought()
        trader.exchange.owner.sell("BTCUSD", "0.4")  # its dollars come unasked for: they are nobody's profit
        trader.exchange.owner.withdraw("BTC", "0.5")
        before = trader.nav
        await trader.pass_time(70, step=2)
        assert abs(trader.nav - before) < Decimal("0.0001")
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
        await trader.until(lambda: trader.nav < 1, within=700, step=10)  # it might have been listed as a withdrawal
        assert trader.nav == pytest.approx(Decimal("0.9"), abs=Decimal("0.0001")), "what is unexplained is a loss"
        await trader.resumed()
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
