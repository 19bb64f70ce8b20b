"""Our own HTTP under ccxt: what may be dialled, how long, how much, and what an answer that goes wrong means."""

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

import services.binance_us.client as client_module
from app.core.errors import ExchangeBusy, ExchangeRefused, ExchangeUnreachable
from app.seam import Clock
from services.binance_us.client import Client, parsed
from services.binance_us.dialling import Addresses
from services.binance_us.limits import Urgency
from tests.ports import free_port
from tests.unit.binance_us_peer import Peer, connected, hang_up, silent
from tests.unit.binance_us_peer import socket as websocket

ORDER, TIME, FIND = "POST /api/v3/order", "GET /api/v3/time", "GET /api/v3/order"
PARAMS = {"symbol": "BTCUSDT", "newClientOrderId": "bt1-x"}


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as running:
        yield running


async def place(client: Client) -> Any:
    return await client.ask("private_post_order", PARAMS, what="placing", urgency=Urgency.CLOSING)


async def test_an_order_is_signed_with_our_clock_and_window(peer: Peer) -> None:
    peer.says(ORDER, {"orderId": 1})
    async with connected(peer) as client:
        assert await place(client) == {"orderId": 1}
    [asked] = peer.calls(ORDER)
    assert asked.params["recvWindow"] == "5000"
    assert asked.params["newClientOrderId"] == "bt1-x"
    assert asked.headers["X-MBX-APIKEY"] == "the-key-of-a-test"
    assert len(asked.params["signature"]) == 64
    assert set(asked.params) == {*PARAMS, "recvWindow", "timestamp", "signature"}


# ---------------------------------------------------------------- answers that go wrong


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 200),
        ("null", 200),
        ("<html>fine</html>", 200),
        ('{"orderId": 1, "sta', 200),
        ('{"price": NaN}', 200),
        ("[" * 100_000, 200),
        ("<html>bad gateway</html>", 502),
        ("Unknown error, please check your request or try again later.", 503),
        ('{"code":-1007,"msg":"Timeout waiting for response from backend server."}', 408),
        ('{"code":-1000,"msg":"An unknown error occurred."}', 500),
        ("moved", 302),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_doubt(peer: Peer, text: str, status: int) -> None:
    peer.sends(ORDER, text, status, location=f"{peer.rest}/elsewhere")
    async with connected(peer) as client:
        with pytest.raises(ExchangeUnreachable):
            await place(client)
    assert len(peer.asked) == 1  # neither repeated nor led elsewhere


async def test_no_answer_in_time_is_a_doubt(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ORDER_SECONDS", 0.1)
    peer.does(ORDER, silent())
    async with connected(peer) as client:
        with pytest.raises(ExchangeUnreachable, match="no answer within"):
            await place(client)


async def test_an_answer_that_drips_is_cut_off(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ORDER_SECONDS", 0.2)

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    peer.does(ORDER, drip)
    async with connected(peer) as client:
        with pytest.raises(ExchangeUnreachable):
            await place(client)


async def test_an_endless_answer_is_cut_off(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MOST_BYTES", 100_000)
    peer.sends(ORDER, '{"orderId": 1, "x": "' + "x" * 1_000_000 + '"}')
    async with connected(peer) as client:
        with pytest.raises(ExchangeUnreachable):
            await place(client)


@pytest.mark.parametrize(
    "raw", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"orderId"', b"what?\r\n\r\n"], ids=["", "cut", "no"]
)
async def test_a_line_that_breaks_is_a_doubt_and_nothing_is_sent_again(peer: Peer, raw: bytes) -> None:
    for call in (ORDER, "DELETE /api/v3/order"):
        peer.does(call, hang_up(raw))
    async with connected(peer) as client:
        with pytest.raises(ExchangeUnreachable):
            await place(client)
        with pytest.raises(ExchangeUnreachable):
            await client.ask("private_delete_order", {"symbol": "BTCUSDT"}, what="cancelling")
    assert [each.call for each in peer.asked] == [ORDER, "DELETE /api/v3/order"]


async def test_a_kept_line_that_broke_makes_a_question_asked_again(peer: Peer) -> None:
    peer.does(TIME, hang_up())
    peer.says(TIME, {"serverTime": 1_700_000_000_000})
    async with connected(peer) as client:
        await client.sync()
    assert len(peer.calls(TIME)) == 2


async def test_where_nobody_listens_nothing_was_sent() -> None:
    here = f"http://127.0.0.1:{free_port()}"
    client = Client(Addresses(rest=here, ws=here, ws_api=here), clock=Clock(), key="k", secret="s")
    await client.open()
    with pytest.raises(ExchangeBusy, match="nothing was sent"):
        await place(client)
    await client.close()
    with pytest.raises(ExchangeBusy, match="nothing was sent"):
        await place(client)


async def test_without_a_key_nothing_private_is_asked(peer: Peer) -> None:
    client = Client(peer.addresses(), clock=Clock())
    await client.open()
    for call in ("private_post_order", "private_get_account", "public_post_userdatastream"):
        with pytest.raises(ExchangeRefused, match="no key") as caught:
            await client.ask(call, what="asking")
        assert caught.value.code == "-2014"
    await client.close()
    assert peer.asked == []


# ---------------------------------------------------------------- three hosts and no other


class Recorder(AbstractResolver):
    """Says that everybody lives here, and writes down who was asked for."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.dialled.append(host)
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        return None


@pytest.fixture
async def named(peer: Peer) -> AsyncIterator[tuple[Client, Recorder]]:
    """A client with three names, all of which lead to `peer`."""
    recorder = Recorder()
    addresses = Addresses(
        rest=f"http://api.exchange.test:{peer.port}",
        ws=f"ws://stream.exchange.test:{peer.port}",
        ws_api=f"ws://ws-api.exchange.test:{peer.port}/ws-api/v3",
    )
    client = Client(addresses, clock=Clock(), key="k", secret="s", resolver=recorder)
    await client.open()
    yield client, recorder
    await client.close()


async def test_only_configured_hosts_are_dialled(
    peer: Peer, named: tuple[Client, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, recorder = named
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")
    monkeypatch.setenv("http_proxy", "http://proxy.test:1")
    peer.says(TIME, {"serverTime": 1_700_000_000_000})
    peer.does("GET /ws/x", websocket(peer))
    await client.sync()
    async with client.stream(f"ws://stream.exchange.test:{peer.port}/ws/x"):
        pass
    assert set(recorder.dialled) == {"api.exchange.test", "stream.exchange.test"}


@pytest.mark.parametrize("host", ["ws-api.binance.com", "api.binance.com", "127.0.0.1", "169.254.169.254", "[::1]"])
async def test_another_host_is_not_dialled(named: tuple[Client, Recorder], host: str) -> None:
    client, recorder = named
    with pytest.raises(ExchangeRefused, match="not a configured address"):
        await client.send(f"http://{host}:{80}/api/v3/order", "POST", {}, "a=b")
    with pytest.raises(ExchangeRefused, match="not a configured address"):
        async with client.stream(f"wss://{host}/ws-api/v3"):
            pass
    with pytest.raises(ExchangeRefused):  # a configured host, but another port
        await client.send("http://api.exchange.test:81/", "GET", {}, None)
    assert recorder.dialled == []


async def test_ccxt_itself_knows_no_other_address(named: tuple[Client, Recorder]) -> None:
    """Whatever it were asked by mistake: every address it has is ours."""
    client, recorder = named
    for call in ("sapi_get_account_status", "v1_get_ticker_price", "wapi_get_x", "sapiv2_get_account", "fetch_balance"):
        with pytest.raises((ExchangeRefused, ExchangeUnreachable, ExchangeBusy, AttributeError)):
            await client.ask(call, what="asking")
    assert not [host for host in recorder.dialled if not host.endswith(".exchange.test")]


# ---------------------------------------------------------------- the clock


async def test_a_wrong_clock_is_set_and_a_question_repeated(peer: Peer) -> None:
    peer.says(FIND, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, 400)
    peer.says(FIND, {"orderId": 1})
    peer.says(TIME, {"serverTime": 1_700_000_000_000})
    async with connected(peer) as client:
        assert await client.ask("private_get_order", {"symbol": "BTCUSDT"}, what="asking") == {"orderId": 1}
    first, second = peer.calls(FIND)
    assert abs(int(second.params["timestamp"]) - 1_700_000_000_000) < 5_000
    assert int(first.params["timestamp"]) > 1_750_000_000_000


async def test_a_clock_that_was_right_once_is_set_again(peer: Peer) -> None:
    peer.says(TIME, {"serverTime": 1_700_000_000_000})
    peer.says(TIME, {"serverTime": 1_700_000_000_400})  # a little off: no jump, so only the refusal tells
    peer.says(FIND, {"code": -1021, "msg": "Timestamp for this request was 1000ms ahead of the server's time."}, 400)
    peer.says(FIND, {"orderId": 1})
    async with connected(peer) as client:
        await client.sync()
        await client.ask("private_get_order", what="asking")
        assert abs(client.time.milliseconds() - 1_700_000_000_400) < 200


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (ORDER, "private_post_order"),
        ("POST /api/v3/order/cancelReplace", "private_post_order_cancelreplace"),
        ("DELETE /api/v3/order", "private_delete_order"),
    ],
)
async def test_a_wrong_clock_is_set_and_what_acts_is_not_sent_again(peer: Peer, call: str, name: str) -> None:
    """Whoever wants it has to be sure once more that this account is still ours."""
    peer.says(call, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, 400)
    peer.says(TIME, {"serverTime": 1_700_000_000_000})
    async with connected(peer) as client:
        with pytest.raises(ExchangeRefused) as caught:
            await client.ask(name, PARAMS, what="acting", urgency=Urgency.CLOSING)
        assert caught.value.code == "-1021"
        assert abs(client.time.milliseconds() - 1_700_000_000_000) < 5_000
    assert len(peer.calls(call)) == 1


async def test_the_exchanges_time_does_not_follow_a_jump_of_our_clock(peer: Peer) -> None:
    class Jumping(Clock):
        def monotonic(self) -> float:
            return super().monotonic() + jump

    jump = 0.0
    peer.says(TIME, {"serverTime": 1_700_000_000_000})
    client = Client(peer.addresses(), clock=Jumping())
    await client.open()
    await client.sync(3)
    assert abs(client.time.milliseconds() - 1_700_000_000_000) < 1_000
    assert client.time.wall_offset_seconds() < -1_000_000
    jump = 40.0  # the machine slept: one answer is enough to know
    await client.sync()
    assert abs(client.time.milliseconds() - 1_700_000_000_000) < 1_000
    await client.close()


@pytest.mark.parametrize("body", [{}, {"serverTime": "soon"}, {"serverTime": -1}, [], 7])
async def test_a_time_that_cannot_be_is_not_learned(peer: Peer, body: Any) -> None:
    peer.says(TIME, body)
    async with connected(peer) as client:
        with pytest.raises(ExchangeUnreachable):
            await client.sync()
        assert not client.time.known


# ---------------------------------------------------------------- limits


async def test_the_heart_beats_on_where_much_was_asked_in_this_minute(peer: Peer) -> None:
    """An exchange that we ask nothing is no exchange that does not answer."""
    peer.says(TIME, {"serverTime": 1_700_000_011_000}, x_mbx_used_weight_1m="1080")
    async with connected(peer) as client:
        await client.sync(2)
        with pytest.raises(ExchangeBusy, match="too much was asked"):
            client.limits.check(Urgency.READING, order=False)
        await client.sync()


async def test_silence_that_is_asked_for_is_kept(peer: Peer) -> None:
    peer.says(FIND, {"code": -1003, "msg": "Too many requests."}, 429, retry_after="7")
    async with connected(peer) as client:
        with pytest.raises(ExchangeBusy) as caught:
            await client.ask("private_get_order", what="asking")
        assert caught.value.retry_after_seconds == 7
        for urgency in Urgency:
            with pytest.raises(ExchangeBusy, match="nothing was sent") as caught:
                await client.ask("private_get_order", what="asking", urgency=urgency)
            assert 6 < caught.value.retry_after_seconds <= 7
        with pytest.raises(ExchangeBusy):
            await place(client)
    assert len(peer.asked) == 1


async def test_too_many_orders_still_lets_us_cancel_and_ask(peer: Peer) -> None:
    peer.says(ORDER, {"code": -1015, "msg": "Too many new orders; current limit is 100 orders per 10 SECOND."}, 429)
    peer.says("DELETE /api/v3/order", {"orderId": 1})
    async with connected(peer) as client:
        for _ in range(2):
            with pytest.raises(ExchangeBusy) as caught:
                await place(client)
            assert 9 < caught.value.retry_after_seconds <= 10
        assert await client.ask("private_delete_order", what="cancelling") == {"orderId": 1}
    assert len(peer.calls(ORDER)) == 1


WEIGHT_1200 = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}]


@pytest.mark.parametrize(
    ("used", "refused"),
    [
        ("359", ()),
        ("360", ("HISTORY",)),
        ("599", ("HISTORY",)),
        ("600", ("HISTORY", "OPENING")),
        ("960", ("HISTORY", "OPENING", "READING")),
        ("1200", ("HISTORY", "OPENING", "READING", "CLOSING")),
    ],
)
async def test_an_entry_never_takes_an_exits_place(peer: Peer, used: str, refused: tuple[str, ...]) -> None:
    peer.says(TIME, {"serverTime": 1_700_000_010_000})
    peer.says(TIME, {"serverTime": 1_700_000_010_000}, x_mbx_used_weight_1m=used)
    async with connected(peer) as client:
        client.limits.learn(WEIGHT_1200)
        await client.sync(2)
        found = []
        for urgency in Urgency:
            try:
                client.limits.check(urgency, order=True)
            except ExchangeBusy:
                found.append(urgency.name)
    assert sorted(found) == sorted(refused)


async def test_a_limit_that_was_only_guessed_keeps_nobody_from_closing(peer: Peer) -> None:
    """The start of a new process needs little and may come in a minute in which much was asked."""
    peer.says(TIME, {"serverTime": 1_700_000_010_000})
    peer.says(TIME, {"serverTime": 1_700_000_010_000}, x_mbx_used_weight_1m="5000")
    async with connected(peer) as client:
        await client.sync(2)
        client.limits.check(Urgency.CLOSING, order=False)
        with pytest.raises(ExchangeBusy, match="too much was asked"):
            client.limits.check(Urgency.READING, order=False)
        client.limits.learn(WEIGHT_1200)
        with pytest.raises(ExchangeBusy, match="too much was asked"):
            client.limits.check(Urgency.CLOSING, order=False)


async def test_order_counts_shut_entries_at_half_and_exits_at_the_limit(peer: Peer) -> None:
    peer.says(TIME, {"serverTime": 1_700_000_011_000}, x_mbx_order_count_10s="50", x_mbx_order_count_1d="4")
    async with connected(peer) as client:
        client.limits.learn(
            [
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
                {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
                {"rateLimitType": "ORDERS", "interval": "FORTNIGHT", "intervalNum": 1, "limit": 1},
                {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": "many"},
            ]
        )
        await client.sync()
        await client.sync()
        with pytest.raises(ExchangeBusy, match="too many orders"):
            client.limits.check(Urgency.OPENING, order=True)
        client.limits.check(Urgency.OPENING, order=False)
        client.limits.check(Urgency.CLOSING, order=True)


# ---------------------------------------------------------------- secrets


async def test_no_secret_is_in_a_log_or_an_error(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    peer.sends(ORDER, "<html>502</html>", 502)
    peer.says("GET /ws/the-listen-key", {}, 500)
    traces = ""
    async with connected(peer) as client:
        for doing in (place(client), _stream(client, f"{peer.ws}/ws/the-listen-key")):
            with pytest.raises(ExchangeUnreachable) as caught:
                await doing
            traces += "".join(traceback.format_exception(caught.value))
    for secret in ("the-key-of-a-test", "the-secret-of-a-test", "signature=", "the-listen-key"):
        assert secret not in caplog.text + traces.replace('/ws/the-listen-key"', "")  # as this test wrote it


async def _stream(client: Client, url: str) -> None:
    async with client.stream(url):
        pass


def test_exact_numbers() -> None:
    assert str(parsed('{"a": 0.10000000000000000001}')["a"]) == "0.10000000000000000001"
    assert parsed('{"a": Infinity}') is None
    assert parsed(b"") is None
