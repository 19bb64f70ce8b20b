"""What is kept for how long, and the job that lets go of the rest: a little at a time, whenever trading is at rest.

It never touches orders, fills, trades, positions, deposits, latches or the audit trail: these stay for ever.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.seam import Clock, Tasks

PAUSE_SECONDS = 0.05  # between two steps: who waits to write comes first
GIVE_UP_SECONDS = 3600.0  # what is left then waits for the next time

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Days of life's time for texts, logs, alerts and calls; of the market's time for all that belongs to a ledger."""

    at: str = "00:20"  # UTC
    equity_minutes_days: int = 365  # then an hour a row
    candles_days: int = 120  # the minutes that the trader was given
    decisions_days: int = 90  # then only those that led to an order
    texts_days: int = 90  # prompts, answers, and which headlines were shown
    journal_months: int = 13  # then packed, and still there
    logs_days: int = 30
    alerts_days: int = 365
    calls_days: int = 400  # what each call of the language model cost
    strategies_days: int = 90  # versions that nothing refers to any more


@dataclass(frozen=True, slots=True)
class Step:
    """One short piece of work that was done."""

    what: str
    count: int = 1


class Retention(Protocol):
    def steps(self, now: datetime) -> Iterator[Step]:
        """Each `next` does one short step. Synchronous; called beside the loop. `now` is life's time."""


def let_go(
    parts: tuple[Retention, ...], *, quiet: Callable[[], Awaitable[None]], clock: Clock, tasks: Tasks
) -> Callable[[], Awaitable[None]]:
    """A job. `quiet` returns when trading has nothing to do, or has had its turn."""

    async def run() -> None:
        done: Counter[str] = Counter()
        began, now = clock.monotonic(), clock.now()
        for part in parts:
            steps = part.steps(now)
            while clock.monotonic() - began < GIVE_UP_SECONDS:
                await quiet()
                step = await tasks.in_thread(lambda: next(steps, None))  # noqa: B023  # awaited here
                if step is None:
                    break
                done[step.what] += step.count
                await clock.sleep(PAUSE_SECONDS)
        if done.total():
            log.info("let go: %s", ", ".join(f"{count} {what}" for what, count in sorted(done.items()) if count))

    return run
