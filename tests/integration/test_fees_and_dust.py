"""Fees in each currency and the crumbs they leave, through the whole live trader: the books agree with the exchange
to the last digit, a stop never asks for what the fee has taken, and nothing of the owner's is ever sold.
"""

from decimal import Decimal
from typing import Any

import pytest

from app.core.model import ExitReason, Trade
from services.binance_us.user_stream import LISTEN_KEY, POLLING, SUBSCRIPTION
from tests.integration.fault_cases import check, close, rest, sold
from tests.live_trader import LiveTrader, live_trader

STEP = Decimal("0.00001")


async def told_by(trader: LiveTrader, way: str) -> None:
    """From now on the exchange tells of our orders in this way alone."""
    trader.exchange.user_data.refuse(listen_key=None if way == LISTEN_KEY else 410, subscription=way == POLLING)
    if way != LISTEN_KEY:
        trader.exchange.streams.user.drop()
    await trader.until(lambda: trader.adapter.user_data == way, within=10)


async def a_whole_trade(trader: LiveTrader, exit: ExitReason) -> Trade:
    position = await trader.bought()
    (stop,) = trader.standing_stops()
    assert stop.quantity <= position.net_quantity < stop.quantity + STEP
    check(trader)
    if exit is ExitReason.STOP:
        await trader.move(47_000)
    else:
        await close(trader, position)
    await trader.until(trader.trades, within=30)
    (trade,) = trader.trades()
    assert trade.exit_reason is exit
    check(trader)
    return trade


def own_fees(trader: LiveTrader) -> dict[str, Decimal]:
    """What the exchange took of our orders, by asset."""
    taken: dict[str, Decimal] = {}
    for order in trader.ours():
        for fill in order.fills:
            taken[str(fill.fee_asset)] = taken.get(str(fill.fee_asset), Decimal(0)) + fill.fee
    return taken


# ---------------------------------------------------------------- whole trades


@pytest.mark.parametrize("way", [LISTEN_KEY, SUBSCRIPTION, POLLING])
@pytest.mark.parametrize("exit", [ExitReason.STOP, ExitReason.MANUAL])
@pytest.mark.parametrize(("fee_in", "assets"), [("received", {"BTC", "USD"}), ("quote", {"USD"}), ("BNB", {"BNB"})])
async def test_a_whole_trade_with_fees_in_each_currency(
    fee_in: str, assets: set[str], exit: ExitReason, way: str
) -> None:
    async with live_trader(balances={"BNB": "1"}) as trader:
        await told_by(trader, way)
        trader.exchange.markets["BNBUSD"].move(600)
        trader.exchange.account.fee_in = fee_in
        trade = await a_whole_trade(trader, exit)
        fees = own_fees(trader)
        assert set(fees) == assets
        entry, *exits = [order for order in trader.ours() if order.fills]
        prices = {"BTC": entry.fills[0].price, "USD": Decimal(1), "BNB": Decimal(600)}
        assert abs(trade.fees - sum(fee * prices[asset] for asset, fee in fees.items())) < Decimal("0.0001")
        bought, got = entry.executed_quote, sum(order.executed_quote for order in exits)
        other = {asset: fee * prices[asset] for asset, fee in fees.items() if asset != "BTC"}
        assert abs(trade.profit_loss - (got - bought - sum(other.values()))) < Decimal("0.0001")


async def test_the_third_asset_runs_out_in_the_middle_of_a_trade() -> None:
    """The entry's fee is taken in BNB; for the exit there is no more of it, so it is taken in dollars."""
    async with live_trader(balances={"BNB": "0.001"}) as trader:
        trader.exchange.markets["BNBUSD"].move(600)
        trader.exchange.account.fee_in = "BNB"
        await a_whole_trade(trader, ExitReason.MANUAL)
        assert set(own_fees(trader)) == {"BNB", "USD"}


async def test_the_owners_own_coins_are_never_sold_for_the_fee() -> None:
    async with live_trader(balances={"BTC": "1.5"}) as trader:
        position = await trader.bought()
        (stop,) = trader.standing_stops()
        assert stop.quantity < position.entry_quantity
        await close(trader, position)
        await trader.until(trader.trades, within=5)
        assert sold(trader) <= position.net_quantity
        trader.check_books(own_bitcoin="1.5")
        assert trader.balance("BTC") >= Decimal("1.5")


def without_fees(body: dict[str, Any]) -> dict[str, Any]:
    fills = [{**fill, "commission": "0.00000000", "commissionAsset": None} for fill in body["fills"]]
    return {**body, "fills": fills}


@pytest.mark.parametrize("way", [LISTEN_KEY, POLLING])
async def test_f09_a_fee_that_the_answer_does_not_tell_is_read_from_the_list_of_trades(way: str) -> None:
    """Else the stop would be for more bitcoin than there is, and be refused for ever."""
    async with live_trader() as trader:
        await told_by(trader, way)
        trader.exchange.faults.edit("POST /api/v3/order", without_fees, where={"side": "BUY"})
        await a_whole_trade(trader, ExitReason.MANUAL)
        assert "order_rejected" not in trader.told()


async def test_an_exchange_that_takes_no_fee_and_names_no_asset() -> None:
    async with live_trader() as trader:
        trader.exchange.account.fee_in = "nothing"
        trade = await a_whole_trade(trader, ExitReason.MANUAL)
        assert trade.fees == 0


# ---------------------------------------------------------------- dust


async def test_dust_that_grows_into_a_step_is_sold_with_the_position_that_completes_it() -> None:
    async with live_trader() as trader:
        sold_with = []
        for _ in range(4):
            position = await trader.bought()
            sold_with.append(position.quantity - position.net_quantity)
            await close(trader, position)
            await trader.until(lambda: not trader.state.positions, within=5)
            check(trader)
            await rest(trader)
        assert any(crumbs > 0 for crumbs in sold_with), "the crumbs of several trades make no whole step"
        assert trader.balance("BTC") < STEP
        assert len(trader.trades()) == 4
