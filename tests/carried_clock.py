"""Time that stands still until a test carries it forward. It never asks what time it is in life: what a test sees does
not depend on when it is run, nor on how fast the machine is.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from app.seam import Clock
from tests.builders import NOON

BEGINS = NOON + timedelta(seconds=5)  # far from the borders of minutes, hours and days
LONGEST_SECONDS = 300.0  # of real time: only against hanging for ever


class CarriedClock(Clock):
    """Stands still until it is carried forward, or flows as life's own time does. Within `ruling` all timers of the
    loop follow: pauses, time limits, heartbeats, of both sides.
    """

    def __init__(self, begins: datetime = BEGINS) -> None:
        self._begins, self._zero = begins, time.monotonic()
        self.carried = 0.0
        self._flows_since: float | None = None

    def _elapsed(self) -> float:
        flowed = 0.0 if self._flows_since is None else time.monotonic() - self._flows_since
        return self.carried + flowed

    def now(self) -> datetime:
        return self._begins + timedelta(seconds=self._elapsed())

    def monotonic(self) -> float:
        return self._zero + self._elapsed()

    def carry(self, seconds: float) -> None:
        self.carried += seconds

    def flow(self) -> None:
        """From now on time passes by itself."""
        self._flows_since = self._flows_since or time.monotonic()

    @property
    def stands(self) -> bool:
        return self._flows_since is None

    @asynccontextmanager
    async def ruling(self) -> AsyncIterator[None]:
        """The running loop's timers follow this clock. Who waits in it for a moment to which nobody carries it is told
        so in the end: a loop that stands still has no time limits of its own.
        """
        task, loop, late = asyncio.current_task(), asyncio.get_running_loop(), threading.Event()
        assert task is not None
        loop.time = self.monotonic  # type: ignore[method-assign]

        def give_up() -> None:
            late.set()
            loop.call_soon_threadsafe(task.cancel)

        watch = threading.Timer(LONGEST_SECONDS, give_up)
        watch.daemon = True
        watch.start()
        try:
            yield
        except asyncio.CancelledError:
            if not late.is_set():
                raise
            raise AssertionError(f"still there after {LONGEST_SECONDS:g} real seconds") from None
        finally:
            watch.cancel()
