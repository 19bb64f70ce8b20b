"""Every way in which the double can go wrong, as a client meets it; and that it goes wrong only when asked."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.integration.binance_us_double_cases import Raw, limit, raw

PAIR = {"symbol": "BTCUSDT"}
ORDER = "POST /api/v3/order"
BY_NAME = PAIR | {"origClientOrderId": "mine-1"}


async def _placed(client: Raw) -> tuple[int, Any, dict[str, str]]:
    return await client.ask(ORDER, limit())


@pytest.mark.parametrize("acts", [False, True])
async def test_no_answer_at_all(acts: bool) -> None:
    async with raw() as (exchange, client):
        exchange.faults.add("lost", ORDER, acts=acts)
        with pytest.raises(aiohttp.ClientConnectionError):
            await _placed(client)
        assert len(exchange.engine.orders) == int(acts)
        assert exchange.requests.of(ORDER)[0].status == 0
        status = (await client.ask("GET /api/v3/order", BY_NAME))[0]
        assert status == (200 if acts else 400)


@pytest.mark.parametrize("acts", [False, True])
async def test_an_answer_that_never_comes(acts: bool) -> None:
    async with raw() as (exchange, client):
        fault = exchange.faults.add("silent", ORDER, acts=acts)
        asking = asyncio.create_task(_placed(client))
        await fault.reached.wait()
        assert len(exchange.engine.orders) == int(acts)
        asking.cancel()


@pytest.mark.parametrize(
    ("code", "status"),
    [(-1000, 500), (-1001, 500), (-1006, 500), (-1007, 504), (-1008, 503), (-1021, 400), (-2015, 401)],
)
async def test_error_answers_before_and_after_acting(code: int, status: int) -> None:
    async with raw() as (exchange, client):
        exchange.faults.error(ORDER, code)
        exchange.faults.error(ORDER, code, acts=True)
        got, body, _ = await _placed(client)
        assert (got, body["code"], len(exchange.engine.orders)) == (status, code, 0)
        got, body, _ = await _placed(client)
        assert (got, body["code"], len(exchange.engine.orders)) == (status, code, 1)


async def test_pages_of_machines_in_between() -> None:
    async with raw() as (exchange, client):
        exchange.faults.add("html", ORDER, status=502, acts=True)
        exchange.faults.add("html", ORDER, status=504)
        exchange.faults.add("raw", ORDER, body="<html>please log in</html>", content_type="text/html")
        exchange.faults.add("raw", ORDER, status=302, headers={"Location": "http://127.0.0.1:9/"})
        assert (await _placed(client))[0] == 502
        assert (await _placed(client))[0] == 504
        assert (await _placed(client))[:2] == (200, "<html>please log in</html>")
        with pytest.raises(aiohttp.ClientConnectionError):
            await _placed(client)


@pytest.mark.parametrize("body", ["", "null", "{}", "[]", '{"orderId": null}', '{"symbol":"BTCUSDT","orderId":22818'])
async def test_bodies_that_say_nothing(body: str) -> None:
    async with raw() as (exchange, client):
        exchange.faults.add("raw", ORDER, body=body, content_type="text/plain", acts=True)
        assert (await _placed(client))[:2] == (200, body)
        assert exchange.engine.of("mine-1").is_open


async def test_cut_broken_and_wrongly_named_answers() -> None:
    async with raw() as (exchange, client):
        exchange.faults.add("typed", ORDER, content_type="text/html")
        status, body, _ = await _placed(client)
        assert (status, json.loads(body)["clientOrderId"]) == (200, "mine-1")
        exchange.faults.add("cut", "GET /api/v3/account", keep=31)
        with pytest.raises(json.JSONDecodeError):
            await client.ask("GET /api/v3/account")
        exchange.faults.add("broken", "DELETE /api/v3/order", keep=31)
        with pytest.raises(aiohttp.ClientError):
            await client.ask("DELETE /api/v3/order", BY_NAME)
        assert exchange.engine.of("mine-1").status == "CANCELED"


async def test_a_slow_and_a_huge_body() -> None:
    async with raw() as (exchange, client):
        fault = exchange.faults.add("drip", "GET /api/v3/account", seconds=60)
        asking = asyncio.create_task(client.ask("GET /api/v3/account"))
        await fault.reached.wait()
        assert not asking.done()
        asking.cancel()
        exchange.faults.add("huge", "GET /api/v3/account", size=6_000_000)
        assert len((await client.ask("GET /api/v3/account"))[1]["a"]) == 6_000_000


@pytest.mark.parametrize("acts", [False, True])
async def test_a_request_that_is_held_until_the_test_lets_it_go(acts: bool) -> None:
    async with raw() as (exchange, client):
        held = exchange.faults.hold(ORDER, acts=acts)
        asking = asyncio.create_task(_placed(client))
        await held.reached.wait()
        assert len(exchange.engine.orders) == int(acts)
        held.release()
        assert (await asking)[0] == 200
        assert len(exchange.engine.orders) == 1


async def test_a_late_answer() -> None:
    async with raw() as (exchange, client):
        exchange.faults.add("late", ORDER, seconds=0.05)
        assert (await _placed(client))[0] == 200


async def test_an_answer_that_a_test_edits() -> None:
    async with raw() as (exchange, client):
        exchange.faults.edit("GET /api/v3/account", lambda body: body | {"balances": []})
        assert (await client.ask("GET /api/v3/account"))[1]["balances"] == []


async def test_faults_choose_their_requests() -> None:
    async with raw() as (exchange, client):
        exchange.faults.error(ORDER, -1008, where={"type": "MARKET"})
        exchange.faults.error("/api/v3/ping", -1001, after=1, times=2)
        assert (await _placed(client))[0] == 200
        pings = [(await client.ask("GET /api/v3/ping", signed=False))[0] for _ in range(5)]
        assert pings == [200, 500, 500, 200, 200]
        market = PAIR | {"side": "BUY", "type": "MARKET", "quantity": "0.01"}
        assert (await client.ask(ORDER, market))[1]["code"] == -1008
        assert (await client.ask(ORDER, market))[0] == 200
        with pytest.raises(ValueError, match="no fault 'storm'; there are lost"):
            exchange.faults.add("storm", ORDER)


async def test_slow_down_with_and_without_a_time() -> None:
    async with raw() as (exchange, client):
        exchange.faults.rate_limited(ORDER, 7)
        exchange.faults.rate_limited(ORDER, None)
        exchange.faults.too_many_orders()
        said = [await _placed(client) for _ in range(3)]
        assert [(status, body["code"]) for status, body, _ in said] == [(429, -1003), (429, -1003), (429, -1015)]
        assert [headers.get("retry-after") for _, _, headers in said] == ["7", None, None]
        exchange.weights.ban(120)
        status, _, headers = await _placed(client)
        assert (status, headers["retry-after"]) == (418, "120")
        exchange.weights.forgive()
        assert (await _placed(client))[0] == 200


async def test_the_reading_side_lags_behind() -> None:
    async with raw() as (exchange, client):
        exchange.lag.hold()
        await client.ask(ORDER, limit(price="61000.00"))
        seen = [await client.ask("GET /api/v3/order", BY_NAME), await client.ask("GET /api/v3/allOrders", PAIR)]
        seen += [await client.ask("GET /api/v3/myTrades", PAIR), await client.ask("GET /api/v3/account")]
        assert seen[0][1]["code"] == -2013
        assert seen[1][1] == seen[2][1] == []
        assert {each["asset"]: each["free"] for each in seen[3][1]["balances"]}["BTC"] == "0.00000000"
        exchange.lag.release()
        assert (await client.ask("GET /api/v3/order", BY_NAME))[1]["status"] == "FILLED"


async def test_a_lag_in_seconds_and_a_cancellation_that_sees_more_than_a_query() -> None:
    async with raw() as (exchange, client):
        exchange.lag.orders.seconds = 12
        await _placed(client)
        assert (await client.ask("GET /api/v3/order", BY_NAME))[1]["code"] == -2013
        assert (await client.ask("GET /api/v3/openOrders", PAIR))[1] == []
        exchange.clock.advance(12)
        assert (await client.ask("GET /api/v3/order", BY_NAME))[1]["status"] == "NEW"
        assert (await client.ask("DELETE /api/v3/order", BY_NAME))[1]["status"] == "CANCELED"
        assert (await client.ask("GET /api/v3/order", BY_NAME))[1]["status"] == "NEW"  # an older copy
        assert (await client.ask("DELETE /api/v3/order", BY_NAME))[1]["code"] == -2011


async def test_the_clock_and_the_key_and_the_doors() -> None:
    async with raw() as (exchange, client):
        exchange.clock.skew(-3)
        assert (await client.ask("GET /api/v3/account"))[1]["code"] == -1021
        exchange.clock.skew(0)
        exchange.revoke_key()
        assert (await _placed(client))[0] == 401
        assert (await client.ask("POST /api/v3/userDataStream", signed=False))[1]["code"] == -2015
        exchange.revoke_key(False)
        exchange.down_for_maintenance()
        assert (await _placed(client))[0] == 503
        assert (await client.ask("GET /sapi/v1/system/status", signed=False))[1]["status"] == 1
        exchange.down_for_maintenance(False)
        exchange.cut_off()
        with pytest.raises(aiohttp.ClientConnectionError):
            await _placed(client)
        exchange.cut_off("")
        assert (await _placed(client))[0] == 200


async def test_what_others_do_to_the_account() -> None:
    async with raw(balances={"BTC": "1"}) as (exchange, client):
        await client.ask(ORDER, limit())
        exchange.owner.cancel("mine-1")
        theirs = exchange.owner.order("BTCUSDT", "SELL", "0.2", 56000, stop_price=57000)
        _, rows, _ = await client.ask("GET /api/v3/openOrders", PAIR)
        assert [row["clientOrderId"][:4] for row in rows] == ["web_"]
        exchange.engine.expire(theirs)
        _, row, _ = await client.ask("GET /api/v3/order", PAIR | {"orderId": theirs.id})
        assert (row["status"], row["expiryReason"]) == ("EXPIRED", "EXCHANGE_CANCELED")
        exchange.owner.sell("BTCUSDT", "0.3")
        assert exchange.account.total("BTC") + 0 == exchange.account.free["BTC"]


async def test_bad_prices_are_said_but_never_traded() -> None:
    async with raw() as (exchange, client):
        exchange.market.lie(bid="NaN", ask="-1", last="0")
        _, ticker, _ = await client.ask("GET /api/v3/ticker/bookTicker", PAIR, signed=False)
        assert (ticker["bidPrice"], ticker["askPrice"]) == ("NaN", "-1")
        assert (await client.ask("GET /api/v3/ticker/price", PAIR, signed=False))[1]["price"] == "0"
        await client.ask(ORDER, limit(price="61000.00"))
        assert exchange.engine.of("mine-1").fills[0].price == 60006
        exchange.market.truth()
        _, ticker, _ = await client.ask("GET /api/v3/ticker/bookTicker", PAIR, signed=False)
        assert ticker["askPrice"] == "60006.00000000"


async def test_the_average_is_that_of_five_minutes() -> None:
    async with raw() as (exchange, client):
        exchange.clock.advance(301)
        exchange.market.trade(50_000, 1)
        exchange.market.trade(51_000, 3)
        _, body, _ = await client.ask("GET /api/v3/avgPrice", PAIR, signed=False)
        assert (body["mins"], body["price"]) == (5, "50750.00000000")


async def test_a_lag_of_everything() -> None:
    async with raw() as (exchange, client):
        exchange.lag.by(30)
        exchange.account.deposit("BTC", 1)
        _, body, _ = await client.ask("GET /api/v3/account")
        assert {each["asset"]: each["free"] for each in body["balances"]}["BTC"] == "0.00000000"
        exchange.clock.advance(30)
        _, body, _ = await client.ask("GET /api/v3/account")
        assert {each["asset"]: each["free"] for each in body["balances"]}["BTC"] == "1.00000000"


async def test_queries_may_name_the_cancellation_instead_of_the_order() -> None:
    async with raw() as (exchange, client):
        exchange.engine.cancel_renames = True
        await _placed(client)
        await client.ask("DELETE /api/v3/order", BY_NAME | {"newClientOrderId": "farewell"})
        assert (await client.ask("GET /api/v3/order", BY_NAME))[1]["clientOrderId"] == "farewell"
