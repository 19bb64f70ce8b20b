"""One fake per port: small, in memory, honest about what the port promises."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from app.analyst import AnalystState, Question, Reply, Unanswered
from app.asking import Asking, Outside
from app.coordinator import BookReader, Coordinator, no_book
from app.core.errors import StoreError, StrategyError
from app.core.messages import Event
from app.core.model import MarketData, NewsEvent
from app.core.rules import StrategyRule
from app.cycle import Cycle
from app.evidence import Evidence
from app.model_calls import ModelCall, Spent
from app.news_ports import NewsSourceState
from app.ports import Entry, EquityPoint, JournalRow, Strategies, StrategyFace
from app.seam import Clock, Tasks
from app.seam import clock as life
from app.session import Session
from tests.builders import NOON


class MemoryJournal:
    """app.ports.Journal in a list. `fail_next` makes the next commit fail with nothing written."""

    def __init__(self) -> None:
        self._rows: list[JournalRow] = []
        self.changes: list[object] = []
        self.equity: list[EquityPoint] = []
        self.checkpoint: tuple[int, int, str] | None = None
        self.fail_next = False

    def commit(self, entries: Sequence[Entry], equity: Sequence[EquityPoint]) -> int:
        if self.fail_next:
            self.fail_next = False
            raise StoreError("the disk is gone")
        for entry in entries:
            self._rows.append(
                JournalRow(
                    seq=len(self._rows) + 1,
                    at=entry.at,
                    recorded_at=entry.recorded_at,
                    version="1",
                    message=entry.message,
                    actions=entry.actions,
                    hash="",
                )
            )
            self.changes += entry.changes
        self.equity += equity
        return len(self._rows)

    def rows(self, after_seq: int = 0, limit: int = 1000) -> Sequence[JournalRow]:
        return self._rows[after_seq : after_seq + limit]

    def save_checkpoint(self, seq: int, schema: int, state: str) -> None:
        self.checkpoint = (seq, schema, state)

    def load_checkpoint(self) -> tuple[int, int, str] | None:
        return self.checkpoint

    def verify(self) -> str | None:
        return None


class MemoryPaperStore:
    """app.ports.PaperStore in a dict."""

    def __init__(self) -> None:
        self.state: str | None = None
        self.reports: dict[str, str] = {}

    def load(self) -> str | None:
        return self.state

    def save(self, state: str, reports: Sequence[tuple[str, str]]) -> None:
        self.state = state
        self.reports.update(reports)

    def report(self, client_order_id: str) -> str | None:
        return self.reports.get(client_order_id)


class MemorySeal:
    """app.ports.KillSeal that remembers what it was told, in order."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def seal(self, reason: str, at: datetime) -> None:
        self.reason = reason

    def sealed(self) -> str | None:
        return self.reason

    def unseal(self) -> None:
        self.reason = None


Answer = tuple[str, Decimal, str]


class ScriptedStrategies:
    """app.ports.Strategies (and the synchronous form for replays) that answers by a function of what is shown."""

    def __init__(self, answer: Callable[[MarketData], Answer], startup_candles: int = 20) -> None:
        self._answer = answer
        self.startup_candles = startup_candles
        self.asked = 0
        self.shown: list[tuple[str, tuple[str, ...], str | None]] = []  # (who, headlines, answer) as they were shown

    def face(self, name: str = "technical") -> StrategyFace:
        """One called "deepseek" asks a language model, one called "news" reads text."""
        return StrategyFace(
            name=name,
            title=name,
            startup_candles=self.startup_candles,
            reads_text=name in ("deepseek", "news"),
            sha256="00" * 32,
            asks=name == "deepseek",
        )

    async def start(self, rules: Sequence[StrategyRule]) -> Sequence[StrategyFace]:
        return [self.face(rule.name) for rule in rules]

    def now(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Answer:
        self.asked += 1
        if len(data.candles) != self.startup_candles:
            raise StrategyError(f"shown {len(data.candles)} candles, not {self.startup_candles}")
        return self._answer(data)

    async def question(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Question | None:
        return Question(template="t-1", system="be brief", user=" ".join(event.title for event in news) or "no news")

    async def ask(
        self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent], answer: str | None = None
    ) -> Answer:
        self.shown.append((rule.name, tuple(event.title for event in news), answer))
        return self.now(rule, data, news)

    async def readings(self, rule: StrategyRule, data: MarketData, count: int) -> dict[str, list[float | None]]:
        return {"rsi": [None, 44.0][-count:]}

    async def stop(self) -> None:
        pass


class FakeNews:
    """app.ports.News with whatever stories a test puts in, the newest first."""

    configured = True

    def __init__(self, *events: NewsEvent) -> None:
        self.told = list(events)
        self.state = NewsSourceState(name="wire", status="ok")

    def events(self, at: datetime) -> Sequence[NewsEvent]:
        return [event for event in self.told if event.seen_at <= at]

    def sources(self) -> Sequence[NewsSourceState]:
        return [self.state]


class FakeAnalyst:
    """app.ports.Analyst that gives `reply` (an exception is raised), as soon as `may_answer` is set."""

    configured = True

    def __init__(self, reply: str | Unanswered = '{"signal": "BUY"}') -> None:
        self.reply = reply
        self.questions: list[Question] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def answer(self, question: Question) -> Reply:
        self.questions.append(question)
        await self.may_answer.wait()
        if isinstance(self.reply, Unanswered):
            raise self.reply
        prompt = f"{question.system}\n{question.user}"
        return Reply(text=self.reply, model="parrot", prompt=prompt, raw=f" {self.reply}", cost_usd=Decimal("0.001"))

    def state(self) -> AnalystState:
        return AnalystState(name="parrot")


class MemoryCallBook:
    """app.model_calls.CallBook in a list; every call is of this month and this day."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []

    def spent(self, month_at: datetime, day_at: datetime) -> Spent:
        return Spent(usd=sum((call.cost_usd for call in self.calls), Decimal(0)), calls=len(self.calls))

    def begin(self, call: ModelCall) -> int:
        self.calls.append(call)
        return len(self.calls) - 1

    def settle(self, number: int, call: ModelCall) -> None:
        self.calls[number] = call


class MemoryEvidence:
    """app.evidence.EvidenceStore in a dict. `away` makes it fail."""

    def __init__(self) -> None:
        self.kept: dict[str, Evidence] = {}
        self.away = False

    def keep(self, at: datetime, evidence: Evidence) -> None:
        if self.away:
            raise StoreError("the disk is full")
        self.kept[evidence.sha256] = evidence


def a_coordinator(
    session: Session,
    cycle: Cycle,
    strategies: Strategies,
    tasks: Tasks,
    order_book: BookReader = no_book,
    *,
    outside: Outside | None = None,
    clock: Clock = life,
) -> Coordinator:
    """Put together as wiring does it."""
    asking = Asking(
        cycle, strategies, outside=outside, now=session.now, may_ask=session.may_enter, clock=clock, tasks=tasks
    )
    return Coordinator(session, cycle, asking, tasks, order_book)


class ExecutorsDesk:
    """app.executor.Desk: hears everything, and counts the work under way. Not `sendable`: orders were taken back."""

    def __init__(self) -> None:
        self.posted: list[Event] = []
        self.sendable = True
        self.under_way = 0

    def now(self) -> datetime:
        return NOON

    def post(self, event: Event) -> None:
        self.posted.append(event)

    async def committed(self, event: Event) -> None:
        self.posted.append(event)

    def may_enter(self) -> bool:
        return True

    def may_send(self, client_order_id: str) -> bool:
        return self.sendable

    def is_unanswered(self, client_order_id: str) -> bool:
        return True

    def busy(self, count: int) -> None:
        self.under_way += count
        assert self.under_way >= 0
