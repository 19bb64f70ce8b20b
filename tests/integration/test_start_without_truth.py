"""A start whose exchange does not tell the truth at first: it is asked again, later and later, and nothing else
begins before it is known."""

from collections.abc import Sequence
from decimal import Decimal

from app.core.errors import ExchangeUnreachable
from app.core.messages import AccountSeen
from app.core.rules import Simulation
from app.seam import Clock, Tasks
from app.session import Session
from backtest.paper import MarketTime, PaperExchange
from backtest.simulator import Book, instrument_for
from tests.builders import NOON, a_start
from tests.fakes import MemoryJournal, MemoryPaperStore, MemorySeal


class Silent(PaperExchange):
    """Does not answer about the account so many times."""

    refusals = 0

    async def account(self, symbol: str, doubtful: Sequence[str]) -> AccountSeen:
        if self.refusals:
            self.refusals -= 1
            raise ExchangeUnreachable("no answer")
        return await super().account(symbol, doubtful)


class Watched(Clock):
    """Sleeps at once, and remembers for how long it should have been."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_the_truth_is_asked_for_until_it_is_known() -> None:
    time, tasks, clock, instrument = MarketTime(NOON), Tasks(), Watched(), instrument_for("BTC/USD", Simulation())
    exchange = Silent(
        instrument=instrument,
        simulation=Simulation(),
        cash_of_a_new_account=Book(quote_total=Decimal(10_000)),
        store=MemoryPaperStore(),
        now=time,
        candle_fed=True,
    )
    exchange.refusals = 7
    session = Session(
        journal=MemoryJournal(),
        exchange=exchange,
        seal=MemorySeal(),
        tasks=tasks,
        clock=clock,
        market_now=time,
        version="1",
    )
    tasks.start(session.run(), "session")
    await session.start(a_start(instrument=instrument))
    await session.drained()
    assert not session.engine.state.reconciled
    await session.reconciled()
    assert session.engine.state.reconciled
    assert clock.slept == [1, 2, 4, 8, 16, 30, 30]
    await tasks.stop()
