"""What runs when: the table of periodic jobs. `services/scheduler` runs it; each job is guarded there.

A missed or late job is never a correctness problem: the daily reset, for one, is computed from each message's own
date, and the job is only a hint.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Protocol

from app.core.alerts import AlertEvent
from app.core.messages import Gate, GateClosed, GateOpened, NoticeGiven, TimePassed
from app.core.model import Position
from app.core.money import plain
from app.news_ports import NewsSourceState
from app.ports import Status
from app.session import Session

log = logging.getLogger(__name__)

LASTING_FAILURES = 3  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Either every so many seconds, or at a time of day ("HH:MM" in `zone`)."""

    name: str
    run: Callable[[], Awaitable[None]]
    every_seconds: float | None = None
    daily_at: str | None = None
    zone: tzinfo = UTC


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


class Polled(Protocol):
    """News that are asked for."""

    async def poll(self) -> None: ...

    def sources(self) -> Sequence[NewsSourceState]: ...


def gather_news(news: Polled, tell: Callable[[AlertEvent, str], None]) -> Callable[[], Awaitable[None]]:
    """Ask the sources that are due; one that refuses its key is told once, until it has answered again."""
    told: set[str] = set()

    async def run() -> None:
        await news.poll()
        for source in news.sources():
            if source.status == "ok":
                told.discard(source.name)
            elif source.status == "refused" and source.name not in told:
                told.add(source.name)
                tell(AlertEvent.NEWS_SOURCE, f"{source.name}: {source.error}")

    return run


def keep_history(
    update: Callable[[], Awaitable[str]], tell: Callable[[AlertEvent, str], None]
) -> Callable[[], Awaitable[None]]:
    """Bring the stored candles up to date; `update` answers what went wrong, or "". What lasts is told, once."""
    failures = 0

    async def run() -> None:
        nonlocal failures
        wrong = await update()
        failures = failures + 1 if wrong else 0
        if wrong:
            log.warning("candles are not up to date: %s", wrong)
        if failures == LASTING_FAILURES:
            tell(AlertEvent.HISTORY, wrong)

    return run


def alive(session: Session, words: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[None]]:
    """Once a day: the trader lives, and this is how it stands."""

    async def run() -> None:
        text = await words()
        session.post(NoticeGiven(at=session.now(), event=AlertEvent.ALIVE, text=text))

    return run


def ping(well: Callable[[], Awaitable[bool]], call: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[None]]:
    """Call the watchdog elsewhere while all is well; when it is not, the silence is what tells."""

    async def run() -> None:
        if await well():
            await call()

    return run


def alive_words(status: Status, positions: Sequence[Position], head: str) -> str:
    """How the trader stands: money, stops, and the journal's newest hash, so that a later change of it shows."""
    lines = [
        f"{status.state.lower()}{f' ({status.reason})' if status.reason else ''}, "
        f"equity {status.equity:.2f} ({status.day_pnl_pct:+.2f} % today, {status.total_pnl_pct:+.2f} % in all)",
        f"{len(positions)} open positions, {status.protected_pct:.0f} % under a stop; "
        f"if the server dies now at most {status.max_loss_if_server_dies:.2f} is lost, plus gaps",
    ]
    for position in positions:
        stop = f"stop {position.stop_price:.2f}" if position.stop_confirmed and position.stop_price else "NO STOP"
        lines.append(f"{plain(position.remaining)} bought at {position.entry_price:.2f}, {stop}")
    if status.last_replay is not None:
        same = "identical" if status.last_replay["identical"] else "NOT identical"
        lines.append(f"{status.last_replay['day']} replayed: {same}")
    lines.append(f"journal {head}")
    return "; ".join(lines)
