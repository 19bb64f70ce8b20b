"""The clock of benchmarks: what they measure takes real time, and only the pauses in between are skipped."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from tests.carried_clock import CarriedClock


class SkippingClock(CarriedClock):
    """Life's own time, and `carry` skips some of it: whoever sleeps wakes when it is carried past his time. What is
    measured in between, and every time limit of the network, is real.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0
        self._sleepers: set[asyncio.Future[None]] = set()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        await asyncio.sleep(0)
        while (left := end - self.monotonic()) > 0:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            timer = asyncio.get_running_loop().call_later(left, _wake, woken)
            self._sleepers.add(woken)
            try:
                await woken
            finally:
                timer.cancel()
                self._sleepers.discard(woken)

    def carry(self, seconds: float) -> None:
        self._ahead += seconds
        for sleeper in list(self._sleepers):
            _wake(sleeper)

    @property
    def stands(self) -> bool:
        return False

    @asynccontextmanager
    async def ruling(self) -> AsyncIterator[None]:
        """The loop's timers stay real."""
        yield


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
