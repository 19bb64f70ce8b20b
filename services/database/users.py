"""People: accounts, sign-ins, tokens, the audit trail, remembered answers. Nothing here is part of trading."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlmodel import col, delete, select, update

from services.auth.model import LoginSession, ReadToken, User
from services.database.connection import Database
from services.database.tables import AnswerTable, AuditTable, LoginSessionTable, ReadTokenTable, UserTable


class Users:
    """Implements services.auth.Store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_user(self, username: str) -> User | None:
        with self._database.reading_rows() as session:
            found = session.get(UserTable, username)
            return _user(found) if found else None

    def has_users(self) -> bool:
        with self._database.reading_rows() as session:
            return session.exec(select(UserTable).limit(1)).first() is not None

    def save_user(self, user: User) -> None:
        with self._database.writing_rows() as session:
            session.merge(_row(user))

    def change_user(self, username: str, change: Callable[[User], User | None]) -> User | None:
        """The row is locked meanwhile, so that the trader and a command never undo each other's change."""
        with self._database.writing_rows() as session:
            found = session.get(UserTable, username, with_for_update=True)
            changed = change(_user(found)) if found else None
            if changed is not None:
                session.merge(_row(changed))
            return changed

    def names(self) -> Sequence[str]:
        with self._database.reading_rows() as session:
            return [row.username for row in session.exec(select(UserTable).order_by(UserTable.username)).all()]

    def create_session(self, session: LoginSession) -> None:
        with self._database.writing_rows() as writing:
            writing.add(
                LoginSessionTable(
                    id=session.id,
                    username=session.username,
                    epoch=session.epoch,
                    created_at=session.created_at,
                    expires_at=session.expires_at,
                    address=session.address,
                    agent=session.agent,
                )
            )

    def get_session(self, id: str) -> LoginSession | None:
        with self._database.reading_rows() as session:
            found = session.get(LoginSessionTable, id)
            return _session(found) if found else None

    def sessions_of(self, username: str) -> Sequence[LoginSession]:
        query = select(LoginSessionTable).where(LoginSessionTable.username == username)
        with self._database.reading_rows() as session:
            return [_session(row) for row in session.exec(query.order_by(col(LoginSessionTable.created_at))).all()]

    def delete_session(self, id: str) -> None:
        with self._database.writing_rows() as session:
            session.exec(delete(LoginSessionTable).where(col(LoginSessionTable.id) == id))

    def delete_sessions(self, username: str) -> None:
        with self._database.writing_rows() as session:
            session.exec(delete(LoginSessionTable).where(col(LoginSessionTable.username) == username))

    def delete_expired(self, now: datetime) -> None:
        with self._database.writing_rows() as session:
            session.exec(delete(LoginSessionTable).where(col(LoginSessionTable.expires_at) <= now))

    # ------------------------------------------------------------ tokens that may only read

    def add_token(self, token: ReadToken) -> None:
        with self._database.writing_rows() as session:
            session.add(
                ReadTokenTable(
                    id=token.id,
                    username=token.username,
                    name=token.name,
                    sha256=token.sha256,
                    created_at=token.created_at,
                    expires_at=token.expires_at,
                    used_at=token.used_at,
                )
            )

    def find_token(self, sha256: str) -> ReadToken | None:
        with self._database.reading_rows() as session:
            found = session.exec(select(ReadTokenTable).where(ReadTokenTable.sha256 == sha256)).first()
            return _token(found) if found else None

    def tokens_of(self, username: str) -> Sequence[ReadToken]:
        query = select(ReadTokenTable).where(ReadTokenTable.username == username)
        with self._database.reading_rows() as session:
            return [_token(row) for row in session.exec(query.order_by(col(ReadTokenTable.created_at))).all()]

    def token_used(self, id: str, at: datetime) -> None:
        with self._database.writing_rows() as session:
            session.exec(update(ReadTokenTable).where(col(ReadTokenTable.id) == id).values(used_at=at))

    def delete_token(self, username: str, id: str) -> bool:
        mine = (col(ReadTokenTable.id) == id, col(ReadTokenTable.username) == username)
        with self._database.writing_rows() as session:
            return bool(session.exec(delete(ReadTokenTable).where(*mine)).rowcount)

    def delete_tokens(self, username: str) -> None:
        with self._database.writing_rows() as session:
            session.exec(delete(ReadTokenTable).where(col(ReadTokenTable.username) == username))


def _row(user: User) -> UserTable:
    return UserTable(
        username=user.username,
        password_hash=user.password_hash,
        must_change=user.must_change,
        epoch=user.epoch,
        totp_secret=user.totp_secret,
        totp_step=user.totp_step,
        recovery_codes=json.dumps(user.recovery_codes),
    )


def _user(row: UserTable) -> User:
    return User(
        username=row.username,
        password_hash=row.password_hash,
        must_change=row.must_change,
        epoch=row.epoch,
        totp_secret=row.totp_secret,
        totp_step=row.totp_step,
        recovery_codes=tuple(json.loads(row.recovery_codes or "[]")),
    )


def _session(row: LoginSessionTable) -> LoginSession:
    return LoginSession(
        id=row.id,
        username=row.username,
        epoch=row.epoch,
        created_at=row.created_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
    )


def _token(row: ReadTokenTable) -> ReadToken:
    return ReadToken(
        id=row.id,
        username=row.username,
        name=row.name,
        sha256=row.sha256,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


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
        with self._database.writing_rows() as session:
            session.add(row)


class Answers:
    """First answers to requests with an Idempotency-Key, for a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recall(self, username: str, key: str, since: datetime) -> tuple[str, int, str] | None:
        """(SHA-256 of the body, status, answer) of the first request, if it is not older than `since`."""
        with self._database.reading_rows() as session:
            found = session.get(AnswerTable, (username, key))
            if found is None or found.created_at < since:
                return None
            return found.body_sha256, found.status, found.answer

    def remember(self, username: str, key: str, body_sha256: str, status: int, answer: str, now: datetime) -> None:
        with self._database.writing_rows() as session:
            session.exec(delete(AnswerTable).where(col(AnswerTable.created_at) < now - timedelta(days=1)))
            row = AnswerTable(
                username=username, key=key, body_sha256=body_sha256, status=status, answer=answer, created_at=now
            )
            session.merge(row)
