"""A network that goes and comes back, streams that die alone, and answers that never end."""

from typing import Any

import pytest

from app.core.model import ExitReason
from tests.live_trader import live_trader

PLACE, TIME = "POST /api/v3/order", "GET /api/v3/time"


# ---------------------------------------------------------------- no network


LOST, GONE, BACK = "connection_lost", "exchange_unreachable", "connection_restored"


@pytest.mark.parametrize(
    ("how", "seconds", "step", "told"),
    [
        ("reset", 1, 0.5, []),
        ("silent", 1, 0.5, []),
        ("reset", 30, 2, [LOST, BACK]),
        ("silent", 30, 5, [LOST, BACK]),
        ("reset", 600, 20, [LOST, GONE, BACK]),
        ("silent", 600, 5, [LOST, GONE, BACK]),
        ("reset", 21_600, 600, [LOST, GONE, BACK]),
    ],
)
async def test_f37_without_a_network_the_stop_stays_entries_rest_and_everything_is_found_again(
    how: str,
    seconds: int,
    step: float,
    told: list[str],
) -> None:
    async with live_trader() as trader:
        await trader.bought()
        stops = trader.standing_stops()
        trader.exchange.cut_off(how)
        if seconds > 10:
            took = await trader.until(lambda: trader.standing.startswith("PAUSED"), within=11)
            assert took <= 11, "entries are shut within ten seconds of the last sign of life"
            await trader.decide("BUY")
        await trader.pass_time(seconds, step=step)
        assert trader.standing_stops() == stops
        trader.exchange.requests.clear()
        trader.exchange.cut_off("")
        took = await trader.until(lambda: trader.standing == "TRADING", within=45)
        assert seconds < 10 or trader.exchange.requests.of("GET /api/v3/account"), (
            "reconciled before anything is bought"
        )
        print(f"{seconds} s of {how}: trading again {took:.1f} market seconds after the return")
        assert [each for each in trader.told() if each != "entry_fill"] == told
        assert len(trader.ours("E")) == 1
        await trader.pass_time(31)
        assert trader.standing_stops() == stops
        await trader.bought()
        trader.check_books()


async def test_f37_a_stop_that_fired_while_nobody_could_hear_it_is_booked_once_on_the_return() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.cut_off("reset")
        await trader.pass_time(60, step=5)
        trader.exchange.market.move(47_000)
        await trader.pass_time(3_540, step=60)
        trader.exchange.cut_off("")
        await trader.until(lambda: not trader.state.positions, within=45)
        (trade,) = trader.trades()
        assert trade.exit_reason is ExitReason.STOP
        await trader.until(lambda: trader.standing == "TRADING", within=60, step=1)
        trader.check_books()


async def test_f37_alerts_come_at_the_third_and_the_tenth_heartbeat_and_once_each() -> None:
    async with live_trader() as trader:
        await trader.pass_time(10)
        trader.exchange.cut_off("reset")
        lost = await trader.until(lambda: "connection_lost" in trader.told(), within=45)
        unreachable = await trader.until(lambda: "exchange_unreachable" in trader.told(), within=90)
        print(f"told of the loss after {lost:.1f} s, of the emergency {unreachable:.1f} s later")
        assert 19 <= lost <= 31
        assert 60 <= unreachable <= 80
        await trader.pass_time(300, step=10)
        assert trader.told() == ["connection_lost", "exchange_unreachable"]


async def test_maintenance_is_waited_for() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.down_for_maintenance()
        await trader.until(lambda: trader.standing.startswith("PAUSED"), within=11)
        await trader.pass_time(1_800, step=30)
        trader.exchange.down_for_maintenance(False)
        await trader.until(lambda: trader.standing == "TRADING", within=60)
        assert len(trader.standing_stops()) == 1
        trader.check_books()


async def test_f38_a_page_of_somebody_elses_network_is_no_answer_of_the_exchange() -> None:
    async with live_trader() as trader:
        await trader.bought()
        for channel in trader.exchange.streams.all:
            channel.refuse = 302
            channel.drop()
        trader.exchange.faults.add("html", "*", status=200, times=None)
        took = await trader.until(lambda: trader.standing.startswith("PAUSED"), within=11)
        assert took <= 11
        await trader.pass_time(300, step=10)
        assert trader.protected(), "a page is no news of the stop"
        assert trader.told()[1:] == [LOST, GONE]
        for channel in trader.exchange.streams.all:
            channel.refuse = None
        trader.exchange.faults.clear()
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        await trader.pass_time(31)
        trader.check_books()


# ---------------------------------------------------------------- half a network


@pytest.mark.parametrize("how", ["drop", "freeze"])
async def test_f35_f39_without_streams_prices_and_orders_are_asked_for_and_trading_goes_on(
    how: str,
) -> None:
    async with live_trader() as trader:
        streams = trader.exchange.streams
        for channel in streams.all:
            channel.refuse = 503
            getattr(channel, how)()
        await trader.pass_time(15)
        standings = set()
        for _ in range(20):
            await trader.pass_time(1)
            standings.add(trader.standing)
        assert standings == {"TRADING"}
        assert (trader.adapter.user_data, trader.market.source) == ("polling every 2 s", "asking every 2 s")
        await trader.bought()
        await trader.pass_time(20)  # so long a list of orders may lag behind
        (stop,) = trader.standing_stops()
        trader.exchange.owner.cancel(stop)
        took = await trader.until(lambda: trader.protected() and trader.standing_stops() not in ([], [stop]), within=5)
        print(f"without streams a stop that was cancelled by hand is back after {took:.1f} s")
        trader.exchange.market.move(47_000)
        await trader.until(lambda: not trader.state.positions, within=10)
        for channel in streams.all:
            channel.refuse = None
            channel.thaw()
        await trader.until(lambda: trader.adapter.user_data != "polling every 2 s", within=610, step=5)
        trader.check_books()


async def test_f39_with_streams_alone_nothing_is_bought_and_the_stop_that_fires_is_heard() -> None:
    async with live_trader() as trader:
        await trader.bought()
        rest = trader.exchange.faults.add("lost", "*", times=None)
        took = await trader.until(lambda: trader.standing == "PAUSED/exchange_unreachable", within=11)
        assert took <= 11
        entries = len(trader.ours("E"))
        await trader.decide("BUY")
        await trader.pass_time(2)
        assert len(trader.ours("E")) == entries
        trader.exchange.market.move(47_000)
        await trader.until(lambda: not trader.state.positions, within=5)
        rest.times = 0
        trader.exchange.faults.clear()
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        trader.check_books()


@pytest.mark.parametrize("how", ["24 hours", "expired", "forgotten", "serverShutdown"])
async def test_f36_a_stream_that_ends_is_back_within_five_seconds_and_no_fill_is_lost(how: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        user = trader.exchange.streams.user
        before = list(user.connections)
        user.silent = True  # what happens at the moment of the end is heard by nobody
        trader.exchange.market.move(47_000)
        user.silent = False
        if how == "24 hours":
            trader.exchange.clock.advance(86_400)
        elif how == "expired":
            trader.exchange.user_data.expire()
        elif how == "serverShutdown":
            trader.exchange.streams.shut_down()
        else:
            trader.exchange.user_data.listen_key = ""
            await trader.pass_time(1_801, step=60)  # until its key is kept alive: -1125
        took = await trader.until(lambda: user.connections and user.connections != before, within=5)
        assert took <= 5
        await trader.until(lambda: not trader.state.positions, within=11)
        (trade,) = trader.trades()
        assert trade.exit_reason is ExitReason.STOP
        trader.check_books()


# ---------------------------------------------------------------- answers that never end


@pytest.mark.parametrize("kind", ["drip", "huge"])
async def test_f44_f45_an_endless_or_enormous_answer_to_an_order_is_a_doubt_and_is_found_out(
    kind: str,
) -> None:
    async with live_trader() as trader:
        await trader.pass_time(2)
        options: dict[str, Any] = {"seconds": 0.05} if kind == "drip" else {"size": 50_000_000}
        fault = trader.exchange.faults.add(kind, PLACE, acts=True, **options)
        await trader.decide("BUY")
        await trader.until(trader.protected, within=30)
        assert len(fault.struck) == 1
        assert len(trader.ours("E")) == 1
        trader.check_books()


async def test_f45_more_than_five_megabytes_are_not_read_though_they_would_make_sense() -> None:
    async with live_trader() as trader:
        await trader.pass_time(2)
        trader.exchange.faults.edit(PLACE, lambda order: {**order, "more": "x" * 6_000_000})
        trader.exchange.streams.user.silent = True
        await trader.decide("BUY")
        await trader.until(trader.protected, within=30)
        (entry,) = trader.ours("E")
        asked = trader.exchange.requests.of("GET /api/v3/order")
        assert entry.wish.client_id in [each.params.get("origClientOrderId") for each in asked]
        trader.check_books()


@pytest.mark.parametrize("kind", ["drip", "huge"])
async def test_f44_f45_answers_like_that_to_every_question_shut_entries_and_nothing_else_stands_still(
    kind: str,
) -> None:
    async with live_trader() as trader:
        await trader.bought()
        options: dict[str, Any] = {"seconds": 1} if kind == "drip" else {"size": 8_000_000}
        trader.exchange.faults.add(kind, TIME, times=None, acts=True, **options)
        longest = 21 if kind == "drip" else 11  # to the next heartbeat, and as long as one answer is waited for
        await trader.until(lambda: trader.standing == "PAUSED/exchange_unreachable", within=longest)
        trader.exchange.market.move(47_000)
        await trader.until(lambda: not trader.state.positions, within=5)
        trader.exchange.faults.clear()
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        trader.check_books()
