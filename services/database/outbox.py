"""The outbox: alerts (written by the journal with what caused them), their letters, and how channels stand."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, exists, func, insert, select, update

from app.channels import ChannelState, OnItsWay
from app.core.alerts import AlertEvent
from app.notices import OVER, Letter, Told
from services.database import tables
from services.database.connection import Database

ALERTS: Table = tables.OutboxTable.__table__  # type: ignore[attr-defined]
LETTERS: Table = tables.LetterTable.__table__  # type: ignore[attr-defined]
CHANNELS: Table = tables.ChannelTable.__table__  # type: ignore[attr-defined]
WAITING = ("waiting", "sending")
HAD = ("sent", "delivered")
AT_ONCE = 200  # alerts or letters taken in hand at one time


class DatabaseOutbox:
    """Implements app.ports.Outbox for one ledger. Writes only where something changes."""

    def __init__(self, database: Database, ledger: str) -> None:
        self._database, self._ledger = database, ledger

    # ------------------------------------------------------------ alerts

    def fresh(self) -> Sequence[Told]:
        query = select(ALERTS).where(ALERTS.c.ledger == self._ledger, ALERTS.c.status == "waiting")
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(ALERTS.c.id).limit(AT_ONCE)).mappings().all()
        return [_told(row) for row in rows]

    def post(self, alerts: Sequence[Told], letters: Sequence[Letter]) -> None:
        ids = [alert.id for alert in alerts]
        with self._database.writing() as connection:
            self._add(connection, letters)
            connection.execute(update(ALERTS).where(ALERTS.c.id.in_(ids)).values(status="posted"))

    def unseen(self, since: datetime) -> Sequence[Told]:
        query = select(ALERTS).where(
            ALERTS.c.ledger == self._ledger,
            ALERTS.c.status == "posted",
            ALERTS.c.level == "critical",
            ALERTS.c.acknowledged_at.is_(None),
            ALERTS.c.created_at > since,
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(ALERTS.c.id.desc()).limit(AT_ONCE)).mappings().all()
        return [_told(row) for row in rows]

    def repeat(self, alert: Told, letters: Sequence[Letter]) -> None:
        at = letters[0].due_at if letters else alert.at
        with self._database.writing() as connection:
            self._add(connection, letters)
            repeated = update(ALERTS).where(ALERTS.c.id == alert.id)
            connection.execute(repeated.values(repeated=alert.repeated + 1, repeated_at=at))

    def over(self, alert: Told, at: datetime, letters: Sequence[Letter]) -> None:
        with self._database.writing() as connection:
            self._add(connection, letters)
            ended = update(ALERTS).where(ALERTS.c.id == alert.id)
            connection.execute(ended.values(status="over", over_at=at))

    def receivers(self, alert: Told) -> Sequence[str]:
        query = select(LETTERS.c.channel).where(LETTERS.c.outbox_id == alert.id, LETTERS.c.status.in_(HAD)).distinct()
        with self._database.reading() as connection:
            return [row[0] for row in connection.execute(query)]

    def acknowledge(self, ids: Sequence[int] | None, who: str, at: datetime) -> int:
        seen = update(ALERTS).where(
            ALERTS.c.ledger == self._ledger, ALERTS.c.level == "critical", ALERTS.c.acknowledged_at.is_(None)
        )
        if ids is not None:
            seen = seen.where(ALERTS.c.id.in_(ids))
        with self._database.writing() as connection:
            return connection.execute(seen.values(acknowledged_at=at, acknowledged_by=who)).rowcount

    # ------------------------------------------------------------ who has looked

    def unread(self, username: str) -> int:
        query = select(func.count()).where(ALERTS.c.ledger == self._ledger, ALERTS.c.id > self._seen_by(username))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def look(self, username: str) -> None:
        newest = select(func.max(ALERTS.c.id)).where(ALERTS.c.ledger == self._ledger)
        with self._database.reading() as connection:
            id = int(connection.execute(newest).scalar() or 0)
        if id > self._seen_by(username):
            with self._database.writing_rows() as session:
                session.merge(tables.SettingTable(name=self._mark(username), value=str(id)))

    def _seen_by(self, username: str) -> int:
        with self._database.reading_rows() as session:
            found = session.get(tables.SettingTable, self._mark(username))
            return int(found.value) if found else 0

    def _mark(self, username: str) -> str:
        return f"alerts seen:{self._ledger}:{username}"

    # ------------------------------------------------------------ letters

    def _add(self, connection: Any, letters: Sequence[Letter]) -> None:
        if letters:
            connection.execute(insert(LETTERS), [self._row(letter) for letter in letters])

    def _row(self, letter: Letter) -> dict[str, Any]:
        return {
            "outbox_id": letter.told.id,
            "ledger": self._ledger,
            "channel": letter.channel,
            "round": letter.round,
            "silent": letter.silent,
            "due_at": letter.due_at,
            "status": "waiting",
            "attempts": 0,
            "reference": "",
            "provider_id": "",
            "error": "",
        }

    def due(self, channel: str, now: datetime) -> Sequence[Letter]:
        mine = (LETTERS.c.ledger == self._ledger, LETTERS.c.channel == channel)
        wanted = (LETTERS.c.status == "sending") | ((LETTERS.c.status == "waiting") & (LETTERS.c.due_at <= now))
        query = (
            select(LETTERS, ALERTS.c.event, ALERTS.c.text, ALERTS.c.created_at, ALERTS.c.id.label("alert_id"))
            .join(ALERTS, ALERTS.c.id == LETTERS.c.outbox_id)
            .where(*mine, wanted)
            .order_by(LETTERS.c.id)
            .limit(AT_ONCE)
        )
        with self._database.reading() as connection:
            return [_letter(row) for row in connection.execute(query).mappings()]

    def messages_since(self, channel: str, since: datetime) -> int:
        query = select(func.count(func.distinct(LETTERS.c.reference))).where(
            LETTERS.c.ledger == self._ledger, LETTERS.c.channel == channel, LETTERS.c.sent_at > since
        )
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def sending(self, letters: Sequence[Letter], reference: str) -> None:
        self._change(letters, status="sending", reference=reference, attempts=LETTERS.c.attempts + 1)

    def put_back(self, letters: Sequence[Letter], error: str, *, doubtful: bool) -> None:
        if doubtful:
            self._change(letters, error=error)
        else:
            self._change(letters, status="waiting", reference="", error=error)

    def sent(self, letters: Sequence[Letter], at: datetime, id: str) -> None:
        self._change(letters, status="sent" if id else "delivered", sent_at=at, provider_id=id, error="")

    def refused(self, letters: Sequence[int], error: str) -> None:
        self._change(letters, status="refused", error=error)

    def expired(self, letters: Sequence[Letter]) -> None:
        self._change(letters, status="expired")

    def arrived(self, letters: Sequence[int]) -> None:
        self._change(letters, status="delivered")

    def _change(self, letters: Sequence[Letter | int], **values: Any) -> None:
        ids = [each.id if isinstance(each, Letter) else each for each in letters]
        with self._database.writing() as connection:
            connection.execute(update(LETTERS).where(LETTERS.c.id.in_(ids)).values(**values))

    def on_their_way(self, channel: str) -> Sequence[OnItsWay]:
        query = select(LETTERS.c.id, LETTERS.c.provider_id, LETTERS.c.sent_at).where(
            LETTERS.c.ledger == self._ledger, LETTERS.c.channel == channel, LETTERS.c.status == "sent"
        )
        found: dict[str, list[Any]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(query.order_by(LETTERS.c.id).limit(AT_ONCE)):
                found[row.provider_id].append(row)
        return [
            OnItsWay(id=id, letters=tuple(row.id for row in rows), sent_at=rows[0].sent_at)
            for id, rows in found.items()
        ]

    def grave_waiting_since(self) -> datetime | None:
        """An alert that one channel has delivered is not waiting, even if another one still tries."""
        had = exists().where(LETTERS.c.outbox_id == ALERTS.c.id, LETTERS.c.status.in_(HAD))
        tried = exists().where(LETTERS.c.outbox_id == ALERTS.c.id, LETTERS.c.status.in_(WAITING))
        query = select(func.min(ALERTS.c.created_at)).where(
            ALERTS.c.ledger == self._ledger, ALERTS.c.level == "critical", tried, ~had
        )
        with self._database.reading() as connection:
            found: datetime | None = connection.execute(query).scalar()
        return found

    # ------------------------------------------------------------ channels

    def states(self) -> Sequence[ChannelState]:
        with self._database.reading() as connection:
            return [ChannelState(**row) for row in connection.execute(select(CHANNELS)).mappings()]

    def remember(self, state: ChannelState) -> None:
        values = {"status": state.status, "error": state.error}
        times = {"changed_at": state.changed_at, "sent_at": state.sent_at}
        with self._database.writing() as connection:
            connection.execute(delete(CHANNELS).where(CHANNELS.c.name == state.name))
            connection.execute(insert(CHANNELS).values(name=state.name, **values, **times))


def _told(row: Any) -> Told:
    return Told(
        id=row["id"],
        event=AlertEvent(row["event"]),
        text=row["text"],
        at=row["created_at"],
        repeated=row["repeated"],
        repeated_at=row["repeated_at"],
    )


def _letter(row: Any) -> Letter:
    told = Told(id=row["alert_id"], event=AlertEvent(row["event"]), text=row["text"], at=row["created_at"])
    return Letter(
        id=row["id"],
        told=told,
        channel=row["channel"],
        round=row["round"],
        silent=row["silent"] or row["round"] == OVER,
        due_at=row["due_at"],
        reference=row["reference"],
    )
