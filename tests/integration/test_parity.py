"""Paper over candles = the dense replay of the same candles: fill for fill, cent for cent."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from app import codec
from app.core.model import Candle, ExitReason, Fill, Trade
from app.core.rules import Rules, Simulation
from app.replaying import replayed_day
from app.session import recovered
from tests.builders import NOON, some_rules
from tests.fakes import MemoryJournal, ScriptedStrategies
from tests.trading_day import CASH, LIVELY, Day, dense, random_candles, swings

PRICES = ("open", "high", "low", "close")


def lively_rules() -> Rules:
    rules = some_rules(risk=LIVELY)
    return replace(rules, voting=replace(rules.voting, timeframe="5m"))


@pytest.mark.parametrize("seed", range(4))
async def test_a_paper_session_fills_exactly_as_the_plain_loop_does(seed: int) -> None:
    candles = random_candles(seed, 2 * 1440)
    past, present = candles[:200], candles[200:]
    rules = lively_rules()
    day = Day(rules, past, present, strategies=ScriptedStrategies(swings))
    await day.run()
    run = dense(rules, past, present, ScriptedStrategies(swings))

    assert not day.crashed
    fills = [change for change in day.journal.changes if isinstance(change, Fill)]
    assert fills == run.fills
    assert [change for change in day.journal.changes if isinstance(change, Trade)] == run.trades
    reasons = Counter(trade.exit_reason for trade in run.trades)
    assert reasons[ExitReason.STOP] >= 1
    assert reasons[ExitReason.TRAILING_STOP] >= 1
    assert reasons[ExitReason.VOTE] >= (seed != 1)  # this seed's market never falls hard
    assert len(run.trades) >= 10

    account = day.session.engine.state.account
    assert account is not None
    bought = sum(fill.notional for fill in fills if fill.side == "BUY")
    sold = sum(fill.notional - fill.fee for fill in fills if fill.side == "SELL")
    assert account.cash == CASH - bought + sold


def fallen(candles: list[Candle], since: int, factor: Decimal) -> list[Candle]:
    """The same market, which opens so much lower from one candle on."""

    def lower(candle: Candle) -> Candle:
        prices = {name: (getattr(candle, name) * factor).quantize(Decimal("0.01")) for name in PRICES}
        return replace(candle, **prices)

    return [*candles[:since], *map(lower, candles[since:])]


async def test_a_gap_through_a_stop_with_a_limit_is_sold_alike_and_shows_its_loss() -> None:
    rules, limited = lively_rules(), Simulation(stop="limit")
    candles = random_candles(7, 500)
    first = dense(rules, candles[:200], candles[200:], ScriptedStrategies(swings), limited).trades[0]
    bought = next(row for row, candle in enumerate(candles) if candle.opened_at == first.opened_at)
    candles = fallen(candles, bought + 1, Decimal("0.93"))
    run = dense(rules, candles[:200], candles[200:], ScriptedStrategies(swings), limited)
    day = Day(rules, candles[:200], candles[200:], strategies=ScriptedStrategies(swings), simulation=limited)
    await day.run()

    assert [change for change in day.journal.changes if isinstance(change, Fill)] == run.fills
    trade, hole = run.trades[0], candles[bought + 1]
    assert trade.exit_reason is ExitReason.STOP
    assert trade.exit_price < min(hole.open, hole.close) < first.entry_price * Decimal("0.97"), "far below its limit"
    assert trade.profit_loss_pct < -6


async def test_the_journal_alone_gives_the_same_actions_and_state() -> None:
    candles = random_candles(7, 1440)
    day = Day(lively_rules(), candles[:200], candles[200:], strategies=ScriptedStrategies(swings))
    session = await day.run()
    rows = day.journal.rows(0, 1_000_000)
    assert len(rows) > 300
    assert replayed_day(day.journal, NOON.replace(hour=0), "1").same
    again, seq = recovered(day.journal)
    assert seq == len(rows)
    assert again.state.positions == session.engine.state.positions
    assert again.state.account == session.engine.state.account


async def test_one_flipped_close_is_seen_by_the_replay() -> None:
    candles = random_candles(7, 1440)
    day = Day(lively_rules(), candles[:200], candles[200:], strategies=ScriptedStrategies(swings))
    await day.run()
    rows = day.journal.rows(0, 1_000_000)
    at = next(i for i, row in enumerate(rows) if '"CandleClosed"' in row.message and '"ReplaceStop"' in row.actions)
    message = codec.decode(rows[at].message)
    close = message.candle.close * 2
    flipped = replace(message, candle=replace(message.candle, close=close, high=max(close, message.candle.high)))
    day.journal._rows[at] = replace(rows[at], message=codec.encode(flipped))
    verdict = replayed_day(day.journal, rows[at].at.replace(hour=0, minute=0), "1")
    assert not verdict.same
    assert str(rows[at].seq) in verdict.lines[1]


async def test_a_journal_that_fails_once_loses_nothing() -> None:
    candles = random_candles(3, 900)
    journal = MemoryJournal()
    day = Day(lively_rules(), candles[:200], candles[200:], strategies=ScriptedStrategies(swings), journal=journal)
    commits = 0
    commit = journal.commit

    def failing(entries, equity):  # type: ignore[no-untyped-def]
        nonlocal commits
        commits += 1
        journal.fail_next = commits in (40, 90)
        return commit(entries, equity)

    journal.commit = failing  # type: ignore[method-assign]
    session = await day.run()
    assert commits > 100
    held = sum(position.quantity for position in session.engine.state.positions.values())
    assert session.engine.state.account is not None
    book = day.paper._simulator.book
    assert session.engine.state.account.cash == book.quote_total
    assert held + session.engine.state.account.dust == book.base_total
