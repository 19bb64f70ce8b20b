"""The rules of the double, request by request: keys, signatures, parameters, filters."""

import time
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.binance_us_double_cases import limit, raw, stop

PAIR = {"symbol": "BTCUSDT"}
MARKET = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "0.1"}


# ---------------------------------------------------------------- keys and signatures


@pytest.mark.parametrize(
    ("wrong", "status", "code", "said"),
    [
        ({"key": None}, 401, -2014, "API-key format invalid."),
        ({"key": "short"}, 401, -2014, "API-key format invalid."),
        ({"key": "x" * 64}, 401, -2015, "Invalid API-key, IP, or permissions for action."),
        ({"secret": "another"}, 400, -1022, "Signature for this request is not valid."),
        (
            {"signature": None},
            400,
            -1102,
            "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
        ),
        (
            {"timestamp": None},
            400,
            -1102,
            "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
        ),
        ({"from_now": -60_000}, 400, -1021, "Timestamp for this request is outside of the recvWindow."),
        ({"from_now": 90_000}, 400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
    ],
)
async def test_who_may_ask(wrong: dict[str, Any], status: int, code: int, said: str) -> None:
    if "from_now" in wrong:
        wrong = {"timestamp": int(time.time() * 1000) + wrong["from_now"]}
    async with raw() as (_, client):
        got, body, _ = await client.ask("GET /api/v3/account", **wrong)
        assert (got, body) == (status, {"code": code, "msg": said})


async def test_the_signature_covers_the_bytes_as_sent() -> None:
    """The example of the documents: key, secret and signature as printed there, query and body mixed."""
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    at = 1_499_827_319_559
    async with raw(secret=secret, now=lambda: at / 1000) as (exchange, client):
        url = f"{exchange.rest_url}/api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
        body = f"quantity=1&price=0.1&recvWindow=5000&timestamp={at}&signature="
        headers = {"X-MBX-APIKEY": exchange.key, "Content-Type": "application/x-www-form-urlencoded"}
        for signature, code in (
            ("0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77", -1121),
            ("0", -1022),
        ):
            async with client.session.post(url, data=body + signature, headers=headers) as response:
                assert (await response.json())["code"] == code  # -1121: the signature was right, the pair is not listed


async def test_a_window_that_is_too_wide_or_too_small() -> None:
    async with raw() as (exchange, client):
        assert (await client.ask("GET /api/v3/account", {"recvWindow": 60_001}))[1]["code"] == -1131
        exchange.clock.skew(+3)
        assert (await client.ask("GET /api/v3/account", {"recvWindow": 2_000}))[1]["code"] == -1021
        assert (await client.ask("GET /api/v3/account", {"recvWindow": 5_000}))[0] == 200


async def test_a_key_that_may_not_trade() -> None:
    async with raw() as (exchange, client):
        exchange.keys.may_trade = False
        assert (await client.ask("GET /api/v3/account"))[0] == 200
        assert (await client.ask("POST /api/v3/order", limit()))[1]["code"] == -2015


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("order", "code", "said"),
    [
        (limit(price=None), -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        (
            limit(timeInForce=None),
            -1102,
            "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
        ),
        (limit(stopPrice="57000"), -1106, "Parameter 'stopPrice' sent when not required."),
        (MARKET | {"side": "BUY", "timeInForce": "IOC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        (limit(stopLoss="57000"), -1104, "Not all sent parameters were read; read '9' parameter(s) but was sent '10'."),
        (limit(quantity="1e-05"), -1100, "Illegal characters found in parameter 'quantity'; legal range is "),
        (limit(quantity="1E+1"), -1100, "Illegal characters found in parameter 'quantity'; legal range is "),
        (limit(price="59000,00"), -1100, "Illegal characters found in parameter 'price'; legal range is "),
        (limit(quantity="-1"), -1100, "Illegal characters found in parameter 'quantity'; legal range is "),
        (limit(price="59000.000000001"), -1111, "Precision is over the maximum defined for this asset."),
        (limit(newClientOrderId="ä"), -1100, "Illegal characters found in parameter 'newClientOrderId'; legal range"),
        (limit(newClientOrderId="x" * 37), -1100, "Illegal characters found in parameter 'newClientOrderId'"),
        (limit(side="HOLD"), -1117, "Invalid side."),
        (limit(type="WISH"), -1116, "Invalid orderType."),
        (limit(timeInForce="GTX"), -1115, "Invalid timeInForce."),
        (limit(symbol="BTCEUR"), -1121, "Invalid symbol."),
        (stop(stopPrice=None), -1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"),
    ],
)
async def test_what_an_order_must_say(order: dict[str, str], code: int, said: str) -> None:
    async with raw() as (exchange, client):
        status, body, _ = await client.ask("POST /api/v3/order", order)
        assert (status, body["code"]) == (400, code)
        assert body["msg"].startswith(said)
        assert exchange.engine.orders == []


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (limit(price="59000.001"), "Filter failure: PRICE_FILTER"),
        (limit(price="2000000"), "Filter failure: PRICE_FILTER"),
        (limit(price="11999.99"), "Filter failure: PERCENT_PRICE"),
        (limit(price="300000.01"), "Filter failure: PERCENT_PRICE"),
        (limit(quantity="0.000005"), "Filter failure: LOT_SIZE"),
        (limit(quantity="0.000015"), "Filter failure: LOT_SIZE"),
        (limit(quantity="0.00001"), "Filter failure: MIN_NOTIONAL"),
        (limit(quantity="0"), "Invalid quantity."),
        (limit(price="0"), "Invalid price."),
        (stop(stopPrice="57000.001"), "Filter failure: PRICE_FILTER"),
        (MARKET | {"side": "BUY", "quantity": "25"}, "Filter failure: MARKET_LOT_SIZE"),
    ],
)
async def test_filters(order: dict[str, str], said: str) -> None:
    async with raw(balances={"BTC": "1"}) as (_, client):
        status, body, _ = await client.ask("POST /api/v3/order", order)
        assert (status, body) == (400, {"code": -1013, "msg": said})


async def test_filters_may_change_while_the_exchange_runs() -> None:
    async with raw() as (exchange, client):
        exchange.listing.step = Decimal("0.1")
        exchange.listing.min_quantity = Decimal("0.1")
        assert (await client.ask("POST /api/v3/order", limit()))[1]["msg"] == "Filter failure: LOT_SIZE"
        info = (await client.ask("GET /api/v3/exchangeInfo", PAIR, signed=False))[1]
        assert "0.10000000" in str(info["symbols"][0]["filters"])


async def test_newer_listings_say_notional() -> None:
    async with raw() as (exchange, client):
        exchange.listing.notional_filter, exchange.listing.min_notional = "NOTIONAL", Decimal(1000)
        assert (await client.ask("POST /api/v3/order", limit()))[1]["msg"] == "Filter failure: NOTIONAL"


@pytest.mark.parametrize("status", ["BREAK", "HALT", "POST_TRADING"])
async def test_a_closed_market_takes_no_orders_and_lets_them_go(status: str) -> None:
    async with raw() as (exchange, client):
        await client.ask("POST /api/v3/order", limit())
        exchange.listing.status = status
        _, body, _ = await client.ask("POST /api/v3/order", limit(newClientOrderId="other"))
        assert body == {"code": -1013, "msg": "Market is closed."}
        assert (await client.ask("DELETE /api/v3/order", PAIR | {"origClientOrderId": "mine-1"}))[0] == 200
