"""A lived day beside the same day in a backtest: alike where nothing came between, and told in words where it did."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.core.decisions import Outcome
from app.core.rules import Simulation
from app.days import DayBook, Lived
from app.replaying import replayed_day
from backtest.drift import Drift, compare, plan_of, row_of, text
from backtest.review import Again
from backtest.running import run
from tests.builders import NOON
from tests.fakes import MemoryJournal, ScriptedStrategies
from tests.integration.test_parity import lively_rules
from tests.trading_day import Day, random_candles, swings

MINUTES = timedelta(minutes=4)
TODAY = NOON.replace(hour=0)
CANDLES = random_candles(7, 12 * 60)


@pytest.fixture(scope="module")
def journal() -> MemoryJournal:
    """Of a trader who lived through an afternoon."""
    day = Day(lively_rules(), CANDLES[:200], CANDLES[200:], strategies=ScriptedStrategies(swings))
    asyncio.run(day.run())
    return day.journal


def lived(journal: MemoryJournal, day: datetime = TODAY) -> Lived:
    book = DayBook(day)
    assert replayed_day(journal, day, "1", witness=book).same
    return book.lived


def drift_of(lived: Lived) -> Drift:
    plan = plan_of(lived, CANDLES, Simulation(), "1")
    return compare(lived, plan, run(plan))


def test_where_nothing_came_between_every_trade_is_the_same(journal: MemoryJournal) -> None:
    drift = drift_of(lived(journal))
    assert [pair.kind for pair in drift.pairs] == ["same"] * len(drift.pairs)
    assert len(drift.pairs) >= 5
    assert drift.difference_usd == 0
    assert drift.fills_bps == 0
    assert {pair.real.exit_reason for pair in drift.pairs if pair.real} >= {"stop", "trailing_stop"}


def test_what_was_otherwise_is_said_with_its_cost(journal: MemoryJournal) -> None:
    """One entry was dearer, one never came about, one was refused, one only we made."""
    day = lived(journal)
    dear, gone, refused, ours, *rest = sorted(day.trades, key=lambda trade: trade.opened_at)
    dear = replace(dear, entry_price=dear.entry_price + 10, profit_loss=dear.profit_loss - dear.quantity * 10)
    day.trades = [dear, ours, *rest]
    decided = {decision.id: decision for decision in day.decisions}
    no = replace(decided[refused.decision_id], outcome=Outcome.REFUSED, reason="spread 0.61 % of at most 0.5 %")
    hold = replace(decided[gone.decision_id], outcome=Outcome.HOLD)
    others = [each for each in day.decisions if each.candle_at not in (no.candle_at, hold.candle_at)]
    day.decisions = [no, hold, *others]
    plan = plan_of(day, CANDLES, Simulation(), "1")
    whole = run(plan)
    whole.trades = [trade for trade in whole.trades if trade.opened_at != ours.opened_at]
    drift = compare(day, plan, whole)

    first, second, third, fourth = drift.pairs[:4]
    assert (first.kind, second.kind, third.kind, fourth.kind) == ("differs", "missed", "refused", "extra")
    assert first.why.startswith("bought 10.00 dearer (+0.0")
    assert first.difference_usd == -dear.quantity * 10
    assert second.why.startswith("the vote said: technical BUY 80")
    assert second.difference_usd == -gone.profit_loss
    assert third.why == "spread 0.61 % of at most 0.5 %"
    assert fourth.difference_usd == ours.profit_loss
    assert drift.difference_usd == sum(pair.difference_usd for pair in drift.pairs)
    row, said = row_of(drift), "\n".join(text(drift))
    assert (row["differs"], row["missed"], row["refused"], row["extra"]) == (1, 1, 1, 1)
    assert Decimal(row["difference_usd"]) == drift.difference_usd.quantize(Decimal("0.01"))
    assert "spread 0.61 %" in said
    assert f"{abs(drift.difference_usd):.2f}" in said


def test_why_the_backtest_did_not_buy_is_its_own_vote(journal: MemoryJournal) -> None:
    day = lived(journal)
    first, *rest = sorted(day.trades, key=lambda trade: trade.opened_at)
    held = next(each for each in day.decisions if each.action == "HOLD" and each.at > first.closed_at)
    decided = {decision.id: decision for decision in day.decisions}
    elsewhere = replace(decided[first.decision_id], id="elsewhere", candle_at=held.candle_at)
    day.trades = [replace(first, decision_id="elsewhere"), *rest]
    day.decisions = [*day.decisions, elsewhere]
    drift = Again(day, CANDLES, Simulation(), "1").drift()
    ours = next(pair for pair in drift.pairs if pair.kind == "extra")
    assert ours.candle_at == held.candle_at
    assert ours.why.startswith("in the backtest the vote said: ")


def test_what_a_pause_cost_is_seen(journal: MemoryJournal) -> None:
    day = lived(journal)
    first, *rest = day.trades
    day.trades, day.decisions = rest, [each for each in day.decisions if each.at > first.opened_at + MINUTES]
    day.standings = [(TODAY, "paused (manual)"), (first.opened_at + timedelta(minutes=1), "")]
    assert drift_of(day).pairs[0].why == "trading was paused (manual)"


def test_a_position_from_the_day_before_is_not_compared_but_told_of(journal: MemoryJournal) -> None:
    day = lived(journal)
    day.carried = [day.open[0]]
    drift = drift_of(day)
    assert len(drift.pairs) == len(day.trades) + len(day.open)
    assert [pair.real for pair in drift.pairs].count(None) == 1
    assert "1 positions were open when the day began" in drift.notes[0]


def test_a_day_on_which_nobody_traded_is_what_the_backtest_says_and_no_better() -> None:
    quiet = Drift(day=TODAY, pairs=[], real_usd=Decimal(0), backtest_usd=Decimal("0.001"), fills_bps=None)
    assert text(quiet) == [
        f"{TODAY:%Y-%m-%d}: no trades on either side",
        "trades opened on this day: really +0.00, in the backtest +0.00: what the backtest says",
    ]
