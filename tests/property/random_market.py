"""A trader walked at random over the pretend exchange: wild prices, lost answers, half-done requests, restarts.

The walk plays the session and the executor by hand, so that every message can be recorded and every rule be checked
after each. The pretend exchange holds a bitcoin of the owner's own: selling any of it would show.
"""

import contextlib
import random
from collections import Counter, deque
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from app import codec
from app.core.engine import Engine
from app.core.errors import ExchangeRefused
from app.core.messages import (
    AccountSeen,
    Action,
    AnyCommand,
    CancelOrder,
    CancelUncertain,
    CandleClosed,
    ChangeRisk,
    CloseAll,
    ClosePosition,
    ConfirmPrice,
    Event,
    Gate,
    OrderNotFound,
    OrderNotSent,
    OrderRefused,
    OrderReported,
    OrderSending,
    OrdersListed,
    OrderUncertain,
    Pause,
    PlaceOrder,
    PriceSeen,
    QueryOrder,
    ReadAccount,
    Refusal,
    ReplaceStop,
    Resume,
    SignalGiven,
    Started,
    TimePassed,
    Unlock,
    VoteCalled,
)
from app.core.model import (
    Candle,
    Fill,
    LatchKind,
    OrderReport,
    OrderStatus,
    PositionStatus,
    Role,
    Side,
    Trade,
)
from app.core.orders import TERMINAL
from app.core.rules import EntryRules, RiskLimits, Simulation, Trailing
from app.core.state import held, live_orders, standing
from app.outcomes import cancelling_failed, placing_failed
from backtest.simulator import Book, Resting, Simulator, instrument_for
from tests.builders import MINUTE, NOON, a_book, a_signal, d, shown, some_rules
from tests.core_stories import NO_WIRES

CASH = Decimal(10_000)
LAG = timedelta(seconds=12)
OWNERS = Decimal(1)  # bitcoin on the account that is not ours to sell
RULES = some_rules(
    risk=RiskLimits(
        stop_loss_pct=d("1.5"),
        daily_loss_limit_pct=d(1),
        trailing=Trailing(activate_pct=d("0.5"), distance_pct=d("0.5"), min_step_pct=d("0.1")),
        entry=EntryRules(cooldown_candles=0, max_entries_per_day=None, max_basis_pct=None),
        tripwires=replace(NO_WIRES, rejects_in_10_minutes=8),
    )
)
Heard = Event | AnyCommand
Journalled = tuple[Heard, list[Action], datetime]  # what was heard, what it led to, how late it was by then


class PartialSimulator(Simulator):
    """Sometimes an entry or a sale fills in part, and the rest expires."""

    dice: random.Random
    calm = False

    def _fill(self, resting: Resting, price: Decimal, at: object) -> OrderReport:  # type: ignore[override]
        order = resting.order
        part = self.instrument.quantity_down(order.quantity * self.dice.randrange(1, 10) / 10)
        if self.calm or order.role is Role.STOP or not part or self.dice.random() > 0.2:
            return super()._fill(resting, price, at)  # type: ignore[arg-type]
        smaller = replace(resting, order=replace(order, quantity=part))
        report = replace(super()._fill(smaller, price, at), status=OrderStatus.EXPIRED)  # type: ignore[arg-type]
        self.book.reports[order.client_order_id] = report
        return report


class Walk:
    """One run. `calm` lets everything succeed from then on, so that it can be seen whether all comes to rest."""

    def __init__(self, seed: int, *, candle_fed: bool, counts: Counter[str]) -> None:
        self.dice, self.candle_fed, self.counts = random.Random(seed), candle_fed, counts
        simulation = Simulation(fee_in=self.dice.choice(["base", "quote"]))
        self.market = PartialSimulator(
            instrument_for("BTC/USD", simulation), simulation, Book(quote_total=CASH, base_total=OWNERS)
        )
        self.market.dice = self.dice
        self.engine = Engine()
        self.now, self.price = NOON, Decimal(50_000)
        self.opened = self.price
        self.drift = 0.0
        self.todo: deque[Action] = deque()
        self.fills: dict[str, Fill] = {}
        self.placed_at: dict[str, datetime] = {}
        self.levels: dict[str, Decimal] = {}  # position → its highest stop that the exchange ever took
        self.journal: list[Journalled] = []
        self.tick: Heard | None = None
        self.calm = False
        self.commands = 0

    # ------------------------------------------------------------ the walk

    def start(self) -> None:
        self._tell(self._started())
        self._perform_all()
        self._see_price()

    def step(self) -> None:
        choice = self.dice.random()
        if choice < 0.62:
            self._move_price()
        elif choice < 0.80:
            self._vote()
        elif choice < 0.90:
            self._pass_time()
        elif choice < 0.94:
            self._command()
        elif choice < 0.96:
            self._tell_account()
        elif choice < 0.97:
            self._list_orders()
        else:
            self._restart()
        self._perform_all()

    def come_to_rest(self) -> None:
        """From now on everything is answered: after half a quiet hour nothing may hang."""
        self.calm = self.market.calm = True
        self.drift = 0.0
        for _ in range(12):
            self._tell_account()
            self._perform_all()
            for _ in range(30):
                self._advance(timedelta(seconds=7))
                self._market_moves()
                self._perform_all()
        self._tell(Pause(at=self.now, id="end", actor="me"))

    # ------------------------------------------------------------ what happens

    def _move_price(self) -> None:
        if self.dice.random() < 0.03:
            self.drift = self.dice.gauss(0, 0.0015)
        jump = self.dice.choice([-0.03, -0.02, 0.02]) if self.dice.random() < 0.02 else 0.0
        factor = 1 + self.drift + self.dice.gauss(0, 0.002) + jump
        self.price = Decimal(f"{max(float(self.price) * factor, 1000.0):.2f}")
        self._advance(timedelta(seconds=self.dice.choice([1, 20, 60, 300])))
        self._market_moves()

    def _advance(self, by: timedelta) -> None:
        before, self.now = self.now, self.now + by
        if not self.candle_fed and self.now.minute != before.minute:
            opened = self.now.replace(second=0, microsecond=0) - MINUTE
            self._tell(CandleClosed(at=self.now, candle=self._candle(opened)))

    def _candle(self, opened_at: object) -> Candle:
        return Candle(
            symbol="BTC/USD",
            opened_at=opened_at,  # type: ignore[arg-type]
            seconds=60,
            open=self.opened,
            high=max(self.opened, self.price),
            low=min(self.opened, self.price),
            close=self.price,
            volume=Decimal(1),
        )

    def _market_moves(self) -> None:
        """The exchange fills what the price touches; now and then nobody hears of it."""
        if self.candle_fed:
            self._live_through(self._candle(self.now))
            return
        spread = self.price / 10_000
        bid, ask = self.price, self.market.instrument.price_up(self.price + spread)
        self._report(self.market.at_price(bid, ask, self.now, self.now))
        self._tell(PriceSeen(at=self.now, bid=bid, ask=ask))
        self._tell(TimePassed(at=self.now))
        self._perform_all()

    def _see_price(self) -> None:
        self._market_moves()

    def _live_through(self, candle: Candle) -> None:
        for step in (
            lambda: self.market.stops_first(candle),
            lambda: self.market.cancels(candle.opened_at),
            lambda: self.market.at_open(candle),
            lambda: self.market.new_stops(candle),
        ):
            self._report(step())
            self._perform_all()
        self.now, self.opened = max(self.now, candle.closed_at), self.price
        self._tell(CandleClosed(at=self.now, candle=candle))
        self._tell(TimePassed(at=self.now))
        self._perform_all()

    def _vote(self) -> None:
        said = self.dice.choice(["BUY", "BUY", "BUY", "BUY", "HOLD", "SELL"])
        self._tell(SignalGiven(at=self.now, signal=a_signal(said, self.dice.randrange(60, 100), at=self.now)))
        quarter = self.now.replace(minute=self.now.minute // 15 * 15, second=0, microsecond=0)
        quote = self.engine.state.quote
        book = a_book(quote.price) if quote is not None else None
        self._tell(VoteCalled(at=self.now, shown=shown(quarter - timedelta(minutes=15)), book=book))

    def _pass_time(self) -> None:
        hours = self.dice.choice([0, 0, 0, 2, 7])
        self._advance(timedelta(hours=hours, seconds=self.dice.randrange(1, 40)))
        self._tell(TimePassed(at=self.now))

    def _command(self) -> None:
        self.commands += 1
        who = {"at": self.now, "id": f"c{self.commands}", "actor": "me"}
        state = self.engine.state
        position = self.dice.choice([*state.positions, "nobody"])
        limits = replace(state.rules.risk, position_size_pct=d(self.dice.randrange(1, 6)))
        commands: list[AnyCommand] = [
            Pause(**who),
            CloseAll(**who),
            ClosePosition(**who, position_id=position),
            ClosePosition(**who, position_id=position),
            Unlock(**who, kind=self.dice.choice(list(LatchKind))),
            Unlock(**who, kind=LatchKind.RUNAWAY),
            ChangeRisk(**who, limits=limits, name="size", value="", now=self.dice.random() < 0.5),
        ]
        self._tell(self.dice.choice(commands))
        if self.dice.random() < 0.8:
            self._tell(Unlock(**who, kind=LatchKind.RUNAWAY))
            self._tell(Unlock(**who, kind=LatchKind.AUTH))
            self._tell(Resume(**who))

    def _tell_account(self) -> None:
        doubtful = tuple(order.id for order in live_orders(self.engine.state))
        self.todo.append(ReadAccount(symbol="BTC/USD", doubtful=doubtful))

    def _list_orders(self) -> None:
        """What the exchange lists; now and then it does not list one that it has."""
        listed = [id for id in self.market.book.resting if not self._trouble(0.1)]
        self.counts["lists"] += 1
        self._tell(OrdersListed(at=self.now, open_ids=tuple(listed)))

    def _restart(self) -> None:
        """What was asked for and not done is lost; the journal alone, or a stored state, begins anew."""
        self.counts["restarts"] += 1
        self.todo.clear()
        self.tick = None
        if self.dice.random() < 0.5:
            self.engine = replayed(self.journal)
        else:
            self.counts["from a stored state"] += 1
            self.engine = Engine(codec.decode(codec.encode(replayed(self.journal).state)))
        self._advance(timedelta(seconds=self.dice.randrange(1, 90)))
        self._tell(self._started())

    def _started(self) -> Started:
        return Started(
            at=self.now,
            program_version="1",
            ledger="test",
            tag="test",
            live=False,
            candle_fed=self.candle_fed,
            rules=RULES,
            config_sha256="",
            instrument=self.market.instrument,
        )

    # ------------------------------------------------------------ the executor, with trouble

    def _trouble(self, chance: float = 0.12) -> bool:
        return not self.calm and self.dice.random() < chance

    def _perform_all(self) -> None:
        while self.todo:
            self._perform(self.todo.popleft())

    def _perform(self, action: Action) -> None:
        match action:
            case PlaceOrder():
                self._place(action)
            case CancelOrder(client_order_id=id):
                self._cancel(id)
            case ReplaceStop():
                self._replace(action)
            case QueryOrder(client_order_id=id, complete=complete):
                if not self._trouble(0.3):
                    self._tell(self._found(id) or OrderNotFound(at=self.now, client_order_id=id, complete=complete))
            case ReadAccount(doubtful=doubtful):
                if not self._trouble():
                    self._tell(self._account(doubtful))
            case ConfirmPrice():
                if not self._trouble(0.5):
                    self._tell(PriceSeen(at=self.now, bid=self.price, ask=self.price, source="asked"))
            case _:
                self.counts[type(action).__name__] += 1

    def _sends(self, order: PlaceOrder) -> bool:
        self._tell(OrderSending(at=self.now, client_order_id=order.client_order_id))
        return self.engine.state.orders[order.client_order_id].status is OrderStatus.SENDING

    def _place(self, order: PlaceOrder) -> None:
        id = order.client_order_id
        if not self._sends(order):
            return
        if order.role is Role.ENTRY and not self.engine.trading:
            self._tell(OrderNotSent(at=self.now, client_order_id=id, reason="shut"))
        elif not self._trouble():
            self._attempt(order)
        elif self.dice.random() < 0.4:
            refusal = self.dice.choice(list(Refusal))
            self.counts["refusals"] += 1
            self._tell(OrderRefused(at=self.now, client_order_id=id, refusal=refusal, reason="no"))
        else:
            self.counts["doubts"] += 1
            if self.dice.random() < 0.5:
                with contextlib.suppress(ExchangeRefused):
                    self._really_place(order)
            if self.dice.random() < 0.8:  # else the program dies before it hears anything
                self._tell(OrderUncertain(at=self.now, client_order_id=id, reason="timed out"))
            else:
                self._restart()

    def _attempt(self, order: PlaceOrder) -> None:
        try:
            report = self._really_place(order)
        except ExchangeRefused as error:
            self.counts["refused by its rules"] += 1
            self._tell(placing_failed(order.client_order_id, error, self.now))
        else:
            self._tell(OrderReported(at=self.now, report=report))

    def _really_place(self, order: PlaceOrder) -> OrderReport:
        if order.role is Role.STOP and order.stop_price is not None and self.price <= order.stop_price:
            raise ExchangeRefused("Order would trigger immediately.", "-2010")
        report = self.market.place(order, self.now)
        self.placed_at[order.client_order_id] = self.now
        if order.role is Role.STOP and order.stop_price is not None:
            assert order.stop_price >= self.levels.get(order.position_id, Decimal(0)), "a stop moved down"
            self.levels[order.position_id] = order.stop_price
        return report

    def _dies(self) -> bool:
        """The program dies before it has done what was asked for."""
        if not self._trouble(0.05):
            return False
        self._restart()
        return True

    def _cancel(self, id: str) -> None:
        if self._dies():
            return
        done = not self._trouble() or self.dice.random() < 0.5
        heard = done and not self._trouble()
        try:
            report = self.market.cancel(id, self.now, now=not self.candle_fed) if done else None
        except ExchangeRefused as error:
            self._tell(cancelling_failed(id, error, self.now))
            return
        if heard and report is not None:
            self._tell(OrderReported(at=self.now, report=report))
        else:
            self.counts["doubts"] += 1
            self._tell(CancelUncertain(at=self.now, client_order_id=id, reason="timed out"))

    def _replace(self, action: ReplaceStop) -> None:
        id, old_id = action.order.client_order_id, action.old_id
        self.counts["trailing moves"] += 1
        if self._dies():
            return
        if not self._sends(action.order):
            self._tell(CancelUncertain(at=self.now, client_order_id=old_id, reason="taken back"))
        elif self._trouble(0.1):
            self.counts["refusals"] += 1
            refusal = self.dice.choice(list(Refusal))
            self._tell(OrderRefused(at=self.now, client_order_id=id, refusal=refusal, reason="no"))
            self._tell(CancelUncertain(at=self.now, client_order_id=old_id, reason="no"))
        elif self._trouble(0.1):
            self.counts["half done"] += 1
            before = self.counts["restarts"]
            self._cancel(old_id)
            if self.counts["restarts"] == before:
                self._tell(OrderNotSent(at=self.now, client_order_id=id, reason="only the cancel"))
        else:
            self._replace_whole(action, heard=not self._trouble(0.15))

    def _replace_whole(self, action: ReplaceStop, *, heard: bool) -> None:
        id, old_id = action.order.client_order_id, action.old_id
        done = heard or self.dice.random() < 0.5
        try:
            reports = self.market.replace(old_id, action.order, self.now) if done else ()
        except ExchangeRefused as error:
            self._tell(placing_failed(id, error, self.now))
            self._tell(CancelUncertain(at=self.now, client_order_id=old_id, reason=str(error)))
            return
        self.placed_at[id] = self.now
        if done and action.order.stop_price is not None:
            self.levels[action.order.position_id] = action.order.stop_price
        if heard:
            self._report(list(reports), lossless=True)
            return
        self.counts["doubts"] += 1
        self._tell(OrderUncertain(at=self.now, client_order_id=id, reason="timed out"))
        self._tell(CancelUncertain(at=self.now, client_order_id=old_id, reason="timed out"))

    def _found(self, id: str) -> OrderReported | None:
        """An order that was placed a moment ago may not be seen yet: memory reaches the database later."""
        report = self.market.book.reports.get(id)
        if self.now - self.placed_at.get(id, NOON) < LAG and self._trouble(0.6):
            return None
        return OrderReported(at=self.now, report=report) if report else None

    def _account(self, doubtful: tuple[str, ...]) -> AccountSeen:
        book = self.market.book
        return AccountSeen(
            at=self.now,
            quote_total=book.quote_total,
            base_total=book.base_total,
            base_free=self.market.base_free,
            reports=tuple(book.reports[id] for id in doubtful if id in book.reports),
            open_ids=tuple(book.resting),
            price=self.price,
        )

    def _report(self, reports: list[OrderReport], *, lossless: bool = False) -> None:
        for report in reports:
            if not lossless and self._trouble(0.1):
                self.counts["lost reports"] += 1
                continue
            self._tell(OrderReported(at=self._a_moment_ago(), report=report))
            if self._trouble(0.05):
                self._tell(OrderReported(at=self._a_moment_ago(), report=report))

    def _a_moment_ago(self) -> datetime:
        """Time may have passed, unheard by the journal, since the exchange did what it tells."""
        return self.now - timedelta(seconds=self.dice.choice([0, 0, 0.3, 2]))

    # ------------------------------------------------------------ the session, and the rules

    def _tell(self, message: Heard) -> None:
        engine = self.engine
        trading = standing(engine.state, max(message.at, engine.state.now))[0] == "TRADING"
        quote, day = engine.state.quote, engine.state.account.day if engine.state.account else None
        actions = engine.handle(message)
        if engine.touched:
            if self.tick is not None:
                self.journal.append((self.tick, [], self.tick.at))
                self.tick = None
            self.journal.append((message, actions, engine.state.now))
        elif engine.state.quote is not quote:
            self.tick = message
            self.counts["ticks that changed nothing"] += 1
        else:
            self.counts["messages that changed nothing"] += 1
        self.todo.extend(actions)
        self._count(day)
        self._check(actions, trading=trading)

    def _count(self, day: object) -> None:
        account = self.engine.state.account
        self.counts["day changes"] += account is not None and day is not None and account.day != day
        for changed in self.engine.changes:
            if isinstance(changed, Trade):
                self.counts[f"trades by {changed.exit_reason}"] += 1
            elif isinstance(changed, Fill):
                assert changed.id not in self.fills, "a fill was booked twice"
                self.fills[changed.id] = changed

    def _check(self, actions: list[Action], *, trading: bool) -> None:
        state, book = self.engine.state, self.market.book
        entries = [each for each in actions if isinstance(each, PlaceOrder) and each.role is Role.ENTRY]
        assert trading or not entries, "an entry while trading was not open"
        assert book.base_total >= OWNERS, "the owner's own bitcoin was sold"
        stops = Counter(each.order.position_id for each in book.resting.values() if each.order.role is Role.STOP)
        assert all(count == 1 for count in stops.values()), "two stops of one position on the exchange"
        if state.account is not None:
            assert state.account.cash == self._cash_by_fills(), "cash is not what the fills say"

    def _cash_by_fills(self) -> Decimal:
        cash = CASH
        for fill in self.fills.values():
            cash += fill.notional if fill.side is Side.SELL else -fill.notional
            cash -= fill.fee if fill.fee_asset == "USD" else 0
        return cash

    def check_rest(self) -> None:
        """After the quiet half hour: books and exchange agree, and everything held is protected."""
        state, book = self.engine.state, self.market.book
        assert not state.doubts, state.doubts
        assert state.account is not None
        assert state.account.cash == book.quote_total
        assert held(state) == book.base_total - OWNERS
        assert Gate.EXTERNAL_CHANGE not in state.gates
        assert set(book.resting) == {order.id for order in live_orders(state)}
        for position in state.positions.values():
            self.counts["positions at rest"] += 1
            self.counts["positions in quarantine"] += position.status is PositionStatus.QUARANTINE
            stop = state.orders[position.stop_order_id]
            assert position.status in (PositionStatus.OPEN, PositionStatus.QUARANTINE), position
            assert position.stop_confirmed or position.status is PositionStatus.QUARANTINE, position
            assert stop.status in TERMINAL or stop.quantity == self.market.instrument.quantity_down(position.remaining)
        sold = sum((fill.quantity for fill in self.fills.values() if fill.side is Side.SELL), Decimal(0))
        bought = sum((fill.quantity for fill in self.fills.values() if fill.side is Side.BUY), Decimal(0))
        assert sold <= bought


def replayed(journal: list[Journalled]) -> Engine:
    """The journal alone, fed to a new engine, gives the same actions again."""
    engine = Engine()
    for number, (message, actions, at) in enumerate(journal):
        engine.state.now = max(engine.state.now, at)
        again = engine.handle(message)
        assert again == actions, f"message {number} {message}: {again} instead of {actions}"
    return engine
