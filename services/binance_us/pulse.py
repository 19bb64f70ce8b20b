"""The heartbeat: asks the exchange for its time every 10 seconds, and shuts entries while it does not answer, while
this machine's clock is off, or while our key is refused. Never gives up.
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
WORST_OFFSET_SECONDS = 1.0
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

    async def sync(self) -> None:
        """Ask the exchange for its time. Raises ExchangeErrors."""


class Pulse:
    """`back` is called when the exchange answers again after it did not."""

    def __init__(self, client: Line, *, post: Callable[[Event], None], back: Callable[[], None], clock: Clock) -> None:
        self._client, self._post, self._back, self._clock = client, post, back, clock
        self._closed: set[Gate] = set()
        self.failures = 0

    async def run(self) -> None:
        while True:
            await self.beat()
            await self._clock.sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """One heartbeat; posts what became of the gates."""
        problem = ""
        try:
            await self._client.sync()
        except ExchangeError as error:
            self.failures += 1
            problem = "Binance.US does not answer"
            level = logging.CRITICAL if self.failures >= ALARM_AFTER else logging.WARNING
            if self.failures in (1, WARN_AFTER) or self.failures % ALARM_AFTER == 0:
                log.log(level, "no heartbeat, %d in a row: %s", self.failures, error)
            self._tell_of_silence()
        else:
            if self.failures:
                log.warning("Binance.US answers again after %d missed heartbeats", self.failures)
                if self.failures >= WARN_AFTER:
                    self._tell(AlertEvent.CONNECTION_RESTORED, f"Binance.US answers again after {self._how_long()}")
                self.failures = 0
                self._back()
        self._gate(Gate.EXCHANGE_UNREACHABLE, problem)
        self._gate(Gate.CLOCK, self._clock_problem())
        self._gate(Gate.EXCHANGE_REFUSES, "Binance.US refuses our key" if self._client.key_refused else "")

    def _tell_of_silence(self) -> None:
        """A warning after three heartbeats without an answer, the alarm after ten."""
        if self.failures == WARN_AFTER:
            self._tell(AlertEvent.CONNECTION_LOST, f"Binance.US has not answered for {self._how_long()}")
        elif self.failures == ALARM_AFTER:
            self._tell(AlertEvent.EXCHANGE_UNREACHABLE, f"Binance.US has not answered for {self._how_long()}")

    def _how_long(self) -> str:
        return f"{self.failures * BEAT_SECONDS:.0f} s"

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
