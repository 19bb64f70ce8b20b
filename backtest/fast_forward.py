"""The same replay, fed only with the candles that matter: a compiled search finds the next one.

The dense replay is the definition, and this gives the same trades, fills, equity curve and warnings. Votes that could
only have said HOLD, and entries that were refused for certain, are not held and so not among the decisions; and a
decision to sell keeps who said what, but not in which words.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import numpy as np

from app.core import life, stops
from app.core.decisions import Shown
from app.core.messages import CandleClosed, SignalGiven, VoteCalled
from app.core.model import EPOCH, Candle, LatchKind, OrderStatus, Position, PositionStatus
from app.core.portfolio import midnight, next_midnight
from backtest import search
from backtest.curve import EquityCurve
from backtest.hearing import Heard
from backtest.marks import Marks
from backtest.replay import Replay, Run
from backtest.search import NEVER, NEVER_ASKED, Asked, Thresholds
from backtest.series import at_ms, candle_at, ms_of

REPORT_EVERY = 20_000  # minutes


class FastForward(Replay):
    """One run over one series of 1-minute candles, of which the first `warmup` are shown only."""

    def run_through(
        self, heard: Heard, progress: Callable[[float], None] | None = None, *, in_words: bool = True
    ) -> Run:
        """`heard` is what `hearing.hear` gave. Without words, decisions keep who said what and not why."""
        self._hear(heard, in_words)
        self._start(candle_at(self._series, 0))
        self._wake(0, passed=0)
        woken, told, count = 0, 0, len(self._series)
        while woken < count and not self.run.ended_early:
            following = woken + 1 if self._over else self._next(woken + 1)
            self._mark(self._market.closed_ms[woken:following], self._market.close[woken:following])
            if following == count:
                self._catch_up(count, passed=count - woken - 1, seen=True)
            elif not self.run.ended_early:
                self._wake(following, passed=following - woken - 1)
            woken = following
            if progress and woken - told >= REPORT_EVERY:
                progress(woken / count * 100)
                told = woken
        return self.run

    def _hear(self, heard: Heard, in_words: bool) -> None:
        self._heard, self._in_words = heard, in_words
        self._series, self._market = heard.series, heard.market
        self._voters, self._voices = heard.voters, heard.voices
        self._marks = Marks(self._rules, self.simulator.instrument)
        self._day = EPOCH, 0
        self.run.curve = EquityCurve(over=(heard.market.closed_ms, heard.market.close))
        self._asked = Asked(*(np.full(len(self._voters), value, dtype=np.int64) for value in (NEVER, -1, NEVER_ASKED)))
        self._told = [(NEVER, False)] * len(self._voters)
        voting = self._rules.voting
        self._thresholds = Thresholds(
            float(voting.buy_threshold), float(voting.sell_threshold), float(voting.min_participation)
        )

    # ------------------------------------------------------------ what matters next

    def _next(self, minute: int) -> int:
        """The next minute that matters, which is the very next one while anything is under way."""
        if not self._quiet():
            return minute
        return int(
            search.ahead(
                minute,
                self._next_date(minute),
                self._market,
                self._marks.levels(self.engine.state, trading=self.engine.trading),
                self._voices,
                self._asked,
                self._thresholds,
            )
        )

    def _quiet(self) -> bool:
        """Every position is open under its confirmed stop, and nothing is asked for, doubted, or to be tried again."""
        state = self.engine.state
        under_way = state.doubts or state.retry_at or state.cancel_asked or state.bare or state.kill or state.pending
        if under_way or not state.reconciled or len(self.simulator.book.resting) != len(state.positions):
            return False
        return all(self._rests(position) for position in state.positions.values())

    def _rests(self, position: Position) -> bool:
        state = self.engine.state
        stop = state.orders.get(position.stop_order_id)
        if position.status is not PositionStatus.OPEN or position.exit_reason or not position.stop_confirmed:
            return False
        if position.unprotected_since or stop is None or stop.status is not OrderStatus.OPEN:
            return False
        trailing = self._rules.risk.trailing
        wants_a_move = trailing and stops.trailed_price(position, trailing, self.simulator.instrument) is not None
        return not wants_a_move or position.attempts >= life.TRAIL_UNTIL

    def _next_date(self, minute: int) -> int:
        """Where time alone brings something: a new UTC day, and what is lifted with it."""
        state, closed = self.engine.state, self._market.closed_ms
        ends = [len(closed)]
        if state.account is not None:
            ends.append(self._end_of(state.account.day))
        latch = state.latches.get(LatchKind.RUNAWAY)
        if self._reset_runaway and latch is not None:
            ends.append(int(np.searchsorted(self._series.ts, ms_of(next_midnight(latch.at)))))
        return max(minute, min(ends))

    def _end_of(self, day: datetime) -> int:
        """The first minute that closes on a later day."""
        if self._day[0] != day:
            self._day = day, int(np.searchsorted(self._market.closed_ms, ms_of(next_midnight(day))))
        return self._day[1]

    # ------------------------------------------------------------ one candle that matters

    def _wake(self, minute: int, *, passed: int) -> None:
        self._minute = minute
        candle = candle_at(self._series, minute)
        if passed:
            self._catch_up(minute, passed=passed, seen=not self.simulator.quiet(candle) or self._unlocks(candle))
        ahead = float(self._series.open[minute + 1]) if minute + 1 < len(self._series) else None
        self._candle(candle, Decimal(repr(ahead)) if self._decides_at_open and ahead is not None else None)

    def _unlocks(self, candle: Candle) -> bool:
        latch = self.engine.state.latches.get(LatchKind.RUNAWAY)
        return latch is not None and midnight(candle.opened_at) > midnight(latch.at)

    def _catch_up(self, minute: int, *, passed: int, seen: bool) -> None:
        """Tell of the `passed` minutes before `minute` what they leave behind: the highest close, the last price.

        Late candles only mark."""
        if not passed:
            return
        positions = self.engine.state.positions.values()
        closes = self._market.close[minute - passed : minute]
        highest = minute - passed + int(closes.argmax()) if positions else minute
        if positions and closes.max() > min(float(position.highest_close) for position in positions):
            self._tell_late(highest)
        if seen:
            self._tell_late(minute - 1)

    def _tell_late(self, minute: int) -> None:
        candle = candle_at(self._series, minute)
        self._now = at = candle.closed_at
        self._tell(CandleClosed(at=at, candle=candle, late=True))
        if self._decides_at_open and minute + 1 < len(self._series):
            self._tell_price(at, Decimal(repr(float(self._series.open[minute + 1]))))

    def _ask(self, candle: Candle, at: datetime) -> None:
        """Nobody is asked while trading is not open; where nothing can come of a vote, none is held."""
        minute, state = self._minute, self.engine.state
        if not self._market.due[minute] or not self.engine.trading:
            return
        said = search.vote(minute, self._market, self._voices, self._asked, self._thresholds)
        idle = said == 0 or (said < 0 and not state.positions) or (said > 0 and not self._marks.buys(state))
        if idle and self._market.seen[minute] > self._marks.falling(state, trading=True):
            return
        for who in range(len(self._voters)):
            if self._asked.row[who] != NEVER_ASKED:
                self._give(who, in_words=said > 0 and self._in_words)
        self._tell(VoteCalled(at=at, shown=self._shown(minute)))

    def _give(self, who: int, *, in_words: bool) -> None:
        """What it was asked last, unless that was told. Words cost, so only those of an entry are asked for."""
        asked_ms, row = int(self._asked.at_ms[who]), int(self._asked.row[who])
        if self._told[who] in ((asked_ms, True), (asked_ms, in_words)):
            return
        self._told[who] = asked_ms, in_words
        at = at_ms(asked_ms)
        answer, error = self._heard.answer(who, row, in_words=in_words)
        self._tell(SignalGiven(at=at, signal=self.cycle.signal(self._voters[who], at, at, answer, error)))

    def _shown(self, minute: int) -> Shown:
        newest = int(self._market.newest[minute])
        count = min(self.cycle.longest, newest + 1)
        return Shown(
            timeframe=self._rules.voting.timeframe,
            first_at=self._heard.whole.opened_at(newest + 1 - count),
            last_at=self._heard.whole.opened_at(newest),
            count=count,
            sha256="",
            contiguous=bool(self._market.complete[newest]),
        )
