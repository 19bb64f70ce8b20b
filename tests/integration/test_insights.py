"""Why the trader trades, or does not: on a short day with a language model, news and a plain strategy."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.analyst import Unanswered
from app.asking import Outside
from app.core.messages import Gate, GateOpened, Pause
from app.core.model import MarketData
from app.core.rules import Asking, Rules, VotingRules
from app.insights import Insights
from tests.builders import NOON, a_candle, a_story, a_strategy_rule, d
from tests.fakes import Answer, FakeAnalyst, FakeNews, MemoryEvidence, ScriptedStrategies
from tests.trading_day import Day

MINUTE = timedelta(minutes=1)
SAID = '{"signal": "BUY", "confidence": 60, "reasoning": "higher lows", "support": 49000, "resistance": 51000, '
SAID += '"regime": "ranging"}'
RULES = Rules(
    voting=VotingRules(
        timeframe="1m",
        strategies=(
            a_strategy_rule("deepseek", weight=d(50), reads_text=True, ask=Asking.CYCLE),
            a_strategy_rule("technical", weight=d(30)),
            a_strategy_rule("news", weight=d(20), reads_text=True, ask=Asking.CYCLE),
            a_strategy_rule("mine", weight=d(10), enabled=False),
            a_strategy_rule("other", weight=d(10), configured=False),
        ),
    )
)


def answer(data: MarketData) -> Answer:
    return "BUY", Decimal(60), "it looks good"


class Looking:
    """A day of five minutes that has ended, and a look at it."""

    def __init__(self, analyst: FakeAnalyst) -> None:
        self.outside = Outside(
            analyst=analyst, news=FakeNews(a_story("Fund buys 9,000 bitcoin")), evidence=MemoryEvidence()
        )
        past = [a_candle(at=NOON + n * MINUTE) for n in range(-10, 0)]
        candles = [a_candle(at=NOON + n * MINUTE) for n in range(5)]
        self.day = Day(RULES, past, candles, strategies=ScriptedStrategies(answer, 5), outside=self.outside)

    async def look(self) -> dict[str, Any]:
        session = await self.day.run()
        session.engine.handle(GateOpened(at=session.now(), gate=Gate.MARKET_ENDED))  # as if it went on
        return await self.again()

    async def again(self) -> dict[str, Any]:
        day = self.day
        asking = day.coordinator.asking
        insights = Insights(day.session, day.cycle, day.strategies, asking, self.outside, lambda: None)
        return await insights.look()


@pytest.fixture
def looking() -> Looking:
    return Looking(FakeAnalyst(SAID))


async def test_a_look_says_what_everybody_thinks_and_how_far_it_is_to_a_trade(looking: Looking) -> None:
    row = await looking.look()
    assert row["recommendation"].startswith("no trade: deepseek BUY 60 × 50, technical BUY 60 × 30, news BUY 60 × 20")
    assert {each["gate"]: (each["value"], each["needed"]) for each in row["why_not"]} == {"score": (60.0, 70.0)}
    assert row["why_not"][0]["text"] == "score 60.0 of 70"
    assert {each["strategy"]: each["status"] for each in row["signals"]} == {
        "deepseek": "ok",
        "technical": "ok",
        "news": "ok",
        "mine": "off",
        "other": "not_configured",
    }
    assert (row["support"], row["resistance"], row["regime"]) == (49000, 51000, "ranging")
    assert row["analysis"] == "higher lows"
    assert (row["indicators"]["rsi"], row["indicators"]["rsi_text"]) == (44.0, "neutral")
    assert row["indicators"]["curves"] == {"rsi": [None, 44.0]}
    assert row["vote"]["without_headline"].startswith("without “Fund buys 9,000 bitcoin”")
    assert row["news_sources"][0]["status"] == "ok"
    assert row["analyst"]["name"] == "parrot"


async def test_a_model_that_failed_is_a_gate_of_its_own(looking: Looking) -> None:
    looking.outside.analyst.reply = Unanswered("DeepSeek gave no answer within 20 s")  # type: ignore[attr-defined]
    row = await looking.look()
    gates = {each["gate"]: each for each in row["why_not"]}
    assert list(gates) == ["score", "participation", "deepseek"]
    assert (gates["deepseek"]["value"], gates["deepseek"]["text"]) == ("failed", "DeepSeek gave no answer within 20 s")
    assert gates["participation"]["text"] == "opinions weigh 50 % of all, 60 % are needed"
    assert row["analysis"] is None


async def test_a_paused_trader_says_that_nobody_is_asked(looking: Looking) -> None:
    await looking.look()
    session = looking.day.session
    session.engine.handle(Pause(at=session.now(), id="p", actor="me"))
    row = await looking.again()
    assert row["recommendation"] == "paused (manual): nobody is asked and nothing is bought; stops stay"
    assert any(each["text"] for each in row["why_not"])


async def test_before_the_first_candle_there_is_nothing_to_say(looking: Looking) -> None:
    looking.day.past = []
    looking.day.candles = [replace(looking.day.candles[0])]
    looking.day.strategies.startup_candles = 50
    row = await looking.look()
    assert row["recommendation"].startswith("no trade: deepseek stale")
    assert {each["gate"] for each in row["why_not"]} >= {"score", "participation", "deepseek", "technical", "news"}
    nothing = {"rsi_text": None, "averages": {}, "curves": {}, "by": None, "settings": {}}
    assert row["indicators"] == nothing
    assert row["next_candle_at"] == NOON + 2 * MINUTE
