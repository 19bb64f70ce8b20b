"""People: accounts, sign-ins, the audit trail, remembered answers. Nothing here is part of trading."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from services.database.connection import Database
from services.database.tables import AnswerTable, AuditTable, UserTable


class Users:
    """Rows of users and of their sign-ins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, username: str) -> UserTable | None:
        with Session(self._database.readers, expire_on_commit=False) as session:
            return session.get(UserTable, username)

    def save(self, user: UserTable) -> None:
        with Session(self._database.writer) as session:
            session.merge(user)
            session.commit()


class Audit:
    """Only ever adds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, at: datetime, *, actor: str, action: str, target: str, detail: str, address: str, result: str
    ) -> None:
        row = AuditTable(
            at=at, actor=actor, action=action, target=target, detail=detail, address=address, result=result
        )
        with Session(self._database.writer) as session:
            session.add(row)
            session.commit()


class Answers:
    """First answers to requests with an Idempotency-Key, for a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recall(self, username: str, key: str, since: datetime) -> tuple[str, int, str] | None:
        """(SHA-256 of the body, status, answer) of the first request, if it is not older than `since`."""
        with Session(self._database.readers) as session:
            found = session.get(AnswerTable, (username, key))
            if found is None or found.created_at < since:
                return None
            return found.body_sha256, found.status, found.answer

    def remember(self, username: str, key: str, body_sha256: str, status: int, answer: str, now: datetime) -> None:
        with Session(self._database.writer) as session:
            session.exec(delete(AnswerTable).where(col(AnswerTable.created_at) < now - timedelta(days=1)))
            row = AnswerTable(
                username=username, key=key, body_sha256=body_sha256, status=status, answer=answer, created_at=now
            )
            session.merge(row)
            session.commit()
