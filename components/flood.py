"""How much one visitor may ask for at once. Far above what a person or a page does, far below what hurts the trader."""

import ipaddress

from app.seam import Clock

MOST_KEYS = 10_000


class Allowance:
    """`burst` at once, `per_second` in the long run, for each key. The least recently seen key is forgotten first."""

    def __init__(self, clock: Clock, *, per_second: float, burst: float) -> None:
        self._clock, self._rate, self._burst = clock, per_second, burst
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Seconds by which this one comes too early; 0 where it is welcome. It counts either way."""
        return max(0.0, -self._count(key) / self._rate)

    def refuse(self, key: str) -> float:
        """The same, but what comes too early does not count: the visitor is sent away."""
        now = self._clock.monotonic()
        left, at = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1:
            return max(1.0, (1 - left) / self._rate)
        self._count(key)
        return 0.0

    def _count(self, key: str) -> float:
        now = self._clock.monotonic()
        left, at = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate) - 1
        self._left[key] = (left, now)
        while len(self._left) > MOST_KEYS:
            del self._left[next(iter(self._left))]
        return left


def neighbours(address: str) -> str:
    """What one visitor can easily change counts as one: an IPv6 address stands for its /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False)) if parsed.version == 6 else address
