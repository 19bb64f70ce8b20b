"""The exchange's reading side. Orders are taken by the engine at once; what GET answers comes from copies that may lag
behind. A script makes them lag by seconds, or holds them at this moment until it releases them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.binance_us_double.clock import ServerClock

Seen = TypeVar("Seen")


@dataclass(frozen=True, order=True)
class Stamp:
    """When something became true: a number that grows with every change, and the timer's second."""

    sequence: int
    elapsed: float


class Stamps:
    def __init__(self, clock: ServerClock) -> None:
        self._clock, self.sequence = clock, 0

    def next(self) -> Stamp:
        self.sequence += 1
        return Stamp(self.sequence, self._clock.elapsed())


class Replica:
    """One reading side: of orders, of trades, or of the account."""

    def __init__(self, clock: ServerClock, stamps: Stamps) -> None:
        self._clock, self._stamps = clock, stamps
        self.seconds = 0.0
        self._held: int | None = None

    def hold(self) -> None:
        """From now on nothing new is seen."""
        self._held = self._stamps.sequence

    def release(self) -> None:
        self._held, self.seconds = None, 0.0

    def sees(self, stamp: Stamp) -> bool:
        if self._held is not None and stamp.sequence > self._held:
            return False
        return not self.seconds or stamp.elapsed <= self._clock.elapsed() - self.seconds

    def newest(self, versions: Sequence[tuple[Stamp, Seen]]) -> Seen | None:
        for stamp, seen in reversed(versions):
            if self.sees(stamp):
                return seen
        return None


@dataclass
class Lag:
    """All three together."""

    orders: Replica
    trades: Replica
    account: Replica
    all: tuple[Replica, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.all = (self.orders, self.trades, self.account)

    def hold(self) -> None:
        for each in self.all:
            each.hold()

    def release(self) -> None:
        for each in self.all:
            each.release()

    def by(self, seconds: float) -> None:
        for each in self.all:
            each.seconds = seconds
