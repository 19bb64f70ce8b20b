"""Devices that asked for web push. One row for each endpoint, whoever it belonged to before."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, delete, select

from app.push import Device, Subscription
from services.database.connection import Database
from services.database.tables import PushSubscriptionTable


class PushDevices:
    """Implements app.push.Devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Sequence[Device]:
        with self._database.reading_rows() as session:
            rows = session.exec(select(PushSubscriptionTable).order_by(col(PushSubscriptionTable.id))).all()
            return [_device(row) for row in rows]

    def put(self, username: str, subscription: Subscription, agent: str, at: datetime) -> Device:
        same = select(PushSubscriptionTable).where(PushSubscriptionTable.endpoint == subscription.endpoint)
        with self._database.writing_rows() as session:
            row = session.exec(same).first()
            if row is None:
                row = PushSubscriptionTable(endpoint=subscription.endpoint, created_at=at)
            row.username, row.agent, row.error = username, agent, ""
            row.p256dh, row.auth = subscription.p256dh, subscription.auth
            session.add(row)
            session.flush()
            return _device(row)

    def remove(self, id: int) -> None:
        with self._database.writing_rows() as session:
            session.exec(delete(PushSubscriptionTable).where(col(PushSubscriptionTable.id) == id))

    def note(self, id: int, sent_at: datetime | None, error: str) -> None:
        with self._database.writing_rows() as session:
            row = session.get(PushSubscriptionTable, id)
            if row is not None:
                row.sent_at, row.error = sent_at or row.sent_at, error
                session.add(row)


def _device(row: PushSubscriptionTable) -> Device:
    subscription = Subscription(endpoint=row.endpoint, p256dh=row.p256dh, auth=row.auth)
    return Device(
        id=row.id or 0,
        username=row.username,
        subscription=subscription,
        agent=row.agent,
        created_at=row.created_at,
        sent_at=row.sent_at,
        error=row.error,
    )
