"""Real weeks, the fall and rebound of March 2023, traded on paper with the shipped strategy.

Everything is real but the clock: the strategy process, the database, the session, the paper exchange.
"""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app.core.candles import Resampler, fingerprint
from app.core.model import ExitReason, Side
from app.core.money import plain
from app.core.rules import RiskLimits, Rules, Simulation, StrategyRule, VotingRules
from app.seam import Tasks
from backtest import history
from backtest.replay import Replay
from backtest.simulator import instrument_for
from services.database import DatabaseJournal, DatabasePaperStore, DatabaseReader, Ledgers, open_database
from services.database.wording import time_text
from services.strategy_host import StrategyHost
from strategies.runtime import LocalStrategies
from tests.builders import NOON
from tests.trading_day import CASH, Day
from wiring.voters import warmup_minutes, with_faces

RULES = Rules(
    risk=replace(RiskLimits(), stop_loss_pct=Decimal(2), max_open_positions=2),
    voting=VotingRules(
        timeframe="15m", strategies=(StrategyRule(name="technical_indicators", enabled=True, weight=Decimal(30)),)
    ),
)


@pytest.mark.xdist_group("march")
@pytest.mark.parametrize(
    "days", [pytest.param((5, 14), id="the fall"), pytest.param((0, 21), id="three weeks", marks=pytest.mark.proof)]
)
async def test_real_days_on_paper_are_the_plain_loop_to_the_cent(
    march: Path, tmp_path: Path, days: tuple[int, int]
) -> None:
    series = history.load(str(march), tmp_path)
    candles = list(history.candles(series))[days[0] * 1440 : days[1] * 1440]
    local = LocalStrategies()
    faces = local.load(RULES.voting.strategies)
    rules = with_faces(RULES, faces)
    warmup = warmup_minutes(rules, faces)
    past, present = candles[:warmup], candles[warmup:]
    replay = Replay(
        rules=rules,
        simulation=Simulation(),
        instrument=instrument_for("BTC/USD", Simulation()),
        cash=CASH,
        strategies=local,
        faces=faces,
        reset_runaway=False,
    )
    run = replay.live_through(past, present)

    database = open_database(f"sqlite:///{tmp_path}/trader.db")
    ledger = Ledgers(database, min).open("paper", "replay", "BTC/USD", NOON)
    journal = DatabaseJournal(database, ledger.name, "1")
    host = StrategyHost(seconds=120)  # how long an answer takes is not what is looked at here
    day = Day(
        rules,
        past,
        present,
        strategies=host,  # type: ignore[arg-type]
        journal=journal,  # type: ignore[arg-type]
        store=DatabasePaperStore(database, ledger.name),  # type: ignore[arg-type]
    )
    session = await day.run()
    await host.stop()
    assert not day.crashed
    assert journal.verify() is None

    reader = DatabaseReader(database, ledger.name, Tasks())
    fills, total = await reader.list("fills", 1000, 0)
    assert total == len(fills) == len(run.fills)
    assert sorted((each["at"], each["side"], each["price"], each["quantity"], each["fee"]) for each in fills) == sorted(
        (time_text(fill.at), fill.side.value, plain(fill.price), plain(fill.quantity), plain(fill.fee))
        for fill in run.fills
    )
    trades, _ = await reader.list("trades", 1000, 0)
    assert len(trades) == len(run.trades) >= 5
    reasons = Counter(trade["exit_reason"] for trade in trades)
    print(dict(reasons))
    assert reasons[ExitReason.STOP] >= 1
    assert reasons[ExitReason.TRAILING_STOP] >= 1
    assert reasons[ExitReason.VOTE] >= 1

    account = session.engine.state.account
    assert account is not None
    cash = CASH
    for fill in run.fills:
        cash += -fill.notional if fill.side is Side.BUY else fill.notional - fill.fee
    assert account.cash == cash

    await each_trade_explains_itself(reader, trades, candles)
    journal.close()
    database.close()


async def each_trade_explains_itself(reader: DatabaseReader, trades: list, candles: list) -> None:  # type: ignore[type-arg]
    """Candles by range and hash, signals with reasons, the vote's arithmetic, the checks passed, the order ids."""
    resampler = Resampler(900)
    quarter_hours = [closed for candle in candles for closed in resampler.add(candle)]
    by_time = {candle.opened_at.isoformat(): n for n, candle in enumerate(quarter_hours)}
    for trade in trades:
        decision = await reader.one("decisions", trade["decision_id"])
        assert decision is not None
        shown = decision["candles"]
        first, last = (by_time[shown[name].replace(".000Z", "+00:00")] for name in ("first_at", "last_at"))
        assert last - first + 1 == shown["count"]
        assert fingerprint(quarter_hours[first : last + 1]) == shown["sha256"]
        (signal,) = decision["signals"]
        assert "RSI" in signal["reasoning"]
        (term,) = decision["vote"]["terms"]
        assert term["product"] == term["weight"] * term["confidence"] * term["sign"]
        assert decision["score"] == term["product"] / term["weight"] >= decision["vote"]["buy_threshold"]
        assert all(check["passed"] for check in decision["risk_checks"])
        assert len(decision["risk_checks"]) >= 14
        orders, _ = await reader.list("orders", 1000, 0)
        (entry,) = [order for order in orders if order["id"] in decision["order_ids"]]
        assert entry["role"] == "entry"
        size = Decimal(entry["quantity"]) * Decimal(entry["price"])
        equity = Decimal(next(check for check in decision["risk_checks"] if check["name"] == "size")["limit"]) * 20
        assert Decimal("0.0495") * equity < size <= Decimal("0.05") * equity
        assert json.dumps(decision)
