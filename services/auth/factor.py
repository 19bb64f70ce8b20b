"""The second factor: six digits from a phone, each good once; ten recovery codes for the day on which it is lost.

To enrol, renew or remove it wants the password again: whoever finds an open page must not lock its owner out. The code
of an action travels with the action, in one request: there is nothing to swap in between.
"""

import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.core.errors import ConfigError
from app.seam import Clock, Tasks
from services.auth import codes, recovery_codes
from services.auth.browsers import Browsers, hashed
from services.auth.model import Codes, Enrolment, Store, User
from services.auth.seeds import Seeds
from services.auth.throttle import Throttle
from services.auth.trail import Trail

QUARTER = 15 * 60.0
TO_ENROL = 10 * 60.0  # seconds from the picture on the screen to the first code from the phone
MOST_PENDING = 100
UNPROVEN = "The password is not right, or was tried too often"
NO_CODE = "The code is not right or was used before; wait for the next one"
KEPT = "In live mode the second factor stays: it can be renewed, not removed"
log = logging.getLogger("auth")


@dataclass(frozen=True, slots=True)
class Pending:
    """A seed that was shown to one browser and is not confirmed yet."""

    username: str
    seed: str
    until: float


class Factor:
    """Implements app.control.SecondFactor but for `confirm`."""

    def __init__(
        self,
        store: Store,
        seeds: Seeds,
        browsers: Browsers,
        *,
        confirm: Callable[[str, str, str], Awaitable[bool]],
        stays: bool,
        trail: Trail,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        """`stays`: it may be renewed but not removed."""
        self._store, self._seeds, self._browsers, self._confirm = store, seeds, browsers, confirm
        self.stays = stays
        self._trail, self._clock, self._tasks = trail, clock, tasks
        self._tries = Throttle(clock, 5, QUARTER)
        self._one = threading.Lock()  # read, judge, count of a code is one step
        self._enrolled: set[str] = set()
        self._pending: dict[str, Pending] = {}

    # ------------------------------------------------------------ judging

    def enrolled(self, username: str) -> bool:
        """Cheap: called on the loop."""
        return username in self._enrolled

    @property
    def any(self) -> bool:
        """Has anybody enrolled one?"""
        return bool(self._enrolled)

    def note(self, user: User) -> None:
        if user.totp_secret:
            self._enrolled.add(user.username)
        else:
            self._enrolled.discard(user.username)

    def verify(self, username: str, code: str) -> bool:
        """True once for a good code; blocking. Five wrong ones, and none is good for a quarter of an hour."""
        return self._judged(username, lambda user: self._used(user, code))

    def verify_either(self, username: str, code: str) -> bool:
        """The same, and a recovery code will do, too: it is used up."""
        spent = recovery_codes.hashed(username, code)
        if not spent:
            return self.verify(username, code)
        if not self._judged(username, lambda user: _without(user, spent)):
            return False
        self._trail.write(username, "recovery code used", "", "ok")
        return True

    def _judged(self, username: str, use: Callable[[User], User | None]) -> bool:
        with self._one:
            user = self._store.get_user(username)
            if user is None or not user.totp_secret or self._tries.wait(username):
                return False
            try:
                used = self._store.change_user(username, use)
            except ConfigError as error:  # its key is gone: nobody gets in with a code, and the trader goes on
                log.error("%s", error)
                return False
            if used is None:
                self._tries.count(username)
                return False
            self._tries.clear(username)
        return True

    def _used(self, user: User, code: str) -> User | None:
        """With this code used up, and a seed that stood in clear sealed; None for a code that is not good."""
        if not user.totp_secret:
            return None
        step = codes.used_step(self._seeds.opened(user), code, self._clock.now().timestamp(), user.totp_step)
        if step is None:
            return None
        return replace(user, totp_step=step, totp_secret=self._seeds.sealed(user.username, user.totp_secret))

    # ------------------------------------------------------------ enrolling and renewing

    async def begin(self, who: str, secret: str, password: str, code: str, address: str) -> str:
        """Why not, in words; "" when a seed waits for its first code. Where one is enrolled, its code is wanted."""
        why = await self._refusal(who, password, code, address)
        if why:
            await self._trail.told(who, "second factor begun", address, "refused", why)
            return why
        now = self._clock.monotonic()
        self._pending = {key: each for key, each in self._pending.items() if each.until > now}
        while len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[hashed(secret)] = Pending(who, codes.new_secret(), now + TO_ENROL)
        await self._trail.told(who, "second factor begun", address, "ok")
        return ""

    def pending(self, secret: str) -> Enrolment | None:
        """What this browser, and no other, is being shown."""
        found = self._pending.get(hashed(secret))
        if found is None or found.until <= self._clock.monotonic():
            return None
        return Enrolment(address=codes.address(found.seed, found.username), secret=found.seed)

    def give_up(self, secret: str) -> None:
        self._pending.pop(hashed(secret), None)

    async def enrol(self, who: str, secret: str, code: str, address: str) -> Codes:
        """With the first code from the phone. Then every other browser and program of this user is signed out."""
        key = f"enrol {who}"
        found = self._pending.get(hashed(secret))
        if found is None or found.username != who or found.until <= self._clock.monotonic():
            return Codes(why="It took too long; please begin again")
        if self._tries.wait(key):
            return Codes(why="Too many wrong codes; wait a quarter of an hour")
        step = codes.used_step(found.seed, code, self._clock.now().timestamp(), 0)
        if step is None:
            self._tries.count(key)
            await self._trail.told(who, "second factor enrolled", address, "refused", "wrong code")
            return Codes(why="That code is not right. Perhaps the phone's clock is wrong")
        self._tries.clear(key)
        self.give_up(secret)
        made = recovery_codes.made()

        def changed(user: User) -> User:
            return replace(
                user,
                totp_secret=self._seeds.sealed(who, found.seed),
                totp_step=step,
                recovery_codes=tuple(recovery_codes.hashed(who, each) for each in made),
                epoch=user.epoch + 1,
            )

        done = await self._tasks.in_thread(lambda: self._change(who, secret, changed))
        await self._trail.told(who, "second factor enrolled", address, "ok" if done else "refused")
        return Codes(codes=made) if done else Codes(why="This user is gone")

    # ------------------------------------------------------------ recovery codes, and the end of it

    def codes_left(self, username: str) -> int:
        """Blocking."""
        user = self._store.get_user(username)
        return len(user.recovery_codes) if user else 0

    async def renew_codes(self, who: str, password: str, code: str, address: str) -> Codes:
        """Ten new recovery codes; the old ones are good no more."""
        why = await self._refusal(who, password, code, address)
        if not why and not self.enrolled(who):
            why = "There is no second factor"
        if why:
            await self._trail.told(who, "recovery codes made", address, "refused", why)
            return Codes(why=why)
        made = recovery_codes.made()
        hashes = tuple(recovery_codes.hashed(who, each) for each in made)
        await self._tasks.in_thread(
            lambda: self._store.change_user(who, lambda user: replace(user, recovery_codes=hashes))
        )
        await self._trail.told(who, "recovery codes made", address, "ok")
        return Codes(codes=made)

    async def remove(self, who: str, secret: str, password: str, code: str, address: str) -> str:
        """Why not, in words, or "" when done: then every other browser and program of this user is signed out."""
        why = KEPT if self.stays else await self._refusal(who, password, code, address)
        if not why:

            def changed(user: User) -> User:
                return replace(user, totp_secret="", totp_step=0, recovery_codes=(), epoch=user.epoch + 1)

            await self._tasks.in_thread(lambda: self._change(who, secret, changed))
        await self._trail.told(who, "second factor removed", address, "refused" if why else "ok", why)
        return why

    def _change(self, who: str, secret: str, change: Callable[[User], User]) -> bool:
        user = self._store.change_user(who, change)
        if user is None:
            return False
        self.note(user)
        self._browsers.outlive(secret, user)
        return True

    async def _refusal(self, who: str, password: str, code: str, address: str) -> str:
        """The password first: a wrong one uses up no code."""
        if not await self._confirm(who, password, address):
            return UNPROVEN
        if self.enrolled(who) and not await self._tasks.in_thread(lambda: self.verify_either(who, code)):
            return NO_CODE
        return ""


def _without(user: User, spent: str) -> User | None:
    left = tuple(each for each in user.recovery_codes if each != spent)
    return replace(user, recovery_codes=left) if len(left) < len(user.recovery_codes) else None
