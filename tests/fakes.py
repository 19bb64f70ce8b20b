"""One fake per port: small, in memory, honest about what the port promises."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from app.core.errors import StoreError, StrategyError
from app.core.messages import Event
from app.core.model import MarketData, NewsEvent
from app.core.rules import StrategyRule
from app.ports import Entry, EquityPoint, JournalRow, Question, StrategyFace
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

    def face(self, name: str = "technical") -> StrategyFace:
        return StrategyFace(
            name=name, title=name, startup_candles=self.startup_candles, reads_text=False, sha256="00" * 32
        )

    async def start(self, rules: Sequence[StrategyRule]) -> Sequence[StrategyFace]:
        return [self.face(rule.name) for rule in rules]

    def now(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Answer:
        self.asked += 1
        if len(data.candles) != self.startup_candles:
            raise StrategyError(f"shown {len(data.candles)} candles, not {self.startup_candles}")
        return self._answer(data)

    async def question(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Question | None:
        return None

    async def ask(
        self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent], answer: str | None = None
    ) -> Answer:
        return self.now(rule, data, news)

    async def stop(self) -> None:
        pass


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
