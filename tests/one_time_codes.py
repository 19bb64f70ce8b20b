"""One-time codes for a trader that runs in real time: each is good once, and their 30-second steps only rise.

A server takes the step of its own now and one on either side of it. A code of the step that runs, or of a later one,
is good for half a minute at least however late it is checked: never one of a step that is over.
"""

import time
from collections.abc import Callable

import pyotp

STEP_SECONDS = 30


class OneTimeCodes:
    """What the phone of one person shows; kept for as long as the person's books are."""

    def __init__(self, seed: str, now: Callable[[], float] = time.time, wait: Callable[[float], None] = time.sleep):
        self._codes, self._now, self._wait = pyotp.HOTP(seed), now, wait
        self._last_step = 0

    def next(self) -> str:
        """Of the step that runs, or of the one after the last one given; of no step that is further off than the next:
        for that it waits, up to half a minute."""
        step = max(self._running(), self._last_step + 1)
        while step > self._running() + 1:
            self._wait((step - 1) * STEP_SECONDS - self._now() + 0.01)
        self._last_step = step
        return self._codes.at(step)

    def _running(self) -> int:
        return int(self._now()) // STEP_SECONDS
