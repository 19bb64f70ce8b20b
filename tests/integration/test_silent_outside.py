"""A language model and news services that hang, one after the other: no stop and no exit waits for any of them."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest

from app.asking import Outside
from app.core.messages import CandleClosed, ClosePosition
from app.core.model import Position
from app.core.rules import Asking, EntryRules, RiskLimits, Rules, StrategyRule, VotingRules
from app.seam import Tasks, clock
from services.deepseek import DeepSeek
from services.news import NewsDesk, Web, news_sources
from services.news.sentiment import Sentiment
from tests.builders import MINUTE, a_candle
from tests.fakes import MemoryCallBook, MemoryEvidence, ScriptedStrategies
from tests.live_trader import NO_WIRES, LiveTrader, live_trader
from tests.model_stand_in import ModelStandIn, Saying
from tests.news_cases import MemoryNewsStore
from tests.news_stand_ins import NEWSAPI, NEWSAPI_KEY, PANIC, PANIC_KEY, NewsStandIns, news_stand_ins

ROUNDS = 5
MOST_LATER = 0.5  # seconds, against the same with everybody answering: whoever waited would wait for many
PLACE, CANCEL = "POST /api/v3/order", "DELETE /api/v3/order"
RULES = Rules(
    risk=RiskLimits(
        max_open_positions=1,  # a vote of the round may come beside the one that is asked for
        entry=EntryRules(cooldown_candles=0, max_entries_per_day=None),
        tripwires=NO_WIRES,
    ),
    voting=VotingRules(
        timeframe="1m",
        strategies=(
            StrategyRule(name="technical", enabled=True, weight=Decimal(80)),
            StrategyRule(name="deepseek", enabled=True, weight=Decimal(10), reads_text=True, ask=Asking.CYCLE),
            StrategyRule(name="news", enabled=True, weight=Decimal(10), reads_text=True, ask=Asking.CYCLE),
        ),
    ),
)


@dataclass
class World:
    trader: LiveTrader
    model: ModelStandIn
    news: NewsStandIns
    desk: NewsDesk
    polls: Tasks
    at: int = 0

    async def ask_everybody(self) -> None:
        """A candle closes, so that everybody is asked; and the news are asked for, too."""
        self.polls.start(self.desk.poll(), "news")
        self.at += 1
        now = self.trader.session.now()
        self.trader.session.post(CandleClosed(at=now, candle=a_candle(at=now.replace(second=0) + self.at * MINUTE)))
        await asyncio.sleep(0.05)

    async def bought(self) -> tuple[Position, float]:
        """A position, and the seconds from its entry to its stop, both on the wire."""
        before = len(self.trader.exchange.requests.of(PLACE))
        position = await self.trader.bought()
        entry, stop = self.trader.exchange.requests.of(PLACE)[before : before + 2]
        return position, (stop.ms - entry.ms) / 1000

    async def closed(self, position: Position) -> float:
        """Seconds from a person's wish to close to the first word of it on the wire."""
        before, began = len(self.trader.exchange.requests.of(CANCEL)), time.monotonic()
        wish = ClosePosition(at=self.trader.session.now(), id="c", actor="me", position_id=position.id)
        await self.trader.session.committed(wish)
        await until(lambda: len(self.trader.exchange.requests.of(CANCEL)) > before)
        took = time.monotonic() - began
        await self.trader.until(lambda: position.id not in self.trader.state.positions)
        return took

    async def measured(self) -> tuple[float, float]:
        """The medians of entry → stop and wish → wire while everybody is being asked."""
        stops, exits = [], []
        for _ in range(ROUNDS):
            await self.trader.pass_time(130, step=26)  # to a new candle: nothing is bought twice on one
            await self.ask_everybody()
            position, took = await self.bought()
            stops.append(took)
            exits.append(await self.closed(position))
            await self.trader.decide("HOLD")  # or the round's own vote would buy again
        return statistics.median(stops), statistics.median(exits)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    tasks, web = Tasks(), Web()
    async with ModelStandIn() as model, news_stand_ins() as news:
        sources = news_sources(
            cryptopanic_key=PANIC_KEY,
            cryptopanic_base_url=news.settings["CRYPTOPANIC_BASE_URL"],
            newsapi_key=NEWSAPI_KEY,
            newsapi_base_url=news.settings["NEWSAPI_BASE_URL"],
            rss_urls=[news.feed("rss")],
            seconds=0,
            web=web,
            clock=clock,
            tasks=tasks,
        )
        desk = NewsDesk(
            sources=sources,
            headlines=None,
            keywords={"high": ("hack",), "medium": ("etf",)},
            classifier=Sentiment(),
            store=MemoryNewsStore(),
            market_now=clock.now,
            clock=clock,
            tasks=tasks,
        )
        analyst = DeepSeek(
            key=lambda: "key",
            base_url=model.url,
            model="deepseek-flash",
            budget_usd=Decimal(10),
            prices={},
            book=MemoryCallBook(),
            tell=lambda text: None,
            clock=clock,
            tasks=tasks,
        )
        strategies = ScriptedStrategies(lambda data: ("HOLD", Decimal(0), "nothing"))
        outside = Outside(analyst=analyst, news=desk, evidence=MemoryEvidence())
        try:
            async with live_trader(strategies=strategies, outside=outside, rules=RULES) as trader:
                trader.clock.flow()  # what is measured here is life's own time
                yield World(trader, model, news, desk, tasks)
        finally:
            await tasks.stop()
            await analyst.close()
            await web.close()


@pytest.mark.parametrize("silent", ["deepseek", PANIC, NEWSAPI, "rss"])
async def test_who_hangs_delays_no_stop_and_no_exit(silent: str) -> None:
    async with world() as w:
        well = await w.measured()
        if silent == "deepseek":
            w.model.always = lambda _: Saying(wait=30)
        else:
            w.news.fail(silent, hang=True)
        ill = await w.measured()
        later = [after - before for before, after in zip(well, ill, strict=True)]
        print(f"{silent} hangs: entry → stop {later[0] * 1000:+.0f} ms, wish → wire {later[1] * 1000:+.0f} ms")
        assert max(later) < MOST_LATER
        w.trader.check_books()
