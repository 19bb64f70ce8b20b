"""Heavy work that child processes do: one errand at a time, the others wait in line. It never computes here.

What an errand is about (a backtest, an optimisation, a report) only its arguments and whoever hears of it know.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.seam import Tasks

MOST_WAITING = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """`arguments` are those of `main.py`; `home` is the child's working directory."""

    id: str
    arguments: tuple[str, ...]
    home: Path


class Listener(Protocol):
    """Whoever wants to know. It must not raise."""

    async def began(self, id: str) -> None: ...

    async def ended(self, id: str, error: str) -> None:
        """`error` says why it failed; "" where it did its work. Nothing is said of one that was cancelled."""


class Run(Protocol):
    """Performs an errand in a child process, which is gone when this returns or is cancelled."""

    async def __call__(self, errand: Errand, progress: Callable[[float], None]) -> str:
        """Why it failed, or ""."""


class Errands:
    """The line and the one that is being run."""

    def __init__(self, run: Run, tasks: Tasks) -> None:
        self._run, self._tasks = run, tasks
        self._waiting: deque[tuple[Errand, Listener]] = deque()
        self._now: tuple[str, asyncio.Task[str]] | None = None
        self._working = False
        self.progress: dict[str, float] = {}  # per cent, of the one that runs
        self.changed: Callable[[], None] = lambda: None

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING

    def submit(self, errand: Errand, listener: Listener) -> None:
        """At the end of the line, however long it is; whoever takes orders from people asks `full` first."""
        self._waiting.append((errand, listener))
        if not self._working:
            self._working = True
            self._tasks.start(self._work(), "errands")

    async def cancel(self, id: str) -> bool:
        """Its child is gone when this returns. False where it neither runs nor waits."""
        for place, (errand, _) in enumerate(self._waiting):
            if errand.id == id:
                del self._waiting[place]
                return True
        if self._now is None or self._now[0] != id or self._now[1].done():
            return False
        task = self._now[1]
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    async def _work(self) -> None:
        while self._waiting:
            errand, listener = self._waiting.popleft()
            task = self._tasks.start(self._guarded(errand), f"errand {errand.id}")
            self._now = errand.id, task
            self.progress[errand.id] = 0.0
            await listener.began(errand.id)
            await asyncio.wait({task})  # which, unlike the task itself, says nothing of a person's cancelling
            self._now = None
            if not task.cancelled():
                await listener.ended(errand.id, task.result())
            self.progress.pop(errand.id, None)
            self.changed()
        self._working = False

    async def _guarded(self, errand: Errand) -> str:
        def heard(per_cent: float) -> None:
            self.progress[errand.id] = min(max(per_cent, self.progress.get(errand.id, 0.0)), 100.0)
            self.changed()

        try:
            return await self._run(errand, heard)
        except Exception:  # guard: job
            log.exception("errand %s could not be run", errand.id)
            return "it could not be run; the reason is in the log"
