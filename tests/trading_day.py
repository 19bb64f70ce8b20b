"""A whole trader in memory on a candle-fed market: real session, real engine, real paper exchange, fakes around."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from app.asking import Outside
from app.core.messages import Started
from app.core.model import Candle, MarketData
from app.core.rules import EntryRules, RiskLimits, Rules, Simulation, Trailing, Tripwires
from app.cycle import Cycle
from app.seam import Clock, Tasks
from app.session import Session
from backtest.paper import CandleMarket, MarketTime, PaperExchange
from backtest.replay import Replay, Run
from backtest.simulator import Book, instrument_for
from tests.builders import NOON
from tests.fakes import Answer, MemoryJournal, MemoryPaperStore, MemorySeal, ScriptedStrategies, a_coordinator

CASH = Decimal(10_000)
LIVELY = RiskLimits(
    stop_loss_pct=Decimal(1),
    trailing=Trailing(activate_pct=Decimal("0.5"), distance_pct=Decimal("0.5")),
    tripwires=Tripwires(stop_outs_in_a_row=None, orders_per_hour=None, orders_per_minute=None),
    entry=EntryRules(max_entries_per_day=60),
)


def random_candles(seed: int, count: int, start: datetime = NOON, price: float = 20_000.0) -> list[Candle]:
    """A wild market: trends, gaps, equal prices, zero volume, and now and then a crash."""
    dice = random.Random(seed)
    candles: list[Candle] = []
    drift = 0.0
    for number in range(count):
        if dice.random() < 0.01:
            drift = dice.gauss(0, 0.0006)
        gap = dice.gauss(0, 0.002) if dice.random() < 0.02 else 0.0
        crash = -abs(dice.gauss(0.03, 0.02)) if dice.random() < 0.002 else 0.0
        opened = price * (1 + gap)
        close = opened if dice.random() < 0.1 else max(opened * (1 + drift + dice.gauss(0, 0.0015) + crash), 100.0)
        high = max(opened, close) * (1 + abs(dice.gauss(0, 0.0004)))
        low = min(opened, close) * (1 - abs(dice.gauss(0, 0.0004)))
        o, h, low_, c = (Decimal(f"{value:.2f}") for value in (opened, high, low, close))
        candles.append(
            Candle(
                symbol="BTC/USD",
                opened_at=start + timedelta(minutes=number),
                seconds=60,
                open=o,
                high=max(h, o, c),
                low=min(low_, o, c),
                close=c,
                volume=Decimal(0 if dice.random() < 0.05 else number % 7),
            )
        )
        price = close
    return candles


def swings(data: MarketData) -> Answer:
    """Buys dips within a rise, sells a fall: enough of both to make a day lively."""
    closes = [float(candle.close) for candle in data.candles]
    fast, slow = sum(closes[-5:]) / 5, sum(closes) / len(closes)
    if fast > slow * 1.001:
        return "BUY", Decimal(80), "rising"
    if fast < slow * 0.9975 and data.candles[-1].opened_at.minute % 20 == 0:
        return "SELL", Decimal(90), "falling"
    return "HOLD", Decimal(50), "waiting"


class Minutes:
    """A feed of given candles that never waits."""

    name = "test"

    def __init__(self, candles: Sequence[Candle]) -> None:
        self._candles = candles

    async def candles(self) -> AsyncIterator[Candle]:
        for candle in self._candles:
            yield candle


class Day:
    """One process: built on the given books, run until its candles end, or cancelled in the middle."""

    def __init__(
        self,
        rules: Rules,
        past: Sequence[Candle],
        candles: Sequence[Candle],
        *,
        strategies: ScriptedStrategies,
        journal: MemoryJournal | None = None,
        store: MemoryPaperStore | None = None,
        simulation: Simulation | None = None,
        exchange: type[PaperExchange] = PaperExchange,
        clock: Clock | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.clock, self.outside = clock or Clock(), outside
        self.exchange = exchange
        self.rules, self.past, self.candles = rules, past, candles
        self.strategies = strategies
        self.journal, self.store, self.seal = journal or MemoryJournal(), store or MemoryPaperStore(), MemorySeal()
        self.simulation = simulation or Simulation()
        self.instrument = instrument_for("BTC/USD", self.simulation)
        self.crashed: list[BaseException] = []

    async def run(self) -> Session:
        time = MarketTime(self.candles[0].opened_at)
        self.tasks = Tasks(lambda name, error: self.crashed.append(error))
        self.paper = self.exchange(
            instrument=self.instrument,
            simulation=self.simulation,
            cash_of_a_new_account=Book(quote_total=CASH),
            store=self.store,
            now=time,
            candle_fed=True,
        )
        self.session = Session(
            journal=self.journal,
            exchange=self.paper,
            seal=self.seal,
            tasks=self.tasks,
            clock=self.clock,
            market_now=time,
            version="1",
        )
        faces = {face.name: face for face in await self.strategies.start(self.rules.voting.strategies)}
        self.cycle = Cycle(self.rules.voting, faces, "BTC/USD")
        self.cycle.remember_all(self.past)
        self.coordinator = a_coordinator(
            self.session, self.cycle, self.strategies, self.tasks, outside=self.outside, clock=self.clock
        )
        self.session.observe(self.coordinator.hear)
        await self.session.recover()
        self.tasks.start(self.session.run(), "session")
        await self.session.start(
            Started(
                at=time(),
                program_version="1",
                ledger="test",
                tag="test",
                live=False,
                candle_fed=True,
                rules=self.rules,
                config_sha256="",
                instrument=self.instrument,
            )
        )
        await self.session.drained()
        await asyncio.wait_for(CandleMarket(Minutes(self.candles), self.paper, time).run(self.session), 600)
        await self.session.drained()
        await self.tasks.stop()
        return self.session


def dense(
    rules: Rules,
    past: Sequence[Candle],
    candles: Sequence[Candle],
    strategies: ScriptedStrategies,
    simulation: Simulation | None = None,
) -> Run:
    """The same candles by a plain loop."""

    class Now:
        ask = staticmethod(strategies.now)

    simulation = simulation or Simulation()
    replay = Replay(
        rules=rules,
        simulation=simulation,
        instrument=instrument_for("BTC/USD", simulation),
        cash=CASH,
        strategies=Now(),
        faces=[strategies.face(rule.name) for rule in rules.voting.strategies],
        reset_runaway=False,
    )
    return replay.live_through(past, candles)
