"""Counts tries to sign in. A try is counted before it is judged, so a hundred at once are a hundred, not one."""

import ipaddress
from collections import deque

from app.seam import Clock


class Throttle:
    """At most `limit` tries per key in `seconds`. Remembers `most` keys, the least recently tried forgotten first."""

    def __init__(self, clock: Clock, limit: int, seconds: float, most: int = 10_000) -> None:
        self._clock, self._limit, self._seconds, self._most = clock, limit, seconds, most
        self._tries: dict[str, deque[float]] = {}

    def wait(self, key: str) -> int:
        """Seconds until this key may try again; 0 if it may now."""
        tries = self._fresh(key)
        if len(tries) < self._limit:
            return 0
        return max(1, int(tries[0] + self._seconds - self._clock.monotonic()) + 1)

    def count(self, key: str) -> None:
        tries = self._tries.pop(key, None)
        self._tries[key] = tries if tries is not None else deque(maxlen=self._limit)
        self._tries[key].append(self._clock.monotonic())
        while len(self._tries) > self._most:
            del self._tries[next(iter(self._tries))]

    def forgive(self, key: str) -> None:
        """The last try was no failure."""
        if tries := self._tries.get(key):
            tries.pop()

    def clear(self, key: str) -> None:
        self._tries.pop(key, None)

    def _fresh(self, key: str) -> deque[float]:
        tries = self._tries.get(key)
        if tries is None:
            return deque()
        oldest = self._clock.monotonic() - self._seconds
        while tries and tries[0] <= oldest:
            tries.popleft()
        if not tries:
            del self._tries[key]
        return tries


def neighbourhood(address: str) -> str:
    """What one person can easily change counts as one: an IPv6 address stands for its /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False).network_address)
    return address
