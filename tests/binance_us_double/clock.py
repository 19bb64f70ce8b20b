"""The exchange's own clock. Two things a script can do to it: what it shows may be wrong (`skew`), and time may pass
for its timers only (`advance`), so that an hour-old listenKey does not make every signed request an hour wrong.
"""

import time
from collections.abc import Callable


class ServerClock:
    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._passed = 0.0
        self.skew_seconds = 0.0
        self._heirs: list[Callable[[], None]] = []

    def ms(self) -> int:
        """What the exchange believes the time to be: in stamps, in /time, against a request's timestamp."""
        return int((self._now() + self.skew_seconds) * 1000)

    def elapsed(self) -> float:
        """Seconds for timers: listenKeys, lags, bans, windows, the age of connections."""
        return self._now() + self._passed

    def skew(self, seconds: float) -> None:
        self.skew_seconds = seconds

    def advance(self, seconds: float) -> None:
        self._passed += seconds
        self.tick()

    def on_tick(self, heir: Callable[[], None]) -> None:
        self._heirs.append(heir)

    def tick(self) -> None:
        for heir in self._heirs:
            heir()
