"""Hard rules with real money: the whole trader against an exchange that was written apart from it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.core.decisions import Decision, Outcome
from app.core.messages import CloseAll, ClosePosition, Pause, Resume, Unlock
from app.core.model import ExitReason, LatchKind, PositionStatus
from app.core.rules import EntryRules, RiskLimits
from app.core.state import protection
from tests.live_trader import NO_WIRES, RULES, LiveTrader, live_trader

# Sizes that a real account never has, so that its limits can be reached in one fall.
BOLD = replace(
    RULES,
    risk=RiskLimits(
        position_size_pct=Decimal(30),
        max_exposure_pct=Decimal(100),
        stop_loss_pct=Decimal(40),
        daily_loss_limit_pct=Decimal(4),
        kill_switch_loss_pct=Decimal(7),
        entry=EntryRules(cooldown_candles=0, max_entries_per_day=None),
        trailing=None,
        tripwires=NO_WIRES,
    ),
)


async def rally(trader: LiveTrader) -> None:
    """Three positions of 30 per cent each."""
    for _ in range(3):
        await trader.bought()


def decisions(trader: LiveTrader) -> list[Decision]:
    return [each for each in trader.journal.changes if isinstance(each, Decision)]  # type: ignore[attr-defined]


# ---------------------------------------------------------------- protection


async def test_a_stop_cancelled_at_the_exchange_is_seen_and_put_back_within_ten_seconds() -> None:
    async with live_trader() as trader:
        await trader.bought()
        assert protection(trader.state)[0] == 100
        stop = trader.standing_stops()[0]
        trader.exchange.faults.add("error", "POST /api/v3/order", code=-1003, times=None)  # none can be put back
        trader.exchange.owner.cancel(stop)
        seen = await trader.until(lambda: protection(trader.state)[0] == 0, within=15)
        _, at_risk = protection(trader.state)
        assert at_risk == sum(p.remaining for p in trader.state.positions.values()) * trader.state.quote.price  # type: ignore[union-attr]
        trader.exchange.faults.clear()
        await trader.until(lambda: protection(trader.state)[0] == 100, within=90)
        assert seen <= 15
        trader.check_books()


@pytest.mark.parametrize("deaf", [False, True], ids=["the stream tells", "the stream is deaf"])
async def test_a_lost_stop_stands_again_within_ten_seconds(deaf: bool) -> None:
    async with live_trader() as trader:
        await trader.bought()
        await trader.pass_time(30)
        if deaf:
            trader.exchange.streams.user.freeze()
        trader.exchange.owner.cancel(trader.standing_stops()[0])
        assert await trader.until(trader.standing_stops, within=15) <= 12
        await trader.until(lambda: protection(trader.state)[0] == 100, within=5)
        assert "stop_missing" in trader.told()
        trader.check_books()


# ---------------------------------------------------------------- limits


async def test_the_daily_limit_shuts_entries_and_stops_stay() -> None:
    async with live_trader(rules=BOLD) as trader:
        await rally(trader)
        await trader.move(47_500)
        await trader.until(lambda: trader.standing == "PAUSED/daily_loss", within=5)
        assert len(trader.standing_stops()) == 3
        entries = len(trader.ours("E"))
        await trader.decide("BUY")
        await trader.pass_time(3)
        assert len(trader.ours("E")) == entries
        trader.check_books()


async def test_the_kill_switch_sells_everything_within_three_seconds_of_the_first_price() -> None:
    async with live_trader(rules=BOLD) as trader:
        await rally(trader)
        trader.exchange.market.move(45_500)
        took = await trader.until(lambda: len(trader.ours("C")) == 3, within=6, step=0.1)
        assert trader.seal.reason is not None
        assert took <= 3.2
        await trader.until(lambda: not trader.state.positions)
        assert {trade.exit_reason for trade in trader.trades()} == {ExitReason.KILL_SWITCH}
        assert trader.standing == "STOPPED/kill_switch"
        assert trader.balance("BTC") < Decimal("0.00001")
        trader.check_books()

        await trader.restart()
        assert trader.standing == "STOPPED/kill_switch"
        trader.session.post(Unlock(at=trader.session.now(), id="u", actor="me", kind=LatchKind.KILL_SWITCH))
        await trader.until(lambda: trader.standing == "PAUSED/daily_loss")  # a limit of its own, until midnight
        assert trader.seal.reason is None


async def test_one_lie_of_the_stream_kills_nothing() -> None:
    rules = replace(BOLD, risk=replace(BOLD.risk, daily_loss_limit_pct=None))
    async with live_trader(rules=rules) as trader:
        await rally(trader)
        trader.exchange.market.lie(bid="45500.00", ask="45510.00")
        await trader.pass_time(1)
        trader.exchange.market.truth()
        await trader.pass_time(20)
        assert trader.standing == "TRADING"
        assert len(trader.state.positions) == 3
        trader.check_books()


# ---------------------------------------------------------------- the venue


async def test_a_thin_or_torn_market_is_not_bought_in() -> None:
    async with live_trader() as trader:
        trader.exchange.market.book([("49990", "5")], [("50010", "0.001"), ("51000", "5")])
        await trader.pass_time(1)
        await trader.decide("BUY")
        trader.exchange.market.quote("49700", "50000")
        await trader.pass_time(2, step=0.5)
        await trader.decide("BUY")
        thin, torn = decisions(trader)[-2:]
        assert (thin.outcome, torn.outcome) == (Outcome.REFUSED, Outcome.REFUSED)
        assert [check.name for check in thin.risk_checks if not check.passed] == ["depth"]
        assert [check.name for check in torn.risk_checks if not check.passed] == ["spread"]
        assert trader.ours() == []


async def test_a_price_far_from_the_average_is_not_bought_at() -> None:
    async with live_trader() as trader:
        trader.exchange.market.average = Decimal(49_000)
        await trader.pass_time(31)
        await trader.decide("BUY")
        assert [check.name for check in decisions(trader)[-1].risk_checks if not check.passed] == ["basis"]
        assert trader.ours() == []


# ---------------------------------------------------------------- people


async def test_a_pause_stops_entries_and_a_person_closes_one_or_all() -> None:
    async with live_trader() as trader:
        one = await trader.bought()
        two = await trader.bought()
        now = trader.session.now
        await trader.session.committed(Pause(at=now(), id="p", actor="me"))
        await trader.decide("BUY")
        await trader.pass_time(2)
        assert len(trader.ours("E")) == 2
        await trader.session.committed(ClosePosition(at=now(), id="c", actor="me", position_id=one.id))
        await trader.until(lambda: one.id not in trader.state.positions)
        assert [trade.exit_reason for trade in trader.trades()] == [ExitReason.MANUAL]
        assert list(trader.state.positions) == [two.id]
        trader.check_books()
        await trader.session.committed(Resume(at=now(), id="r", actor="me"))
        await trader.session.committed(CloseAll(at=now(), id="a", actor="me"))
        await trader.until(lambda: not trader.state.positions)
        assert trader.standing_stops() == []
        trader.check_books()


async def test_coins_that_the_owner_sells_by_hand_are_not_made_up_with_others() -> None:
    async with live_trader(balances={"BTC": "0.5"}) as trader:
        position = await trader.bought()
        await trader.pass_time(30)
        trader.exchange.owner.cancel(trader.standing_stops()[0])
        trader.exchange.owner.withdraw("BTC", trader.balance("BTC") - Decimal("0.004"))
        await trader.until(lambda: trader.standing == "PAUSED/external_change", within=30)
        await trader.until(lambda: len(trader.standing_stops()) == 1, within=60)
        shrunk = trader.state.positions[position.id]
        assert shrunk.status is PositionStatus.QUARANTINE
        assert shrunk.remaining == Decimal("0.004")
        assert trader.standing_stops()[0].wish.quantity == Decimal("0.004")
        assert "external_change" in trader.told()
        await trader.session.committed(Resume(at=trader.session.now(), id="r", actor="me"))
        await trader.until(lambda: trader.standing == "TRADING")
        trader.check_books()
