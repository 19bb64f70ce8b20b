"""Limits of the exchange and of the account: silence that is asked for, a clock that is off, rules that change, a
market that closes, an account that is too small.
"""

from decimal import Decimal

import pytest

from tests.live_trader import LiveTrader, live_trader

PLACE, RULES_CALL = "POST /api/v3/order", "GET /api/v3/exchangeInfo"


def asked(trader: LiveTrader) -> int:
    return len(trader.exchange.requests.asked)


async def refused_reason(trader: LiveTrader) -> str:
    """Why a BUY that was just asked for was not sent."""
    sent = len(trader.ours("E"))
    await trader.decide("BUY")
    await trader.pass_time(1)
    assert len(trader.ours("E")) == sent
    assert trader.state.last_decision is not None
    return trader.state.last_decision.reason


# ---------------------------------------------------------------- how much may be asked


@pytest.mark.parametrize(("status", "seconds"), [(429, 7), (418, 120)])
async def test_f23_f24_silence_is_kept_to_the_second_and_stops_stay(status: int, seconds: int) -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.weights.silence(seconds, status)
        await trader.until(lambda: trader.client.limits.silent_seconds > 0, within=10)
        left = trader.client.limits.silent_seconds
        assert left == pytest.approx(seconds, abs=10)
        before, entries = asked(trader), len(trader.ours("E"))
        await trader.decide("BUY")
        await trader.pass_time(left - 1)
        assert asked(trader) == before, "not one request within the silence"
        assert len(trader.ours("E")) == entries
        if seconds > 60:
            assert trader.standing.startswith("PAUSED")
            assert "connection_lost" in trader.told()
        await trader.until(lambda: trader.standing == "TRADING", within=30)
        assert len(trader.standing_stops()) == 1
        trader.check_books()


async def test_f24_a_ban_shuts_entries_and_is_told_within_ten_seconds() -> None:
    async with live_trader() as trader:
        trader.exchange.weights.ban(120)
        took = await trader.until(lambda: trader.standing == "PAUSED/exchange_unreachable", within=11)
        assert took <= 11
        assert trader.told() == ["connection_lost"]
        await trader.pass_time(150, step=2)
        assert trader.told() == ["connection_lost", "exchange_unreachable", "connection_restored"]


@pytest.mark.parametrize("streams", [True, False])
async def test_half_of_the_smallest_limit_is_enough_for_a_trade_and_everything_around_it(streams: bool) -> None:
    """1,200 a minute were once the limit (6,000 are now); half of it is the most that may ever be used."""
    async with live_trader() as trader:
        if not streams:
            for channel in trader.exchange.streams.all:
                channel.refuse = 503
                channel.drop()
        await trader.bought()
        most = 0
        for _ in range(120):
            await trader.pass_time(1)
            most = max(most, trader.exchange.weights.used()[0]["count"])
        print(f"at most {most} of weight in a minute, streams: {streams}")
        assert most <= 600


async def test_f23_too_many_orders_holds_orders_back_and_the_stop_comes_when_they_are_taken_again() -> None:
    async with live_trader() as trader:
        trader.exchange.faults.too_many_orders(PLACE, after=1)
        await trader.decide("BUY")
        await trader.until(lambda: trader.state.positions and trader.ours("E"))
        await trader.until(lambda: len(trader.exchange.requests.of(PLACE)) == 2)
        refused_at = trader.exchange.requests.of(PLACE)[-1].ms
        await trader.until(trader.protected, within=30)
        assert trader.exchange.requests.of(PLACE)[-1].ms - refused_at >= 10_000
        assert len(trader.exchange.requests.of(PLACE)) == 3
        trader.check_books()


async def test_half_of_the_weight_used_shuts_entries_and_nothing_else() -> None:
    async with live_trader() as trader:
        position = await trader.bought()
        trader.exchange.weights.use(3_100)
        await trader.pass_time(10)
        await trader.decide("BUY")
        await trader.pass_time(1)
        assert len(trader.ours("E")) == 1
        trader.exchange.owner.cancel(trader.standing_stops()[0])
        await trader.until(lambda: trader.protected() and trader.standing_stops(), within=11)
        assert trader.state.positions[position.id].stop_confirmed
        trader.check_books()


async def test_a_start_in_a_busy_minute_is_not_held_back_by_a_guess_at_the_limit() -> None:
    """What was asked in vain or before a crash counts for the whole minute; how much is too much only the exchange
    knows, and its rules are read first."""
    async with live_trader() as trader:
        position = await trader.bought()
        await trader.crash()
        trader.exchange.owner.cancel(trader.standing_stops()[0])
        trader.exchange.weights.use(1_300)
        await trader.start()
        await trader.until(lambda: trader.protected() and trader.standing_stops(), within=2)
        assert trader.state.positions[position.id].stop_confirmed
        trader.check_books()


# ---------------------------------------------------------------- clocks


@pytest.mark.parametrize("seconds", [3, -3])
async def test_f25_a_clock_that_jumps_is_set_and_only_the_stop_is_sent_anew(seconds: int) -> None:
    async with live_trader() as trader:
        trader.exchange.clock.skew(seconds if seconds < 0 else 8)
        await trader.decide("BUY")
        await trader.pass_time(2)
        entries = trader.exchange.requests.of(PLACE)
        assert len(entries) == 1, "an entry is decided anew, not sent anew"
        assert trader.state.positions == {}
        trader.exchange.clock.skew(0)
        await trader.pass_time(12)
        await trader.bought()
        trader.check_books()


async def test_f25_a_stop_refused_for_the_clock_is_placed_at_once() -> None:
    async with live_trader() as trader:
        trader.exchange.faults.error(PLACE, -1021, where={"type": "STOP_LOSS"})
        await trader.decide("BUY")
        took = await trader.until(trader.protected, within=5)
        assert took <= 5
        assert len(trader.ours("S")) == 1
        trader.check_books()


@pytest.mark.parametrize("seconds", [2, -2])
async def test_r15_a_clock_more_than_a_second_off_shuts_entries_and_is_told(seconds: int) -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.clock.skew(seconds)
        took = await trader.until(lambda: trader.standing == "PAUSED/clock", within=11)
        assert took <= 11
        await trader.decide("BUY")
        await trader.settled()
        assert len(trader.ours("E")) == 1
        assert trader.told().count("clock") == 1
        trader.exchange.clock.skew(0)
        await trader.until(lambda: trader.standing == "TRADING", within=11)
        trader.check_books()


# ---------------------------------------------------------------- rules that change


@pytest.mark.parametrize(
    "change",
    [{"step": "0.001", "min_quantity": "0.001"}, {"tick": "10", "min_price": "10"}, {"min_notional": "600"}],
    ids=["step", "tick", "min_notional"],
)
async def test_f27_rules_that_change_are_read_at_the_first_refusal_and_the_next_order_keeps_them(
    change: dict[str, str],
) -> None:
    async with live_trader() as trader:
        trader.exchange.market.quote("49995.13", "50005.13")
        await trader.pass_time(1)
        for name, value in change.items():
            setattr(trader.exchange.listing, name, Decimal(value))
        await trader.decide("BUY")
        await trader.pass_time(2)
        assert trader.ours("E") == []
        assert trader.state.positions == {}
        if "min_notional" in change:
            assert "account too small" in await refused_reason(trader)
        else:
            await trader.bought()
        assert trader.standing == "TRADING"
        trader.check_books()


@pytest.mark.parametrize("step", ["0.0001", "0.001"])
async def test_f27_a_step_that_grows_between_entry_and_stop_leaves_no_position_bare(step: str) -> None:
    async with live_trader() as trader:
        answer = trader.exchange.faults.hold(PLACE, acts=True)
        await trader.decide("BUY")
        await trader.until(answer.reached.is_set)
        trader.exchange.listing.step = trader.exchange.listing.min_quantity = Decimal(step)
        answer.release()
        await trader.until(lambda: trader.protected() or (trader.trades() and not trader.state.positions), within=30)
        await trader.pass_time(31)
        assert trader.standing == "TRADING"
        trader.check_books()


@pytest.mark.parametrize("status", ["HALT", "CANCEL_ONLY"])
async def test_f28_a_market_that_closes_takes_no_entries_and_the_stop_comes_back_when_it_opens(status: str) -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.listing.status = status
        await trader.decide("BUY")
        await trader.pass_time(2)
        assert "is not trading" in await refused_reason(trader)
        assert len(trader.exchange.requests.of(PLACE)) == 3, "one refusal was enough"
        trader.exchange.owner.cancel(trader.standing_stops()[0])
        await trader.pass_time(45)
        assert trader.standing_stops() == []
        assert "stop_missing" in trader.told()
        trader.exchange.listing.status = "TRADING"
        await trader.until(trader.protected, within=15)
        await trader.pass_time(75)
        await trader.bought()
        trader.check_books()


async def test_f28_a_sale_waits_for_the_market_and_is_made_once() -> None:
    async with live_trader() as trader:
        await trader.bought()
        trader.exchange.listing.status = "HALT"
        await trader.decide("SELL")
        await trader.pass_time(45)
        assert len(trader.ours("C")) == 0
        trader.exchange.listing.status = "TRADING"
        await trader.until(lambda: not trader.state.positions, within=15)
        assert len(trader.ours("C")) == 1
        trader.check_books()


async def test_r8_rules_older_than_an_hour_shut_entries_until_they_are_read() -> None:
    async with live_trader() as trader:
        trader.exchange.faults.error(RULES_CALL, -1000, times=None)
        await trader.pass_time(3_500, step=100)
        await trader.pass_time(12)
        assert trader.standing == "TRADING"
        await trader.pass_time(120, step=5)
        assert trader.standing.startswith("PAUSED")
        assert "rules" in trader.state.gates["exchange_unreachable"]
        assert trader.told() == ["connection_lost"]
        trader.exchange.faults.clear()
        await trader.until(lambda: trader.standing == "TRADING", within=90, step=2)
        await trader.bought()
        trader.check_books()


# ---------------------------------------------------------------- a small account


@pytest.mark.parametrize(("dollars", "enough"), [("252", False), ("253.5", True)])
async def test_f86_an_account_too_small_for_its_stop_is_told_before_anything_is_bought(
    dollars: str, enough: bool
) -> None:
    async with live_trader(balances={"USD": dollars}) as trader:
        trader.exchange.listing.min_notional = Decimal(10)
        trader.exchange.account.maker_rate = trader.exchange.account.taker_rate = Decimal("0.001")
        await trader.restart()
        trader.exchange.market.average = Decimal(90_000)
        await trader.move(90_000, step=2)
        await trader.pass_time(40)
        if enough:
            await trader.bought()
            trader.check_books()
        else:
            assert "account too small: need about $253" in await refused_reason(trader)
            assert trader.exchange.requests.of(PLACE) == []
