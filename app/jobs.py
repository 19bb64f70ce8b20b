"""What runs when: the table of periodic jobs. `services/scheduler` runs it; each job is guarded there.

A missed or late job is never a correctness problem: the daily reset, for one, is computed from each message's own
date, and the job is only a hint.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.messages import Gate, GateClosed, GateOpened, TimePassed
from app.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Either every so many seconds, or at a time of day (UTC, "HH:MM")."""

    name: str
    run: Callable[[], Awaitable[None]]
    every_seconds: float | None = None
    daily_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One look at this machine. `problems` maps a gate to what is wrong."""

    problems: dict[Gate, str]


def tick(session: Session) -> Callable[[], Awaitable[None]]:
    """Time passes, once a second on live prices (a candle feed brings its own time)."""

    async def run() -> None:
        session.post(TimePassed(at=session.now()))

    return run


def health(
    session: Session, look: Callable[[], Awaitable[Health]], watched: tuple[Gate, ...]
) -> Callable[[], Awaitable[None]]:
    """Close the gate of every problem seen, open the gates of those that are gone."""

    async def run() -> None:
        seen = (await look()).problems
        for gate in watched:
            if gate in seen:
                session.post(GateClosed(at=session.now(), gate=gate, text=seen[gate]))
            elif gate in session.engine.state.gates:
                session.post(GateOpened(at=session.now(), gate=gate))

    return run


def reconcile(session: Session) -> Callable[[], Awaitable[None]]:
    """Compare books and exchange, every 30 seconds."""

    async def run() -> None:
        session.reconcile("periodic")

    return run
