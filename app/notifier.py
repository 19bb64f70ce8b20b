"""Carries alerts from the outbox to their channels, beside trading: nothing here is ever waited for by it.

Every letter is durable before it is handed to a channel and after: a restart loses none, and one in doubt is looked
for before it is sent again. A channel that fails is tried ever more seldom, for a day.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.backtest_ports import Busy
from app.channels import Channel, ChannelDown, ChannelRevoked, ChannelState, MessageRefused, Outbox, Sent
from app.core.alerts import KINDS, AlertEvent
from app.core.errors import StoreError
from app.notices import FIRST, KEPT_TRYING, OVER, SAME_AGAIN, AlertRules, Letter, Loud, Message, Sender, Told, batches
from app.seam import Clock, Tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
BETWEEN_TESTS = timedelta(seconds=30)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
REVOKED_PAUSE = timedelta(minutes=30)
TOLD_AFTER = timedelta(minutes=10)  # a channel that has failed for so long is told of on the others
ASK_PAUSE = timedelta(seconds=20)  # between two questions for a delivery
GIVEN_UP_AFTER = timedelta(hours=2)  # no news of a delivery for so long: taken for delivered
SHOWN_FOR = timedelta(days=30)  # a grave alert that nobody acknowledges
NO_STORE = timedelta(minutes=1)  # the database does not answer for so long: told without it


class Post:
    """One channel: its letters, one message at a time, and its pauses after failures."""

    def __init__(
        self, channel: Channel, state: ChannelState, outbox: Outbox, sender: Sender, clock: Clock, tasks: Tasks
    ) -> None:
        self.channel, self.state, self.busy = channel, state, False
        self._outbox, self._sender, self._clock, self._tasks = outbox, sender, clock, tasks
        self._failures = 0
        self._next_at: datetime | None = None
        self._ask_at: datetime | None = None
        self._tested_at: datetime | None = None
        self.failing_since: datetime | None = None

    async def serve(self, most: int) -> None:
        """Send what is due, at most `most` messages in an hour, then ask for what is on its way."""
        now = self._clock.now()
        if self._next_at is not None and now < self._next_at:
            return
        due = await self._tasks.in_thread(lambda: self._outbox.due(self.channel.name, now))
        due = await self._still_wanted(due, now)
        for doubtful in _by_reference(due):
            if not await self._send(doubtful, in_doubt=True):
                return
        new = [letter for letter in due if not letter.reference]
        if new:
            hour = now - timedelta(hours=1)
            sent = await self._tasks.in_thread(lambda: self._outbox.messages_since(self.channel.name, hour))
            for batch in batches(new, sent, most):
                if not await self._send(batch, in_doubt=False):
                    return
        await self._ask(now)

    async def _still_wanted(self, due: Sequence[Letter], now: datetime) -> list[Letter]:
        old = [letter for letter in due if now - letter.due_at > KEPT_TRYING]
        if old:
            log.error("%d alerts could not be delivered by %s within a day", len(old), self.channel.name)
            await self._tasks.in_thread(lambda: self._outbox.expired(old))
        return [letter for letter in due if letter not in old]

    async def _send(self, letters: list[Letter], *, in_doubt: bool) -> bool:
        """False where the channel is to be left alone for a while."""
        message = self._sender.compose(letters)
        if not in_doubt:
            await self._tasks.in_thread(lambda: self._outbox.sending(letters, message.reference))
        try:
            sent = (await self.channel.find(message) if in_doubt else None) or await self.channel.send(message)
        except MessageRefused as refusal:
            error = str(refusal)
            log.error("%s refuses a message: %s", self.channel.name, error)
            await self._tasks.in_thread(lambda: self._outbox.refused([letter.id for letter in letters], error))
            return True
        except ChannelDown as down:
            text, doubtful = str(down), down.doubtful or in_doubt  # a doubt ends with an answer, not with a failure
            await self._tasks.in_thread(lambda: self._outbox.put_back(letters, text, doubtful=doubtful))
            await self._failed("failing", text, min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE))
            return False
        except ChannelRevoked as revoked:
            text = str(revoked)
            await self._tasks.in_thread(lambda: self._outbox.put_back(letters, text, doubtful=in_doubt))
            await self._failed("revoked", text, REVOKED_PAUSE)
            return False
        await self._tasks.in_thread(lambda: self._outbox.sent(letters, self._clock.now(), sent.id))
        await self._works(sent)
        return True

    async def test(self) -> ChannelState:
        """One message now, whatever waits, and how it went. Busy: the last one was a moment ago."""
        now = self._clock.now()
        if self._tested_at is not None and now - self._tested_at < BETWEEN_TESTS:
            raise Busy("a test message was sent a moment ago; wait half a minute", int(BETWEEN_TESTS.total_seconds()))
        self._tested_at = now
        told = Told(id=0, event=AlertEvent.TEST, text="this channel works; asked for in Controls", at=now)
        letter = Letter(id=0, told=told, channel=self.channel.name, round=FIRST, silent=False, due_at=now)
        try:
            sent = await self.channel.send(self._sender.compose([letter]))
        except ChannelDown as down:
            await self._note("failing", self._sender.clean(str(down))[:300])
        except (ChannelRevoked, MessageRefused) as refusal:
            await self._note("revoked", self._sender.clean(str(refusal))[:300])
        else:
            await self._works(sent)
            if sent.id:  # whether it arrives is asked for elsewhere; that it was taken is what is known now
                return replace(self.state, status="taken", error="")
        return self.state

    # ------------------------------------------------------------ deliveries

    async def _ask(self, now: datetime) -> None:
        """What became of messages that were taken but not delivered yet."""
        if self._ask_at is not None and now < self._ask_at:
            return
        self._ask_at = now + ASK_PAUSE
        for waiting in await self._tasks.in_thread(lambda: self._outbox.on_their_way(self.channel.name)):
            ids = waiting.letters
            try:
                done = await self.channel.delivered(waiting.id) or now - waiting.sent_at > GIVEN_UP_AFTER
            except ChannelDown:
                return
            except (MessageRefused, ChannelRevoked) as refusal:
                error = str(refusal)
                await self._tasks.in_thread(lambda ids=ids, error=error: self._outbox.refused(ids, error))  # type: ignore[misc]
                await self._failed("revoked" if isinstance(refusal, ChannelRevoked) else "failing", error, FIRST_PAUSE)
                return
            if done:
                await self._tasks.in_thread(lambda ids=ids: self._outbox.arrived(ids))  # type: ignore[misc]
                await self._note("ok", "")

    # ------------------------------------------------------------ how it stands

    async def _works(self, sent: Sent) -> None:
        self._failures, self._next_at, self.failing_since = 0, None, None
        if sent.id:  # it works when the message has arrived
            await self._note(self.state.status, self.state.error, sent=True)
        else:
            await self._note("ok", self._sender.clean(sent.warning), sent=True)

    async def _failed(self, status: str, error: str, pause: timedelta) -> None:
        self._failures = min(self._failures + 1, 20)
        self._next_at = self._clock.now() + pause
        self.failing_since = self.failing_since or self._clock.now()
        log.warning("alerts by %s: %s; next try in %d s", self.channel.name, error, pause.total_seconds())
        await self._note(status, self._sender.clean(error)[:300])

    async def _note(self, status: str, error: str, *, sent: bool = False) -> None:
        now = self._clock.now()
        changed = (status, error) != (self.state.status, self.state.error)
        if not changed and not sent:
            return
        self.state = ChannelState(
            name=self.channel.name,
            status=status,
            error=error,
            changed_at=now if status != self.state.status else self.state.changed_at,
            sent_at=now if sent else self.state.sent_at,
        )
        state = self.state
        await self._tasks.in_thread(lambda: self._outbox.remember(state))


def _by_reference(due: Sequence[Letter]) -> list[list[Letter]]:
    found: dict[str, list[Letter]] = {}
    for letter in due:
        if letter.reference:
            found.setdefault(letter.reference, []).append(letter)
    return list(found.values())


def _lasts(alert: Told) -> bool:
    return KINDS[alert.event].lasting


class Notifier:
    """Posts alerts as letters, repeats the grave ones that last, and keeps every channel going by itself.

    `lasting` says which lasting events are true now (None while nothing is known for sure); `tell` puts an alert of
    our own on its way, `quiet` returns when trading has nothing to do (or soon): it goes first.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        channels: Sequence[Channel],
        rules: AlertRules,
        sender: Sender,
        lasting: Callable[[], frozenset[AlertEvent] | None],
        tell: Callable[[AlertEvent, str], None],
        quiet: Callable[[], Awaitable[None]],
        clock: Clock,
        tasks: Tasks,
        unwritten: Callable[[], bool] = lambda: False,
    ) -> None:
        """`unwritten`: whether the journal takes nothing, so that no alert can come into the outbox."""
        self._unwritten = unwritten
        self._outbox, self._channels, self._rules, self._sender = outbox, channels, rules, sender
        self._quiet = quiet
        self._lasting, self._tell, self._clock, self._tasks = lasting, tell, clock, tasks
        self.posts: list[Post] = []
        self.unseen: tuple[Told, ...] = ()  # grave alerts that nobody has acknowledged, the newest first
        self.latest = ""  # the id of the newest alert that was posted since the start
        self._told_of: set[str] = set()
        self._said: dict[tuple[AlertEvent, str], datetime] = {}
        self._no_store_since: datetime | None = None
        self._told_directly_at: datetime | None = None

    def states(self) -> list[ChannelState]:
        """Of the channels that are set up, in their order."""
        return [post.state for post in self.reaching]

    @property
    def reaching(self) -> list[Post]:
        """Those with somebody at the other end."""
        return [post for post in self.posts if post.channel.reaches]

    async def acknowledge(self, who: str, ids: Sequence[int] | None) -> int:
        """A person has seen grave alerts (None: all); returns how many were new."""
        now = self._clock.now()
        count = await self._tasks.in_thread(lambda: self._outbox.acknowledge(ids, who, now))
        self.unseen = tuple(alert for alert in self.unseen if ids is not None and alert.id not in ids)
        return count

    async def test(self, name: str) -> ChannelState:
        """KeyError: no channel is called so. Busy."""
        post = next((each for each in self.posts if each.channel.name == name), None)
        if post is None:
            raise KeyError(name)
        return await post.test()

    async def delivering(self) -> bool:
        """Whether no grave alert has been waiting for long: else the watchdog must not hear that all is well."""
        now = self._clock.now()
        try:
            since = await self._tasks.in_thread(self._outbox.grave_waiting_since)
        except StoreError:
            return False
        return since is None or now - since < TOLD_AFTER

    async def open(self) -> None:
        """Read what is known of the channels."""
        known = {state.name: state for state in await self._tasks.in_thread(self._outbox.states)}
        for channel in self._channels:
            state = known.get(channel.name) or ChannelState(name=channel.name)
            self.posts.append(Post(channel, state, self._outbox, self._sender, self._clock, self._tasks))

    async def run(self) -> None:
        await self.open()
        while True:
            try:
                await self._quiet()
                await self.step()
            except Exception:  # guard: job
                log.exception("alerts")
            await self._clock.sleep(LOOK_SECONDS)

    async def step(self) -> None:
        """One look at the outbox; each channel goes on in a task of its own."""
        now = self._clock.now()
        true_now = self._lasting()
        try:
            await self._tasks.in_thread(lambda: self._write_letters(now, true_now))
        except StoreError as error:
            await self._without_store(now, error)
            return
        if self._unwritten():
            await self._without_store(now, StoreError("the journal cannot be written: is the disk full?"))
        else:
            self._no_store_since = None
        self._tell_of_failing_channels(now)
        for post in self.posts:
            if not post.busy:
                post.busy = True
                self._tasks.start(self._serve(post), f"alerts by {post.channel.name}")

    async def _serve(self, post: Post) -> None:
        try:
            await post.serve(self._rules.max_per_hour)
        except Exception:  # guard: job
            log.exception("alerts by %s", post.channel.name)
        finally:
            post.busy = False

    # ------------------------------------------------------------ from alerts to letters

    def _write_letters(self, now: datetime, true_now: frozenset[AlertEvent] | None) -> None:
        fresh = self._outbox.fresh()
        if fresh:
            letters = [letter for alert in fresh for letter in self._letters(alert, now)]
            self._outbox.post(fresh, letters)
            self.latest = str(fresh[-1].id)
        unseen = self._outbox.unseen(now - SHOWN_FOR)
        if true_now is not None:
            self._remind(unseen, now, true_now)
        self.unseen = tuple(alert for alert in unseen if alert.event in (true_now or ()) or not _lasts(alert))

    def _letters(self, alert: Told, now: datetime) -> list[Letter]:
        """The same words within ten minutes are gathered, whatever channel they go by."""
        due = self._rules.due_at(alert.event, now)
        self._said = {words: at for words, at in self._said.items() if now - at < SAME_AGAIN}
        words = (alert.event, alert.text)
        if words in self._said and alert.event is not AlertEvent.TEST:
            due = max(due, self._said[words] + SAME_AGAIN)
        self._said.setdefault(words, now)
        return [
            self._letter(alert, post, FIRST, due)
            for post in self.reaching
            if self._rules.loud(alert.event, post.channel.kind) is not Loud.OFF and not self._useless(alert, post)
        ]

    def _useless(self, alert: Told, post: Post) -> bool:
        """A failing channel does not carry the news that it fails."""
        return alert.event is AlertEvent.CHANNEL_DOWN and post.state.status in ("failing", "revoked")

    def _letter(self, alert: Told, post: Post, round: int, due: datetime) -> Letter:
        loud = self._rules.loud(alert.event, post.channel.kind)
        return Letter(
            id=0,
            told=alert,
            channel=post.channel.name,
            round=round,
            silent=loud is Loud.SILENT or round == OVER,
            due_at=due,
        )

    def _remind(self, unseen: Sequence[Told], now: datetime, true_now: frozenset[AlertEvent]) -> None:
        """What lasts is repeated until it is seen; what is over is told where it had been told."""
        for alert in filter(_lasts, unseen):
            last = alert.repeated_at or alert.at
            if alert.event not in true_now:
                had_it = set(self._outbox.receivers(alert))
                posts = [post for post in self.reaching if post.channel.name in had_it]
                self._outbox.over(alert, now, [self._letter(alert, post, OVER, now) for post in posts])
            elif now - last >= self._rules.repeat:
                loud = [p for p in self.reaching if self._rules.loud(alert.event, p.channel.kind) is Loud.ON]
                letters = [self._letter(alert, post, alert.repeated + 1, now) for post in loud]
                self._outbox.repeat(alert, letters)

    # ------------------------------------------------------------ when channels or the store fail

    def _tell_of_failing_channels(self, now: datetime) -> None:
        """Once for each time a channel fails: at once where it refuses us, else after ten minutes."""
        for post in self.reaching:
            name, state = post.channel.name, post.state
            since = post.failing_since
            long = since is not None and now - since >= TOLD_AFTER
            if state.status == "ok":
                self._told_of.discard(name)
            elif (state.status == "revoked" or long) and name not in self._told_of:
                self._told_of.add(name)
                self._tell(AlertEvent.CHANNEL_DOWN, f"{name}: {state.error}")

    async def _without_store(self, now: datetime, error: StoreError) -> None:
        """The outbox itself is away: people are told directly, once an hour."""
        self._no_store_since = self._no_store_since or now
        told = self._told_directly_at
        if now - self._no_store_since < NO_STORE or (told is not None and now - told < timedelta(hours=1)):
            return
        self._told_directly_at = now
        alert = Told(id=0, event=AlertEvent.DATABASE, text=str(error), at=now)
        for post in self.reaching:
            letter = self._letter(alert, post, FIRST, now)
            self._tasks.start(self._directly(post.channel, self._sender.compose([letter])), "telling directly")

    async def _directly(self, channel: Channel, message: Message) -> None:
        try:
            await channel.send(message)
        except (ChannelDown, ChannelRevoked, MessageRefused) as error:
            log.error("the database is away, and %s cannot say so: %s", channel.name, error)
