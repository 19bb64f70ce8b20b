"""The Exchange port over Binance.US, one method at a time, against a peer that says what the test tells it to say."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core.errors import ConfigError, ExchangeBusy, ExchangeRefused, ExchangeUnreachable
from app.core.messages import InstrumentChanged, OrderNotFound
from app.core.model import OrderReport, OrderStatus, OrderType
from services.binance_us import BinanceUs
from tests.builders import d
from tests.unit.binance_us_cases import ENTRY, EXIT, STOP, a_row, a_trade, id_of, real
from tests.unit.binance_us_opened import (
    ACCOUNT,
    ACCOUNT_SAYS,
    ALL,
    BALANCES,
    CANCEL,
    FILLS,
    FIND,
    GONE,
    INFO,
    NOW,
    OPEN,
    PLACE,
    REPLACE,
    SYMBOL,
    TIME,
    TRADES,
    exchange_peer,
    opened,
    until,
)
from tests.unit.binance_us_peer import Peer, hang_up


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with exchange_peer() as running:
        yield running


@pytest.fixture
async def exchange(peer: Peer) -> AsyncIterator[BinanceUs]:
    async with opened(peer) as (running, _):
        yield running


# ---------------------------------------------------------------- opening


async def test_the_rules_are_read_with_the_accounts_own_fee(exchange: BinanceUs) -> None:
    assert exchange.instrument.min_notional == 10
    assert exchange.instrument.taker_fee_pct == d("0.2")
    assert exchange.instrument.stop_type is OrderType.STOP_LOSS_LIMIT
    assert abs(exchange.client.time.milliseconds() - NOW) < 5_000


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        ({"symbols": [{**SYMBOL, "status": "BREAK"}]}, 200, "status there is BREAK"),
        ({"code": -1121, "msg": "Invalid symbol."}, 400, "does not know it"),
    ],
)
async def test_a_symbol_that_does_not_trade_is_said_in_one_line(answer: Any, status: int, why: str) -> None:
    async with Peer() as peer:
        peer.says(TIME, {"serverTime": NOW})
        peer.says(INFO, answer, status)
        peer.says(ACCOUNT, ACCOUNT_SAYS)
        with pytest.raises(ConfigError, match=rf"TRADER_SYMBOL is BTC/USDT.*{why}.*set TRADER_SYMBOL="):
            async with opened(peer):
                pass


# ---------------------------------------------------------------- placing


async def test_an_entry_that_filled(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(PLACE, a_row(fills=FILLS))
    report = await exchange.place(ENTRY)
    assert (report.status, report.exchange_order_id) == (OrderStatus.FILLED, "77")
    [fill] = report.fills
    assert (fill.id, fill.price, fill.fee, fill.fee_asset) == ("5", d(50000), d("0.000001"), "BTC")
    assert [each.call for each in peer.asked] == [PLACE]


async def test_fills_that_the_answer_leaves_out_are_asked_for(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(PLACE, a_row(fills=[]))
    peer.says(TRADES, [a_trade(1, "0.0004"), a_trade(2, "0.0006"), a_trade(3, "1", order=78)])
    assert [fill.id for fill in (await exchange.place(ENTRY)).fills] == ["1", "2"]


@pytest.mark.parametrize("unnamed", [{}, {"tradeId": None}])
async def test_fills_that_the_answer_does_not_number_are_asked_for(
    peer: Peer, exchange: BinanceUs, unnamed: dict[str, Any]
) -> None:
    named = {**FILLS[0], "qty": "0.0004"}
    unnumbered = {name: value for name, value in FILLS[0].items() if name != "tradeId"} | {"qty": "0.0006"} | unnamed
    peer.says(PLACE, a_row(fills=[named, unnumbered]))
    peer.says(TRADES, [a_trade(5, "0.0004"), a_trade(6, "0.0006")])
    assert [fill.id for fill in (await exchange.place(ENTRY)).fills] == ["5", "6"]


async def test_an_end_whose_fills_are_not_visible_yet_is_a_doubt(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(PLACE, a_row())
    peer.says(TRADES, [a_trade(1, "0.0004")])
    with pytest.raises(ExchangeUnreachable, match=r"fills of 0\.0004"):
        await exchange.place(ENTRY)


@pytest.mark.parametrize("status", [429, 403])
async def test_an_order_that_was_taken_is_never_called_refused_because_its_fills_cannot_be_read(
    peer: Peer, exchange: BinanceUs, status: int
) -> None:
    peer.says(PLACE, a_row(fills=[]))
    peer.sends(TRADES, "", status)
    with pytest.raises(ExchangeUnreachable):
        await exchange.place(ENTRY)


async def test_what_our_own_checks_refuse_is_not_sent(peer: Peer, exchange: BinanceUs) -> None:
    with pytest.raises(ExchangeRefused, match="was not sent"):
        await exchange.place(replace(ENTRY, quantity=d(-1)))
    assert peer.asked == []


async def test_an_id_is_sent_once_only(peer: Peer, exchange: BinanceUs) -> None:
    """The exchange would take the id of a filled order a second time: that is a second purchase."""
    peer.says(PLACE, a_row(fills=FILLS))
    await exchange.place(ENTRY)
    with pytest.raises(ExchangeUnreachable, match="was sent before"):
        await exchange.place(ENTRY)
    assert len(peer.calls(PLACE)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"orderId": 77},
        a_row(clientOrderId="another"),
        a_row(status="STRANGE"),
        a_row(executedQty="-0.001"),
        a_row(fills=[{"price": "NaN", "qty": "0.001", "commission": "0", "commissionAsset": "BTC", "tradeId": 5}]),
        a_row(fills={}),
        {key: value for key, value in a_row().items() if key != "status"},
    ],
)
async def test_a_yes_that_cannot_be_believed_is_a_doubt(peer: Peer, exchange: BinanceUs, answer: Any) -> None:
    peer.says(PLACE, answer)
    with pytest.raises(ExchangeUnreachable):
        await exchange.place(ENTRY)


async def test_a_refusal_is_a_refusal_in_the_exchanges_words(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(PLACE, {"code": -2010, "msg": "Account has insufficient balance for requested action."}, 400)
    with pytest.raises(ExchangeRefused, match="insufficient balance") as caught:
        await exchange.place(ENTRY)
    assert caught.value.code == "-2010"


async def test_a_filter_of_the_exchange_makes_the_rules_be_read_again(peer: Peer) -> None:
    async with opened(peer) as (exchange, posted):
        changed = {**SYMBOL, "filters": [*SYMBOL["filters"][:2], {"filterType": "NOTIONAL", "minNotional": "25"}]}
        peer.answers[INFO].clear()
        peer.says(INFO, {"symbols": [changed]})
        peer.says(PLACE, {"code": -1013, "msg": "Filter failure: NOTIONAL"}, 400)
        with pytest.raises(ExchangeRefused, match="NOTIONAL"):
            await exchange.place(ENTRY)
        await until(lambda: bool(posted))
        [event] = posted
        assert isinstance(event, InstrumentChanged)
        assert event.instrument.min_notional == exchange.instrument.min_notional == 25


async def test_a_fee_in_a_third_asset_comes_with_its_worth(peer: Peer, exchange: BinanceUs) -> None:
    fills = [{**FILLS[0], "commission": "0.0001", "commissionAsset": "BNB"}]
    peer.says(PLACE, a_row(fills=fills))
    peer.says("GET /api/v3/ticker/price", {"symbol": "BNBUSDT", "price": "600"})
    [fill] = (await exchange.place(ENTRY)).fills
    assert (fill.fee_asset, fill.fee_quote) == ("BNB", d("0.06"))


async def test_a_third_asset_without_a_price_counts_at_the_customary_rate(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(PLACE, a_row(fills=[{**FILLS[0], "commissionAsset": "BNB"}]))
    peer.says("GET /api/v3/ticker/price", {"code": -1121, "msg": "Invalid symbol."}, 400)
    [fill] = (await exchange.place(ENTRY)).fills
    assert fill.fee_quote == d(50) * d("0.002")


async def test_a_fee_that_the_answer_does_not_tell_is_looked_up(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(PLACE, a_row(fills=[{**FILLS[0], "commission": "0", "commissionAsset": None}]))
    peer.says(TRADES, [a_trade(FILLS[0]["tradeId"], FILLS[0]["qty"], commission="0.000001", commissionAsset="BTC")])
    (fill,) = (await exchange.place(ENTRY)).fills
    assert (fill.fee, fill.fee_asset) == (d("0.000001"), "BTC")


@pytest.mark.parametrize("status", [200, 500])
async def test_a_fee_that_nobody_tells_keeps_no_order_waiting(peer: Peer, exchange: BinanceUs, status: int) -> None:
    peer.says(PLACE, a_row(fills=[{**FILLS[0], "commission": "0", "commissionAsset": None}]))
    peer.says(TRADES, [], status)
    (fill,) = (await exchange.place(ENTRY)).fills
    assert fill.fee == 0


# ---------------------------------------------------------------- cancelling


async def test_a_cancel_tells_the_whole_order(peer: Peer, exchange: BinanceUs) -> None:
    row = a_row(
        STOP, status="CANCELED", executedQty="0.0004", clientOrderId="x", origClientOrderId=STOP.client_order_id
    )
    peer.says(CANCEL, row)
    peer.says(TRADES, [a_trade(9, "0.0004", buyer=False)])
    report = await exchange.cancel("BTC/USDT", STOP.client_order_id)
    assert (report.status, [fill.id for fill in report.fills]) == (OrderStatus.CANCELED, ["9"])
    params = peer.calls(CANCEL)[0].params
    assert params["origClientOrderId"] == STOP.client_order_id
    assert params["newClientOrderId"] == f"{STOP.client_order_id}-x"


async def test_a_cancelled_order_may_be_named_by_its_cancel(peer: Peer, exchange: BinanceUs) -> None:
    """By ours, or by one that a person or the exchange made."""
    for name in (f"{ENTRY.client_order_id}-x", "web_0815"):
        peer.answers[FIND].clear()
        peer.says(FIND, a_row(clientOrderId=name, status="CANCELED", executedQty="0"))
        assert (await find(exchange)).status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    "changes",
    [
        {"clientOrderId": "web_0815", "status": "NEW"},
        {"clientOrderId": "web_0815", "status": "FILLED"},
        {"clientOrderId": STOP.client_order_id, "status": "CANCELED"},
        {"clientOrderId": "web_0815", "status": "CANCELED", "orderId": 99},
    ],
)
async def test_an_answer_about_another_order_is_not_believed(
    peer: Peer, exchange: BinanceUs, changes: dict[str, Any]
) -> None:
    peer.says(FIND, a_row(executedQty="0", status="NEW"))
    peer.says(FIND, {**a_row(executedQty="0"), **changes})
    await find(exchange)  # from here on its number is known
    with pytest.raises(ExchangeUnreachable):
        await find(exchange)


async def test_a_cancel_of_what_is_not_open_is_refused(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(CANCEL, {"code": -2011, "msg": "Unknown order sent."}, 400)
    with pytest.raises(ExchangeRefused) as caught:
        await exchange.cancel("BTC/USDT", STOP.client_order_id)
    assert caught.value.code == "-2011"


async def test_open_is_an_old_answer_once_a_cancel_was_told_that_there_is_no_such_order(
    peer: Peer, exchange: BinanceUs
) -> None:
    peer.says(FIND, a_row(STOP, status="NEW", executedQty="0"))
    sent_at = exchange.now()
    await exchange.find("BTC/USDT", STOP.client_order_id, sent_at, complete=False)
    peer.says(CANCEL, {"code": -2011, "msg": "Unknown order sent."}, 400)
    with pytest.raises(ExchangeRefused):
        await exchange.cancel("BTC/USDT", STOP.client_order_id)
    with pytest.raises(ExchangeUnreachable, match="older than the order's end"):
        await exchange.find("BTC/USDT", STOP.client_order_id, sent_at, complete=False)
    peer.answers[FIND].clear()
    peer.says(FIND, a_row(STOP, status="CANCELED", executedQty="0"))
    found = await exchange.find("BTC/USDT", STOP.client_order_id, sent_at, complete=False)
    assert isinstance(found, OrderReport)
    assert found.status is OrderStatus.CANCELED


async def test_only_our_own_orders_are_ever_cancelled(peer: Peer, exchange: BinanceUs) -> None:
    for id in ("somebody-elses", "x-TKT5PX2F", "bt1-Ltest-0000001-S01-zz"):
        with pytest.raises(ExchangeRefused, match="no order id of ours"):
            await exchange.cancel("BTC/USDT", id)
    with pytest.raises(ExchangeRefused, match="not the configured"):
        await exchange.cancel("DOGE/USDT", STOP.client_order_id)
    assert peer.asked == []


# ---------------------------------------------------------------- replacing

NEW_STOP = replace(STOP, client_order_id=id_of(STOP.role, attempt=2), stop_price=d(48000), price=d(47040))
OLD_GONE = a_row(STOP, status="CANCELED", executedQty="0", clientOrderId="x", origClientOrderId=STOP.client_order_id)
STANDS = a_row(NEW_STOP, status="NEW", executedQty="0", orderId=78)


def both(cancel: str, new: str, new_answer: Any, code: int | None = None) -> dict[str, Any]:
    body = {
        "cancelResult": cancel,
        "newOrderResult": new,
        "cancelResponse": OLD_GONE if cancel == "SUCCESS" else {"code": -2011, "msg": "Unknown order sent."},
        "newOrderResponse": new_answer,
    }
    return body if code is None else {"code": code, "msg": "Order cancel-replace failed.", "data": body}


async def test_a_stop_is_moved_in_one_request(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(REPLACE, both("SUCCESS", "SUCCESS", STANDS))
    old, new = await exchange.replace(STOP.client_order_id, NEW_STOP)
    assert new is not None
    assert (old.status, new.status) == (OrderStatus.CANCELED, OrderStatus.OPEN)
    params = peer.calls(REPLACE)[0].params
    assert params["cancelReplaceMode"] == "STOP_ON_FAILURE"
    assert (params["type"], params["stopPrice"], params["price"]) == ("STOP_LOSS_LIMIT", "48000", "47040")
    assert (params["cancelOrigClientOrderId"], params["newClientOrderId"]) == (
        STOP.client_order_id,
        NEW_STOP.client_order_id,
    )


async def test_cancelled_and_not_placed_says_so(peer: Peer, exchange: BinanceUs) -> None:
    answer = {"code": -2010, "msg": "Order would trigger immediately."}
    peer.says(REPLACE, both("SUCCESS", "FAILURE", answer, -2021), 409)
    old, new = await exchange.replace(STOP.client_order_id, NEW_STOP)
    assert (old.status, new) == (OrderStatus.CANCELED, None)


@pytest.mark.parametrize("cancelled", [{**OLD_GONE, "executedQty": "0.0004"}, {"orderId": 1}, None])
async def test_a_cancel_that_is_not_told_whole_leaves_the_other_half_certain(
    peer: Peer, exchange: BinanceUs, cancelled: Any
) -> None:
    """The list of trades lags behind: what was sold before the cancel has to be asked for."""
    peer.says(TRADES, [])
    refused = both("SUCCESS", "FAILURE", {"code": -2010, "msg": "Order would trigger immediately."}, -2021)
    refused["data"]["cancelResponse"] = cancelled
    peer.says(REPLACE, refused, 409)
    peer.says(REPLACE, {**both("SUCCESS", "SUCCESS", STANDS), "cancelResponse": cancelled})
    old, new = await exchange.replace(STOP.client_order_id, replace(NEW_STOP, client_order_id=id_of(STOP.role, 3)))
    assert (old.client_order_id, old.status, new) == (STOP.client_order_id, OrderStatus.CANCELLING, None)
    old, new = await exchange.replace(STOP.client_order_id, NEW_STOP)
    assert new is not None
    assert (old.status, new.status) == (OrderStatus.CANCELLING, OrderStatus.OPEN)
    peer.says(FIND, a_row(STOP, status="NEW", executedQty="0"))
    with pytest.raises(ExchangeUnreachable, match="older than the order's end"):
        await exchange.find("BTC/USDT", STOP.client_order_id, exchange.now(), complete=False)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (both("SUCCESS", "FAILURE", {"code": -1007, "msg": "Timeout"}, -2021), 409),
        (both("SUCCESS", "FAILURE", None, -2021), 409),
        (both("SUCCESS", "SUCCESS", {"orderId": 1}), 200),
        (both("SUCCESS", "SUCCESS", None), 200),
        ({"code": -2021, "msg": "partially"}, 409),
        ({}, 200),
        ({"code": -1006, "msg": "unexpected"}, 500),
    ],
)
async def test_a_half_in_doubt_makes_both_a_doubt(peer: Peer, exchange: BinanceUs, body: Any, status: int) -> None:
    peer.says(REPLACE, body, status)
    with pytest.raises(ExchangeUnreachable):
        await exchange.replace(STOP.client_order_id, NEW_STOP)


async def test_where_the_old_one_is_gone_nothing_is_placed(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(REPLACE, both("FAILURE", "NOT_ATTEMPTED", None, -2022), 400)
    with pytest.raises(ExchangeRefused, match="Unknown order sent"):
        await exchange.replace(STOP.client_order_id, NEW_STOP)


async def test_a_symbol_without_replacing_gets_a_cancel_and_an_order(peer: Peer) -> None:
    peer.answers[INFO].clear()
    peer.says(INFO, {"symbols": [{**SYMBOL, "cancelReplaceAllowed": False}]})
    async with opened(peer) as (exchange, _):
        peer.says(CANCEL, OLD_GONE)
        peer.says(PLACE, STANDS)
        old, new = await exchange.replace(STOP.client_order_id, NEW_STOP)
        assert new is not None
        assert (old.status, new.status) == (OrderStatus.CANCELED, OrderStatus.OPEN)
        assert [each.call for each in peer.asked] == [CANCEL, PLACE]


@pytest.mark.parametrize("doubt", [False, True])
async def test_in_two_steps_the_second_may_fail(peer: Peer, doubt: bool) -> None:
    peer.answers[INFO].clear()
    peer.says(INFO, {"symbols": [{**SYMBOL, "cancelReplaceAllowed": False}]})
    async with opened(peer) as (exchange, _):
        peer.says(CANCEL, OLD_GONE)
        peer.says(PLACE, {"code": -1007 if doubt else -2010, "msg": "no"}, 400)
        if doubt:
            with pytest.raises(ExchangeUnreachable):
                await exchange.replace(STOP.client_order_id, NEW_STOP)
        else:
            old, new = await exchange.replace(STOP.client_order_id, NEW_STOP)
            assert (old.status, new) == (OrderStatus.CANCELED, None)


async def test_in_two_steps_nothing_is_placed_beside_an_order_whose_cancel_is_in_doubt(peer: Peer) -> None:
    peer.answers[INFO].clear()
    peer.says(INFO, {"symbols": [{**SYMBOL, "cancelReplaceAllowed": False}]})
    async with opened(peer) as (exchange, _):
        peer.does(CANCEL, hang_up())
        old, new = await exchange.replace(STOP.client_order_id, NEW_STOP)
        assert (old.client_order_id, old.status, new) == (STOP.client_order_id, OrderStatus.CANCELLING, None)
        assert [each.call for each in peer.asked] == [CANCEL]


async def test_nothing_is_cancelled_for_an_order_that_cannot_be_sent(peer: Peer) -> None:
    for allowed in (True, False):
        peer.answers[INFO].clear()
        peer.says(INFO, {"symbols": [{**SYMBOL, "cancelReplaceAllowed": allowed}]})
        async with opened(peer) as (exchange, _):
            with pytest.raises(ExchangeRefused, match="tick"):
                await exchange.replace(STOP.client_order_id, replace(NEW_STOP, stop_price=d("48000.001")))
            assert peer.asked == []


# ---------------------------------------------------------------- finding


async def find(exchange: BinanceUs, *, complete: bool = True) -> Any:
    return await exchange.find("BTC/USDT", ENTRY.client_order_id, exchange.now() - timedelta(seconds=25), complete)


async def test_an_order_that_is_there_is_found(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, a_row())
    peer.says(TRADES, [a_trade(1, "0.001")])
    assert (await find(exchange)).status is OrderStatus.FILLED


async def test_not_found_by_name_alone_is_no_proof(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, GONE, 400)
    answer = await find(exchange, complete=False)
    assert isinstance(answer, OrderNotFound)
    assert not answer.complete
    assert [each.call for each in peer.asked] == [FIND]


async def test_not_found_anywhere_is_complete(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [])
    peer.says(ALL, [])
    peer.says(TRADES, [])
    answer = await find(exchange)
    assert isinstance(answer, OrderNotFound)
    assert answer.complete


async def test_the_list_of_orders_may_know_it(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [])
    peer.says(ALL, [a_row(EXIT), a_row(orderId=79)])
    peer.says(TRADES, [a_trade(1, "0.001", order=79)])
    found = await find(exchange)
    assert (found.status, found.exchange_order_id) == (OrderStatus.FILLED, "79")


async def test_a_trade_of_an_order_that_nobody_knows_speaks_for_it(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [])
    peer.says(ALL, [])
    peer.says(TRADES, [a_trade(1, "0.001", order=80)])
    answer = await find(exchange)
    assert isinstance(answer, OrderNotFound)
    assert not answer.complete


async def test_a_balance_that_moved_speaks_for_it(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(OPEN, [])
    peer.says(TRADES, [])
    await exchange.account("BTC/USDT", [])
    sent_at = exchange.now()
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [])
    peer.says(ALL, [])
    answer = await exchange.find("BTC/USDT", ENTRY.client_order_id, sent_at, True)
    assert isinstance(answer, OrderNotFound)
    assert answer.complete
    peer.answers[ACCOUNT].clear()
    spent = [BALANCES[0], {"asset": "USDT", "free": "949.99", "locked": "0"}]
    peer.says(ACCOUNT, {**ACCOUNT_SAYS, "balances": spent})
    answer = await exchange.find("BTC/USDT", ENTRY.client_order_id, sent_at, True)
    assert isinstance(answer, OrderNotFound)
    assert not answer.complete


def holding(btc: str, usdt: str, *, locked: str = "0") -> dict[str, Any]:
    balances = [
        {"asset": "BTC", "free": btc, "locked": locked},
        {"asset": "USDT", "free": usdt, "locked": "0"},
    ]
    return {**ACCOUNT_SAYS, "balances": balances}


@pytest.mark.parametrize(
    ("trades", "resting", "account", "complete"),
    [
        # a person bought meanwhile, and a stop of ours was placed for a part: all of it visible
        ([a_trade(9, "0.01", order=5)], [], holding("1.509999", "500"), True),
        (
            [a_trade(9, "0.01", order=5, buyer=False, commission="0.5", commissionAsset="USDT")],
            [],
            holding("1.49", "1499.5"),
            True,
        ),
        ([], [a_row(STOP, status="NEW", executedQty="0")], holding("1.499", "1000", locked="0.001"), True),
        ([], [a_row(EXIT, side="BUY", status="NEW", executedQty="0", price="40000")], holding("1.5", "960"), True),
        # bitcoin is locked by an order that nobody shows us
        ([], [], holding("1.499", "1000", locked="0.001"), False),
        # bitcoin came that no trade explains
        ([], [], holding("1.501", "1000"), False),
    ],
)
async def test_balances_speak_where_orders_and_trades_are_silent(
    peer: Peer, exchange: BinanceUs, trades: list[Any], resting: list[Any], account: Any, complete: bool
) -> None:
    peer.says(OPEN, [])
    peer.says(TRADES, [])
    peer.answers[ACCOUNT].clear()
    peer.says(ACCOUNT, holding("1.5", "1000"))
    await exchange.account("BTC/USDT", [])
    sent_at = exchange.now()
    for call, body in ((OPEN, resting), (TRADES, trades), (ACCOUNT, account)):
        peer.answers[call].clear()
        peer.says(call, body)
    peer.says(FIND, GONE, 400)
    peer.says(ALL, [{**a_row(), "clientOrderId": "a-person", "orderId": 5}])
    answer = await exchange.find("BTC/USDT", ENTRY.client_order_id, sent_at, True)
    assert isinstance(answer, OrderNotFound)
    assert answer.complete is complete


async def test_the_list_of_open_orders_may_know_it(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [a_row(status="NEW", executedQty="0")])
    peer.says(ALL, [])
    assert (await find(exchange)).status is OrderStatus.OPEN


async def test_a_trade_may_lead_to_the_order(peer: Peer, exchange: BinanceUs) -> None:
    """Neither its name nor the list finds it, but a trade does."""
    peer.says(FIND, GONE, 400)
    peer.says(FIND, a_row(orderId=80))
    peer.says(OPEN, [])
    peer.says(ALL, [])
    peer.says(TRADES, [a_trade(1, "0.001", order=80)])
    assert (await find(exchange)).status is OrderStatus.FILLED


async def test_trades_whose_order_lags_are_looked_at_again(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(OPEN, [])
    peer.says(TRADES, [])
    await exchange.account("BTC/USDT", [])
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(41, "0.0004", order=77, buyer=False)])
    peer.says(FIND, a_row(STOP))
    assert (await exchange.account("BTC/USDT", [])).reports == ()
    peer.answers[TRADES].clear()
    both_trades = [a_trade(41, "0.0004", order=77, buyer=False), a_trade(42, "0.0006", order=77, buyer=False)]
    peer.says(TRADES, both_trades)
    [report] = (await exchange.account("BTC/USDT", [])).reports
    assert [fill.id for fill in report.fills] == ["41", "42"]
    assert {each.params.get("fromId") for each in peer.calls(TRADES)} >= {"1"}


@pytest.mark.parametrize("call", [FIND, ALL, TRADES])
@pytest.mark.parametrize("how", ["broken", "busy", "html", "denied"])
async def test_trouble_is_never_evidence(peer: Peer, exchange: BinanceUs, call: str, how: str) -> None:
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [])
    peer.says(ALL, [])
    peer.says(TRADES, [])
    peer.answers[call].clear()
    if how == "broken":
        peer.does(call, hang_up())
    elif how == "busy":
        peer.says(call, {"code": -1003, "msg": "Too many requests."}, 429)
    elif how == "html":
        peer.sends(call, "<html>")
    else:
        peer.says(call, {"code": -2015, "msg": "Invalid API-key."}, 401)
    with pytest.raises((ExchangeUnreachable, ExchangeBusy, ExchangeRefused)):
        await find(exchange)


async def test_pages_are_read_to_the_end_and_no_row_twice(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(FIND, GONE, 400)
    peer.says(OPEN, [])
    page = [{**a_row(EXIT, status="CANCELED"), "orderId": number} for number in range(1, 1001)]
    peer.says(ALL, page)
    peer.says(ALL, [a_row(orderId=1500, executedQty="0", status="EXPIRED")])
    found = await find(exchange)
    assert (found.status, found.exchange_order_id) == (OrderStatus.EXPIRED, "1500")
    first, second = peer.calls(ALL)
    assert "startTime" in first.params
    assert (second.params["orderId"], "startTime" in second.params) == ("1001", False)


# ---------------------------------------------------------------- the account


async def test_the_account_in_one_look(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(
        OPEN, [a_row(STOP, status="NEW", executedQty="0"), {**a_row(), "clientOrderId": "a-person", "orderId": 3}]
    )
    peer.says(TRADES, [])
    seen = await exchange.account("BTC/USDT", [STOP.client_order_id])
    assert (seen.quote_total, seen.base_total, seen.base_free) == (1000, 2, d("1.5"))
    assert seen.open_ids == (STOP.client_order_id,)
    assert [(report.client_order_id, report.status) for report in seen.reports] == [
        (STOP.client_order_id, OrderStatus.OPEN)
    ]
    assert peer.calls(FIND) == []


async def test_doubtful_orders_are_asked_for_by_name(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(OPEN, [])
    peer.says(FIND, GONE, 400)
    peer.says(FIND, a_row(STOP, status="CANCELED", executedQty="0"))
    peer.says(TRADES, [])
    seen = await exchange.account("BTC/USDT", [ENTRY.client_order_id, STOP.client_order_id])
    assert [report.client_order_id for report in seen.reports] == [STOP.client_order_id]


async def test_fills_that_nobody_told_are_found_by_their_number(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(OPEN, [])
    peer.says(TRADES, [a_trade(40, "0.001", order=1)])
    assert (await exchange.account("BTC/USDT", [])).reports == ()
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(41, "0.001", order=77, buyer=False), a_trade(42, "0.5", order=90)])
    peer.says(TRADES, [a_trade(41, "0.001", order=77, buyer=False)])
    peer.says(FIND, a_row(STOP))
    peer.says(FIND, {**a_row(EXIT), "clientOrderId": "a-person"})
    [report] = (await exchange.account("BTC/USDT", [])).reports
    assert (report.client_order_id, report.status) == (STOP.client_order_id, OrderStatus.FILLED)
    assert peer.calls(TRADES)[1].params["fromId"] == "41"
    peer.answers[TRADES].clear()
    peer.says(TRADES, [])
    await exchange.account("BTC/USDT", [])
    assert peer.calls(TRADES)[-1].params["fromId"] == "43"


async def test_one_order_whose_fills_lag_keeps_back_nothing_else(peer: Peer, exchange: BinanceUs) -> None:
    peer.says(OPEN, [a_row(STOP, status="NEW", executedQty="0")])
    peer.says(FIND, a_row())
    peer.says(TRADES, [])
    seen = await exchange.account("BTC/USDT", [ENTRY.client_order_id])
    assert [report.client_order_id for report in seen.reports] == [STOP.client_order_id]
    assert ENTRY.client_order_id not in seen.open_ids


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"balances": []},
        {"balances": BALANCES[:1]},
        {"balances": [BALANCES[0], {"asset": "USDT"}]},
        {"balances": [BALANCES[0], {"asset": "USDT", "free": "-1", "locked": "0"}]},
        {"balances": [BALANCES[0], {"asset": "USDT", "free": "NaN", "locked": "0"}]},
        {"balances": "many"},
        [],
    ],
)
async def test_half_an_account_is_not_believed(peer: Peer, exchange: BinanceUs, body: Any) -> None:
    peer.says(OPEN, [])
    peer.says(TRADES, [])
    peer.answers[ACCOUNT].clear()
    peer.says(ACCOUNT, body)
    with pytest.raises(ExchangeUnreachable):
        await exchange.account("BTC/USDT", [])


async def test_an_order_just_confirmed_is_not_missed_where_the_list_lags(peer: Peer, exchange: BinanceUs) -> None:
    just_now = exchange.client.time.milliseconds()
    peer.says(PLACE, a_row(STOP, status="NEW", executedQty="0", transactTime=just_now))
    await exchange.place(STOP)
    peer.says(OPEN, [])
    peer.says(FIND, GONE, 400)
    peer.says(TRADES, [])
    assert (await exchange.account("BTC/USDT", [STOP.client_order_id])).open_ids == (STOP.client_order_id,)


async def test_the_accounts_rights(peer: Peer, exchange: BinanceUs) -> None:
    peer.answers[ACCOUNT].clear()
    peer.says(ACCOUNT, real("nautilus_spot_http/account_response.json"))
    peer.says(ACCOUNT, {"canTrade": "yes"})
    rights, silent = await exchange.rights(), await exchange.rights()
    assert (rights.can_trade, rights.can_withdraw) == (True, True)
    assert (silent.can_trade, silent.can_withdraw) == (None, None)


async def test_the_account_is_as_old_as_its_first_question(peer: Peer, exchange: BinanceUs) -> None:
    """What is placed while it is being read must not be missed in it."""
    peer.says(OPEN, [])
    peer.says(TRADES, [])
    before = exchange.now()
    seen = await exchange.account("BTC/USDT", [])
    assert before <= seen.at <= exchange.now()
