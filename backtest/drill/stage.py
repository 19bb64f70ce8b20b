"""One scenario's world: fresh books, the pretend exchange, a market moved by hand, and a trader that can die and come
back. Market time comes from the messages, so an hour takes no longer than a second.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.channels import Sent
from app.core.alerts import KINDS, AlertEvent
from app.core.decisions import Shown
from app.core.messages import PriceSeen, SignalGiven, Started, TimePassed, VoteCalled
from app.core.model import Direction, OrderBook, OrderType, Quote, Role, Signal, SignalStatus
from app.core.money import ONE
from app.core.rules import RiskLimits, Rules, Simulation, StrategyRule, VotingRules
from app.core.state import held
from app.notices import AlertRules, Message, Sender, lasting
from app.notifier import Notifier
from app.ports import Status
from app.seam import Clock, Tasks
from app.session import Session
from app.view import Labels, View
from backtest.drill.exchange import DrillExchange
from backtest.drill.parts import Books, Line, OpenJournal, Parts
from backtest.simulator import Book, instrument_for

BEGINNING = datetime(2024, 1, 10, 12, 0, tzinfo=UTC)
SYMBOL = "BTC/USD"
CASH, PRICE = Decimal(100_000), Decimal(50_000)
DEEP = Decimal(1000)  # bitcoin on either side of the order book
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
VOTER = StrategyRule(name="fire_drill", enabled=True, weight=ONE)
RESTS_WITHIN = 20.0  # seconds of the wall clock until a trader that was told something has answered everything


class Wrong(Exception):
    """What the drill found: a sentence."""


def must(true: bool, otherwise: str) -> None:
    if not true:
        raise Wrong(otherwise)


class Ear:
    """An alert channel that only listens. Implements app.ports.Channel."""

    name = kind = "push"
    reaches = 1

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def send(self, message: Message) -> Sent:
        self.lines += message.text.splitlines()
        return Sent()

    async def find(self, message: Message) -> Sent | None:
        return None

    async def delivered(self, id: str) -> bool:
        return True


class Stage:
    def __init__(
        self, parts: Parts, name: str, limits: RiskLimits, clock: Clock, *, stop: OrderType = OrderType.STOP_LOSS
    ) -> None:
        self.parts, self._name, self.clock = parts, name, clock
        self.rules = Rules(risk=limits, voting=VotingRules(timeframe="1m", strategies=(VOTER,)))
        simulation = Simulation(slippage_pct=Decimal(0))
        kinds = (OrderType.LIMIT, OrderType.MARKET, stop)
        self.instrument = replace(instrument_for(SYMBOL, simulation), order_types=kinds)
        self.now, self.price_now = BEGINNING, PRICE
        self.books: Books = parts.books(name)
        self.seal = self.books.seal
        self.exchange = DrillExchange(
            sealed=lambda: self.seal.sealed() is not None,
            best=lambda: self.price_now,
            instrument=self.instrument,
            simulation=simulation,
            cash_of_a_new_account=Book(quote_total=CASH),
            store=self.books.paper,
            now=lambda: self.now,
            candle_fed=False,
        )
        self.ear = Ear()
        self.alive = False
        self._reference: Decimal | None = None
        self._crashed: list[str] = []
        self._waiting: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ the trader's process

    async def start(self) -> None:
        """A process begins on the books as they are, as `main.py run` begins one."""
        parts, ledger = self.parts, self.books.ledger
        self.tasks = Tasks(self._died)
        self._journal: OpenJournal = self.books.journal()
        self.alive = True
        self.session: Session = parts.session(
            journal=self._journal,
            exchange=self.exchange,
            seal=self.seal,
            tasks=self.tasks,
            clock=self.clock,
            market_now=lambda: self.now,
            version=parts.version,
        )
        labels = Labels(mode="drill", market="drill", symbol=SYMBOL, ledger=ledger.name, version=parts.version)
        self._view = View(self.session, labels, clock=self.clock, tasks=self.tasks, two_factor=lambda: True)
        line = Line(lambda: self.now, lambda: self.exchange.silent)
        self._reference = None  # a new process knows none yet
        self.pulse = parts.heartbeat(line, self.session.post, lambda: self.session.reconcile("reconnect"))
        self._notifier = self._make_notifier()
        await self._notifier.open()
        await self.session.recover()
        self.tasks.start(self.session.run(), "session")
        await self._until(self.session.start(self._started()))

    def _started(self) -> Started:
        return Started(
            at=self.session.now(),
            program_version=self.parts.version,
            ledger=self.books.ledger.name,
            tag=self.books.ledger.tag,
            live=True,
            candle_fed=False,
            rules=self.rules,
            config_sha256="",
            instrument=self.instrument,
            kill_sealed=self.seal.sealed() or "",
        )

    def _make_notifier(self) -> Notifier:
        return Notifier(
            outbox=self.books.outbox,
            channels=[self.ear],
            rules=AlertRules(),
            sender=Sender(label="DRILL", about="fire drill", link=None, clean=lambda text: text),
            lasting=lambda: lasting(self.session.engine.state) if self.session.engine.state.reconciled else None,
            tell=lambda event, text: None,
            quiet=self.session.quiet,
            clock=self.clock,
            tasks=self.tasks,
        )

    async def die(self) -> None:
        """The process is gone, in the middle of whatever it did. The exchange and the books stay."""
        if not self.alive:
            return
        self.alive = False
        self.exchange.hang_up()
        await self.tasks.stop()
        self._journal.close()

    async def restart(self) -> None:
        await self.die()
        await self.start()
        await self.rest()

    async def restore(self) -> None:
        """A new process on empty books, as after a backup from long ago; only the seal is what it was."""
        await self.die()
        kept, self.books = self.books, self.parts.books(f"{self._name} restored")
        await self.start()
        await self.rest()
        await self.price()
        self._restored_from = kept

    async def back_to_our_books(self) -> None:
        await self.die()
        self.books = self._restored_from
        await self.start()
        await self.rest()

    def _died(self, name: str, error: BaseException) -> None:
        self._crashed.append(f"{name} died: {error!r}")
        if self._waiting is not None:
            self._waiting.cancel()

    async def rest(self) -> None:
        """Until the trader has answered everything."""
        await self._until(self.session.drained())

    async def _until(self, over: Coroutine[Any, Any, None]) -> None:
        """Wait for the trader, but not for a dead one."""
        self._waiting = self.tasks.start(over, "waiting")
        if not self._crashed:
            await asyncio.wait({self._waiting}, timeout=RESTS_WITHIN)
        must(not self._crashed, "; ".join(self._crashed))
        must(self._waiting.done(), f"the trader was still busy after {RESTS_WITHIN:.0f} s")

    async def until_taken(self) -> bool:
        """Until an order is on its way whose answer will never come; False where the trader rests instead."""
        taken = self.tasks.start(self.exchange.taken.wait(), "taken")
        resting = self.tasks.start(self.session.drained(), "resting")
        self._waiting = resting
        await asyncio.wait({taken, resting}, timeout=RESTS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        must(not self._crashed, "; ".join(self._crashed))
        found = self.exchange.taken.is_set()
        self.exchange.taken.clear()
        return found

    # ------------------------------------------------------------ the market

    async def price(self, price: Decimal | None = None, *, seconds: float = 1) -> None:
        """So much later there is a new price (the same one, unless said otherwise), and everybody answers it."""
        self.move(price, seconds=seconds)
        self._tell_price()
        if self.alive:
            await self.rest()
        self.exchange.price(Quote(bid=self.price_now, ask=self.price_now, at=self.now))
        if self.alive:
            await self.rest()

    async def prices(self, count: int) -> None:
        """The same price, each second."""
        for _ in range(count):
            await self.price()

    async def glitch(self, price: Decimal) -> None:
        """One price of the feed that is none: the exchange knows nothing of it."""
        self.move(seconds=1)
        self.session.post(PriceSeen(at=self.now, bid=price, ask=price))
        await self.rest()

    def move(self, price: Decimal | None = None, *, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.price_now = self.instrument.price_down(price) if price is not None else self.price_now

    def _tell_price(self) -> None:
        if not self.alive or self.exchange.silent:
            return
        if self._reference != self.price_now:
            self._reference = self.price_now
            self.session.post(PriceSeen(at=self.now, bid=self.price_now, ask=self.price_now, source="reference"))
        self.session.post(PriceSeen(at=self.now, bid=self.price_now, ask=self.price_now))

    async def time(self, *, seconds: float) -> None:
        """Nothing but time, as the trader's own clock tells it."""
        self.move(seconds=seconds)
        self.session.post(TimePassed(at=self.now))
        await self.rest()

    def vote(self) -> None:
        """Everybody says BUY, on the newest closed candle."""
        minute = self.now.replace(second=0, microsecond=0) - MINUTE
        signal = Signal(
            strategy=VOTER.name,
            action=Direction.BUY,
            confidence=Decimal(100),
            reasoning="a drill",
            asked_at=self.now,
            given_at=self.now,
            expires_at=self.now + MINUTE,
            status=SignalStatus.OK,
        )
        shown = Shown(timeframe="1m", first_at=minute, last_at=minute, count=1, sha256="0" * 64)
        self.session.post(SignalGiven(at=self.now, signal=signal))
        levels = ((self.price_now, DEEP),)
        self.session.post(VoteCalled(at=self.now, shown=shown, book=OrderBook(bids=levels, asks=levels, at=self.now)))

    async def buy(self, *, seconds: float = 121) -> int:
        """Two candles later (or so many seconds) everybody says BUY; how many entries reached the exchange."""
        before = self.exchange.accepted(Role.ENTRY)
        await self.price(seconds=seconds)
        self.vote()
        await self.rest()
        await self.prices(2)
        return self.exchange.accepted(Role.ENTRY) - before

    async def open(self, count: int = 1) -> None:
        """So many positions more, each under its stop on the exchange."""
        for _ in range(count):
            stops = len(self.exchange.stops)
            must(await self.buy() == 1, f"no entry was sent though everybody said BUY ({self.why_not()})")
            must(len(self.exchange.stops) == stops + 1, "an entry was filled and no stop stands on the exchange")

    # ------------------------------------------------------------ what the trader says

    @property
    def status(self) -> Status:
        return self._view.status()

    @property
    def positions(self) -> int:
        return len(self._view.positions())

    def standing(self) -> str:
        """TRADING, or why not."""
        status = self.status
        return f"{status.state} {status.reason}" if status.reason else status.state

    def why_not(self) -> str:
        """What the trader says of an entry that did not come."""
        decision = self._view.latest_decision()
        return f"{self.standing()}, {decision.reason if decision else 'nothing was decided'}"

    # ------------------------------------------------------------ what people were told

    async def told(self, *events: AlertEvent) -> None:
        """Each of these reached the alert channel."""
        await self._notifier.step()
        async with asyncio.timeout(RESTS_WITHIN):
            while any(post.busy for post in self._notifier.posts):
                await self.clock.sleep(0.005)
        for event in events:
            title = f" UTC {KINDS[event].title}: "
            must(any(title in line for line in self.ear.lines), f"nobody was told: {KINDS[event].title}")

    # ------------------------------------------------------------ both sides

    async def agree(self) -> None:
        """Both sides hold the same money, each position has its own stop of its own size, and the books are whole."""
        self.session.reconcile("drill")
        await self.rest()
        cash, bitcoin = self.status.cash, held(self.session.engine.state)
        must(
            cash == self.exchange.dollars, f"the books say {cash:.2f} dollars, the exchange {self.exchange.dollars:.2f}"
        )
        must(bitcoin == self.exchange.bitcoin, f"the books say {bitcoin} bitcoin, the exchange {self.exchange.bitcoin}")
        stops = sorted(stop.quantity for stop in self.exchange.stops)
        wanted = sorted(position.remaining for position in self._view.positions())
        must(stops == wanted, f"positions of {_listed(wanted)} bitcoin stand under stops of {_listed(stops)}")
        broken = self._journal.verify()
        must(broken is None, f"the journal's chain is broken: {broken}")
        covered = self.status.protected_pct
        must(covered == 100, f"the trader says that {covered:.0f} % are under a stop")


def _listed(quantities: Sequence[Decimal]) -> str:
    return ", ".join(str(each) for each in quantities) or "none"
