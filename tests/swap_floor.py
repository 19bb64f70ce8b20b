"""A trader whose strategies are real files: folder, proofs, strategy process, coordinator and session on one loop.

The market is moved by hand, one minute at a time; how long the loop was held up meanwhile is measured.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.control import Controls
from app.core.alerts import AlertEvent
from app.core.decisions import Decision
from app.core.messages import CandleClosed
from app.core.rules import StrategyRule, VotingRules
from app.cycle import Cycle
from app.ports import Row, Who
from app.seam import Tasks, clock
from app.session import Session
from app.voters import Voters
from backtest.paper import MarketTime, PaperExchange
from backtest.simulator import Book, instrument_for
from services.settings.config_files import load_rules
from services.settings.limits import Thresholds
from services.settings.saving import save_votes
from services.strategy_folder import StrategyFolder
from services.strategy_host import StrategyHost
from services.strategy_proof import Proved, prove
from tests.builders import NOON, a_candle, a_start
from tests.fakes import MemoryJournal, MemoryPaperStore, MemorySeal, a_coordinator

ME = Who(username="admin", address="127.0.0.1", otp="123456")
FILE = """
import ctypes, datetime, os, random, socket, subprocess, sys, threading, time
from strategies.base_strategy import BaseStrategy, DataFrame, Signal, frame
{head}
class Mine(BaseStrategy):
    startup_candles = 3
    {members}
    def analyze(self, market_data, news_events):
        {body}
"""
BUYS = 'return Signal("BUY", 90, "up")'


def a_file(body: str = BUYS, *, head: str = "", members: str = "") -> str:
    return FILE.format(body=body, head=head, members=members)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Codes:
    """A second factor that takes one code again and again."""

    is_enrolled = False
    asked = 0

    def enrolled(self, username: str) -> bool:
        return self.is_enrolled

    async def confirm(self, who: str, password: str, address: str) -> bool:
        return True

    def verify(self, username: str, code: str) -> bool:
        self.asked += 1
        return code == "123456"


class SwapFloor:
    """`strategies.yml` in `folder/config`, files in `folder/strategies`, kept versions in `folder/kept`."""

    def __init__(self, folder: Path, *, answer_seconds: float = 10, proof_seconds: float = 15) -> None:
        self.folder, self.strategies, self.config = folder, folder / "strategies", folder / "config"
        for each in (self.strategies, self.config):
            each.mkdir(exist_ok=True)
        self.proof_seconds = proof_seconds
        self.crashed: list[str] = []
        self.tasks = Tasks(lambda name, error: self.crashed.append(f"{name}: {error!r}"))
        self.time, self.journal, self.codes = MarketTime(NOON), MemoryJournal(), Codes()
        self.told: list[tuple[AlertEvent, str]] = []
        self.audit: list[dict[str, str]] = []
        self.instrument = instrument_for("BTC/USD", load_rules(self.config).simulation)
        self.paper = PaperExchange(
            instrument=self.instrument,
            simulation=load_rules(self.config).simulation,
            cash_of_a_new_account=Book(quote_total=Decimal(10_000)),
            store=MemoryPaperStore(),
            now=self.time,
            candle_fed=True,
        )
        self.session = Session(
            journal=self.journal,
            exchange=self.paper,
            seal=MemorySeal(),
            tasks=self.tasks,
            clock=clock,
            market_now=self.time,
            version="1",
        )
        self.kept = StrategyFolder(self.strategies, folder / "kept", self.tasks, self.prove)
        self.host = StrategyHost(self.strategies, answer_seconds, kept=self.kept.path)
        numbers = iter(range(10_000))
        self.voters = Voters(
            self.session,
            self.kept,
            self.host,
            new_id=lambda: f"v{next(numbers)}",
            tell=lambda event, text: self.told.append((event, text)),
        )
        self.control = Controls(
            self.session,
            second_factor=self.codes,
            record=lambda **line: self.audit.append(line),
            acknowledge=self._acknowledge,
            tasks=self.tasks,
            new_id=lambda: f"c{next(numbers)}",
            live=False,
            voters=self.voters,
            save=self.save,
            thresholds=Thresholds(),
        )

    async def prove(self, name: str, sha256: str, path: Path) -> Proved:
        return await prove(name, sha256, path, directory=self.strategies, seconds=self.proof_seconds)

    async def save(
        self, rules: Any, others: Sequence[StrategyRule], thresholds: Mapping[str, Decimal]
    ) -> Callable[[], Awaitable[None]]:
        undo = save_votes(self.config, rules, others, thresholds)

        async def take_back() -> None:
            undo()

        return take_back

    async def _acknowledge(self, who: str, ids: object) -> int:
        return 0

    def write(self, name: str, text: str) -> Path:
        path = self.strategies / f"{name}.py"
        path.write_text(text)
        return path

    def configure(self, **approved: str) -> None:
        """`strategies.yml`: each name with the text of the file that its owner approved."""
        lines = [f"  {name}: {{enabled: true, weight: 30, sha256: {sha(text)}}}" for name, text in approved.items()]
        head = "# by hand\ntimeframe: 1m\ncycle_seconds: 60\nmin_participation: 1\nstrategies:\n"
        (self.config / "strategies.yml").write_text(head + "\n".join(lines) + "\n")

    async def start(self) -> None:
        """As wiring does it."""
        rules, faces = await self.voters.begin(load_rules(self.config).rules, self.host)
        self.cycle = Cycle(rules.voting, {face.name: face for face in faces}, "BTC/USD")
        coordinator = a_coordinator(self.session, self.cycle, self.host, self.tasks)
        self.session.observe(coordinator.hear)
        self.tasks.start(self.session.run(), "session")
        await self.session.start(a_start(instrument=self.instrument, rules=rules))
        await self.session.drained()
        self.voters.watch(self.cycle)
        for _ in range(4):
            await self.minute()

    async def minute(self) -> Decision | None:
        """One more candle, and the decision that it led to."""
        before = len(self.journal.changes)
        candle = a_candle("50000", at=self.time())
        await self.paper.live_through(candle, self.session)
        self.time.advance(candle.closed_at)
        self.session.post(CandleClosed(at=candle.closed_at, candle=candle))
        await self.session.drained()
        made = [change for change in self.journal.changes[before:] if isinstance(change, Decision)]
        return made[-1] if made else None

    async def votes(self) -> dict[str, str]:
        """Who takes part in the vote of the next minute, and with what status."""
        decision = await self.minute()
        assert decision is not None
        return {term.strategy: str(term.status) for term in decision.vote.terms}

    def row(self, name: str) -> Row:
        return next(row for row in self.voters.rows() if row["name"] == name)

    async def seen(self, *names: str, looks: int = 1) -> None:
        """After the looks, and the proofs of `names`."""
        for _ in range(looks):
            await self.voters.look()
        await self.kept.settled(names)
        await self.session.drained()

    async def enable(self, name: str, weight: int = 10) -> None:
        sha256 = self.row(name)["sha256"]
        await self.control.change_strategy(ME, name, enabled=True, weight=Decimal(weight), sha256=sha256)

    def voting(self) -> VotingRules:
        return self.session.engine.state.rules.voting

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.host.stop()
        assert not self.crashed
