"""Asks one strategy for its opinion: news, a language model's answer and the record of both go through here.

What comes back is always a Signal: an opinion, none, or why there is none. Text never becomes anything else.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.analyst import Analyst, Question, Reply, Unanswered
from app.core.errors import StoreError, StrategyError
from app.core.model import Direction, MarketData, NewsEvent, OrderBook, Signal, SignalStatus, Without
from app.core.money import ZERO
from app.core.rules import StrategyRule
from app.cycle import Cycle
from app.evidence import Evidence, EvidenceStore
from app.headlines import Headlines, sort_out, strongest
from app.news_ports import News
from app.ports import Strategies, StrategyFace
from app.seam import Clock, Tasks

SILENT_FOR = timedelta(hours=1)  # so long without an answer from any source, news are missing, not quiet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Where what candles do not tell comes from, and where it is kept for the record."""

    analyst: Analyst
    news: News
    evidence: EvidenceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The newest that a language model gave, to whom, and when."""

    by: str
    at: datetime
    reply: Reply


class Asking:
    def __init__(
        self,
        cycle: Cycle,
        strategies: Strategies,
        *,
        outside: Outside | None = None,
        now: Callable[[], datetime],
        may_ask: Callable[[], bool],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        """`now` is market time, `clock` life's; `may_ask` says whether trading is still open."""
        self._cycle, self._strategies, self._outside = cycle, strategies, outside
        self._now, self._may_ask, self._clock, self._tasks = now, may_ask, clock, tasks
        self.latest: Told | None = None

    async def ask(self, rule: StrategyRule, at: datetime, book: OrderBook | None) -> Signal:
        """Its opinion on what is there at `at`."""
        face = self._cycle.faces[rule.name]
        data = self._cycle.market_data(rule, at, book)
        try:
            told = self.headlines(at) if face.reads_text else Headlines()
            return await (self._ask_both(rule, data, told) if face.asks else self._ask(rule, face, data, told))
        except StrategyError as failure:
            log.warning("strategy %s: %s", rule.name, failure)
            return self._cycle.signal(rule, at, self._now(), None, str(failure))
        except Exception as error:  # guard: strategy
            log.exception("asking %s", rule.name)  # a bug of ours: what strangers write must never end the trader
            return self._cycle.signal(rule, at, self._now(), None, f"{rule.name}: {type(error).__name__}, see the log")

    def headlines(self, at: datetime) -> Headlines:
        return sort_out(self._outside.news.events(at)) if self._outside else Headlines()

    async def _ask(self, rule: StrategyRule, face: StrategyFace, data: MarketData, told: Headlines) -> Signal:
        """One step; with news also without the strongest headline."""
        if face.reads_text:
            self._refuse_deafness()
        answer = await self._strategies.ask(rule, data, told.shown)
        without = await self._without(rule, data, told.shown)
        evidence = await self._keep(rule, told, None, None) if told.shown or told.withheld else ""
        signal = self._cycle.signal(rule, data.at, self._now(), answer)
        return replace(signal, without=without, evidence=evidence)

    async def _without(self, rule: StrategyRule, data: MarketData, shown: Sequence[NewsEvent]) -> Without | None:
        headline = strongest(shown, data.at)
        if headline is None:
            return None
        others = tuple(event for event in shown if event is not headline)
        action, confidence, _ = await self._strategies.ask(rule, data, others)
        return Without(headline=headline.title, action=Direction(action), confidence=confidence)

    async def _ask_both(self, rule: StrategyRule, data: MarketData, told: Headlines) -> Signal:
        """Two steps, and the language model in between. No model is asked once trading is no longer open."""
        question = await self._strategies.question(rule, data, told.shown)
        reply: Reply | None = None
        if question is not None:
            if self._outside is None or not self._may_ask():
                raise StrategyError(f"{rule.name}: nobody is asked while trading is not open")
            try:
                reply = await self._outside.analyst.answer(question)
            except Unanswered as error:
                return await self._unanswered(rule, data, told, question, error)
            self.latest = Told(by=rule.name, at=self._now(), reply=reply)
        answer = await self._strategies.ask(rule, data, told.shown, reply.text if reply else None)
        evidence = await self._keep(rule, told, question, reply)
        return replace(self._cycle.signal(rule, data.at, self._now(), answer), evidence=evidence)

    async def _unanswered(
        self, rule: StrategyRule, data: MarketData, told: Headlines, question: Question, error: Unanswered
    ) -> Signal:
        evidence = ""
        if error.prompt:
            reply = Reply(text="", model="", prompt=error.prompt, raw=error.raw, cost_usd=ZERO)
            evidence = await self._keep(rule, told, question, reply)
        signal = self._cycle.signal(rule, data.at, self._now(), None, str(error))
        status = SignalStatus.ABSTAINS if error.abstains else SignalStatus.FAILED
        log.log(logging.INFO if error.abstains else logging.WARNING, "strategy %s: %s", rule.name, error)
        return replace(signal, status=status, evidence=evidence)

    def _refuse_deafness(self) -> None:
        """No news for an hour because nothing answers is not the same as no news."""
        if self._outside is None:
            return
        sources = self._outside.news.sources()
        if not sources or any(source.status in ("ok", "waiting") for source in sources):
            return
        heard = max((source.fetched_at for source in sources if source.fetched_at), default=None)
        if heard is None or self._clock.now() - heard > SILENT_FOR:
            since = f"since {heard:%H:%M} UTC" if heard else "yet"
            raise StrategyError(f"no news source has answered {since}: {sources[0].error}")

    async def _keep(self, rule: StrategyRule, told: Headlines, question: Question | None, reply: Reply | None) -> str:
        """Write down what the opinion rests on; returns its SHA-256. A store that is away costs the record, not the
        opinion."""
        if self._outside is None:
            return ""
        evidence = Evidence(
            strategy=rule.name,
            template=question.template if question else "",
            model=reply.model if reply else "",
            prompt=reply.prompt if reply else "",
            answer=reply.raw if reply else "",
            news=tuple(event.id for event in told.shown),
            withheld=tuple(event.id for event in told.withheld),
        )
        at, store = self._now(), self._outside.evidence
        try:
            await self._tasks.in_thread(lambda: store.keep(at, evidence))
        except StoreError as error:
            log.warning("what %s's opinion rests on could not be written down: %s", rule.name, error)
            return ""
        return evidence.sha256
