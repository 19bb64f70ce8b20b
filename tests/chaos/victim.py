"""The real trader process, killed with SIGKILL from the paper exchange's side, around one of its own commits.

Usage: victim.py ROLE STATUS before|after COUNT   the COUNT-th commit that says an order of ROLE is in STATUS
       victim.py - - random SECONDS               that long after trading began
Nothing of the trader itself is changed: only the store of the paper exchange is watched.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import main
from services.database.paper_store import DatabasePaperStore
from wiring.trader import Trader

ROLES = {"entry": "-E", "stop": "-S", "exit": "-C"}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def aim(role: str, status: str, moment: str, count: int) -> None:
    save = DatabasePaperStore.save
    seen = 0

    def watched(self: DatabasePaperStore, state: str, reports: Sequence[tuple[str, str]]) -> None:
        nonlocal seen
        hit = any(ROLES[role] in id and f'"status":"{status}"' in text for id, text in reports)
        seen += hit
        if hit and seen == count and moment == "before":
            die()
        save(self, state, reports)
        if hit and seen == count and moment == "after":
            die()

    DatabasePaperStore.save = watched  # type: ignore[method-assign]


def soon(seconds: float) -> None:
    start = Trader.start

    async def started(self: Trader) -> None:
        await start(self)
        threading.Timer(seconds, die).start()

    Trader.start = started  # type: ignore[method-assign]


if __name__ == "__main__":
    role, status, moment, number = sys.argv[1:]
    if moment == "random":
        soon(float(number))
    elif moment != "never":
        aim(role, status, moment, int(number))
    sys.exit(main.main(["run"]))
