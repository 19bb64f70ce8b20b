"""Rate limits: request weight a minute for the address, orders a ten seconds and a day for the account, and the bans
that follow who does not listen.
"""

import math
from collections.abc import Callable
from typing import Any

from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.refusals import Refused

PATIENCE = 10  # requests after the first 429 until the address is banned
SHORTEST_BAN = 120


class Weights:
    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self.weight_limit, self.raw_limit = 6_000, 61_000
        self.orders_10s, self.orders_day = 100, 200_000
        self._used: dict[str, tuple[int, int]] = {}
        self._stubborn = 0
        self._silent_until, self._silent_status, self._says_when = 0.0, 429, True

    # ---------------------------------------------------------------- what scripts do

    def silence(self, seconds: float, status: int = 429, *, retry_after: bool = True) -> None:
        """From now on every request is refused for so long: 429 (slow down) or 418 (banned)."""
        self._silent_until = self._clock.elapsed() + seconds
        self._silent_status, self._says_when = status, retry_after

    def ban(self, seconds: float = SHORTEST_BAN, *, retry_after: bool = True) -> None:
        self.silence(seconds, 418, retry_after=retry_after)

    def forgive(self) -> None:
        self._silent_until, self._stubborn = 0.0, 0
        self._used.clear()

    def use(self, weight: int) -> None:
        """As if somebody else behind the same address had used so much."""
        self._count("weight", 60, weight)

    # ---------------------------------------------------------------- what the server asks

    def charge(self, weight: int) -> None:
        left = self._silent_until - self._clock.elapsed()
        if left > 0:
            raise self._refusal(left)
        used = self._count("weight", 60, weight)
        if used <= self.weight_limit:
            self._stubborn = 0
            return
        self._stubborn += 1
        if self._stubborn > PATIENCE:
            self.ban()
            raise self._refusal(SHORTEST_BAN)
        raise Refused(-1003, self._too_much(), headers={"Retry-After": str(self._left(60))})

    def charge_order(self) -> None:
        """An order more; the one answer 429 that names no time."""
        if self._count("10s", 10, 1) > self.orders_10s:
            raise Refused(-1015, f"Too many new orders; current limit is {self.orders_10s} orders per 10 SECOND.")
        if self._count("1d", 86_400, 1) > self.orders_day:
            raise Refused(-1015, f"Too many new orders; current limit is {self.orders_day} orders per 1 DAY.")

    def headers(self) -> dict[str, str]:
        used = str(self._now("weight", 60))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def order_headers(self) -> dict[str, str]:
        return {
            "X-MBX-ORDER-COUNT-10S": str(self._now("10s", 10)),
            "X-MBX-ORDER-COUNT-1D": str(self._now("1d", 86_400)),
        }

    def told(self) -> list[dict[str, Any]]:
        """The rateLimits of exchangeInfo."""
        row: Callable[[str, str, int, int], dict[str, Any]] = lambda kind, interval, number, limit: {  # noqa: E731
            "rateLimitType": kind,
            "interval": interval,
            "intervalNum": number,
            "limit": limit,
        }
        return [
            row("REQUEST_WEIGHT", "MINUTE", 1, self.weight_limit),
            row("ORDERS", "SECOND", 10, self.orders_10s),
            row("ORDERS", "DAY", 1, self.orders_day),
            row("RAW_REQUESTS", "MINUTE", 5, self.raw_limit),
        ]

    def used(self) -> list[dict[str, Any]]:
        """The rateLimits of a WebSocket API answer."""
        return [self.told()[0] | {"count": self._now("weight", 60)}]

    # ---------------------------------------------------------------- windows

    def _refusal(self, left: float) -> Refused:
        headers = {"Retry-After": str(math.ceil(left - 1e-6))} if self._says_when else {}
        if self._silent_status == 429:
            return Refused(-1003, self._too_much(), headers=headers)
        until = self._clock.ms() + int(left * 1000)
        said = f"Way too much request weight used; IP banned until {until}. "
        said += "Please use WebSocket Streams for live updates to avoid bans."
        return Refused(-1003, said, status=self._silent_status, headers=headers)

    def _too_much(self) -> str:
        said = f"Too much request weight used; current limit is {self.weight_limit} request weight per 1 MINUTE. "
        return said + "Please use WebSocket Streams for live updates to avoid polling the API."

    def _count(self, name: str, seconds: int, more: int) -> int:
        window = int(self._clock.elapsed()) // seconds
        self._used[name] = (window, self._now(name, seconds) + more)
        return self._used[name][1]

    def _now(self, name: str, seconds: int) -> int:
        window, used = self._used.get(name, (0, 0))
        return used if window == int(self._clock.elapsed()) // seconds else 0

    def _left(self, seconds: int) -> int:
        return seconds - int(self._clock.elapsed()) % seconds
