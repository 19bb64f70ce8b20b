"""The one loop: inbox → engine → journal → observers → executor. Start-up is recovery; there is no second path.

Written before acted on: a message and its actions are committed before anything of them is performed. The loop hands
actions over and never waits for the outside.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app import codec
from app.core.engine import Engine
from app.core.errors import DataError, InvariantError, StoreError
from app.core.messages import (
    Action,
    AnyCommand,
    CandleClosed,
    Event,
    Gate,
    GateClosed,
    PriceSeen,
    ReadAccount,
    Started,
    TimePassed,
)
from app.core.model import OrderStatus
from app.core.state import SCHEMA, State, equity, held, live_orders, price_of, standing
from app.executor import Executor
from app.ports import Entry, EquityPoint, Exchange, Journal, JournalRow, KillSeal
from app.seam import Clock, Tasks

log = logging.getLogger(__name__)

Heard = Event | AnyCommand
Observer = Callable[[Heard], None]
INBOX_BOUND = 10_000
BATCH = 256
CHECKPOINT_EVERY = 2_000  # journal rows
PAGE = 1_000
RETRY_SECONDS, LONGEST_PAUSE = 1.0, 30.0
WATCHED = {Gate.DISK, Gate.CLOCK, Gate.EXCHANGE_UNREACHABLE, Gate.EXCHANGE_REFUSES, Gate.MARKET_ENDED}
LET_GO_FIRST = 3.0  # seconds


@dataclass(slots=True)
class Waiting:
    """A posted message, and who waits for it to be durable."""

    message: Heard
    done: asyncio.Future[None] | None = None


@dataclass(slots=True)
class Handled:
    """A batch between the engine and the journal."""

    entries: list[Entry] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    messages: list[Heard] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)


class Session:
    """Owns the engine. Everything that happens is posted here."""

    def __init__(
        self,
        *,
        journal: Journal,
        exchange: Exchange,
        seal: KillSeal,
        tasks: Tasks,
        clock: Clock,
        market_now: Callable[[], datetime],
        version: str,
    ) -> None:
        self.engine = Engine()
        self._journal, self._clock, self._tasks = journal, clock, tasks
        self._market_now, self._version = market_now, version
        self._inbox: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._busy = 0
        self._tick: tuple[Entry, Heard] | None = None  # the newest quote that is not in the journal yet
        self._observers: list[Observer] = []
        self._started: Started | None = None
        self._sampled_at: datetime | None = None
        self._points: list[EquityPoint] = []
        self._seq = self._checkpoint_seq = 0
        self.troubled = False  # the journal does not take what happens: nothing is traded
        self._seal = seal
        self._executor = Executor(self, exchange, seal, tasks)
        exchange.listen(self.post)

    # ------------------------------------------------------------ for everybody

    def now(self) -> datetime:
        """Market time, never before anything already handled."""
        return max(self._market_now(), self.engine.state.now)

    def post(self, event: Heard) -> None:
        self._put(Waiting(event))

    async def committed(self, event: Heard) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(Waiting(event, done))
        await done

    def _put(self, waiting: Waiting) -> None:
        if len(self._inbox) >= INBOX_BOUND:
            raise InvariantError(f"more than {INBOX_BOUND} messages wait: the loop has stopped")
        self._inbox.append(waiting)
        self._idle.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Until nothing waits, nothing is being performed, and nobody is being asked."""
        while self._inbox or self._busy:
            self._idle.clear()
            await self._idle.wait()

    async def quiet(self) -> None:
        """Until there is nothing to do, or for a few seconds: what can wait lets trading go first."""
        try:
            async with asyncio.timeout(LET_GO_FIRST):
                await self.drained()
        except TimeoutError:
            return

    def busy(self, count: int) -> None:
        self._busy += count
        self._settle()

    def _settle(self) -> None:
        if not self._inbox and not self._busy:
            self._idle.set()

    def may_enter(self) -> bool:
        """Read synchronously by the executor at the last moment before an entry leaves."""
        return standing(self.engine.state, self.now())[0] == "TRADING"

    def may_send(self, client_order_id: str) -> bool:
        """Whether the books still say that this order leaves now."""
        order = self.engine.state.orders.get(client_order_id)
        return order is not None and order.status is OrderStatus.SENDING

    def is_unanswered(self, client_order_id: str) -> bool:
        """Whether the books still wait to hear what became of a request about this order."""
        order = self.engine.state.orders.get(client_order_id)
        return order is not None and order.status in (OrderStatus.SENDING, OrderStatus.CANCELLING)

    def observe(self, observer: Observer) -> None:
        """`observer` hears every handled message after it is durable; its errors are kept from the loop."""
        self._observers.append(observer)

    # ------------------------------------------------------------ recovery

    async def recover(self) -> None:
        """Load the state: the newest checkpoint that is ours, and the journal after it."""
        self.engine, self._seq = await self._tasks.in_thread(lambda: recovered(self._journal))
        self._checkpoint_seq = self._seq
        self._tick = None

    async def start(self, started: Started) -> None:
        """Announce this process to the engine; it asks for the exchange's truth and trades once it has it."""
        self._started = started
        await self.committed(started)

    async def reconciled(self) -> None:
        """Until the exchange's truth is known; it is asked for again and again.

        Nothing of the market and of our orders is listened to before: what is heard would be acted upon.
        """
        await self.drained()
        pause = RETRY_SECONDS
        while not self.engine.state.reconciled:
            log.warning("the account could not be read; trying again in %d s", pause)
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            self.reconcile("start")
            await self.drained()

    async def _start_over(self, error: StoreError) -> None:
        """What could not be written is not known to have happened: forget it, read the books, ask for the truth."""
        log.error("the journal could not be written (%s); starting over from what is in it", error)
        self.troubled = True
        shut = dict(self.engine.state.gates)
        while True:
            await self._clock.sleep(RETRY_SECONDS)
            try:
                await self.recover()
                break
            except StoreError as still:
                log.error("the journal cannot be read either (%s); trying again", still)
        if self._started is not None:
            self._started = self._begun_anew(self._started)
            self.post(self._started)
            for gate in WATCHED & shut.keys():  # whoever watches them says it again only in a while
                self.post(GateClosed(at=self.now(), gate=Gate(gate), text=shut[gate]))

    def _begun_anew(self, started: Started) -> Started:
        """As the books and the seal know it now, not as this process once began: much may have changed since."""
        state = self.engine.state
        sealed, stands = self._seal.sealed() or "", state.gates.get(Gate.LIVE_CHECK, "")
        anew = replace(started, at=self.now(), kill_sealed=sealed, live_check=stands)
        if state.started is None or state.started.at != started.at or state.instrument is None:
            return anew  # that it had begun was never written
        return replace(anew, rules=state.rules, instrument=state.instrument)

    def reconcile(self, reason: str) -> None:
        """Have the exchange's truth read once more; the answer comes as an event."""
        instrument = self.engine.state.instrument
        if instrument is not None:
            doubtful = tuple(order.id for order in live_orders(self.engine.state))
            self._executor.perform([ReadAccount(symbol=instrument.symbol, doubtful=doubtful, reason=reason)])

    # ------------------------------------------------------------ the loop

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._inbox:
                await self._batch()
            self._settle()

    async def _batch(self) -> None:
        self._busy += 1
        handled = self._handle_some()
        try:
            if handled.entries or self._points:
                await self._commit(handled)
                self.troubled = False  # a full disk can still be read: only what was written proves anything
        except StoreError as error:
            for done in handled.waiting:
                if not done.done():
                    done.set_exception(error)
            await self._start_over(error)
        else:
            self._executor.perform(handled.actions)
            for done in handled.waiting:
                if not done.done():
                    done.set_result(None)
            for message in handled.messages:
                self._tell_observers(message)
        finally:
            self._busy -= 1

    def _handle_some(self) -> Handled:
        handled = Handled()
        while self._inbox and len(handled.messages) < BATCH:
            waiting = self._inbox.popleft()
            quote = self.engine.state.quote
            actions = self.engine.handle(waiting.message)
            self._record(handled, waiting.message, actions, quoted=self.engine.state.quote is not quote)
            handled.actions += actions
            handled.messages.append(waiting.message)
            if waiting.done:
                handled.waiting.append(waiting.done)
        return handled

    def _record(self, handled: Handled, message: Heard, actions: Sequence[Action], *, quoted: bool) -> None:
        """A tick that changed only the quote waits; it is written before the next message that counts."""
        entry = Entry(
            at=self.engine.state.now,
            recorded_at=self._clock.now(),
            message="",
            actions="[]",
            changes=self.engine.changes,
        )
        if self.engine.touched:
            if self._tick is not None:
                handled.entries.append(_written(self._tick[0], self._tick[1], ()))
                self._tick = None
            handled.entries.append(_written(entry, message, actions))
        elif quoted:
            self._tick = (entry, message)
        if isinstance(message, PriceSeen | CandleClosed | TimePassed):
            self._sample(self.engine.state)

    def _sample(self, state: State) -> None:
        """Equity once a minute of market time."""
        minute = state.now.replace(second=0, microsecond=0)
        if state.account is None or (self._sampled_at is not None and minute - self._sampled_at < timedelta(minutes=1)):
            return
        self._sampled_at = minute
        self._points.append(
            EquityPoint(
                at=minute,
                equity=equity(state),
                cash=state.account.cash,
                quantity=held(state),
                price=price_of(state),
            )
        )

    async def _commit(self, handled: Handled) -> None:
        """Durable before anything is done. Quiet minutes are written together with the next thing that counts."""
        if not handled.entries and len(self._points) < BATCH:
            return
        points, self._points = self._points, []
        entries = handled.entries
        self._seq = await self._tasks.in_thread(lambda: self._journal.commit(entries, points))
        if self._seq - self._checkpoint_seq >= CHECKPOINT_EVERY and not self._inbox:
            state, seq = codec.encode(self.engine.state), self._seq
            self._checkpoint_seq = seq
            await self._tasks.in_thread(lambda: self._journal.save_checkpoint(seq, SCHEMA, state))

    def _tell_observers(self, message: Heard) -> None:
        for observer in self._observers:
            try:
                observer(message)
            except Exception:  # guard: observer
                log.exception("an observer failed")


def _written(entry: Entry, message: Heard, actions: Sequence[Action]) -> Entry:
    return Entry(
        at=entry.at,
        recorded_at=entry.recorded_at,
        message=codec.encode(message),
        actions=codec.encode(list(actions)),
        changes=entry.changes,
    )


def handle_again(engine: Engine, row: JournalRow) -> list[Action]:
    """A message as it was handled when it was journalled: ticks of mere time that are not in the journal had gone by,
    and `row.at` is how late it was."""
    engine.state.now = max(engine.state.now, row.at)
    return engine.handle(codec.decode(row.message))


def recovered(journal: Journal) -> tuple[Engine, int]:
    """The engine as the journal knows it, and the last sequence number."""
    engine, seq = Engine(), 0
    checkpoint = journal.load_checkpoint()
    if checkpoint is not None and checkpoint[1] == SCHEMA:
        try:
            engine, seq = Engine(codec.decode(checkpoint[2])), checkpoint[0]
        except DataError:
            log.warning("the checkpoint cannot be read; starting from the journal")
            engine, seq = Engine(), 0
    while rows := journal.rows(seq, PAGE):
        for row in rows:
            handle_again(engine, row)
        seq = rows[-1].seq
    return engine, seq
