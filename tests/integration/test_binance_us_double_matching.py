"""What the double does with orders and money: matching, stops, replacing, fees, history, limits."""

from decimal import Decimal

import aiohttp
import pytest

from tests.integration.binance_us_double_cases import limit, raw, stop

PAIR = {"symbol": "BTCUSDT"}
MARKET = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "0.1"}


# ---------------------------------------------------------------- matching


async def test_an_id_is_unique_among_open_orders_only() -> None:
    async with raw() as (exchange, client):
        await client.ask("POST /api/v3/order", limit())
        _, body, _ = await client.ask("POST /api/v3/order", limit())
        assert body == {"code": -2010, "msg": "Duplicate order sent."}
        exchange.market.trade("58999.99")
        assert exchange.engine.of("mine-1").status == "FILLED"
        assert (await client.ask("POST /api/v3/order", limit(price="61000.00")))[1]["status"] == "FILLED"
        assert len(exchange.engine.orders) == 2  # the same id bought twice: it is no key against repetition


async def test_resting_orders_are_hit_by_quotes_and_by_prints() -> None:
    async with raw() as (exchange, client):
        await client.ask("POST /api/v3/order", limit(quantity="0.1"))
        exchange.market.quote(58990, "58999.00", ask_quantity="0.04")
        order = exchange.engine.of("mine-1")
        assert (order.status, order.executed, order.fills[0].price) == ("PARTIALLY_FILLED", Decimal("0.04"), 59000)
        exchange.market.trade(59000, "0.01", taker="SELL")
        assert order.executed == Decimal("0.05")
        exchange.market.trade(59000, "0.01", taker="BUY")  # bought from somebody else
        assert order.executed == Decimal("0.05")
        assert all(fill.maker for fill in order.fills)
        exchange.market.trade(58000)
        assert order.status == "FILLED"


async def test_orders_that_take_all_or_nothing_or_only_make() -> None:
    async with raw() as (exchange, client):
        exchange.market.book([(59990, 1)], [(60010, "0.05"), (60020, 5)])
        _, killed, _ = await client.ask("POST /api/v3/order", limit(timeInForce="FOK", quantity="0.1", price="60010"))
        assert (killed["status"], killed["executedQty"], killed["fills"]) == ("EXPIRED", "0.00000000", [])
        maker = limit(type="LIMIT_MAKER", timeInForce=None, price="60010.00")
        assert (await client.ask("POST /api/v3/order", maker))[1]["msg"] == "Order would immediately match and take."
        _, filled, _ = await client.ask("POST /api/v3/order", limit(timeInForce="FOK", quantity="0.1", price="60020"))
        assert [fill["price"] for fill in filled["fills"]] == ["60010.00000000", "60020.00000000"]


async def test_a_market_order_without_a_book_expires() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        exchange.market.book([(59990, "0.03")], [])
        _, body, _ = await client.ask("POST /api/v3/order", MARKET | {"side": "SELL"})
        assert (body["status"], body["executedQty"], body["expiryReason"]) == (
            "EXPIRED",
            "0.03000000",
            "INSUFFICIENT_LIQUIDITY",
        )


async def test_the_accounts_own_orders_never_trade_with_each_other() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        owned = exchange.owner.sell("BTCUSDT", "0.05", 60001)
        _, body, _ = await client.ask("POST /api/v3/order", limit(timeInForce="IOC", quantity="0.05", price="60010"))
        assert (body["status"], owned.status) == ("FILLED", "EXPIRED_IN_MATCH")
        report = next(each for each in exchange.user_data.events if each.get("x") == "TRADE_PREVENTION")
        assert (report["pl"], report["pL"], report["pY"]) == ("0.05000000", "60001.00000000", "3000.05000000")
        assert exchange.account.locked["BTC"] == 0


async def test_a_stop_wakes_by_a_trade_not_by_a_quote() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        _, answer, _ = await client.ask("POST /api/v3/order", stop())
        assert "status" not in answer  # ACK is the usual answer to a stop
        exchange.market.quote(56900, 56910)
        assert not exchange.engine.of("stop-1").works
        exchange.market.trade(56950)
        assert exchange.engine.of("stop-1").status == "FILLED"
        kinds = [(each["x"], each["w"]) for each in exchange.user_data.events if each["e"] == "executionReport"]
        assert kinds == [("NEW", False), ("NEW", True), ("TRADE", False)]


async def test_one_sale_wakes_the_next_stop() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        exchange.market.book([(56990, "0.01"), (56400, 1)], [(60010, 1)])
        await client.ask("POST /api/v3/order", stop(type="STOP_LOSS", price=None, timeInForce=None, quantity="0.02"))
        await client.ask("POST /api/v3/order", stop(stopPrice="56500.00", newClientOrderId="stop-2"))
        exchange.market.trade(57000)
        assert [order.status for order in exchange.engine.orders] == ["FILLED", "FILLED"]
        assert exchange.market.last == 56400


async def test_a_trailing_stop_follows_the_best_price() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        await client.ask("POST /api/v3/order", stop(stopPrice=None, trailingDelta="500"))
        for price in (62000, 64000, 61000):
            exchange.market.move(price)
        assert not exchange.engine.of("stop-1").works
        exchange.market.move(60800)  # 5 % below 64,000
        assert exchange.engine.of("stop-1").status == "FILLED"
        order = stop(stopPrice=None, trailingDelta="5", newClientOrderId="narrow")
        assert (await client.ask("POST /api/v3/order", order))[1]["msg"] == "Filter failure: TRAILING_DELTA"


async def test_cancel_and_replace_say_what_became_of_each_half() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        await client.ask("POST /api/v3/order", stop())
        name = {"cancelOrigClientOrderId": "stop-1", "cancelReplaceMode": "STOP_ON_FAILURE"}
        better = stop(stopPrice="57500.00", newClientOrderId="stop-2") | name
        status, body, headers = await client.ask("POST /api/v3/order/cancelReplace", better)
        assert (status, body["cancelResult"], body["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
        assert headers["x-mbx-order-count-10s"] == "2"
        status, body, _ = await client.ask("POST /api/v3/order/cancelReplace", better | {"newClientOrderId": "stop-3"})
        assert (status, body["code"], body["data"]["newOrderResponse"]) == (400, -2022, None)
        late = better | {"cancelReplaceMode": "ALLOW_FAILURE", "newClientOrderId": "stop-4"}
        status, body, _ = await client.ask("POST /api/v3/order/cancelReplace", late)
        assert (status, body["code"], body["data"]["cancelResult"]) == (409, -2021, "FAILURE")
        bad = stop(price="1.001", newClientOrderId="bad") | name | {"cancelOrigClientOrderId": "stop-4"}
        assert (await client.ask("POST /api/v3/order/cancelReplace", bad))[1]["msg"] == "Filter failure: PRICE_FILTER"
        assert exchange.engine.of("stop-4").is_open  # filters come before the cancellation


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("fee_in", "fee", "asset"),
    [
        ("received", "0.00015000", "BTC"),
        ("quote", "9.00090000", "USDT"),
        ("BNB", "0.01125112", "BNB"),
        ("nothing", "0.00000000", None),
    ],
)
async def test_fees(fee_in: str, fee: str, asset: str | None) -> None:
    async with raw(balances={"BNB": "1"}) as (exchange, client):
        exchange.markets["BNBUSDT"].move(600)
        exchange.account.fee_in = fee_in
        _, body, _ = await client.ask("POST /api/v3/order", MARKET | {"side": "BUY"})
        assert [(each["commission"], each["commissionAsset"]) for each in body["fills"]] == [(fee, asset)]
        wallet = exchange.account
        before = {"USDT": Decimal(10_000) - Decimal("6000.6"), "BTC": Decimal("0.1"), "BNB": Decimal(1)}
        if asset:
            before[asset] -= Decimal(fee)
        assert {each: wallet.total(each) for each in before} == before


async def test_deposits_withdrawals_and_forgotten_assets() -> None:
    async with raw() as (exchange, client):
        exchange.owner.deposit("BTC", "0.5")
        exchange.owner.withdraw("USDT", 100)
        _, body, _ = await client.ask("GET /api/v3/account")
        assert {each["asset"]: each["free"] for each in body["balances"]}["BTC"] == "0.50000000"
        assert [each["d"] for each in exchange.user_data.events if each["e"] == "balanceUpdate"] == [
            "0.50000000",
            "-100.00000000",
        ]
        assert (await client.ask("GET /sapi/v1/capital/deposit/hisrec"))[1][0]["coin"] == "BTC"
        exchange.account.hidden.add("BTC")
        _, body, _ = await client.ask("GET /api/v3/account")
        assert "BTC" not in {each["asset"] for each in body["balances"]}


async def test_fees_as_the_exchange_tells_them() -> None:
    async with raw() as (exchange, client):
        exchange.account.taker_rate = Decimal("0.0001")
        _, body, _ = await client.ask("GET /sapi/v1/asset/query/trading-fee", PAIR)
        [row] = body
        assert (row["symbol"], row["makerCommission"], row["takerCommission"]) == ("BTCUSDT", "0.00150000", "0.0001")


# ---------------------------------------------------------------- history


async def test_a_thousand_trades_come_in_pages() -> None:
    async with raw(balances={"USDT": "1000000"}) as (exchange, client):
        exchange.market.quote(59990, 60010, ask_quantity=9000)
        for _ in range(1010):
            exchange.owner.buy("BTCUSDT", "0.0001")
        _, newest, _ = await client.ask("GET /api/v3/myTrades", PAIR)
        assert len(newest) == 500
        _, first, _ = await client.ask("GET /api/v3/myTrades", PAIR | {"fromId": 0, "limit": 1000})
        _, rest, _ = await client.ask("GET /api/v3/myTrades", PAIR | {"fromId": first[-1]["id"] + 1, "limit": 1000})
        assert [len(first), len(rest)] == [1000, 10]
        assert newest[-1] == rest[-1]
        _, one, _ = await client.ask("GET /api/v3/myTrades", PAIR | {"orderId": rest[0]["orderId"]})
        assert one == rest[:1]


async def test_odd_combinations_of_history() -> None:
    async with raw() as (_, client):
        both = PAIR | {"fromId": 1, "startTime": 1}
        assert (await client.ask("GET /api/v3/myTrades", both))[1]["code"] == -1128
        wide = PAIR | {"startTime": 1, "endTime": 86_400_002}
        assert (await client.ask("GET /api/v3/allOrders", wide))[1]["code"] == -1127


async def test_an_old_order_is_archived() -> None:
    async with raw() as (exchange, client):
        await client.ask("POST /api/v3/order", limit(timeInForce="IOC"))
        exchange.engine.archive(exchange.engine.of("mine-1"))
        assert (await client.ask("GET /api/v3/order", PAIR | {"origClientOrderId": "mine-1"}))[1]["code"] == -2026


# ---------------------------------------------------------------- limits


async def test_weights_are_counted_refused_and_punished() -> None:
    async with raw(now=lambda: 1_000_000_010.0) as (exchange, client):  # a clock that stands: no new minute begins
        _, _, headers = await client.ask("GET /api/v3/exchangeInfo", signed=False)
        assert headers["x-mbx-used-weight-1m"] == "20"
        exchange.weights.use(6_000)
        status, body, headers = await client.ask("GET /api/v3/ping", signed=False)
        assert (status, body["code"]) == (429, -1003)
        assert 0 < int(headers["retry-after"]) <= 60
        for _ in range(10):
            status, body, headers = await client.ask("GET /api/v3/ping", signed=False)
        assert (status, headers["retry-after"]) == (418, "120")
        assert body["msg"].startswith("Way too much request weight used; IP banned until")
        exchange.clock.advance(121)
        assert (await client.ask("GET /api/v3/ping", signed=False))[0] == 200


async def test_a_hundred_orders_in_ten_seconds() -> None:
    async with raw(now=lambda: 1_000_000_000.0) as (exchange, client):
        exchange.weights.orders_10s = 3
        for number in range(4):
            order = limit(newClientOrderId=f"n-{number}", quantity="0.001")
            status, body, headers = await client.ask("POST /api/v3/order", order, timestamp=1_000_000_000_000)
        assert (status, body["code"]) == (429, -1015)
        assert "retry-after" not in headers
        assert len(exchange.engine.orders) == 3


async def test_what_is_unknown_is_not_found() -> None:
    async with raw() as (exchange, client):
        status, body, _ = await client.ask("GET /sapi/v1/asset/tradeFee")
        assert (status, "404 Not Found" in body) == (404, True)
        assert (await client.ask("GET /api/v3/klines", PAIR | {"interval": "1s"}, signed=False))[1]["code"] == -1120
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{exchange.rest_url}/api/v3/time?a=1&a=2") as answer,
        ):
            assert (await answer.json())["code"] == -1101
