"""How fast history is replayed, candle by candle."""

import time
from dataclasses import replace
from decimal import Decimal

from app.core.rules import Simulation
from backtest.replay import Replay
from backtest.simulator import instrument_for
from tests.benchmarks.latency import RULES
from tests.benchmarks.rows import Row
from tests.fakes import ScriptedStrategies
from tests.trading_day import random_candles, swings

DAYS = 10


def dense() -> list[Row]:
    """The exact engine, every candle fed, on an invented market (strategies cost nothing here)."""
    rules = replace(RULES, voting=replace(RULES.voting, timeframe="15m"))
    strategies = ScriptedStrategies(swings)

    class Now:
        ask = staticmethod(strategies.now)

    candles = random_candles(3, DAYS * 1440)
    simulation = Simulation()
    replay = Replay(
        rules=rules,
        simulation=simulation,
        instrument=instrument_for("BTC/USD", simulation),
        cash=Decimal(10_000),
        strategies=Now(),
        faces=[strategies.face()],
    )
    began = time.perf_counter()
    run = replay.live_through(candles[:400], candles[400:])
    taken = time.perf_counter() - began
    how = f"{DAYS} days of minutes, {len(run.trades)} trades, {taken:.1f} s"
    return [Row(what="dense replay, exact engine, one candle", value=taken / len(run.curve) * 1e6, unit="µs", how=how)]
