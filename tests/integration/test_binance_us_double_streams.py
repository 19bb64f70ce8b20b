"""The double's WebSockets: market streams, both ways to hear of the account, and how they fail."""

import asyncio
import hashlib
import hmac
import time
from typing import Any

import aiohttp
import pytest

from tests.binance_us_double import BinanceDouble
from tests.integration.binance_us_double_cases import BTC, Raw, limit, raw, with_ccxt

ORDER = "POST /api/v3/order"


async def _said(socket: aiohttp.ClientWebSocketResponse) -> Any:
    async with asyncio.timeout(5):
        return await socket.receive_json()


async def _listens(exchange: BinanceDouble, channel: str, count: int = 1) -> None:
    """Until the exchange has taken the connections up."""
    async with asyncio.timeout(5):
        while len(getattr(exchange.streams, channel).connections) < count:
            await asyncio.sleep(0)


async def _listen_key(client: Raw) -> str:
    _, body, _ = await client.ask("POST /api/v3/userDataStream", signed=False)
    return str(body["listenKey"])


# ---------------------------------------------------------------- market


async def test_one_stream_several_streams_and_a_subscription() -> None:
    async with raw() as (exchange, client):
        session = client.session
        one = await session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@bookTicker")
        many = await session.ws_connect(f"{exchange.ws_url}/stream?streams=btcusdt@trade/btcusdt@depth20@100ms")
        asked = await session.ws_connect(f"{exchange.ws_url}/ws/3")
        assert (await _said(one))["b"] == "59994.00000000"
        assert (await _said(many))["stream"] == "btcusdt@depth20@100ms"
        await asked.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@kline_1m", "btcusdt@miniTicker"], "id": 7})
        assert await _said(asked) == {"result": None, "id": 7}
        assert (await _said(asked))["e"] == "24hrMiniTicker"
        exchange.candles.forming(60_000, 1, 3, 1, 2)
        exchange.candles.add(60_000, 1, 3, 1, 3)
        assert [(await _said(asked))["k"]["x"] for _ in range(2)] == [False, True]
        exchange.market.trade(60_001)
        assert (await _said(many))["data"]["p"] == "60001.00000000"
        await asked.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 8})
        assert (await _said(asked))["e"] == "24hrMiniTicker"
        assert (await _said(asked))["result"] == ["btcusdt@kline_1m", "btcusdt@miniTicker"]
        await asked.send_str("nonsense")
        assert (await _said(asked))["error"]["code"] == 3


async def test_ccxt_pro_watches_the_market() -> None:
    async with with_ccxt(pro=True) as (exchange, client):
        await client.load_markets()
        waiting = asyncio.create_task(client.watch_bids_asks([BTC]))
        await _listens(exchange, "market")
        assert (await waiting)[BTC]["bid"] == 59994.0
        exchange.market.quote(58990, 59010)
        assert (await client.watch_bids_asks([BTC]))[BTC]["ask"] == 59010.0
        assert (await client.watch_ticker(BTC))["last"] == 60000.0


async def test_ccxt_pro_hears_of_the_account_through_the_web_socket_api() -> None:
    async with with_ccxt(pro=True) as (exchange, client):
        await client.load_markets()
        waiting = asyncio.create_task(client.watch_orders(BTC))
        async with asyncio.timeout(5):
            while not any(each.subscriptions for each in exchange.streams.api.connections):
                await asyncio.sleep(0.01)
        await client.create_order(BTC, "limit", "buy", 0.1, 50000, {"clientOrderId": "seen"})
        [order] = await waiting
        assert (order["clientOrderId"], order["status"]) == ("seen", "open")


# ---------------------------------------------------------------- listenKey


async def test_a_listen_key_is_given_kept_and_closed() -> None:
    async with raw() as (exchange, client):
        key = await _listen_key(client)
        assert await _listen_key(client) == key
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws/{key}")
        await _listens(exchange, "user")
        await client.ask(ORDER, limit(price="61000.00"))
        heard = [await _said(socket) for _ in range(4)]
        assert [each["e"] for each in heard] == ["executionReport", "outboundAccountPosition"] * 2
        exchange.account.deposit("USDT", 5)
        assert (await _said(socket))["e"] == "balanceUpdate"
        assert (await client.ask("PUT /api/v3/userDataStream", {"listenKey": key}, signed=False))[0] == 200
        _, body, _ = await client.ask("PUT /api/v3/userDataStream", {"listenKey": "other"}, signed=False)
        assert body == {"code": -1125, "msg": "This listenKey does not exist."}


async def test_a_listen_key_lasts_an_hour() -> None:
    async with raw() as (exchange, client):
        key = await _listen_key(client)
        socket = await client.session.ws_connect(f"{exchange.ws_url}/stream?streams={key}")
        await _listens(exchange, "user")
        exchange.streams.ping_seconds = 10**9  # this client does not listen for pings meanwhile
        exchange.clock.advance(3_599)
        await client.ask("PUT /api/v3/userDataStream", {"listenKey": key}, signed=False)
        exchange.clock.advance(3_599)
        assert exchange.user_data.listen_key == key
        exchange.clock.advance(1)
        expired = await _said(socket)
        assert (expired["stream"], expired["data"]["e"]) == (key, "listenKeyExpired")
        assert (await client.ask("PUT /api/v3/userDataStream", {"listenKey": key}, signed=False))[1]["code"] == -1125
        assert await _listen_key(client) != key
        unknown = await client.session.ws_connect(f"{exchange.ws_url}/ws/{'x' * 60}")
        assert not unknown.closed  # the exchange takes any name, and never says anything


# ---------------------------------------------------------------- the WebSocket API


def _subscription(exchange: BinanceDouble, **wrong: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"apiKey": exchange.key, "timestamp": int(time.time() * 1000), "recvWindow": 5000}
    params |= wrong
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    secret = exchange.secret.encode()
    params["signature"] = hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()
    return {"id": "a", "method": "userDataStream.subscribe.signature", "params": params}


async def test_a_signed_subscription() -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(exchange.ws_api_url)
        await socket.send_json(_subscription(exchange))
        answer = await _said(socket)
        assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
        assert answer["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
        await client.ask(ORDER, limit())
        heard = await _said(socket)
        assert (heard["subscriptionId"], heard["event"]["e"], heard["event"]["c"]) == (0, "executionReport", "mine-1")


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [({"apiKey": "y" * 64}, 401, -2015), ({"timestamp": 1}, 400, -1021), ({"signed": False}, 400, -1022)],
)
async def test_a_subscription_that_is_not_right(wrong: dict[str, Any], status: int, code: int) -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(exchange.ws_api_url)
        asked = _subscription(exchange, **{name: value for name, value in wrong.items() if name != "signed"})
        if "signed" in wrong:
            asked["params"]["signature"] = "0" * 64
        await socket.send_json(asked)
        answer = await _said(socket)
        assert (answer["id"], answer["status"], answer["error"]["code"]) == ("a", status, code)


async def test_each_way_can_be_refused() -> None:
    async with raw() as (exchange, client):
        exchange.user_data.refuse(listen_key=410, subscription=True)
        status, page, _ = await client.ask("POST /api/v3/userDataStream", signed=False)
        assert (status, "410 Gone" in page) == (410, True)
        socket = await client.session.ws_connect(exchange.ws_api_url)
        await socket.send_json(_subscription(exchange))
        assert (await _said(socket))["error"]["code"] == -1020
        exchange.streams.api.refuse = 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(exchange.ws_api_url)


# ---------------------------------------------------------------- faults


async def _user_socket(exchange: BinanceDouble, client: Raw) -> aiohttp.ClientWebSocketResponse:
    socket = await client.session.ws_connect(f"{exchange.ws_url}/ws/{await _listen_key(client)}", autoping=False)
    await _listens(exchange, "user")
    return socket


async def test_events_twice_and_in_another_order() -> None:
    async with raw() as (exchange, client):
        socket = await _user_socket(exchange, client)
        exchange.streams.user.hold()
        await client.ask(ORDER, limit(price="61000.00"))
        assert [each["e"][0] for each in exchange.streams.user.held] == ["e", "o", "e", "o"]
        exchange.streams.user.release([2, 2, 0])
        assert [(await _said(socket))["x"] for _ in range(3)] == ["TRADE", "TRADE", "NEW"]
        exchange.streams.user.copies = 5
        exchange.account.deposit("USDT", 1)
        assert [(await _said(socket))["e"] for _ in range(5)] == ["balanceUpdate"] * 5


async def test_events_that_are_lost() -> None:
    async with raw() as (exchange, client):
        socket = await _user_socket(exchange, client)
        exchange.streams.user.lose = 2
        await client.ask(ORDER, limit(price="61000.00"))
        assert (await _said(socket))["x"] == "TRADE"


async def test_a_half_open_connection() -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws", autoping=False)
        await _listens(exchange, "market")
        exchange.streams.market.freeze()
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1})
        await socket.ping()
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.1)  # neither answer nor pong nor farewell
        exchange.streams.market.thaw()
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 2})
        assert (await _said(socket))["id"] == 2


@pytest.mark.parametrize("how", ["reset", "closed", "old", "announced"])
async def test_connections_end(how: str) -> None:
    async with raw() as (exchange, client):
        socket = await _user_socket(exchange, client)
        match how:
            case "reset":
                exchange.streams.user.drop()
            case "closed":
                exchange.streams.user.close(1001)
            case "old":
                exchange.streams.ping_seconds = 10**9
                exchange.user_data.listen_key = ""
                exchange.clock.advance(86_400)
            case _:
                exchange.down_for_maintenance()
                assert (await _said(socket))["e"] == "serverShutdown"
        message = await socket.receive(timeout=5)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_pings_and_who_does_not_answer_them() -> None:
    async with raw() as (exchange, client):
        socket = await _user_socket(exchange, client)
        exchange.clock.advance(20)
        ping = await socket.receive(timeout=5)
        assert ping.type is aiohttp.WSMsgType.PING
        await socket.pong(ping.data)
        async with asyncio.timeout(5):
            while exchange.streams.user.connections[0].unanswered is not None:
                await asyncio.sleep(0)
        exchange.clock.advance(20)
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.PING
        exchange.clock.advance(60)
        kinds = [(await socket.receive(timeout=5)).type for _ in range(2)]
        assert aiohttp.WSMsgType.CLOSE in kinds


async def test_who_talks_too_much_is_thrown_out() -> None:
    async with raw(now=lambda: 1_000_000_000.0) as (exchange, client):
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws")
        for number in range(6):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert [(await _said(socket))["id"] for _ in range(5)] == [0, 1, 2, 3, 4]
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_a_revoked_key_ends_its_streams() -> None:
    async with raw() as (exchange, client):
        socket = await _user_socket(exchange, client)
        exchange.revoke_key()
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_a_conversation_about_streams() -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws", autoping=False)
        await socket.ping(b"are you there")
        assert (await socket.receive(timeout=5)).data == b"are you there"
        key = await _listen_key(client)
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade", key], "id": 1})
        assert (await _said(socket))["id"] == 1
        await socket.send_json({"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
        assert (await _said(socket))["id"] == 2
        exchange.market.trade(60_002)
        assert (await _said(socket))["stream"] == "btcusdt@trade"
        exchange.account.deposit("USDT", 1)
        assert (await _said(socket))["stream"] == key
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@trade")
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 3})
        await socket.send_json({"method": "GET_PROPERTY", "params": ["combined"], "id": 4})
        await socket.send_json({"method": "DANCE", "id": 5})
        said = [await _said(socket) for _ in range(3)]
        assert [each.get("result", "none") for each in said] == [None, False, "none"]
        assert said[2]["error"]["msg"].startswith("Invalid request: unknown variant `DANCE`")


async def test_listen_keys_over_the_web_socket_api() -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(exchange.ws_api_url)

        async def ask(method: str, **params: Any) -> Any:
            await socket.send_json({"id": method, "method": method, "params": params})
            return await _said(socket)

        mine = {"apiKey": exchange.key}
        key = (await ask("userDataStream.start", **mine))["result"]["listenKey"]
        assert (await ask("userDataStream.ping", **mine, listenKey=key))["result"] == {}
        assert (await ask("userDataStream.stop", **mine, listenKey=key))["status"] == 200
        assert (await ask("userDataStream.ping", **mine, listenKey=key))["error"]["code"] == -1125


async def test_an_unsubscription_ends_what_a_subscription_began() -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(exchange.ws_api_url)
        await socket.send_json(_subscription(exchange))
        assert (await _said(socket))["result"] == {"subscriptionId": 0}
        await socket.send_json({"id": 1, "method": "session.subscriptions"})
        assert (await _said(socket))["result"] == [{"subscriptionId": 0}]
        await socket.send_json({"id": 2, "method": "userDataStream.unsubscribe", "params": {"subscriptionId": 0}})
        assert (await _said(socket))["status"] == 200
        exchange.account.deposit("USDT", 1)
        await socket.send_json({"id": 3, "method": "time"})
        assert "serverTime" in (await _said(socket))["result"]
        await socket.send_str("nonsense")
        assert (await _said(socket))["error"]["code"] == -1135


async def test_a_listen_key_that_is_closed_or_that_runs_out_at_once() -> None:
    async with raw() as (exchange, client):
        socket = await _user_socket(exchange, client)
        await client.ask("DELETE /api/v3/userDataStream", {"listenKey": exchange.user_data.listen_key}, signed=False)
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        other = await client.session.ws_connect(f"{exchange.ws_url}/ws/{await _listen_key(client)}")
        async with asyncio.timeout(5):
            while not any(exchange.user_data.listen_key in each.names for each in exchange.streams.user.connections):
                await asyncio.sleep(0)
        exchange.user_data.expire()
        assert (await _said(other))["e"] == "listenKeyExpired"


async def test_no_network_swallows_everything() -> None:
    async with raw() as (exchange, client):
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@trade")
        await _listens(exchange, "market")
        exchange.cut_off("silent")
        exchange.market.trade(60_001)
        with pytest.raises(TimeoutError):
            await client.session.get(f"{exchange.rest_url}/api/v3/ping", timeout=aiohttp.ClientTimeout(total=0.1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.session.ws_connect(f"{exchange.ws_url}/ws"), 0.1)
        exchange.cut_off("")
        exchange.market.trade(60_002)
        assert (await _said(socket))["p"] == "60002.00000000"


async def test_no_new_connections_during_maintenance() -> None:
    async with raw() as (exchange, client):
        exchange.down_for_maintenance()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(f"{exchange.ws_url}/ws")


async def test_resting_orders_stand_in_the_book() -> None:
    async with raw() as (exchange, client):
        await client.ask(ORDER, limit(price="59999.00"))
        socket = await client.session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@depth5")
        book = await _said(socket)
        assert book["bids"] == [["59999.00000000", "0.01000000"], ["59994.00000000", "20.00000000"]]
