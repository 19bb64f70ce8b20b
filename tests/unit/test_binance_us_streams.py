"""What the exchange tells without being asked: every way of hearing it, and every way of not hearing it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

import services.binance_us.client as client_module
from app.core.errors import ExchangeUnreachable
from app.core.messages import Event, FlowSeen, Gate, GateClosed, GateOpened, OrderReported, OrdersListed
from app.core.model import OrderStatus
from app.seam import Clock
from services.binance_us import BinanceUs
from services.binance_us.user_stream import KEEP_ALIVE_SECONDS, LISTEN_KEY, POLLING, SUBSCRIPTION, UserStream
from tests.builders import d
from tests.unit.binance_us_cases import ENTRY, STOP, a_row, a_trade, id_of
from tests.unit.binance_us_opened import (
    FIND,
    GONE,
    KEEP,
    KEY,
    OPEN,
    PLACE,
    TIME,
    TRADES,
    exchange_peer,
    opened,
    until,
)
from tests.unit.binance_us_peer import Peer, connected, hang_up, socket, tasks

STREAM, WS_API = "GET /ws/abc123", "GET /ws-api/v3"
AT = 1_700_000_100_500


class Hurried(Clock):
    """Pauses take a fiftieth of their time; clocks go as always."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 50)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with exchange_peer() as running:
        running.says(KEY, {"listenKey": "abc123"})
        running.does(STREAM, socket(running))
        running.says(OPEN, [])
        running.says(TRADES, [])
        yield running


@pytest.fixture
async def heard(peer: Peer) -> AsyncIterator[tuple[BinanceUs, list[Event]]]:
    """A started exchange whose stream stands, and what it posts."""
    async with opened(peer, Hurried()) as (exchange, posted):
        exchange.start()
        await until(lambda: exchange.user_data == LISTEN_KEY and bool(peer.sockets))
        yield exchange, posted


def an_event(order: Any = ENTRY, **values: Any) -> dict[str, Any]:
    """An executionReport: the order was taken, unless `values` say otherwise."""
    event = {"e": "executionReport", "s": "BTCUSDT", "c": order.client_order_id, "C": "", "S": order.side.value}
    event |= {"o": order.type.value, "q": str(order.quantity), "x": "NEW", "X": "NEW", "i": 77, "z": "0", "T": AT}
    return {**event, **values}


def a_fill(trade: int, quantity: str, so_far: str, status: str = "PARTIALLY_FILLED", **values: Any) -> dict[str, Any]:
    fill = {"x": "TRADE", "X": status, "t": trade, "l": quantity, "L": "50000", "z": so_far, "n": "0", "N": None}
    return an_event(**{**fill, **values})


async def tells(peer: Peer, *events: Any) -> None:
    for event in events:
        await peer.sockets[-1].send_str(event if isinstance(event, str) else json.dumps(event))


def reports(posted: list[Event]) -> list[tuple[OrderStatus, list[str]]]:
    found = [event.report for event in posted if isinstance(event, OrderReported)]
    return [(report.status, [fill.id for fill in report.fills]) for report in found]


def without_gates(posted: list[Event]) -> list[Event]:
    """What was told of orders and money. The peer lives in 2023, so the clock's gate is shut all the time."""
    return [event for event in posted if not isinstance(event, GateClosed | OrdersListed)]


# ---------------------------------------------------------------- events


async def test_fills_arrive_as_whole_reports(peer: Peer, heard: tuple[BinanceUs, list[Event]]) -> None:
    _, posted = heard
    await tells(peer, an_event(), a_fill(1, "0.0004", "0.0004"), a_fill(2, "0.0006", "0.001", "FILLED"))
    await until(lambda: len(reports(posted)) == 3)
    assert reports(posted) == [
        (OrderStatus.OPEN, []),
        (OrderStatus.PARTIAL, ["1"]),
        (OrderStatus.FILLED, ["1", "2"]),
    ]


async def test_a_cancel_is_told_under_the_orders_own_id(peer: Peer, heard: tuple[BinanceUs, list[Event]]) -> None:
    _, posted = heard
    await tells(peer, an_event(STOP, c="cancel-1", C=STOP.client_order_id, x="CANCELED", X="CANCELED"))
    await until(lambda: bool(reports(posted)))
    [event] = without_gates(posted)
    assert isinstance(event, OrderReported)
    assert (event.report.client_order_id, event.report.status) == (STOP.client_order_id, OrderStatus.CANCELED)


async def test_a_fill_told_five_times_and_in_the_wrong_order_counts_once(
    peer: Peer, heard: tuple[BinanceUs, list[Event]]
) -> None:
    _, posted = heard
    peer.says(FIND, a_row())
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(1, "0.0004"), a_trade(2, "0.0006")])
    late, early = a_fill(2, "0.0006", "0.001", "FILLED"), a_fill(1, "0.0004", "0.0004")
    await tells(peer, late, early, early, late, late)
    await until(lambda: (OrderStatus.FILLED, ["1", "2"]) in reports(posted))
    assert {fill for _, fills in reports(posted) for fill in fills} == {"1", "2"}
    assert all(status is not OrderStatus.FILLED or len(fills) == 2 for status, fills in reports(posted))


async def test_a_stream_that_began_late_makes_us_ask_for_the_rest(
    peer: Peer, heard: tuple[BinanceUs, list[Event]]
) -> None:
    _, posted = heard
    peer.says(FIND, GONE, 400)  # the lists lag behind, at first
    peer.says(FIND, a_row())
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(2, "0.0006")])
    peer.says(TRADES, [a_trade(1, "0.0004"), a_trade(2, "0.0006")])
    await tells(peer, a_fill(2, "0.0006", "0.001", "FILLED"))
    await until(lambda: (OrderStatus.FILLED, ["1", "2"]) in reports(posted))
    assert len(reports(posted)) == 1  # nothing half was told before


async def test_an_answer_older_than_what_the_stream_told_is_not_passed_on(
    peer: Peer, heard: tuple[BinanceUs, list[Event]]
) -> None:
    """The list still has the order open while the stream has told its end: that would look like an order gone wild."""
    exchange, posted = heard
    peer.says(FIND, a_row(status="NEW", executedQty="0"))
    peer.says(FIND, a_row(status="PARTIALLY_FILLED", executedQty="0.0004"))
    peer.says(FIND, a_row())
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(1, "0.0004"), a_trade(2, "0.0006")])
    await tells(peer, a_fill(2, "0.0006", "0.001", "FILLED"))
    await until(lambda: bool(reports(posted)))
    assert reports(posted) == [(OrderStatus.FILLED, ["1", "2"])]
    assert len(peer.calls(FIND)) == 3
    peer.answers[OPEN].clear()
    peer.says(OPEN, [a_row(status="NEW", executedQty="0")])
    peer.answers[TRADES].clear()
    peer.says(TRADES, [])
    seen = await exchange.account("BTC/USDT", [])
    assert (seen.reports, seen.open_ids) == ((), ())


async def test_a_part_that_the_list_does_not_know_yet_is_waited_for(
    peer: Peer, heard: tuple[BinanceUs, list[Event]]
) -> None:
    _, posted = heard
    peer.says(FIND, a_row(STOP, status="NEW", executedQty="0"))
    peer.says(FIND, a_row(STOP, status="PARTIALLY_FILLED", executedQty="0.0005"))
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(1, "0.0002", buyer=False), a_trade(2, "0.0003", buyer=False)])
    part = a_fill(2, "0.0003", "0.0005", c=STOP.client_order_id, S="SELL", o="STOP_LOSS_LIMIT")
    await tells(peer, part)
    await until(lambda: bool(reports(posted)))
    assert reports(posted) == [(OrderStatus.PARTIAL, ["1", "2"])]


async def test_a_fee_in_a_third_asset_is_asked_for_with_its_worth(
    peer: Peer, heard: tuple[BinanceUs, list[Event]]
) -> None:
    _, posted = heard
    peer.says(FIND, a_row())
    peer.answers[TRADES].clear()
    peer.says(TRADES, [a_trade(1, "0.001", commission="0.0001", commissionAsset="BNB")])
    peer.says("GET /api/v3/ticker/price", {"price": "600"})
    await tells(peer, a_fill(1, "0.001", "0.001", "FILLED", n="0.0001", N="BNB"))
    await until(lambda: bool(reports(posted)))
    [event] = without_gates(posted)
    assert isinstance(event, OrderReported)
    assert event.report.fills[0].fee_quote == d("0.06")


async def test_what_is_not_ours_or_cannot_be_is_passed_over(peer: Peer, heard: tuple[BinanceUs, list[Event]]) -> None:
    exchange, posted = heard
    await tells(
        peer,
        an_event(c="somebody-elses"),
        an_event(s="ETHUSDT"),
        an_event(X="CANCEL_ONLY"),
        an_event(z="-1"),
        an_event(z="7"),
        a_fill(1, "NaN", "0.001"),
        a_fill(1, "0.001", "0.001", L="0"),
        an_event(i=None),
        "no json",
        "[1, 2]",
        {"e": "listStatus", "s": "BTCUSDT"},
        {"e": "outboundAccountPosition", "B": []},
        {"e": "of tomorrow"},
        an_event(),
    )
    await until(lambda: bool(reports(posted)))
    assert reports(posted) == [(OrderStatus.OPEN, [])]
    assert exchange.user_data == LISTEN_KEY


async def test_money_that_comes_is_told_once(peer: Peer, heard: tuple[BinanceUs, list[Event]]) -> None:
    _, posted = heard
    deposit = {"e": "balanceUpdate", "E": AT, "a": "USDT", "d": "100.5", "T": AT}
    await tells(
        peer, deposit, deposit, {**deposit, "a": "BTC"}, {**deposit, "d": "x"}, {**deposit, "d": "-7", "T": AT + 1}
    )
    await until(lambda: len(without_gates(posted)) == 2)
    first, second = without_gates(posted)
    assert isinstance(first, FlowSeen)
    assert isinstance(second, FlowSeen)
    assert (first.amount, second.amount) == (d("100.5"), d(-7))
    assert first.id != second.id


# ---------------------------------------------------------------- ways of hearing


@pytest.mark.parametrize("status", [404, 410, 400])
async def test_without_a_listen_key_the_other_interface_is_used(peer: Peer, status: int) -> None:
    asked: list[dict[str, Any]] = []

    async def subscribe(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        peer.sockets.append(response)
        asked.append(json.loads((await response.receive()).data))
        await response.send_str(json.dumps({"id": "user-stream", "status": 200, "result": {"subscriptionId": 0}}))
        async for _ in response:
            pass
        return response

    peer.answers[KEY].clear()
    peer.says(KEY, {"code": -1104, "msg": "gone"} if status == 400 else {}, status)
    peer.does(WS_API, subscribe)
    async with opened(peer, Hurried()) as (exchange, posted):
        exchange.start()
        await until(lambda: exchange.user_data == SUBSCRIPTION)
        await tells(peer, {"subscriptionId": 0, "event": an_event()})
        await until(lambda: bool(reports(posted)))
    [request] = asked
    assert request["method"] == "userDataStream.subscribe.signature"
    assert set(request["params"]) == {"apiKey", "timestamp", "signature"}
    assert request["params"]["apiKey"] == "the-key-of-a-test"
    assert isinstance(request["params"]["timestamp"], int)


CLOCK_OFF = {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}


@pytest.mark.parametrize(
    ("answer", "is_a_no"),
    [
        ({"status": 400, "error": {"code": -1020, "msg": "This operation is not supported."}}, True),
        ({"status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}}, True),
        ({"status": 400, "error": CLOCK_OFF}, False),
        ({"status": 429, "error": {"code": -1003, "msg": "Too much request weight used."}}, False),
        ({"status": 418, "error": {"code": -1003, "msg": "Way too much request weight used; IP banned."}}, False),
        ({"status": 500, "error": {"code": -1000, "msg": "An unknown error occurred."}}, False),
        ({"status": "400"}, False),
        (None, False),
    ],
)
async def test_only_a_definite_no_makes_a_subscription_be_left_alone(
    peer: Peer, answer: dict[str, Any] | None, is_a_no: bool
) -> None:
    """A line that closes before the answer, or a clock that is off, says nothing of the next time."""

    async def subscribe(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.receive()
        if answer is not None:
            await response.send_str(json.dumps({"id": "user-stream", **answer}))
        await response.close()
        return response

    peer.answers[KEY].clear()
    peer.says(KEY, {}, 410)
    peer.does(WS_API, subscribe)
    async with opened(peer, Hurried()) as (exchange, _):
        exchange.start()
        await until(lambda: len(peer.calls(WS_API)) >= 1 and len(peer.calls(OPEN)) >= 4)
        await until(lambda: len(peer.calls(WS_API)) >= 2 or is_a_no)
        assert len(peer.calls(WS_API)) == 1 or not is_a_no


async def test_without_any_stream_our_orders_are_asked_for(peer: Peer) -> None:
    peer.answers[KEY].clear()
    peer.says(KEY, {}, 410)
    peer.says(WS_API, {}, 404)
    peer.says(PLACE, a_row(STOP, status="NEW", executedQty="0", transactTime=1_600_000_000_000))
    peer.says(FIND, a_row(STOP, status="CANCELED", executedQty="0"))
    async with opened(peer, Hurried()) as (exchange, posted):
        await exchange.place(STOP)
        exchange.start()
        assert exchange.user_data == POLLING
        await until(lambda: reports(posted) == [(OrderStatus.CANCELED, [])])
        assert exchange.user_data == POLLING
    assert len(peer.calls(KEY)) == len(peer.calls(WS_API)) == 1  # a refusal is not asked for again and again


async def test_a_stream_that_breaks_comes_back_and_what_was_missed_is_found(peer: Peer) -> None:
    peer.says(PLACE, a_row(STOP, status="NEW", executedQty="0", transactTime=1_600_000_000_000))
    back: list[str] = []
    async with opened(peer, Hurried()) as (exchange, posted):
        exchange.reconnected = lambda: back.append("back")
        await exchange.place(STOP)
        peer.answers[OPEN].clear()
        peer.says(OPEN, [a_row(STOP, status="NEW", executedQty="0")])
        exchange.start()
        await until(lambda: exchange.user_data == LISTEN_KEY and bool(peer.sockets) and back == ["back"])
        assert reports(posted) == []
        peer.answers[OPEN].clear()
        peer.says(OPEN, [])
        peer.says(FIND, a_row(STOP))
        peer.answers[TRADES].clear()
        peer.says(TRADES, [a_trade(4, "0.001", buyer=False)])
        await peer.sockets[-1].close()
        await until(lambda: len(back) == 2)
        await until(lambda: (OrderStatus.FILLED, ["4"]) in reports(posted))


@pytest.mark.parametrize("name", ["listenKeyExpired", "eventStreamTerminated", "serverShutdown"])
async def test_an_end_that_is_announced_is_not_waited_for(
    peer: Peer, heard: tuple[BinanceUs, list[Event]], name: str
) -> None:
    exchange, _ = heard
    await tells(peer, {"e": name})
    await until(lambda: len(peer.sockets) == 2 and exchange.user_data == LISTEN_KEY)


async def test_a_stream_that_ends_as_soon_as_it_stands_is_opened_less_and_less_often(peer: Peer) -> None:
    """Each time costs a listenKey, the open orders and a reconciliation."""

    class Patient(Clock):
        ahead = 0.0

        def __init__(self) -> None:
            self.pauses: list[float] = []

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

        async def sleep(self, seconds: float) -> None:
            if seconds == KEEP_ALIVE_SECONDS:
                await asyncio.Event().wait()
            self.pauses.append(seconds)
            await super().sleep(0.001)

    async def ends(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        if len(peer.calls(STREAM)) == 8:  # this one holds for a while
            await until(lambda: stream.connected)
            clock.ahead += 31
        await response.close()
        return response

    clock = Patient()
    peer.answers[STREAM].clear()
    peer.does(STREAM, ends)
    async with connected(peer) as client, tasks() as running:
        stream = UserStream(client, hear=print, connected_again=lambda: None, clock=clock, tasks=running)
        running.start(stream.run(), "user stream")
        await until(lambda: len(clock.pauses) >= 9)
        await running.stop()
    assert clock.pauses[:9] == [1, 2, 4, 8, 16, 30, 30, 0.5, 1]


async def test_a_listen_key_is_kept_alive_and_replaced_when_forgotten(peer: Peer) -> None:
    class Leaping(Clock):
        """Half an hour passes in a moment, everything else is hurried."""

        async def sleep(self, seconds: float) -> None:
            await super().sleep(0.02 if seconds > 1_000 else seconds / 50)

    peer.says(KEEP, {})
    peer.says(KEEP, {"code": -1125, "msg": "This listenKey does not exist."}, 400)
    async with opened(peer, Leaping()) as (exchange, _):
        exchange.start()
        await until(lambda: len(peer.calls(KEEP)) >= 2 and len(peer.calls(KEY)) >= 2)
    assert peer.calls(KEEP)[0].params["listenKey"] == "abc123"


async def test_a_listen_key_that_could_not_be_kept_is_kept_a_minute_later(peer: Peer) -> None:
    """Half an hour later it would be dead."""

    class OneHalfHour(Clock):
        passed = False

        async def sleep(self, seconds: float) -> None:
            if seconds == KEEP_ALIVE_SECONDS and self.passed:
                await asyncio.Event().wait()
            self.passed = self.passed or seconds == KEEP_ALIVE_SECONDS
            await super().sleep(min(seconds / 50, 0.1))

    peer.says(KEEP, {}, 502)
    peer.says(KEEP, {}, 503)
    peer.says(KEEP, {})
    async with opened(peer, OneHalfHour()) as (exchange, _):
        exchange.start()
        await until(lambda: len(peer.calls(KEEP)) == 3)
        assert len(peer.sockets) == 1


async def test_a_peer_that_answers_no_ping_is_left(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half open: the line stands, nothing comes, and nothing that we send arrives."""
    monkeypatch.setattr(client_module, "PING_SECONDS", 0.1)

    async def deaf(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(autoping=False)
        await response.prepare(request)
        peer.sockets.append(response)
        async for _ in response:
            pass
        return response

    peer.answers[STREAM].clear()
    peer.does(STREAM, deaf)
    async with opened(peer, Hurried()) as (exchange, _):
        exchange.start()
        await until(lambda: len(peer.sockets) >= 2)


async def test_a_stream_that_says_nothing_of_a_change_is_connected_anew(peer: Peer) -> None:
    """Half open the other way: pings are answered, but no event comes."""
    peer.says(PLACE, a_row(STOP, status="NEW", executedQty="0", transactTime=1_600_000_000_000))
    peer.answers[OPEN].clear()
    peer.says(OPEN, [a_row(STOP, status="NEW", executedQty="0")])
    async with opened(peer, Hurried()) as (exchange, posted):
        await exchange.place(STOP)
        exchange.start()
        await until(lambda: bool(peer.sockets) and len(peer.calls(OPEN)) >= 1)
        peer.says(FIND, a_row(STOP, status="CANCELED", executedQty="0"))
        peer.answers[OPEN].clear()
        peer.says(OPEN, [])
        await until(lambda: reports(posted) == [(OrderStatus.CANCELED, [])])  # a person cancelled it
        await until(lambda: len(peer.sockets) == 2)


async def test_an_order_of_ours_that_we_did_not_know_is_told(peer: Peer) -> None:
    peer.answers[OPEN].clear()
    strange = {**a_row(STOP, status="NEW", executedQty="0"), "clientOrderId": id_of(STOP.role, trade=9)}
    peer.says(OPEN, [strange, {**a_row(), "clientOrderId": "a-person", "status": "NEW", "executedQty": "0"}])
    async with opened(peer, Hurried()) as (exchange, posted):
        exchange.start()
        await until(lambda: reports(posted) == [(OrderStatus.OPEN, [])])


# ---------------------------------------------------------------- heartbeat


async def test_a_lost_exchange_shuts_entries_and_a_found_one_opens_them(peer: Peer) -> None:
    back: list[str] = []
    async with opened(peer, Hurried()) as (exchange, posted):
        exchange.reconnected = lambda: back.append("back")
        peer.answers[TIME].clear()
        peer.does(TIME, hang_up())
        await exchange._pulse.beat()
        closed = [event for event in posted if isinstance(event, GateClosed)]
        assert Gate.EXCHANGE_UNREACHABLE in {event.gate for event in closed}
        peer.answers[TIME].clear()
        peer.says(TIME, {"serverTime": exchange.client.time.milliseconds()})
        await exchange._pulse.beat()
        assert Gate.EXCHANGE_UNREACHABLE in {event.gate for event in posted if isinstance(event, GateOpened)}
        assert back == ["back"]


class Beats(Clock):
    """Time that passes only where somebody waits; the tenth pause ends it."""

    def __init__(self) -> None:
        self.passed, self.pauses = 0.0, 0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.pauses += 1
        if self.pauses == 10:
            raise ExchangeUnreachable("enough")
        self.passed += seconds


@pytest.mark.parametrize(("waits", "within"), [(0.0, 90.0), (3.0, 93.0), (10.0, 110.0)])
async def test_ten_heartbeats_in_vain_take_no_longer_where_each_waits_for_its_answer(
    peer: Peer, waits: float, within: float
) -> None:
    beats = Beats()
    async with opened(peer) as (exchange, _):

        async def in_vain(samples: int = 1) -> None:
            beats.passed += waits
            raise ExchangeUnreachable("no answer")

        exchange.client.sync = in_vain  # type: ignore[method-assign]
        exchange._pulse._clock = beats
        with pytest.raises(ExchangeUnreachable, match="enough"):
            await exchange._pulse.run()
    assert exchange._pulse.failures == 10
    assert beats.passed <= within


async def test_a_clock_that_is_off_shuts_entries(peer: Peer) -> None:
    async with opened(peer, Hurried()) as (exchange, posted):  # the peer lives in 2023
        await exchange._pulse.beat()
        [event] = posted
        assert isinstance(event, GateClosed)
        assert event.gate is Gate.CLOCK


async def test_a_refused_key_shuts_entries_until_it_is_taken_again(peer: Peer) -> None:
    async with opened(peer, Hurried()) as (exchange, posted):
        peer.answers["GET /api/v3/account"].clear()
        peer.says("GET /api/v3/account", {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}, 401)
        with pytest.raises(Exception, match="Invalid API-key"):
            await exchange.account("BTC/USDT", [])
        await exchange._pulse.beat()
        assert Gate.EXCHANGE_REFUSES in {event.gate for event in posted if isinstance(event, GateClosed)}
        await exchange._history.open_orders()
        await exchange._pulse.beat()
        assert Gate.EXCHANGE_REFUSES in {event.gate for event in posted if isinstance(event, GateOpened)}


async def test_no_secret_is_logged_whatever_goes_wrong(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    peer.answers[KEY].clear()
    peer.says(KEY, {"listenKey": "abc123"})
    peer.says(KEY, {"code": -1125, "msg": "This listenKey does not exist."}, 400)
    peer.answers[STREAM].clear()
    peer.says(STREAM, {}, 500)
    peer.does(WS_API, hang_up())
    peer.answers[OPEN].clear()
    peer.sends(OPEN, "<html>502</html>", 502)
    async with opened(peer, Hurried()) as (exchange, _):
        exchange.start()
        await until(lambda: len(peer.calls(WS_API)) >= 3 and len(peer.calls(OPEN)) >= 3)
    assert "ccxt" not in {record.name for record in caplog.records}
    for secret in ("the-key-of-a-test", "the-secret-of-a-test", "abc123", "signature="):
        assert secret not in caplog.text


async def test_nothing_keeps_running_after_the_end(peer: Peer) -> None:
    async with opened(peer, Hurried()) as (exchange, _):
        exchange.start()
        await until(lambda: bool(peer.sockets))
    left = [task.get_name() for task in asyncio.all_tasks() if task.get_name() in ("user stream", "heartbeat")]
    assert left == []
