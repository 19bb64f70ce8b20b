"""When strategies are asked and what they are shown: the same object paces backtest, paper and live.

It keeps the window of closed candles and says, for each 1-minute candle, whether a cycle is due and who is asked.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.candles import Resampler, fingerprint
from app.core.decisions import Shown
from app.core.model import EPOCH, Candle, Direction, MarketData, OrderBook, Signal, SignalStatus
from app.core.money import ZERO
from app.core.rules import Asking, StrategyRule, VotingRules
from app.ports import StrategyFace

MAX_CANDLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One cycle: who is to be asked (perhaps nobody), and what the vote will be based on."""

    ask: tuple[StrategyRule, ...]
    shown: Shown


class Cycle:
    """`prove` makes the fingerprint of what is shown; where nobody keeps decisions it is left out, since it costs."""

    def __init__(
        self,
        rules: VotingRules,
        faces: dict[str, StrategyFace],
        symbol: str,
        prove: Callable[[Sequence[Candle]], str] = fingerprint,
    ) -> None:
        self.rules, self._prove = rules, prove
        self.faces = faces
        self.symbol = symbol
        self._resampler = Resampler(rules.timeframe_seconds)
        self._window: deque[Candle] = deque(maxlen=MAX_CANDLES)
        self._asked: dict[str, tuple[datetime, datetime | None]] = {}  # name → (asked at, newest candle then)
        self._next_at: datetime = EPOCH
        self._known_until: datetime = EPOCH
        self._shown: Shown | None = None

    def change(self, rules: VotingRules) -> None:
        """New weights or enablement while running; the time frame needs a restart.

        Whoever votes again, or in another version, is asked in the next cycle.
        """
        before = {rule.name: rule for rule in self.rules.strategies}
        for rule in rules.strategies:
            old = before.get(rule.name)
            if old is None or (old.votes, old.sha256, old.settings) != (rule.votes, rule.sha256, rule.settings):
                self._asked.pop(rule.name, None)
        self.rules = rules

    def meet(self, faces: Mapping[str, StrategyFace]) -> None:
        """The faces of the versions that vote from now on. Old ones stay: they may still be about to answer."""
        self.faces = {**self.faces, **faces}
        self._shown = None

    def stands(self, rule: StrategyRule) -> bool:
        """Whether what was asked for this rule still counts: it may have been switched off or replaced meanwhile."""
        now = next((each for each in self.rules.strategies if each.name == rule.name), None)
        return now is not None and now.votes and now.sha256 == rule.sha256

    @property
    def remembered(self) -> int:
        """How many closed candles are known."""
        return len(self._window)

    def remember_all(self, past: Iterable[Candle]) -> None:
        """The past, oldest first."""
        for candle in past:
            self.remember(candle)

    def remember(self, candle: Candle) -> bool:
        """Take in one closed candle, of a minute or longer; True when it closed one of the strategies' time frame.

        What was known already is passed over: what was missed is both in the past and told anew.
        """
        if candle.opened_at < self._known_until:
            return False
        self._known_until = candle.closed_at
        closed = self._resampler.add(candle)
        if not closed:
            return False
        self._window += closed
        self._shown = None
        return True

    def due(self, at: datetime) -> Due | None:
        """The cycle that falls on `at`, if one does."""
        if at < self._next_at or not self._window:
            return None
        step = timedelta(seconds=self.rules.cycle_seconds)
        self._next_at = EPOCH + ((at - EPOCH) // step + 1) * step
        return Due(ask=tuple(rule for rule in self.rules.strategies if self._wants(rule, at)), shown=self.shown())

    def _wants(self, rule: StrategyRule, at: datetime) -> bool:
        """Asked when switched on, shown enough, and what it would be shown has changed."""
        face = self.faces.get(rule.name)
        if not rule.votes or face is None or len(self._window) < face.startup_candles:
            return False
        asked_at, newest = self._asked.get(rule.name, (EPOCH, None))
        if rule.ask is Asking.CANDLE:
            return newest != self._window[-1].opened_at
        return at - asked_at >= timedelta(seconds=self.rules.asking_seconds(rule))

    def shown(self) -> Shown:
        if self._shown is None:
            candles = self._newest(self.longest)
            self._shown = Shown(
                timeframe=self.rules.timeframe,
                first_at=candles[0].opened_at,
                last_at=candles[-1].opened_at,
                count=len(candles),
                sha256=self._prove(candles),
                contiguous=self._resampler.complete,
            )
        return self._shown

    def candles(self) -> tuple[Candle, ...]:
        """All that are known, oldest first, and the one that is not closed yet: for people to look at."""
        forming = self._resampler.forming
        return (*self._window, forming) if forming else tuple(self._window)

    @property
    def newest_at(self) -> datetime | None:
        """When the newest closed candle opened."""
        return self._window[-1].opened_at if self._window else None

    def closes_next(self, now: datetime) -> datetime:
        """When the candle that is forming closes."""
        step = timedelta(seconds=self.rules.timeframe_seconds)
        return EPOCH + ((now - EPOCH) // step + 1) * step

    def market_data(self, rule: StrategyRule, at: datetime, book: OrderBook | None = None) -> MarketData:
        """Exactly the candles that the strategy asked for, and a note that it was asked."""
        data = self._shown_to(rule, at, book)
        self._asked[rule.name] = (at, data.candles[-1].opened_at)
        return data

    def look(self, rule: StrategyRule, at: datetime) -> MarketData | None:
        """The same for somebody who only looks; None where the strategy could not be asked."""
        face = self.faces.get(rule.name)
        if face is None or len(self._window) < face.startup_candles:
            return None
        return self._shown_to(rule, at, None)

    def _shown_to(self, rule: StrategyRule, at: datetime, book: OrderBook | None) -> MarketData:
        candles = self._newest(self.faces[rule.name].startup_candles)
        return MarketData(
            symbol=self.symbol,
            timeframe=self.rules.timeframe,
            at=at,
            price=candles[-1].close,
            candles=candles,
            order_book=book,
        )

    def signal(
        self,
        rule: StrategyRule,
        asked_at: datetime,
        given_at: datetime,
        answer: tuple[str, Decimal, str] | None,
        error: str = "",
    ) -> Signal:
        """An answer, or its absence, as the Signal that the engine is given."""
        face = self.faces[rule.name]
        action, confidence, reasoning = answer or ("HOLD", ZERO, error)
        return Signal(
            strategy=rule.name,
            action=Direction(action),
            confidence=confidence,
            reasoning=reasoning,
            asked_at=asked_at,
            given_at=given_at,
            expires_at=given_at + timedelta(seconds=self.rules.ttl_seconds(rule)),
            status=SignalStatus.OK if answer else SignalStatus.FAILED,
            reads_text=rule.reads_text or face.reads_text,
            sha256=rule.sha256 or face.sha256,
        )

    @property
    def longest(self) -> int:
        """How many candles the one who wants most is shown."""
        return max((face.startup_candles for face in self.faces.values()), default=1)

    def _newest(self, count: int) -> tuple[Candle, ...]:
        return tuple(self._window)[-count:]
