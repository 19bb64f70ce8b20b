"""Signed-in browsers: server-side rows, good for 24 hours however much they are used, five of a user at most.

What a cookie holds is never kept: the store has its SHA-256.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.seam import Clock, Tasks, token
from services.auth.model import Browser, LoginSession, SignedIn, Store, User
from services.auth.remembered import Remembered
from services.auth.trail import Trail

SESSION = timedelta(hours=24)
SESSIONS_EACH = 5
SHOWN = 16  # characters of a session's hash that name it on a page


class Browsers:
    def __init__(
        self,
        store: Store,
        *,
        standing: Callable[[str, int, datetime], SignedIn | None],
        remembered: Remembered,
        trail: Trail,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        """`standing` says whether a user's epoch is still the one that a session was made in."""
        self._store, self._standing, self._remembered, self._trail = store, standing, remembered, trail
        self._clock, self._tasks = clock, tasks

    def begin(self, user: User, address: str, agent: str) -> str:
        """What the cookie is to hold. Blocking."""
        now, secret = self._clock.now(), token(32)
        self._store.delete_expired(now)
        for old in list(self._store.sessions_of(user.username))[: -(SESSIONS_EACH - 1)]:
            self._store.delete_session(old.id)
            self._remembered.forget(old.id)
        session = LoginSession(
            id=hashed(secret),
            username=user.username,
            epoch=user.epoch,
            created_at=now,
            expires_at=now + SESSION,
            address=address,
            agent=agent[:200],
        )
        self._store.create_session(session)
        return secret

    async def find(self, secret: str | None) -> SignedIn | None:
        """Who this cookie stands for, if it is still good."""
        if not secret or len(secret) > 128:
            return None
        id = hashed(secret)
        if known := self._remembered.get(id):
            return known
        found = await self._tasks.in_thread(lambda: self._find(id))
        self._remembered.put(id, found)
        return found

    def _find(self, id: str) -> SignedIn | None:
        session = self._store.get_session(id)
        return self._standing(session.username, session.epoch, session.expires_at) if session else None

    async def end(self, secret: str, address: str = "") -> None:
        """Sign this browser out."""
        who = await self.find(secret)
        await self._tasks.in_thread(lambda: self._store.delete_session(hashed(secret)))
        self._remembered.forget(hashed(secret))
        if who is not None:
            await self._trail.told(who.username, "sign out", address, "ok")

    # ------------------------------------------------------------ the others

    async def signed_in(self, secret: str) -> Sequence[Browser]:
        """Those of this browser's user that are still good, the newest first."""
        return await self._tasks.in_thread(lambda: self._signed_in(secret))

    def _signed_in(self, secret: str) -> list[Browser]:
        mine = self._store.get_session(hashed(secret))
        if mine is None:
            return []
        good = [
            each
            for each in self._store.sessions_of(mine.username)
            if each.epoch == mine.epoch and each.expires_at > self._clock.now()
        ]
        shown = [
            Browser(
                id=each.id[:SHOWN],
                agent=each.agent,
                address=each.address,
                since=each.created_at,
                current=each.id == mine.id,
            )
            for each in reversed(good)
        ]
        return sorted(shown, key=lambda each: not each.current)

    async def end_other(self, secret: str, id: str, address: str) -> bool:
        """Sign out another browser of the same user; whether there was one of this id."""
        return await self._end_others(secret, lambda each: each.id[:SHOWN] == id, "sign out one browser", address) > 0

    async def end_others(self, secret: str, address: str) -> int:
        """Sign out every browser of this user but this one; how many there were."""
        return await self._end_others(secret, lambda _: True, "sign out other browsers", address)

    async def _end_others(self, secret: str, wanted: Callable[[LoginSession], bool], action: str, address: str) -> int:
        def work() -> tuple[str, list[LoginSession]]:
            mine = self._store.get_session(hashed(secret))
            if mine is None:
                return "", []
            others = [each for each in self._store.sessions_of(mine.username) if each.id != mine.id and wanted(each)]
            for each in others:
                self._store.delete_session(each.id)
                self._remembered.forget(each.id)
            return mine.username, others

        username, ended = await self._tasks.in_thread(work)
        if username:
            came_from = ", ".join(each.address for each in ended)
            await self._trail.told(username, action, address, "ok" if ended else "refused", came_from)
        return len(ended)

    def outlive(self, secret: str, user: User) -> None:
        """Of all sessions of a user whose epoch went up, this one alone goes on. Blocking."""
        mine = self._store.get_session(hashed(secret))
        self._store.delete_sessions(user.username)
        if mine is not None and mine.username == user.username and mine.epoch == user.epoch - 1:
            self._store.create_session(replace(mine, epoch=user.epoch))
        self._remembered.clear()


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
