"""The exchange's clock as this process knows it: hung on the monotonic clock, so that a jump of the machine's own
wall clock changes nothing. The machine's clock is only compared with it.
"""

from collections import deque
from datetime import UTC, datetime, timedelta

from app.seam import Clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KEPT = 5  # samples; the one with the shortest way there and back is believed
JUMP_SECONDS = 0.5  # beyond what the way explains: the machine slept, or the exchange's clock was set


class ServerTime:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT)  # (seconds there and back, offset)

    @property
    def known(self) -> bool:
        return bool(self._samples)

    def now(self) -> datetime:
        """The exchange's time; before it was ever asked, this machine's."""
        if not self._samples:
            return self._clock.now()
        return EPOCH + timedelta(seconds=self._clock.monotonic() + min(self._samples)[1])

    def milliseconds(self) -> int:
        return (self.now() - EPOCH) // timedelta(milliseconds=1)

    def seconds(self) -> float:
        return (self.now() - EPOCH).total_seconds()

    def wall_offset_seconds(self) -> float:
        """How far this machine's clock is behind the exchange's (negative: ahead)."""
        return (self.now() - self._clock.now()).total_seconds()

    def learn(self, server_ms: int, asked: float, answered: float) -> None:
        """One sample: what the exchange said, and the monotonic times around it."""
        way = answered - asked
        offset = server_ms / 1000 - (asked + answered) / 2
        if self._samples and abs(offset - min(self._samples)[1]) > JUMP_SECONDS + (way + min(self._samples)[0]) / 2:
            self._samples.clear()
        self._samples.append((way, offset))

    def forget(self) -> None:
        """The exchange says that our time is wrong: only fresh samples count. `now` falls back to the last one."""
        if self._samples:
            way, offset = min(self._samples)
            self._samples.clear()
            self._samples.append((way + 3600, offset))
