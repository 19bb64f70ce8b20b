"""A whole live trader in one process: real session, engine, executor and adapter, over real HTTP and WebSocket, against
the double of Binance.US. Time stands still unless it is carried forward, for both sides alike: what a test sees does
not depend on when it is run, nor on how fast.

    async with live_trader() as trader:
        position = await trader.bought()                 # a vote, an entry, its stop on the exchange
        trader.exchange.owner.cancel(…)                  # tests.binance_us_double: what the exchange can be made to do
        await trader.until(trader.standing_stops, within=10)   # market seconds
        trader.check_books()
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver

from app import codec
from app.asking import Outside
from app.core import orders
from app.core.decisions import Shown
from app.core.errors import ExchangeError
from app.core.messages import Alert, CandleClosed, Resume, SignalGiven, Started, TimePassed, VoteCalled
from app.core.model import Direction, Order, OrderBook, Position, PositionStatus, Role, Signal, Trade
from app.core.portfolio import nav
from app.core.rules import EntryRules, RiskLimits, Rules, StrategyRule, Tripwires, VotingRules
from app.core.state import State, held, liquidated, standing
from app.cycle import Cycle
from app.past import PastWanted
from app.ports import Journal, Strategies
from app.seam import Tasks
from app.session import Session
from services.binance_us import Addresses, BinanceUs, Client, LiveMarket
from services.binance_us.ground import LiveGround
from tests.binance_us_double import BinanceDouble
from tests.binance_us_double import Order as Listed
from tests.carried_clock import LONGEST_SECONDS, CarriedClock
from tests.fakes import MemoryJournal, MemorySeal, a_coordinator

PRICE = Decimal(50_000)
MINUTE = timedelta(minutes=1)
RECONCILE_SECONDS = 30.0
NAME = "exchange.test"
QUIET_TURNS = 8  # of the loop in a row, with nothing to do in any
NO_WIRES = Tripwires(
    orders_per_minute=None,
    orders_per_hour=None,
    notional_per_day_pct=None,
    trade_loss_pct=None,
    stop_outs_in_a_row=None,
    rejects_in_10_minutes=None,
)
RULES = Rules(
    risk=RiskLimits(entry=EntryRules(cooldown_candles=0, max_entries_per_day=None), tripwires=NO_WIRES),
    voting=VotingRules(timeframe="1m", strategies=(StrategyRule(name="technical", enabled=True, weight=Decimal(30)),)),
)


class CountingClient(Client):
    """Says how many requests, those that open a stream too, have no answer yet."""

    flying = 0

    async def send(self, url: str, method: str, headers: Mapping[str, str], body: str | None) -> Any:
        with self._in_flight():
            return await super().send(url, method, headers, body)

    @asynccontextmanager
    async def stream(self, url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with AsyncExitStack() as stack:
            with self._in_flight():
                opened = await stack.enter_async_context(super().stream(url))
            yield opened

    @contextmanager
    def _in_flight(self) -> Iterator[None]:
        self.flying += 1
        try:
            yield
        finally:
            self.flying -= 1


class LiveTrader:
    """One account and its exchange; `start` and `crash` are the lives of processes on the same books."""

    def __init__(
        self,
        exchange: BinanceDouble,
        clock: CarriedClock,
        *,
        rules: Rules = RULES,
        strategies: Strategies | None = None,
        outside: Outside | None = None,
        journal: Journal | None = None,
        symbol: str = "BTC/USD",
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.resolver = resolver  # with one, the exchange is dialled by a name and not by its number
        self.exchange, self.clock, self.rules, self.symbol = exchange, clock, rules, symbol
        self.strategies, self.outside = strategies, outside
        self.journal = journal or MemoryJournal()
        self.seal = MemorySeal()
        self.crashed: list[tuple[str, BaseException]] = []
        self._votes = 0

    # ------------------------------------------------------------ lives

    async def start(self) -> None:
        """Recovery, then trading: in the order in which wiring.trader does it."""
        clock = self.clock
        urls = (self.exchange.rest_url, self.exchange.ws_url, self.exchange.ws_api_url)
        rest, ws, ws_api = (url.replace("127.0.0.1", NAME if self.resolver else "127.0.0.1") for url in urls)
        addresses = Addresses(rest=rest, ws=ws, ws_api=ws_api)
        self.tasks = Tasks(lambda name, error: self.crashed.append((name, error)))
        self.client = CountingClient(
            addresses, clock=clock, key=self.exchange.key, secret=self.exchange.secret, resolver=self.resolver
        )
        self.adapter = BinanceUs(self.client, self.symbol, clock=clock, tasks=self.tasks)
        self.market = LiveMarket(self.client, self.symbol, clock=clock, tasks=self.tasks)
        self.ground = LiveGround(self.adapter, self.market, self.adapter)
        self.session = Session(
            journal=self.journal,
            exchange=self.adapter,
            seal=self.seal,
            tasks=self.tasks,
            clock=clock,
            market_now=self.ground.now,
            version="1",
        )
        self.adapter.reconnected = lambda: self.session.reconcile("reconnect")
        await self.session.recover()
        instrument = await self.ground.open()
        seconds = self.rules.voting.timeframe_seconds
        startup = 1800 // seconds
        wanted = PastWanted(lived_until=self.session.engine.state.now, startup=startup, seconds=seconds)
        past = await self.ground.past(wanted)
        if self.strategies is not None:
            faces = {face.name: face for face in await self.strategies.start(self.rules.voting.strategies)}
            cycle = Cycle(self.rules.voting, faces, self.symbol)
            cycle.remember_all(past)
            coordinator = a_coordinator(
                self.session,
                cycle,
                self.strategies,
                self.tasks,
                self.ground.order_book,
                outside=self.outside,
                clock=clock,
            )
            self.session.observe(coordinator.hear)
        self.tasks.start(self.session.run(), "session")
        await self.session.start(
            Started(
                at=self.session.now(),
                program_version="1",
                ledger="test",
                tag="test",
                live=True,
                candle_fed=False,
                rules=self.rules,
                config_sha256="",
                instrument=instrument,
                kill_sealed=self.seal.sealed() or "",
            )
        )
        for candle in self.ground.missed():
            self.session.post(CandleClosed(at=self.session.now(), candle=candle, late=True))
        await self.session.drained()
        self.tasks.start(self.ground.run(self.session), "market")
        self.tasks.start(self._jobs(), "jobs")

    async def _jobs(self) -> None:
        """What the scheduler does in life: time each second, a reconciliation each 30."""
        next_at = self.clock.monotonic() + RECONCILE_SECONDS
        while True:
            await self.clock.sleep(1)
            self.session.post(TimePassed(at=self.session.now()))
            if self.clock.monotonic() >= next_at:
                next_at = self.clock.monotonic() + RECONCILE_SECONDS
                self.session.reconcile("periodic")

    async def crash(self) -> None:
        """The process is gone, wherever it was; nothing is written or sent any more."""
        await self.tasks.stop()
        await self.adapter.close()

    async def restart(self) -> None:
        await self.crash()
        await self.start()

    # ------------------------------------------------------------ time

    async def settled(self) -> None:
        """Until nothing goes on any more at this moment of the market: all that is left waits for time to pass, or for
        an answer that the exchange keeps back. Where time flows by itself: until nothing goes on just now.
        """
        self.exchange.clock.tick()
        quiet, began = 0, time.monotonic()
        while quiet < QUIET_TURNS:
            assert time.monotonic() - began < LONGEST_SECONDS, "it never comes to rest"
            await asyncio.sleep(0 if self.clock.stands else 0.001)
            if self.tasks._threads:
                await asyncio.wait(self.tasks._threads)
            quiet = 0 if self._is_busy() else quiet + 1

    def _is_busy(self) -> bool:
        if self.client.flying > self.exchange.unanswered:
            return True
        turn = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # what else is to be done in it
        return bool(turn if self.clock.stands else self.session._inbox)

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Carry both sides forward, a step at a time; after each everything that became due is done."""
        await self.settled()
        while seconds > 0:
            self.clock.carry(min(step, seconds))
            self.exchange.clock.tick()
            await self.settled()
            seconds -= step

    async def until(self, true: Callable[[], Any], within: float = 60, step: float = 0.5) -> float:
        """Carry time forward until it is true; how many market seconds that took. AssertionError after `within`."""
        began = self.clock.monotonic()
        await self.settled()
        while not true():
            passed = self.clock.monotonic() - began
            assert passed <= within, f"not within {within} s; {self.standing}; told: {self.told()}; {self.why()}"
            await self.pass_time(step)
        return self.clock.monotonic() - began

    # ------------------------------------------------------------ asking for trades

    async def decide(self, action: str = "BUY", confidence: int = 90) -> None:
        """A vote on a new candle, without waiting for one."""
        self._votes += 1
        now = self.session.now()
        signal = Signal(
            strategy="technical",
            action=Direction(action),
            confidence=Decimal(confidence),
            reasoning="asked for by the test",
            asked_at=now,
            given_at=now,
            expires_at=now + MINUTE,
        )
        last_at = now.replace(second=0, microsecond=0) - MINUTE + timedelta(microseconds=self._votes)
        shown = Shown(timeframe="1m", first_at=last_at - 20 * MINUTE, last_at=last_at, count=20, sha256="00" * 32)
        self.session.post(SignalGiven(at=now, signal=signal))
        await self.session.committed(VoteCalled(at=now, shown=shown, book=await self._book()))

    async def _book(self) -> OrderBook | None:
        """As in life, where a book that cannot be had is no reason to wait for ever."""
        asking = asyncio.create_task(self.ground.order_book())
        await self.settled()
        while self.clock.stands and not asking.done():
            await self.pass_time(0.5)
        try:
            return await asking
        except ExchangeError:
            return None

    async def resumed(self) -> None:
        """A person has looked and lets trading go on."""
        await self.session.committed(Resume(at=self.session.now(), id="r", actor="owner"))

    async def bought(self) -> Position:
        """A position under a stop that the exchange has confirmed."""
        await self.until(lambda: self.standing == "TRADING", within=30)
        before = set(self.state.positions)
        await self.decide("BUY")
        await self.until(lambda: [p for p in self.protected() if p.id not in before])
        (new,) = (position for position in self.protected() if position.id not in before)
        return new

    async def move(self, price: object, step: float = 0.5) -> None:
        """The market goes there, and the trader has seen it."""
        self.exchange.market.move(str(price))
        await self.pass_time(step)

    # ------------------------------------------------------------ what is

    @property
    def state(self) -> State:
        return self.session.engine.state

    @property
    def standing(self) -> str:
        """TRADING, or the state and its reason: "PAUSED/stale_price"."""
        name, reason, _ = standing(self.state, self.session.now())
        return f"{name}/{reason}" if reason else name

    def protected(self) -> list[Position]:
        return [p for p in self.state.positions.values() if p.status is PositionStatus.OPEN and p.stop_confirmed]

    def orders(self, role: Role) -> list[Order]:
        """Ours, as the books have them, oldest first."""
        return sorted((each for each in self.state.orders.values() if each.role is role), key=lambda each: each.id)

    def ours(self, letter: str = "") -> list[Listed]:
        """Orders with our mark that the exchange ever took; `letter`: E entries, S stops, C exits."""
        taken = [order for order in self.exchange.engine.orders if orders.is_ours(order.wish.client_id)]
        return [order for order in taken if not letter or order.wish.client_id.split("-")[3][0] == letter]

    def standing_stops(self) -> list[Listed]:
        """Our stops on the exchange's book."""
        return [order for order in self.exchange.engine.open_orders() if order in self.ours("S")]

    def trades(self) -> list[Trade]:
        """Closed trades that the journal was given."""
        assert isinstance(self.journal, MemoryJournal)
        return [each for each in self.journal.changes if isinstance(each, Trade)]

    def why(self) -> str:
        """Why the last decision came out as it did."""
        return self.state.last_decision.reason if self.state.last_decision else "nothing was decided"

    def told(self) -> list[str]:
        """Names of the alerts that people were given, oldest first."""
        found: list[str] = []
        for row in self._rows():
            found += [action.event.value for action in codec.decode(row.actions) if isinstance(action, Alert)]
        return found

    def _rows(self) -> Sequence[Any]:
        return self.journal.rows(0, 100_000)

    def balance(self, asset: str) -> Decimal:
        account = self.exchange.account
        return account.free[asset] + account.locked[asset]

    @property
    def nav(self) -> Decimal:
        """What one unit is worth: only profit and loss move it."""
        assert self.state.account is not None
        return nav(self.state.account, liquidated(self.state))

    def ledger_difference(self) -> tuple[Decimal, Decimal]:
        """(cash, bitcoin): the exchange's balance less our books'. Both 0 where nothing else uses the account."""
        assert self.state.account is not None
        return self.balance("USD") - self.state.account.cash, self.balance("BTC") - held(self.state)

    def check_books(self, own_bitcoin: object = 0) -> None:
        """Nothing lost, nothing doubled, nothing naked. Call it where nothing is under way."""
        cash, bitcoin = self.ledger_difference()
        assert (cash, bitcoin) == (Decimal(0), Decimal(str(own_bitcoin))), f"the books differ by {cash} and {bitcoin}"
        ids = [order.wish.client_id for order in self.ours()]
        assert len(ids) == len(set(ids)), "an id was taken twice"
        for position in self.state.positions.values():
            stops = [o for o in self.standing_stops() if orders.position_of(o.wish.client_id) == position.id]
            assert len(stops) <= 1, "two stops could sell twice"
            if position.status is PositionStatus.OPEN:
                assert stops, f"position {position.id} has no stop on the exchange"
                assert stops[0].wish.quantity == position.remaining
        assert len(self.standing_stops()) <= len(self.state.positions), "an orphan rests on the exchange"


@asynccontextmanager
async def live_trader(
    *,
    balances: dict[str, Any] | None = None,
    stop_loss_orders: bool = True,
    clock: CarriedClock | None = None,
    **settings: Any,
) -> AsyncIterator[LiveTrader]:
    """A trader that trades, at 50,000, with 10,000 dollars and half an hour of candles behind it."""
    clock = clock or CarriedClock()
    async with (
        clock.ruling(),
        BinanceDouble(
            str(settings.get("symbol", "BTC/USD")).replace("/", ""),
            balances=balances,
            stop_loss_orders=stop_loss_orders,
            now=lambda: clock.now().timestamp(),
        ) as exchange,
    ):
        exchange.market.move(PRICE)
        minute = exchange.clock.ms() // 60_000 * 60_000
        exchange.candles.fill((minute - back * 60_000, PRICE, PRICE, PRICE, PRICE, 1) for back in range(40, 0, -1))
        trader = LiveTrader(exchange, clock, **settings)
        try:
            await trader.start()
            await trader.until(lambda: trader.standing == "TRADING", within=30)
            yield trader
        finally:
            clock.flow()  # who is shut down may wait for a moment
            exchange.faults.clear()
            await trader.crash()
        assert trader.crashed == []
