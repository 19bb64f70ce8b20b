"""Kill after kill, and what was seen: a tally that one can publish."""

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.blackbox.aims import EVERY_AIM, Aim, anywhere, strike
from tests.chaos.blackbox.world import World
from tests.exchange_process import ExchangeProcess

WHILE_STARTING = 0.15  # share of random kills that are followed by one while the trader starts
TRIES = 3


@dataclass
class Tally:
    """What one or several worlds have seen."""

    aimed: Counter[str] = field(default_factory=Counter)
    anywhere: int = 0
    kills: int = 0
    wrong: list[str] = field(default_factory=list)
    reconciled_after: list[float] = field(default_factory=list)
    longest_bare: float = 0.0
    longest_bare_awake: float = 0.0
    orders: int = 0
    trades: int = 0

    def add(self, other: "Tally") -> None:
        self.aimed.update(other.aimed)
        self.anywhere += other.anywhere
        self.kills += other.kills
        self.wrong += other.wrong
        self.reconciled_after += other.reconciled_after
        self.longest_bare = max(self.longest_bare, other.longest_bare)
        self.longest_bare_awake = max(self.longest_bare_awake, other.longest_bare_awake)
        self.orders += other.orders
        self.trades += other.trades

    @property
    def cycles(self) -> int:
        return sum(self.aimed.values()) + self.anywhere

    def lines(self) -> list[str]:
        per_step = ", ".join(f"{name} {count}" for name, count in sorted(self.aimed.items()))
        times = sorted(self.reconciled_after) or [0.0]
        return [
            f"aimed: {per_step or 'none'}",
            *(f"WRONG: {each}" for each in self.wrong),
            f"SIGKILL cycles of the live trader: {self.cycles} ({sum(self.aimed.values())} aimed, {self.anywhere} "
            f"random; {self.kills} kills, {self.orders} orders, {self.trades} fills); violations {len(self.wrong)}; "
            f"start to RECONCILED worst {times[-1]:.1f} s, median {statistics.median(times):.1f} s; "
            f"longest time without a stop {self.longest_bare:.1f} s, of it "
            f"{self.longest_bare_awake:.1f} s at most between RECONCILED and a kill",
        ]


def run_world(folder: Path, aims: Sequence[Aim], anywhere_count: int, seed: int, tell: bool = False) -> Tally:
    """One exchange, one trader, all these kills one after the other, and the trader ends in good order."""
    tally = Tally()
    with ExchangeProcess(past=30) as exchange:
        world = World(folder, exchange, seed)
        world.spawn()
        world.reconciled()
        try:
            for aim in aims:
                died = any(strike(world, aim) for _ in range(TRIES))
                assert died, f"{aim} was never reached: {world.output()}"
                tally.aimed[str(aim)] += 1
                _recover(world, tally, str(aim), tell)
            for _ in range(anywhere_count):
                what = anywhere(world)
                tally.anywhere += 1
                if world.chance.random() < WHILE_STARTING:
                    world.spawn()
                    time.sleep(world.chance.uniform(0.5, 4))
                    world.kill()
                    tally.kills += 1
                    what += ", and while starting"
                _recover(world, tally, what, tell)
            code = world.end()
            tally.wrong += [f"it ended with {code}"] if code else []
            tally.wrong += _replayed(world)
        finally:
            world.gone()
            truth = exchange.truth()
            tally.orders, tally.trades = len(truth["orders"]), len(truth["trades"])
            tally.reconciled_after = world.reconciled_after[1:]
            tally.longest_bare, tally.longest_bare_awake = world.longest_bare, world.longest_bare_awake
    return tally


def _recover(world: World, tally: Tally, what: str, tell: bool) -> None:
    tally.kills += 1
    world.spawn()
    world.reconciled()
    wrong = world.check()
    tally.wrong += [f"{what}: {each}" for each in wrong]
    if tell:
        took, bare = world.reconciled_after[-1], f"{world.longest_bare:.1f} ({world.longest_bare_awake:.1f})"
        print(
            f"{time.strftime('%H:%M:%S')} world {world.seed}, {tally.cycles}: {what}; RECONCILED after {took:.1f} s; "
            f"without a stop at most {bare} s; {wrong or 'all is well'}",
            flush=True,
        )


def _replayed(world: World) -> list[str]:
    """The journal of all these lives is one whole chain."""
    said = world.trader.command("audit", "verify")
    return [] if said.returncode == 0 else [f"audit verify: {said.stdout} {said.stderr}"]


def run(aimed: int, anywhere_count: int, worlds: int, seed: int) -> Tally:
    """All worlds side by side, each with its share."""
    aims = [EVERY_AIM[number % len(EVERY_AIM)] for number in range(aimed)]
    total = Tally()
    with tempfile.TemporaryDirectory(prefix="blackbox") as folder, ThreadPoolExecutor(worlds) as pool:
        shares = []
        for number in range(worlds):
            home = Path(folder) / str(number)
            home.mkdir()
            random_share = len(range(number, anywhere_count, worlds))
            shares.append(
                pool.submit(run_world, home, aims[number::worlds], random_share, seed + number, tell=True),
            )
        for share in shares:
            try:
                total.add(share.result())
            except Exception as error:  # one world that broke is told, and the others are still counted
                total.wrong.append(f"{type(error).__name__}: {error}")
                print(f"a world broke: {error!r}", file=sys.stderr, flush=True)
    return total
