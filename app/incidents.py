"""After a kill switch, one file tells what happened: for the person who has to read it before trading is unlocked.

Written once everything is closed, by whichever process sees that; it only reads.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.alerts import AlertEvent
from app.core.errors import TraderError
from app.core.messages import AnyCommand, Event, NoticeGiven
from app.core.model import Latch, LatchKind
from app.core.money import plain
from app.core.portfolio import total_loss_pct
from app.core.state import State, liquidated
from app.ports import IncidentFiles, Reader, Row
from app.seam import Tasks
from app.session import Session

log = logging.getLogger(__name__)

BEFORE = timedelta(hours=24)
MOST = 1000  # rows of a kind


class Incidents:
    """An observer of the session."""

    def __init__(self, session: Session, reader: Reader, files: IncidentFiles, tasks: Tasks, about: str) -> None:
        self._session, self._reader, self._files, self._tasks, self._about = session, reader, files, tasks, about
        self._seen: str | None = None

    def hear(self, message: Event | AnyCommand) -> None:
        state = self._session.engine.state
        latch = state.latches.get(LatchKind.KILL_SWITCH)
        if latch is None or state.positions or not state.reconciled:
            return
        name = f"{latch.at:%Y-%m-%dT%H-%M-%SZ}-kill-switch.md"
        if name != self._seen:
            self._seen = name
            self._tasks.start(self._write(name, latch), "incident report")

    async def _write(self, name: str, latch: Latch) -> None:
        """Once, however often the process starts while the lock holds."""
        try:
            if await self._tasks.in_thread(lambda: self._files.has(name)):
                return
            since = latch.at - BEFORE
            rows = {kind: await self._rows(kind, since) for kind in ("equity", "decisions", "orders", "trades")}
            alerts, _ = await self._reader.list("alerts", MOST, 0)
            text = told(latch, self._session.engine.state, rows, alerts, self._about)
            path = await self._tasks.in_thread(lambda: self._files.write(name, text))
        except (TraderError, OSError) as error:
            log.error("the incident report could not be written: %s", error)
            return
        notice = f"what happened before and after the kill switch is written down in {path}"
        self._session.post(NoticeGiven(at=self._session.now(), event=AlertEvent.INCIDENT_REPORT, text=notice))

    async def _rows(self, kind: str, since: datetime) -> Sequence[Row]:
        found, _ = await self._reader.list(kind, MOST, 0, since=since)
        return found[::-1]


def told(latch: Latch, state: State, rows: dict[str, Sequence[Row]], alerts: Sequence[Row], about: str) -> str:
    """The report, as Markdown. Rows are oldest first, alerts newest first."""
    sold = [row for row in rows["trades"] if row["exit_reason"] == "kill_switch"]
    recent = [row for row in alerts if (row["at"] or "") >= rows_since(latch)]
    parts = [
        f"# Kill switch at {latch.at:%Y-%m-%d %H:%M:%S} UTC",
        f"{latch.reason}. {about}.",
        *_standing(state),
        "## Sold by it",
        table(sold, ("closed_at", "quantity", "entry_price", "exit_price", "profit_loss", "profit_loss_pct")),
        "## Equity, hour by hour before it",
        table(hourly(rows["equity"]), ("at", "equity", "cash", "quantity", "price")),
        "## Orders",
        table(
            rows["orders"],
            ("created_at", "role", "type", "status", "quantity", "average_price", "stop_price", "client_order_id"),
        ),
        "## Decisions",
        table(rows["decisions"], ("at", "action", "score", "outcome", "reason", "id")),
        "## Trades",
        table(rows["trades"], ("closed_at", "quantity", "entry_price", "exit_price", "profit_loss", "exit_reason")),
        "## What people were told",
        table(recent[::-1], ("at", "level", "event", "text")),
        "## What now",
        "Find out why. Nothing is opened until a person unlocks trading with password, second factor and the typed "
        "phrase, an hour after the kill at the earliest. Any decision above can be replayed: `main.py replay ID`.",
    ]
    return "\n\n".join(parts) + "\n"


def rows_since(latch: Latch) -> str:
    return f"{latch.at - BEFORE:%Y-%m-%dT%H:%M:%S}"


def _standing(state: State) -> list[str]:
    """Money and prices as they are now."""
    if state.account is None:
        return []
    account, worth = state.account, liquidated(state)
    lines = [
        f"* began with {account.first_equity:.2f}, flows since {account.flows:+.2f}, now {worth:.2f}: "
        f"down {total_loss_pct(account, worth):.2f} % per unit"
    ]
    if state.quote is not None:
        lines.append(
            f"* the feed says {plain(state.quote.bid)} / {plain(state.quote.ask)} at {state.quote.at:%H:%M:%S}"
        )
    if state.reference_price is not None:
        lines.append(f"* the reference price is {plain(state.reference_price)}")
    return ["\n".join(lines)]


def hourly(points: Sequence[Row]) -> list[Row]:
    """The first point of each hour, and the last of all."""
    hours: dict[str, Row] = {}
    for point in points:
        hours.setdefault(point["at"][:13], point)
    last = [points[-1]] if points and points[-1] not in hours.values() else []
    return [*hours.values(), *last]


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    if not rows:
        return "none"
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*head, *(f"| {' | '.join(_cell(row.get(name)) for name in columns)} |" for row in rows)])


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split()).replace("|", "/")
