"""Tokens that may read and nothing else, for a monitor or a widget: named, shown once, kept as a hash, revocable."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from app.core.errors import StoreError
from app.seam import Clock, Tasks, token
from services.auth.model import ReadToken, SignedIn, Store
from services.auth.remembered import Remembered
from services.auth.trail import Trail

PREFIX = "read_"
MOST = 20  # of a user
LONGEST_NAME = 40
USED_AGAIN = timedelta(minutes=10)  # how exactly the last use is known
FOREVER = timedelta(days=36_500)


class ReadTokens:
    def __init__(self, store: Store, *, remembered: Remembered, trail: Trail, clock: Clock, tasks: Tasks) -> None:
        self._store, self._remembered, self._trail = store, remembered, trail
        self._clock, self._tasks = clock, tasks

    async def make(self, who: str, name: str, days: int | None, address: str) -> tuple[str, str]:
        """("", its text, to be shown once), or (why not, in words, "")."""
        why, text, id = await self._tasks.in_thread(lambda: self._make(who, " ".join(name.split()), days))
        await self._trail.told(who, "read token made", address, "refused" if why else "ok", why, id)
        return why, text

    def _make(self, who: str, name: str, days: int | None) -> tuple[str, str, str]:
        mine = self._store.tokens_of(who)
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            return f"The token needs a name of at most {LONGEST_NAME} characters", "", ""
        if any(each.name.casefold() == name.casefold() for each in mine):
            return "There is a token of this name; choose another, or revoke that one", "", ""
        if len(mine) >= MOST:
            return f"There are {MOST} tokens already; revoke one that is not used", "", ""
        now, text, id = self._clock.now(), f"{PREFIX}{token(32)}", token(9)
        expires = now + timedelta(days=days) if days else None
        self._store.add_token(
            ReadToken(id=id, username=who, name=name, sha256=_hashed(text), created_at=now, expires_at=expires)
        )
        return "", text, id

    async def find(self, text: str) -> SignedIn | None:
        """Who this token stands for, if it is still good."""
        if not text.startswith(PREFIX) or len(text) > 128:
            return None
        id = f"read token {_hashed(text)}"
        if known := self._remembered.get(id):
            return known
        found = await self._tasks.in_thread(lambda: self._find(text))
        self._remembered.put(id, found)
        return found

    def _find(self, text: str) -> SignedIn | None:
        found, now = self._store.find_token(_hashed(text)), self._clock.now()
        if found is None or (found.expires_at is not None and now >= found.expires_at):
            return None
        user = self._store.get_user(found.username)
        if user is None:
            return None
        if found.used_at is None or now - found.used_at >= USED_AGAIN:
            with suppress(StoreError):  # reading goes on where nothing can be written
                self._store.token_used(found.id, now)
        expires = found.expires_at or now + FOREVER
        return SignedIn(username=user.username, must_change=user.must_change, expires_at=expires, read_only=True)

    async def of(self, who: str) -> Sequence[ReadToken]:
        """The newest first; one that has run out stays until it is revoked."""
        return await self._tasks.in_thread(lambda: list(reversed(self._store.tokens_of(who))))

    async def revoke(self, who: str, id: str, address: str) -> bool:
        """Whether there was one."""
        there = await self._tasks.in_thread(lambda: self._store.delete_token(who, id))
        self._remembered.clear()
        await self._trail.told(who, "read token revoked", address, "ok" if there else "refused", target=id)
        return there


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
