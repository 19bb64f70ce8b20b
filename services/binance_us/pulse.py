"""The heartbeat: asks the exchange for its time every 10 seconds, and shuts entries while it does not answer or
does not tell its rules, while this machine's clock is off, or while our key is refused. Never gives up.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from app.core.alerts import AlertEvent
from app.core.errors import ExchangeError
from app.core.messages import Event, Gate, GateClosed, GateOpened, NoticeGiven
from app.seam import Clock

log = logging.getLogger(__name__)

BEAT_SECONDS = 10.0
SHORTEST_PAUSE_SECONDS = 1.0  # after a beat that waited in vain for its answer
WORST_OFFSET_SECONDS = 1.0
OLDEST_RULES_SECONDS = 3_600.0
BAN_SECONDS = 90.0  # the shortest ban is two minutes, the longest silence of another kind is one
WARN_AFTER, ALARM_AFTER = 3, 10  # beats in a row without an answer


class Time(Protocol):
    def now(self) -> datetime: ...

    def wall_offset_seconds(self) -> float: ...


class Line(Protocol):
    """What the heartbeat is felt on."""

    @property
    def time(self) -> Time: ...

    @property
    def key_refused(self) -> str: ...

    @property
    def silent_seconds(self) -> float:
        """How long nothing may be asked."""

    async def sync(self) -> None:
        """Ask the exchange for its time. Raises ExchangeErrors."""


class Pulse:
    """`back` is called when the exchange answers again after it did not; `rules_age`: seconds since they were read."""

    def __init__(
        self,
        client: Line,
        *,
        post: Callable[[Event], None],
        back: Callable[[], None],
        clock: Clock,
        rules_age: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._client, self._post, self._back, self._clock, self._rules_age = client, post, back, clock, rules_age
        self._told_of_rules = self._told_of_loss = False
        self._answered_at = clock.monotonic()
        self._closed: set[Gate] = set()
        self.failures = 0

    async def run(self) -> None:
        while True:
            began = self._clock.monotonic()
            await self.beat()
            took = self._clock.monotonic() - began
            await self._clock.sleep(max(BEAT_SECONDS - took, SHORTEST_PAUSE_SECONDS))

    async def beat(self) -> None:
        """One heartbeat; posts what became of the gates."""
        problem = ""
        try:
            await self._client.sync()
        except ExchangeError as error:
            problem = self._no_answer(error)
        else:
            problem = self._old_rules(back=self._answered())
        self._gate(Gate.EXCHANGE_UNREACHABLE, problem)
        self._gate(Gate.CLOCK, self._clock_problem())
        self.tell_of_key()

    def _no_answer(self, error: ExchangeError) -> str:
        """One beat in vain; why, in words that stay the same from beat to beat."""
        self.failures += 1
        level = logging.CRITICAL if self.failures >= ALARM_AFTER else logging.WARNING
        if self.failures in (1, WARN_AFTER) or self.failures % ALARM_AFTER == 0:
            log.log(level, "no heartbeat, %d in a row: %s", self.failures, error)
        silence = self._client.silent_seconds
        if silence >= BAN_SECONDS and not self._told_of_loss:
            self._lost(f"Binance.US shuts this address out for {silence / 60:.0f} minutes; stops stay there")
        elif self.failures >= WARN_AFTER and not self._told_of_loss:
            self._lost(f"Binance.US has not answered for {self._how_long()}")
        if self.failures == ALARM_AFTER:
            self._tell(AlertEvent.EXCHANGE_UNREACHABLE, f"Binance.US has not answered for {self._how_long()}")
        return "Binance.US asks for silence" if silence else "Binance.US does not answer"

    def _lost(self, text: str) -> None:
        """Once for each time: after three heartbeats without an answer, of a ban at once."""
        self._told_of_loss = True
        self._tell(AlertEvent.CONNECTION_LOST, text)

    def _answered(self) -> bool:
        """The exchange has answered; whether that ends a silence."""
        failures, how_long = self.failures, self._how_long()
        self.failures, self._answered_at = 0, self._clock.monotonic()
        if not failures:
            return False
        log.warning("Binance.US answers again after %d missed heartbeats", failures)
        if self._told_of_loss:
            self._told_of_loss = False
            self._tell(AlertEvent.CONNECTION_RESTORED, f"Binance.US answers again after {how_long}")
        self._back()
        return True

    def tell_of_key(self) -> None:
        """Whether the exchange takes our key; told at the first refusal too, whoever met it."""
        self._gate(Gate.EXCHANGE_REFUSES, "Binance.US refuses our key" if self._client.key_refused else "")

    def _old_rules(self, *, back: bool) -> str:
        """Entries must not be made by rules of yesterday. After a silence they are just being read."""
        old = self._rules_age() > OLDEST_RULES_SECONDS
        problem = "Binance.US has not told its rules for more than an hour" if old else ""
        if old and not back and not self._told_of_rules:
            self._told_of_rules = True
            self._tell(AlertEvent.CONNECTION_LOST, problem)
        elif self._told_of_rules and not old:
            self._told_of_rules = False
            self._tell(AlertEvent.CONNECTION_RESTORED, "Binance.US tells its rules again")
        return problem

    def _how_long(self) -> str:
        seconds = self._clock.monotonic() - self._answered_at
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"

    def _tell(self, event: AlertEvent, text: str) -> None:
        self._post(NoticeGiven(at=self._client.time.now(), event=event, text=text))

    def _clock_problem(self) -> str:
        off = abs(self._client.time.wall_offset_seconds()) > WORST_OFFSET_SECONDS
        return f"this machine's clock is more than {WORST_OFFSET_SECONDS:g} s off the exchange's" if off else ""

    def _gate(self, gate: Gate, problem: str) -> None:
        """A closed gate is told at each beat: an engine that started over has forgotten it."""
        at = self._client.time.now()
        if problem:
            self._closed.add(gate)
            self._post(GateClosed(at=at, gate=gate, text=problem))
        elif gate in self._closed:
            self._closed.discard(gate)
            self._post(GateOpened(at=at, gate=gate))
