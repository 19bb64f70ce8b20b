"""How much the exchange still lets us ask: used weight, order counts, and the silence it demands (429, 418).

Closing orders may use all of it, reading less, opening least, so that an entry never takes an exit's place.
A request that is not allowed is never sent: ExchangeBusy says that it was definitely not done.
"""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from app.core.errors import ExchangeBusy
from services.binance_us.errors import TOO_MANY_ORDERS, TOO_MANY_REQUESTS, Answer, retry_after

SECONDS = {"S": 1, "M": 60, "H": 3600, "D": 86_400}
UNITS = {"SECOND": "S", "MINUTE": "M", "HOUR": "H", "DAY": "D"}
WEIGHT_WINDOW = 60
DEFAULT_WEIGHT = 1200  # a minute, a guess until the exchange has told its own
DEFAULT_ORDERS = {10: 100}  # in 10 seconds
ORDER_COUNT = re.compile(r"x-mbx-order-count-([0-9]{1,4})([smhd])")


class Urgency(Enum):
    """What a request is for; the value is the share of the limit up to which it may go.

    Other programs behind the same address use the same limit: what can wait stays clear of what a trader needs.
    """

    CLOSING = 1.0
    READING = 0.8
    OPENING = 0.5
    HISTORY = 0.3


class Limits:
    """`seconds` is the exchange's time, which says where a minute begins; `monotonic` measures silence."""

    def __init__(self, seconds: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._seconds, self._monotonic = seconds, monotonic
        self._weight_limit, self._is_told = DEFAULT_WEIGHT, False
        self._order_limits: dict[int, int] = dict(DEFAULT_ORDERS)
        self._weight: tuple[int, int] = (0, 0)  # (number of the minute, used in it)
        self._orders: dict[int, tuple[int, int]] = {}  # seconds of the window → (its number, used in it)
        self._silent_until = 0.0
        self._no_orders_until = 0.0

    def learn(self, rate_limits: Any) -> None:
        """Take over `rateLimits` of exchangeInfo; what is unknown or impossible there is left alone."""
        for row in rate_limits if isinstance(rate_limits, list) else []:
            kind, unit = row.get("rateLimitType"), UNITS.get(str(row.get("interval")))
            number, limit = row.get("intervalNum"), row.get("limit")
            if unit is None or not isinstance(number, int) or not isinstance(limit, int) or number < 1 or limit < 1:
                continue
            if kind == "REQUEST_WEIGHT" and SECONDS[unit] * number == WEIGHT_WINDOW:
                self._weight_limit, self._is_told = limit, True
            elif kind == "ORDERS":
                self._order_limits[SECONDS[unit] * number] = limit

    @property
    def used_pct(self) -> float:
        """Per cent of this minute's weight that is used."""
        window, used = self._weight
        return 100 * used / self._weight_limit if window == self._window(WEIGHT_WINDOW) else 0.0

    @property
    def silent_seconds(self) -> float:
        """How long nothing at all may be sent."""
        return max(0.0, self._silent_until - self._monotonic())

    def check(self, urgency: Urgency, *, order: bool) -> None:
        """Raise ExchangeBusy where this request must not be sent now. `order`: it places one."""
        if self.silent_seconds:
            raise ExchangeBusy("the exchange asked for silence; nothing was sent", self.silent_seconds)
        share = urgency.value
        # A guess never keeps us from closing, nor from reading the true limit: what earlier processes asked counts too.
        is_guess = urgency is Urgency.CLOSING and not self._is_told
        if self.used_pct >= 100 * share and not is_guess:
            raise ExchangeBusy("too much was asked in this minute; nothing was sent", self._left(WEIGHT_WINDOW))
        if not order:
            return
        left = self._no_orders_until - self._monotonic()
        if left > 0:
            raise ExchangeBusy("the exchange takes no orders for now; nothing was sent", left)
        for window, (number, used) in self._orders.items():
            if number == self._window(window) and used >= self._order_limits.get(window, used + 1) * share:
                raise ExchangeBusy("too many orders for now; nothing was sent", self._left(window))

    def note(self, answer: Answer) -> None:
        """Learn from an answer's headers and status."""
        self._note_counts(answer.headers)
        if answer.code == TOO_MANY_ORDERS and answer.status != 418:
            self._no_orders_until = max(self._no_orders_until, self._monotonic() + retry_after(answer))
        elif answer.status in (418, 429) or answer.code == TOO_MANY_REQUESTS:
            self._silent_until = max(self._silent_until, self._monotonic() + retry_after(answer))

    def _note_counts(self, headers: Mapping[str, str]) -> None:
        used = headers.get("x-mbx-used-weight-1m", "")
        if re.fullmatch(r"[0-9]{1,9}", used):
            self._weight = (self._window(WEIGHT_WINDOW), int(used))
        for name, value in headers.items():
            found = ORDER_COUNT.fullmatch(name)
            if found and re.fullmatch(r"[0-9]{1,9}", value):
                window = int(found[1]) * SECONDS[found[2].upper()]
                if window:
                    self._orders[window] = (self._window(window), int(value))

    def _window(self, seconds: int) -> int:
        return int(self._seconds() // seconds)

    def _left(self, seconds: int) -> float:
        return seconds - self._seconds() % seconds
