"""The go-live list and the gate that stays shut until it is passed.

Looked at before trading begins, each minute while something fails, each hour while nothing does. It closes entries
only: positions keep their stops and can be closed.
"""

import logging
from collections.abc import Awaitable, Callable

from app.checklist import Checklist, believed
from app.core.messages import AnyCommand, Event, Gate, GateClosed, GateOpened, Started
from app.seam import Clock
from app.session import Session

log = logging.getLogger(__name__)
LOOK_EVERY_SECONDS = 60.0
WHILE_IT_PASSES_SECONDS = 3600.0


class GoingLive:
    """Keeps the list and the gate in step. `look` asks everything once."""

    def __init__(self, look: Callable[[], Awaitable[Checklist]], clock: Clock) -> None:
        self._look, self._clock = look, clock
        self._session: Session | None = None
        self._looked_at = float("-inf")
        self.checklist: Checklist | None = None

    async def look(self) -> Checklist:
        self.checklist = believed(await self._look(), self.checklist)
        self._looked_at = self._clock.monotonic()
        return self.checklist

    def watch(self, session: Session) -> None:
        """From now on the gate of this session follows the list."""
        self._session = session
        session.observe(self.hear)

    def hear(self, message: Event | AnyCommand) -> None:
        """A session that starts over from its books says what it knew last; the list may have changed since."""
        if isinstance(message, Started):
            self._set_gate()

    async def run(self) -> None:
        """Called each minute."""
        due = self._clock.monotonic() - self._looked_at >= WHILE_IT_PASSES_SECONDS
        if self.checklist is None or not self.checklist.passed or due:
            await self.look()
        self._set_gate()

    def _set_gate(self) -> None:
        session, found = self._session, self.checklist
        if session is None or found is None:
            return
        shut = session.engine.state.gates.get(Gate.LIVE_CHECK)
        if found.passed and shut is not None:
            log.info("the go-live list is passed: real money may be traded")
            session.post(GateOpened(at=session.now(), gate=Gate.LIVE_CHECK))
        elif not found.passed and shut != found.sentence:
            log.warning("the go-live list is not passed: %s", found.sentence)
            session.post(GateClosed(at=session.now(), gate=Gate.LIVE_CHECK, text=found.sentence))
