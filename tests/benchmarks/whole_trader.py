"""The real program in live mode as a process: `python -m tests.benchmarks.whole_trader`, an exchange in its settings.

Everything is what `main.py run` builds; only its limits and the go-live list's verdict are taken off, and votes come
from whoever asks on standard input: `trade 200`; `beside` and `rest` start and end heavy work in children. Each answer
is a line of JSON.
"""

import asyncio
import hashlib
import json
import random
import resource
import sys
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from app.checklist import Checklist
from app.core.decisions import Shown
from app.core.messages import AnyCommand, Event, SignalGiven, Started, VoteCalled
from app.core.model import Direction, PositionStatus, Signal
from app.core.rules import StrategyRule, VotingRules
from app.going_live import GoingLive
from app.seam import clock
from services import logs
from services.settings import load_rules
from tests.benchmarks.beside import lines
from tests.live_trader import RULES
from wiring.books import open_books
from wiring.real_money import RealMoney
from wiring.serving import serve
from wiring.settings import settings_of
from wiring.trader import Trader

STRATEGY = "quiet"
QUIET = (
    "from strategies.base_strategy import BaseStrategy, Signal\n\n\n"
    "class Quiet(BaseStrategy):\n    startup_candles = 20\n\n"
    "    def analyze(self, market_data, news_events):\n        return Signal('HOLD', 0, 'others decide')\n"
)
APPROVED = hashlib.sha256(QUIET.encode()).hexdigest()
FILES = {
    "config/strategies.yml": (
        f"timeframe: 1m\nstrategies:\n  {STRATEGY}: {{enabled: true, weight: 30, sha256: {APPROVED}}}\n"
    ),
    f"strategies/{STRATEGY}.py": QUIET,
}
BEAT_SECONDS = 0.01
FULL = 4  # positions at once


def write_files(folder: Path) -> None:
    """What such a trader reads at its start."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def used() -> float:
    """Seconds of processor that children have used which are gone."""
    gone = resource.getrusage(resource.RUSAGE_CHILDREN)
    return gone.ru_utime + gone.ru_stime


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


async def looked_at(real: RealMoney) -> Checklist:
    """The go-live list takes its time as always, but lets these books pass."""
    return replace(await real._look(), items=())


class ToldTrader(Trader):
    """Says when it has loaded its books and when it is reconciled, then does what it is told."""

    def wire(self) -> None:
        super().wire()
        assert self.real is not None, "this is for live mode"
        self.real.list = GoingLive(partial(looked_at, self.real), clock)
        self.votes, self.reconciled = 0, False
        self.session.observe(self.hear)

    def hear(self, message: Event | AnyCommand) -> None:
        if isinstance(message, Started):
            tell(loaded=time.time())
        if not self.reconciled and self.session.engine.state.reconciled:
            self.reconciled = True
            tell(reconciled=time.time(), cpu=time.process_time())

    async def start(self) -> None:
        await super().start()
        self.tasks.start(self.listen(), "listening to the bench")
        tell(ready=time.time())

    async def listen(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().split():
            if line[0] == "trade":
                tell(**await self.trade(int(line[1])))
            elif line[0] == "beside":
                self.beside, self.began, self.used = lines(*map(Path, line[1:3]), self.tasks), time.time(), used()
                tell(beside=len(self.beside))
            elif line[0] == "rest":
                tell(**await self.rest())

    async def rest(self) -> dict[str, Any]:
        """End the heavy work: how many processors it had, and what went wrong with it."""
        for each in self.beside:
            await each.stop()
        processors = (used() - self.used) / (time.time() - self.began)
        return {"processors": processors, "error": "; ".join(each.error for each in self.beside if each.error)}

    async def trade(self, entries: int) -> dict[str, Any]:
        """So many entries at random moments: when each was signalled (epoch ms), and how late the loop was meanwhile.

        About two a second, a hundred times as many as in life: each makes every open page build a card.
        """
        chance = random.Random(entries)
        signalled: dict[str, float] = {}
        lags: list[float] = []
        beating = asyncio.create_task(self.beat(lags))
        while len(signalled) < entries:
            await asyncio.sleep(chance.uniform(0.2, 0.7))
            await self.wait(self.session.may_enter)
            id, at = await self.vote("BUY")
            signalled[id] = at
            await self.wait(lambda: all(each.stop_confirmed for each in self.positions()))
            if len(self.positions()) == FULL:
                await self.vote("SELL")
                await self.wait(lambda: not self.positions())
        beating.cancel()
        return {"signalled": signalled, "lags": lags}

    def positions(self) -> list[Any]:
        held = self.session.engine.state.positions.values()
        return [each for each in held if each.status is not PositionStatus.CLOSED]

    async def wait(self, true: Any) -> None:
        async with asyncio.timeout(30):
            while not true():
                await asyncio.sleep(0.005)

    async def vote(self, action: str) -> tuple[str, float]:
        """The id of the order that came of it, and the moment at which the signal was posted."""
        self.votes += 1
        now, book = self.session.now(), await self.ground.order_book()
        # Each on a candle of its own, two minutes after the one before, so that no rest is asked for between trades.
        last_at = now.replace(second=0, microsecond=0) + timedelta(minutes=2 * self.votes)
        signal = Signal(
            strategy=STRATEGY,
            action=Direction(action),
            confidence=Decimal(90),
            reasoning="asked for by the bench",
            asked_at=now,
            given_at=now,
            expires_at=now + timedelta(minutes=1),
        )
        shown = Shown(timeframe="1m", first_at=last_at, last_at=last_at, count=1, sha256="00" * 32)
        at = time.time() * 1000
        self.session.post(SignalGiven(at=now, signal=signal))
        await self.session.committed(VoteCalled(at=now, shown=shown, book=book))
        decision = self.session.engine.state.last_decision
        if action == "BUY" and (decision is None or not decision.order_ids):
            raise RuntimeError(f"no order: {decision and decision.reason}")
        return (decision.order_ids[0] if decision and decision.order_ids else ""), at

    async def beat(self, lags: list[float]) -> None:
        """How many milliseconds late a short sleep ends, again and again."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT_SECONDS)
            lags.append(round((time.perf_counter() - began - BEAT_SECONDS) * 1000, 3))


def run() -> int:
    settings = settings_of()
    loaded = load_rules(settings.config_dir)
    rule = StrategyRule(name=STRATEGY, enabled=True, weight=Decimal(30), sha256=APPROVED)
    voters = VotingRules(timeframe="1m", strategies=(rule,))
    loaded = replace(loaded, rules=replace(RULES, voting=voters))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database, ledger = open_books(settings)
    running = logs.start(settings.log_level, settings.secrets(), directory=settings.data_dir / "logs")
    trader = ToldTrader(settings, loaded, database, ledger, running)
    trader.wire()
    serve(trader)
    running.stop()
    return trader.exit_code or (1 if trader.failed else 0)


if __name__ == "__main__":
    sys.exit(run())
