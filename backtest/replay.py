"""History → the same Engine, plain and synchronous: every candle is fed. This dense replay is the definition.

No clock, no session, no journal: messages and actions are passed by hand, in the order in which a session
passes them, so that a paper day over the same candles gives the same fills.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import tee, zip_longest
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.core.alerts import AlertLevel
from app.core.decisions import Decision
from app.core.engine import Engine
from app.core.errors import ExchangeRefused, StrategyError
from app.core.messages import (
    AccountSeen,
    Action,
    Alert,
    CancelOrder,
    CandleClosed,
    Event,
    OrderNotFound,
    OrderReported,
    OrderSending,
    PlaceOrder,
    PriceSeen,
    QueryOrder,
    ReadAccount,
    ReplaceStop,
    SignalGiven,
    Started,
    Unlock,
    VoteCalled,
)
from app.core.model import Candle, Fill, Instrument, LatchKind, MarketData, NewsEvent, OrderReport, Trade
from app.core.portfolio import midnight
from app.core.rules import Rules, Simulation, StrategyRule
from app.core.state import held
from app.cycle import Cycle
from app.outcomes import cancelling_failed, placing_failed
from app.ports import StrategyFace
from backtest.curve import EquityCurve, PositionSpans
from backtest.series import Floats, Times, ms_of
from backtest.simulator import Book, Simulator


class LocalStrategies(Protocol):
    """Strategies asked in this process, in history: without news."""

    def ask(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> tuple[str, Decimal, str]:
        """BUY, SELL or HOLD, confidence, why. Raises StrategyError where it fails."""

    def opinions(
        self, name: str, rows: Floats, symbol: str, timeframe: str
    ) -> tuple[NDArray[np.int8], Floats, Callable[[int], str]]:
        """What `ask` would say at every candle of a history, at once.

        `rows`: opened at (ms since 1970), open, high, low, close, volume. Gives +1, 0 or −1 and the confidence by row,
        NaN where it failed, and the words of a row. Raises StrategyError.
        """


@dataclass(slots=True)
class Run:
    """What a replay gave."""

    engine: Engine
    trades: list[Trade] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    curve: EquityCurve = field(default_factory=EquityCurve)
    positions: PositionSpans = field(default_factory=PositionSpans)
    exposed_candles: int = 0
    fed_candles: int = 0  # by the engine's hand; fast-forward skips the others
    warnings: list[str] = field(default_factory=list)
    ended_early: bool = False


class Replay:
    """One run over one series of 1-minute candles."""

    def __init__(
        self,
        *,
        rules: Rules,
        simulation: Simulation,
        instrument: Instrument,
        cash: Decimal,
        strategies: LocalStrategies,
        faces: Sequence[StrategyFace],
        version: str = "",
        config_sha256: str = "",
        reset_runaway: bool = True,
    ) -> None:
        self.engine = Engine()
        self.run = Run(self.engine)
        self.simulator = Simulator(instrument, simulation, Book(quote_total=cash))
        by_name = {face.name: face for face in faces}
        self.cycle = Cycle(rules.voting, by_name, instrument.symbol, prove=lambda candles: "")
        self._strategies = strategies
        self._rules, self._version, self._config_sha256 = rules, version, config_sha256
        self._reset_runaway = reset_runaway
        self._decides_at_open = simulation.decides_at == "open"
        self._kept: dict[type, list[Any]] = {
            Trade: self.run.trades,
            Fill: self.run.fills,
            Decision: self.run.decisions,
        }
        self._now: datetime | None = None
        self._todo: deque[Action] = deque()

    def live_through(self, past: Iterable[Candle], candles: Iterable[Candle]) -> Run:
        """Show `past` to the strategies only, then trade on `candles`. Both are 1-minute candles, oldest first."""
        for candle in past:
            self.cycle.remember(candle)
        feed, ahead = tee(candles)
        next(ahead, None)
        for candle, following in zip_longest(feed, ahead):
            if self._now is None:
                self._start(candle)
            self._candle(candle, following.open if self._decides_at_open and following is not None else None)
            self._mark(np.array([ms_of(candle.closed_at)]), np.array([float(candle.close)]))
            if self.run.ended_early:
                break
        return self.run

    # ------------------------------------------------------------ one candle

    def _start(self, candle: Candle) -> None:
        self._now = candle.opened_at
        self._tell(
            Started(
                at=candle.opened_at,
                program_version=self._version,
                ledger="backtest",
                tag="test",
                live=False,
                candle_fed=True,
                rules=self._rules,
                config_sha256=self._config_sha256,
                instrument=self.simulator.instrument,
            )
        )

    def _candle(self, candle: Candle, next_open: Decimal | None) -> None:
        """The four steps; after each one everything asked for is performed. `next_open`: the price that decides."""
        self.run.fed_candles += 1
        self._now = candle.opened_at
        self._unlock_runaway(candle.opened_at)
        if not self.simulator.quiet(candle):
            self._report(self.simulator.stops_first(candle))
            self._report(self.simulator.cancels(candle.opened_at))
            self._report(self.simulator.at_open(candle))
            self._report(self.simulator.new_stops(candle))
        self._now = at = candle.closed_at
        self._tell(CandleClosed(at=at, candle=candle))
        if next_open is not None:
            self._tell_price(at, next_open)
        self._ask(candle, at)

    def _ask(self, candle: Candle, at: datetime) -> None:
        """Nobody is asked while trading is not open."""
        self.cycle.remember(candle)
        due = self.cycle.due(at)
        if due is None or not self.engine.trading:
            return
        for rule in due.ask:
            data = self.cycle.market_data(rule, at)
            try:
                answer, error = self._strategies.ask(rule, data, ()), ""
            except StrategyError as failure:
                answer, error = None, str(failure)
            self._tell(SignalGiven(at=at, signal=self.cycle.signal(rule, at, at, answer, error)))
        self._tell(VoteCalled(at=at, shown=due.shown))

    def _mark(self, at_ms: Times, closes: Floats) -> None:
        """The account at these candles' closes, over which it stayed the same."""
        state, run = self.engine.state, self.run
        if state.account is None:
            return
        first = len(run.curve)
        run.curve.add(at_ms, state.account.cash, held(state), closes)
        if run.positions.add(state.positions.values(), first, len(run.curve)):
            run.exposed_candles += len(at_ms)
        run.ended_early = self._over

    @property
    def _over(self) -> bool:
        """The kill switch has sold everything, and nobody is here to unlock it."""
        state = self.engine.state
        return LatchKind.KILL_SWITCH in state.latches and not state.positions

    def _unlock_runaway(self, at: datetime) -> None:
        """Nobody can press reset in a backtest: entries rest until the next UTC day."""
        latch = self.engine.state.latches.get(LatchKind.RUNAWAY)
        if self._reset_runaway and latch is not None and midnight(at) > midnight(latch.at):
            self._tell(Unlock(at=at, id=f"next-day-{at:%Y%m%d}", actor="backtest", kind=LatchKind.RUNAWAY))

    # ------------------------------------------------------------ messages and actions

    def _report(self, reports: Sequence[OrderReport]) -> None:
        for report in reports:
            self._handle(OrderReported(at=report.at, report=report))
        self._perform_all()

    def _tell_price(self, at: datetime, price: Decimal) -> None:
        self._tell(PriceSeen(at=at, bid=price, ask=price))

    def _tell(self, message: Event | Unlock) -> None:
        self._handle(message)
        self._perform_all()

    def _handle(self, message: Event | Unlock) -> None:
        self._todo.extend(self.engine.handle(message))
        for changed in self.engine.changes:
            kept = self._kept.get(type(changed))
            if kept is not None:
                kept.append(changed)

    def _perform_all(self) -> None:
        while self._todo:
            self._perform(self._todo.popleft())

    def _perform(self, action: Action) -> None:
        at = self._at()
        match action:
            case PlaceOrder():
                self._handle(OrderSending(at=at, client_order_id=action.client_order_id))
                self._attempt(action.client_order_id, placing_failed, lambda: [self.simulator.place(action, at)])
            case CancelOrder(client_order_id=id):
                self._attempt(id, cancelling_failed, lambda: [self.simulator.cancel(id, at, now=False)])
            case ReplaceStop(old_id=old_id, order=order):
                self._handle(OrderSending(at=at, client_order_id=order.client_order_id))
                self._attempt(
                    order.client_order_id, placing_failed, lambda: [*self.simulator.replace(old_id, order, at)]
                )
            case QueryOrder(client_order_id=id, complete=complete):
                report = self.simulator.book.reports.get(id)
                self._handle(
                    OrderReported(at=at, report=report)
                    if report
                    else OrderNotFound(at=at, client_order_id=id, complete=complete)
                )
            case ReadAccount():
                self._handle(self._account(at))
            case Alert(event=event, level=level, text=text) if level is not AlertLevel.INFO:
                self.run.warnings.append(f"{at:%Y-%m-%d %H:%M} {event}: {text}")
            case _:
                pass  # the durable seal is for a running trader

    def _attempt(
        self,
        client_order_id: str,
        failed: Callable[[str, Exception, datetime], Event],
        request: Callable[[], list[OrderReport]],
    ) -> None:
        at = self._at()
        try:
            reports = request()
        except ExchangeRefused as error:
            self._handle(failed(client_order_id, error, at))
            return
        for report in reports:
            self._handle(OrderReported(at=at, report=report))

    def _account(self, at: datetime) -> AccountSeen:
        book = self.simulator.book
        return AccountSeen(
            at=at,
            quote_total=book.quote_total,
            base_total=book.base_total,
            base_free=self.simulator.base_free,
            open_ids=tuple(book.resting),
        )

    def _at(self) -> datetime:
        if self._now is None:
            raise StrategyError("the replay has not started")
        return self._now
