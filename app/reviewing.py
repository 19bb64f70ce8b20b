"""Each night the day before is replayed and traded again, in a process beside the trader; what differs is told.

By market time. On a market that runs many times faster than life, only the newest day is looked at, once an hour.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from app.core.alerts import AlertEvent
from app.core.portfolio import midnight
from app.ports import Row
from app.seam import Clock, Tasks

log = logging.getLogger(__name__)
SETTLED = timedelta(minutes=10)  # of market time: by then the day's last rows and candles are written
REST_SECONDS = 3600.0  # of life's time, between two looks


class Reviews(Protocol):
    """Where verdicts are kept. Synchronous; called beside the loop. Raises StoreError."""

    def newest(self) -> Row | None:
        """{day, identical, at, difference} of the newest day that was looked at."""

    def has_lived(self, day: datetime) -> bool:
        """Whether the journal has anything on this day."""


class Nightly:
    """A job. `look` reviews a day in another process, keeps what it finds, and returns when it has ended."""

    def __init__(
        self,
        reviews: Reviews,
        look: Callable[[datetime], Awaitable[None]],
        tell: Callable[[AlertEvent, str], None],
        *,
        now: Callable[[], datetime],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        """`now` is market time, `clock` life's."""
        self._reviews, self._look, self._tell = reviews, look, tell
        self._now, self._clock, self._tasks = now, clock, tasks
        self._looked_at: float | None = None
        self.busy = False
        self.latest: Row | None = None

    async def run(self) -> None:
        if self.latest is None:
            self.latest = await self._tasks.in_thread(self._reviews.newest)
        day = midnight(self._now() - SETTLED) - timedelta(days=1)
        name, now = f"{day:%Y-%m-%d}", self._clock.monotonic()
        if self.latest is not None and self.latest["day"] >= name:
            return
        if self._looked_at is not None and now - self._looked_at < REST_SECONDS:
            return
        if not await self._tasks.in_thread(lambda: self._reviews.has_lived(day)):
            return  # a trader's first day has none before it
        self._looked_at, self.busy = now, True
        try:
            await self._look(day)
        finally:
            self.busy = False
        found = await self._tasks.in_thread(self._reviews.newest)
        if found is None or found["day"] != name:
            return  # the look failed, which the log says
        self.latest = found
        if not found["identical"]:
            self._tell(AlertEvent.PARITY_MISMATCH, f"{name} replayed: {found['difference']}")
        else:
            log.info("%s replayed: identical", name)
