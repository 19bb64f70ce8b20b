"""Who may come in. Every refusal sounds alike and takes alike long; nothing slow runs on the loop.

Must never log or record a password, code, session id or token.
"""

import asyncio
from dataclasses import replace
from datetime import datetime

from app.core.errors import ConfigError
from app.seam import Clock, Tasks
from services.auth import codes, tokens
from services.auth.browsers import Browsers
from services.auth.factor import Factor
from services.auth.model import Answer, Record, Seals, SignedIn, Store, User
from services.auth.passwords import Passwords, fault, first_password
from services.auth.read_tokens import ReadTokens
from services.auth.remembered import Remembered
from services.auth.seeds import Seeds
from services.auth.throttle import Throttle, neighbourhood
from services.auth.trail import Trail

QUARTER = 15 * 60.0
WRONG = Answer(outcome="wrong")


class Auth:
    """Sign-in of people and programs. `start` must have returned before anything else is asked."""

    def __init__(
        self,
        store: Store,
        *,
        key: bytes,
        seals: Seals,
        record: Record,
        clock: Clock,
        tasks: Tasks,
        passwords: Passwords | None = None,
        factor_stays: bool = False,
    ) -> None:
        """`factor_stays`: a second factor can be renewed but not removed."""
        self._store, self._key, self._seeds = store, key, Seeds(seals)
        self._clock, self._tasks, self._trail = clock, tasks, Trail(record, tasks)
        self._passwords = passwords or Passwords()
        self._pairs = Throttle(clock, 5, QUARTER)
        self._addresses = Throttle(clock, 20, QUARTER)
        self._everybody = Throttle(clock, 20, 60.0)
        self._changes = Throttle(clock, 5, QUARTER)
        self._two_at_once = asyncio.Semaphore(2)  # each check takes 64 MiB
        self._sure = Remembered(clock)
        self.browsers = Browsers(
            store, standing=self._signed_in, remembered=self._sure, trail=self._trail, clock=clock, tasks=tasks
        )
        self.factor = Factor(
            store,
            self._seeds,
            self.browsers,
            confirm=self.confirm,
            stays=factor_stays,
            trail=self._trail,
            clock=clock,
            tasks=tasks,
        )
        self.read_tokens = ReadTokens(store, remembered=self._sure, trail=self._trail, clock=clock, tasks=tasks)

    # ------------------------------------------------------------ first start

    async def start(self, username: str, password: str | None = None, totp_secret: str | None = None) -> str | None:
        """Make the first user where there is none. Returns the random first password, to be shown once, if it made one.

        Raises ConfigError for a password or secret that will not do, and where a second factor cannot be opened.
        """
        return await self._tasks.in_thread(lambda: self._start(username, password, totp_secret))

    def _start(self, username: str, password: str | None, totp_secret: str | None) -> str | None:
        if self._store.has_users():
            if user := self._store.get_user(_folded(username)):
                self._seeds.opened(user)
                self.factor.note(self._store.change_user(user.username, self._with_sealed_seed) or user)
            return None
        if password is not None and (why := fault(password, username)):
            raise ConfigError(f"TRADER_ADMIN_PASSWORD: {why}")
        first = password or first_password()
        user = User(
            username=_folded(username),
            password_hash=self._passwords.hashed(first),
            must_change=password is None,
            totp_secret=self._seeds.sealed(_folded(username), codes.checked_secret(totp_secret) if totp_secret else ""),
        )
        self._store.save_user(user)
        self.factor.note(user)
        self._trail.write(user.username, "first user made", "", "ok")
        return first if password is None else None

    def _with_sealed_seed(self, user: User) -> User | None:
        """None where it is sealed, or there is none."""
        seed = self._seeds.sealed(user.username, user.totp_secret)
        return replace(user, totp_secret=seed) if seed != user.totp_secret else None

    # ------------------------------------------------------------ signing in

    async def sign_in(self, username: str, password: str, otp: str | None, address: str, agent: str = "") -> Answer:
        """For a browser: `secret` is what its cookie holds. In place of a code a recovery code will do."""
        user = await self._checked(username, password, otp, address, "sign in")
        if isinstance(user, Answer):
            return user
        secret = await self._tasks.in_thread(lambda: self.browsers.begin(user, address, agent))
        return Answer(outcome="ok", secret=secret, must_change=user.must_change)

    async def token(self, username: str, password: str, otp: str | None, address: str) -> Answer:
        """For a program: `secret` is a bearer token."""
        user = await self._checked(username, password, otp, address, "token")
        if isinstance(user, Answer):
            return user
        made = tokens.made(self._key, user.username, user.epoch, self._clock.now())
        return Answer(outcome="ok", secret=made, must_change=user.must_change)

    async def _checked(self, username: str, password: str, otp: str | None, address: str, action: str) -> User | Answer:
        name, where = _folded(username), neighbourhood(address)
        pair = f"{name}\n{where}"
        waits = self._pairs.wait(pair), self._addresses.wait(where), self._everybody.wait("")
        if max(waits):
            await self._audited_try(name, action, address, "refused", "too many tries")
            return Answer(outcome="too_many", retry_after_seconds=max(waits))
        self._pairs.count(pair)
        self._addresses.count(where)
        self._everybody.count("")
        async with self._two_at_once:
            answer = await self._tasks.in_thread(lambda: self._judge(name, password, otp))
        if isinstance(answer, User):
            self._pairs.clear(pair)
            self._addresses.forgive(where)
            self._everybody.forgive("")
        elif answer.outcome == "code_needed":
            self._pairs.forgive(pair)
            self._addresses.forgive(where)
            self._everybody.forgive("")
        good = isinstance(answer, User)
        detail = "" if isinstance(answer, User) else answer.outcome.replace("_", " ")
        await self._audited_try(name, action, address, "ok" if good else "refused", detail)
        return answer

    def _judge(self, name: str, password: str, otp: str | None) -> User | Answer:
        """Blocking: the password first, always; then the code."""
        user = self._store.get_user(name)
        if not self._passwords.matches(user.password_hash if user else None, password) or user is None:
            return WRONG
        self.factor.note(user)
        if user.totp_secret and not otp:
            return Answer(outcome="code_needed")
        if user.totp_secret and not self.factor.verify_either(name, otp or ""):
            return WRONG
        if self._passwords.is_dated(user.password_hash):
            user = self._exchange(user, replace(user, password_hash=self._passwords.hashed(password))) or user
        return user

    # ------------------------------------------------------------ being signed in

    async def session(self, secret: str | None) -> SignedIn | None:
        """Who this cookie stands for, if it is still good."""
        return await self.browsers.find(secret)

    async def bearer(self, text: str) -> SignedIn | None:
        """Who this token stands for, if it is still good."""
        if found := await self.read_tokens.find(text):
            return found
        claims = tokens.read(self._key, text, self._clock.now())
        if claims is None:
            return None
        name, epoch, expires_at = claims
        id = f"token of {name} {epoch} {expires_at}"
        if known := self._sure.get(id):
            return known
        found = await self._tasks.in_thread(lambda: self._signed_in(name, epoch, expires_at))
        self._sure.put(id, found)
        return found

    async def sign_out(self, secret: str, address: str = "") -> None:
        await self.browsers.end(secret, address)

    def _signed_in(self, name: str, epoch: int, expires_at: datetime) -> SignedIn | None:
        user = self._store.get_user(name)
        if user is None or user.epoch != epoch or self._clock.now() >= expires_at:
            return None
        self.factor.note(user)
        return SignedIn(username=name, must_change=user.must_change, expires_at=expires_at)

    # ------------------------------------------------------------ changes

    async def change_password(self, who: str, current: str | None, new: str, address: str) -> str | None:
        """Why not, in words, or None when done: then every session and token of this user has ended.

        `current` may be None only while the random first password stands.
        """
        key = f"change {who}"
        if wait := self._changes.wait(key):
            return f"Too many wrong tries; wait {wait // 60 + 1} minutes"
        self._changes.count(key)
        async with self._two_at_once:
            why = await self._tasks.in_thread(lambda: self._change(who, current, new))
        if why is None or not why.startswith("The current"):
            self._changes.clear(key)
        self._sure.clear()
        await self._trail.told(who, "change password", address, "refused" if why else "ok")
        return why

    async def confirm(self, who: str, password: str, address: str) -> bool:
        """Whether somebody who is signed in knows the password, too. As slow for a guesser as signing in."""
        key = f"change {who}"
        if self._changes.wait(key):
            return False
        self._changes.count(key)
        async with self._two_at_once:
            good = await self._tasks.in_thread(lambda: self._knows(who, password))
        if good:
            self._changes.clear(key)
        await self._trail.told(who, "confirm password", address, "ok" if good else "refused")
        return good

    def _knows(self, who: str, password: str) -> bool:
        user = self._store.get_user(who)
        return user is not None and self._passwords.matches(user.password_hash, password)

    def _change(self, who: str, current: str | None, new: str) -> str | None:
        user = self._store.get_user(who)
        if user is None:
            return "This user is gone"
        if current is None and not user.must_change:
            return "The current password is needed"
        if current is not None and not self._passwords.matches(user.password_hash, current):
            return "The current password is not right"
        if why := fault(new, user.username):
            return why
        if self._passwords.matches(user.password_hash, new):
            return "The new password must differ from the old one"
        changed = replace(user, password_hash=self._passwords.hashed(new), must_change=False, epoch=user.epoch + 1)
        self._store.delete_tokens(who)  # before, not after: nothing of the old password may outlive it
        if not self._exchange(user, changed):
            return "This user was changed meanwhile; try again"
        self._store.delete_sessions(who)
        return None

    def _exchange(self, seen: User, new: User) -> User | None:
        """Hashing takes long, so it is done before; None where another process was quicker."""

        def change(user: User) -> User | None:
            if (user.password_hash, user.epoch) != (seen.password_hash, seen.epoch):
                return None
            return replace(user, password_hash=new.password_hash, must_change=new.must_change, epoch=new.epoch)

        return self._store.change_user(seen.username, change)

    async def end_all(self, username: str, address: str = "") -> None:
        """Sign this user out everywhere, programs too."""
        name = _folded(username)

        def end() -> None:
            self._store.delete_tokens(name)
            if self._store.change_user(name, lambda user: replace(user, epoch=user.epoch + 1)):
                self._store.delete_sessions(name)

        await self._tasks.in_thread(end)
        self._sure.clear()
        await self._trail.told(name, "sign out everywhere", address, "ok")

    # ------------------------------------------------------------ second factor (app.control.SecondFactor)

    def enrolled(self, username: str) -> bool:
        """Cheap: called on the loop."""
        return self.factor.enrolled(_folded(username))

    @property
    def two_factor(self) -> bool:
        """Has anybody enrolled a second factor?"""
        return self.factor.any

    def verify(self, username: str, code: str) -> bool:
        """True once for a good code from the phone; blocking. A recovery code moves no money."""
        return self.factor.verify(_folded(username), code)

    # ------------------------------------------------------------ small things

    async def _audited_try(self, name: str, action: str, address: str, result: str, detail: str) -> None:
        """A name that is nobody's may be a password that was typed into the wrong field."""

        def record() -> None:
            known = self._store.get_user(name) is not None
            self._trail.write(name if known else "unknown user", action, address, result, detail)

        await self._tasks.in_thread(record)


def _folded(username: str) -> str:
    return username.strip().casefold()
