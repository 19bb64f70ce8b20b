"""One strategy is asked: what it is shown, what a language model adds, and what is written down."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.analyst import Unanswered
from app.asking import Asking, Outside
from app.core.model import Direction, MarketData, NewsEvent, Signal, SignalStatus, Without
from app.core.rules import VotingRules
from app.cycle import Cycle
from app.seam import Clock, Tasks
from tests.builders import NOON, a_candle, a_story, a_strategy_rule
from tests.fakes import Answer, FakeAnalyst, FakeNews, MemoryEvidence, ScriptedStrategies

DEEPSEEK, NEWS, TECHNICAL = (a_strategy_rule(name) for name in ("deepseek", "news", "technical"))
FUND = a_story("Fund buys 9,000 bitcoin", score=0.9, severity="medium")
QUIET = a_story("Bitcoin conference opens", score=0.1, severity="low")
HACK = a_story("Big exchange hacked", score=-0.9, severity="high")
APPROVED = a_story("Regulator approves everything", score=0.9, severity="high")


class Still(Clock):
    """Noon for ever."""

    def now(self) -> datetime:
        return NOON


class Desk:
    """A cycle with two candles, scripted strategies, and an outside that can be changed."""

    def __init__(self, *stories: NewsEvent, answer: Callable[[MarketData], Answer] | None = None) -> None:
        self.strategies = ScriptedStrategies(answer or (lambda data: ("BUY", Decimal(70), "because")), 2)
        rules = VotingRules(timeframe="1m", strategies=(DEEPSEEK, NEWS, TECHNICAL))
        self.cycle = Cycle(rules, {name: self.strategies.face(name) for name in ("deepseek", "news", "technical")}, "X")
        for minute in (2, 1, 0):
            self.cycle.remember(a_candle(at=NOON - timedelta(minutes=minute + 1)))
        self.news, self.analyst, self.evidence = FakeNews(*stories), FakeAnalyst(), MemoryEvidence()
        self.open = True

    async def ask(self, name: str) -> Signal:
        asking = Asking(
            self.cycle,
            self.strategies,
            outside=Outside(analyst=self.analyst, news=self.news, evidence=self.evidence),
            now=lambda: NOON,
            may_ask=lambda: self.open,
            clock=Still(),
            tasks=Tasks(),
        )
        return await asking.ask(a_strategy_rule(name), NOON, None)


async def test_who_does_not_read_text_is_shown_none() -> None:
    desk = Desk(FUND)
    signal = await desk.ask("technical")
    assert desk.strategies.shown == [("technical", (), None)]
    assert (signal.action, signal.confidence, signal.evidence, signal.without) == ("BUY", 70, "", None)
    assert desk.evidence.kept == {}


async def test_a_language_model_is_asked_between_the_two_steps_and_both_are_written_down() -> None:
    desk = Desk(FUND, QUIET)
    signal = await desk.ask("deepseek")
    titles = (FUND.title, QUIET.title)
    assert [question.user for question in desk.analyst.questions] == [" ".join(titles)]
    assert desk.strategies.shown == [("deepseek", titles, '{"signal": "BUY"}')]
    kept = desk.evidence.kept[signal.evidence]
    assert kept.prompt == f"be brief\n{' '.join(titles)}"
    assert (kept.strategy, kept.template, kept.model, kept.answer) == (
        "deepseek",
        "t-1",
        "parrot",
        ' {"signal": "BUY"}',
    )
    assert kept.news == (FUND.id, QUIET.id)
    assert signal.status is SignalStatus.OK
    assert signal.reads_text
    assert signal.without is None, "asking again would cost money"


async def test_a_model_that_gives_no_answer_is_missing_and_says_why() -> None:
    desk = Desk()
    desk.analyst.reply = Unanswered("DeepSeek gave no answer within 20 s", prompt="what was asked", raw="{")
    signal = await desk.ask("deepseek")
    assert (signal.status, signal.confidence) == (SignalStatus.FAILED, 0)
    assert signal.reasoning == "DeepSeek gave no answer within 20 s"
    kept = desk.evidence.kept[signal.evidence]
    assert (kept.prompt, kept.answer) == ("what was asked", "{")


async def test_a_model_that_abstains_is_not_missing() -> None:
    desk = Desk()
    desk.analyst.reply = Unanswered("the month's $10 are used up until 1 December", abstains=True)
    signal = await desk.ask("deepseek")
    assert (signal.status, signal.evidence) == (SignalStatus.ABSTAINS, "")
    assert "used up until 1 December" in signal.reasoning


async def test_no_model_is_asked_once_trading_is_no_longer_open() -> None:
    desk = Desk()
    desk.open = False
    signal = await desk.ask("deepseek")
    assert desk.analyst.questions == []
    assert signal.status is SignalStatus.FAILED


async def test_the_opinion_without_the_strongest_headline_is_asked_for_too() -> None:
    desk = Desk(QUIET, FUND)
    signal = await desk.ask("news")
    assert desk.strategies.shown == [("news", (QUIET.title, FUND.title), None), ("news", (QUIET.title,), None)]
    assert signal.without == Without(headline=FUND.title, action=Direction.BUY, confidence=Decimal(70))


async def test_something_grave_waits_for_a_second_source_unless_it_sounds_bad() -> None:
    desk = Desk(HACK, APPROVED)
    signal = await desk.ask("news")
    assert desk.strategies.shown[0] == ("news", (HACK.title,), None)
    assert desk.evidence.kept[signal.evidence].withheld == (APPROVED.id,)
    desk.news.told[1] = replace(APPROVED, sources=("coindesk.com", "reuters.com"))
    await desk.ask("news")
    assert desk.strategies.shown[2] == ("news", (HACK.title, APPROVED.title), None)


async def test_no_answer_from_any_source_is_not_the_same_as_no_news() -> None:
    desk = Desk()
    assert (await desk.ask("news")).status is SignalStatus.OK
    desk.news.state = replace(desk.news.state, status="failing", error="HTTP 503", fetched_at=NOON - timedelta(hours=1))
    assert (await desk.ask("news")).status is SignalStatus.OK
    desk.news.state = replace(desk.news.state, fetched_at=NOON - timedelta(hours=1, seconds=1))
    signal = await desk.ask("news")
    assert signal.status is SignalStatus.FAILED
    assert signal.reasoning.endswith("no news source has answered since 10:59 UTC: HTTP 503")
    desk.news.state = replace(desk.news.state, fetched_at=None)
    assert "no news source has answered yet" in (await desk.ask("news")).reasoning


async def test_a_store_that_is_away_costs_the_record_and_not_the_opinion(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(FUND)
    desk.evidence.away = True
    signal = await desk.ask("news")
    assert (signal.action, signal.evidence) == ("BUY", "")
    assert "could not be written down: the disk is full" in caplog.text


async def test_a_strategy_that_fails_is_missing() -> None:
    desk = Desk()
    desk.strategies.startup_candles = 3  # more than it is shown
    signal = await desk.ask("technical")
    assert (signal.status, signal.reasoning) == (SignalStatus.FAILED, "shown 2 candles, not 3")


async def test_whatever_goes_wrong_with_news_or_model_is_an_opinion_that_is_missing_and_never_more() -> None:
    desk = Desk(FUND)

    class Broken(FakeNews):
        def events(self, at: datetime) -> list[NewsEvent]:
            raise IndexError("a bug")

    desk.news = Broken()
    assert (await desk.ask("news")).status is SignalStatus.FAILED
    assert (await desk.ask("technical")).status is SignalStatus.OK
    desk = Desk(answer=lambda data: 1 / 0)  # type: ignore[arg-type,return-value]
    assert "ZeroDivisionError, see the log" in (await desk.ask("technical")).reasoning
