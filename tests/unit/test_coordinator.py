"""Who is asked when, and which votes are held: a slow answer keeps nobody from selling."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.asking import Asking, Outside
from app.coordinator import Coordinator
from app.core.messages import CandleClosed, Event, SignalGiven, VoteCalled
from app.core.rules import Asking as AskWhen
from app.core.rules import VotingRules
from app.cycle import Cycle
from app.seam import Tasks, clock
from tests.builders import NOON, a_candle, a_strategy_rule
from tests.fakes import FakeAnalyst, FakeNews, MemoryEvidence, ScriptedStrategies

MINUTE = timedelta(minutes=1)
NAMES = ("deepseek", "technical")


class Floor:
    """What the session is to the coordinator."""

    def __init__(self) -> None:
        self.at, self.open, self.under_way = NOON, True, 0
        self.posted: list[Event] = []

    def now(self) -> datetime:
        return self.at

    def post(self, event: Event) -> None:
        self.posted.append(event)

    def may_enter(self) -> bool:
        return self.open

    def busy(self, count: int) -> None:
        self.under_way += count


class Desk:
    """One that answers at once and one that waits for a language model, asked each minute."""

    def __init__(self) -> None:
        self.floor, self.analyst = Floor(), FakeAnalyst()
        self.strategies = ScriptedStrategies(lambda data: ("BUY", Decimal(70), "because"), 1)
        rules = [a_strategy_rule(name, ask=AskWhen.CYCLE) for name in NAMES]
        voting = VotingRules(timeframe="1m", cycle_seconds=60, strategies=tuple(rules))
        cycle = Cycle(voting, {name: self.strategies.face(name) for name in NAMES}, "BTC/USD")
        cycle.remember(a_candle(at=NOON - 2 * MINUTE))
        tasks = Tasks()
        asking = Asking(
            cycle,
            self.strategies,
            outside=Outside(analyst=self.analyst, news=FakeNews(), evidence=MemoryEvidence()),
            now=self.floor.now,
            may_ask=self.floor.may_enter,
            clock=clock,
            tasks=tasks,
        )
        self.coordinator = Coordinator(self.floor, cycle, asking, tasks)

    async def minute(self) -> None:
        """A candle closes, and everybody who can has answered."""
        self.coordinator.hear(CandleClosed(at=self.floor.at, candle=a_candle(at=self.floor.at - MINUTE)))
        self.floor.at += MINUTE
        await self.settled()

    async def settled(self) -> None:
        """Nothing was posted for many turns of the loop: nobody here waits for anything else than a turn."""
        before = -1
        while before != len(self.floor.posted):
            before = len(self.floor.posted)
            for _ in range(100):
                await asyncio.sleep(0)

    def told(self) -> list[str]:
        """What was posted since the last look, in words."""
        words = [
            event.signal.strategy
            if isinstance(event, SignalGiven)
            else "preliminary vote"
            if isinstance(event, VoteCalled) and event.preliminary
            else "vote"
            for event in self.floor.posted
        ]
        self.floor.posted.clear()
        return words


async def test_those_who_answer_at_once_vote_without_waiting_for_those_who_do_not() -> None:
    desk = Desk()
    desk.analyst.may_answer.clear()
    await desk.minute()
    assert desk.told() == ["technical", "preliminary vote"]
    assert desk.floor.under_way == 1
    desk.analyst.may_answer.set()
    await desk.settled()
    assert desk.told() == ["deepseek", "vote"]
    assert desk.floor.under_way == 0


async def test_who_is_still_thinking_is_not_asked_again() -> None:
    desk = Desk()
    desk.analyst.may_answer.clear()
    for _ in range(3):
        await desk.minute()
        assert desk.told() == ["technical", "preliminary vote"]
    assert len(desk.analyst.questions) == 1
    desk.analyst.may_answer.set()
    await desk.settled()
    assert desk.told() == ["deepseek", "vote"]
    await desk.minute()
    assert len(desk.analyst.questions) == 2


@pytest.mark.parametrize("minutes", [1, 5])
async def test_while_trading_is_not_open_nobody_is_asked_and_no_model_is_called(minutes: int) -> None:
    desk = Desk()
    desk.floor.open = False
    for _ in range(minutes):
        await desk.minute()
    assert desk.told() == []
    assert (desk.analyst.questions, desk.strategies.asked) == ([], 0)
    desk.floor.open = True
    await desk.minute()
    assert len(desk.analyst.questions) == 1
