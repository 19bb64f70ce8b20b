"""What opinions rest on beside candles."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.ports import StrategyFace
from app.seam import clock
from wiring.books import BINANCEUS

if TYPE_CHECKING:
    from app.coordinator import Coordinator
    from app.core.model import Candle
    from app.cycle import Cycle
    from app.jobs import Job
    from app.news_ports import NewsSourceState
    from services.deepseek import DeepSeek
    from services.news import NewsDesk
    from wiring.trader import Trader


class Opinions:
    """What opinions rest on beside candles: a language model, news, the record of both, and how they did.

    On a pretend market nothing of today is mixed in: what comes over the network takes no part there, unless its
    address is on this machine.
    """

    def __init__(self, trader: "Trader") -> None:
        from app.asking import Outside
        from app.judging import Judging
        from services.database import DatabaseEvidence, DatabaseScores

        self._trader = trader
        self.insights: Callable[[], Awaitable[dict[str, Any]]] = self._nothing_yet
        self.candles: Callable[[str | None, int], Awaitable[list[Candle]]] = self._no_candles
        self._real = trader.ledger.market == BINANCEUS
        self._analyst, self._news = self._make_analyst(), self._make_news()
        evidence = DatabaseEvidence(trader.database)
        self.outside = Outside(analyst=self._analyst, news=self._news, evidence=evidence)
        scores = DatabaseScores(trader.database, trader.ledger.name)
        self._judging = Judging(scores, trader.tasks, trader.session.now, trader.tell)
        trader.voters.lacks = self._lacks
        trader.voters.resting = lambda face: face.asks and self._analyst.state().status != "ok"
        trader.voters.performance = self._judging.of

    def _make_analyst(self) -> "DeepSeek":
        from app.core.alerts import AlertEvent
        from services.database import DatabaseCallBook
        from services.deepseek import DeepSeek

        trader, settings = self._trader, self._trader.settings
        key = settings.deepseek_api_key if self._reachable(settings.deepseek_base_url) else None
        return DeepSeek(
            key=key.reveal if key else None,
            base_url=settings.deepseek_base_url,
            model=settings.deepseek_model,
            budget_usd=settings.deepseek_monthly_budget_usd,
            prices=trader.loaded.app["deepseek"]["prices"],
            book=DatabaseCallBook(trader.database),
            tell=lambda text: trader.tell(AlertEvent.ANALYST, text),
            clock=clock,
            tasks=trader.tasks,
        )

    def _make_news(self) -> "NewsDesk":
        from services.database import DatabaseNewsStore
        from services.news import NewsDesk, Web, news_sources, read_headlines
        from services.news.sentiment import Sentiment

        trader, settings, news = self._trader, self._trader.settings, self._trader.loaded.app["news"]
        self._web = Web()
        panic = settings.cryptopanic_api_key if self._reachable(settings.cryptopanic_base_url) else None
        newsapi = settings.newsapi_api_key if self._reachable(settings.newsapi_base_url) else None
        sources = news_sources(
            cryptopanic_key=panic.reveal() if panic else None,
            cryptopanic_base_url=settings.cryptopanic_base_url,
            newsapi_key=newsapi.reveal() if newsapi else None,
            newsapi_base_url=settings.newsapi_base_url,
            rss_urls=[url for url in settings.news_rss_urls or news["feeds"] if self._reachable(url)],
            seconds=settings.news_seconds,
            web=self._web,
            clock=clock,
            tasks=trader.tasks,
        )
        dated = settings.news_file if not self._real else None
        return NewsDesk(
            sources=sources,
            headlines=read_headlines(dated) if dated else None,
            keywords=news["keywords"],
            classifier=Sentiment(),
            store=DatabaseNewsStore(trader.database),
            market_now=trader.session.now,
            clock=clock,
            tasks=trader.tasks,
        )

    def _reachable(self, url: str) -> bool:
        from services.settings.addresses import is_loopback

        return self._real or is_loopback(urlsplit(url).hostname or "")

    def _lacks(self, face: StrategyFace) -> str:
        """What a strategy needs that is not set up; "" where nothing is missing."""
        settings = self._trader.settings
        if face.asks and not self._analyst.configured:
            if settings.deepseek_api_key is None:
                return "DEEPSEEK_API_KEY is not set"
            return f"a {self._trader.ledger.market} market is not shown to a model over the network"
        if face.reads_text and not face.asks and not self._news.configured:
            if self._real:
                return "no news source is set: news.feeds, CRYPTOPANIC_API_KEY or NEWSAPI_API_KEY"
            return "today's news say nothing of a pretend market; NEWS_FILE may hold dated headlines"
        return ""

    def analyst_words(self) -> tuple[str, str, str] | None:
        """Name, status and error of the language model that is set up."""
        state = self._analyst.state()
        return (state.name, state.status, state.error) if self._analyst.configured else None

    def news_sources(self) -> "Sequence[NewsSourceState]":
        return self._news.sources()

    async def open(self) -> None:
        from services.scheduler import guarded

        await self._analyst.open()
        await self._news.open()
        self._trader.tasks.start(guarded("first news", self._news.poll)(), "first news")

    def coordinator(self, cycle: "Cycle") -> "Coordinator":
        from app.asking import Asking
        from app.charting import Charts
        from app.coordinator import Coordinator
        from app.insights import Insights

        session, host, tasks = self._trader.session, self._trader.host, self._trader.tasks
        asking = Asking(
            cycle, host, outside=self.outside, now=session.now, may_ask=session.may_enter, clock=clock, tasks=tasks
        )
        coordinator = Coordinator(session, cycle, asking, tasks, self._trader.ground.order_book)
        self.insights = Insights(session, cycle, host, asking, self.outside, lambda: coordinator.latest_book).look
        self.candles = Charts(cycle, self._trader.candles.known, session.now, tasks).candles
        return coordinator

    def jobs(self) -> "list[Job]":
        from app.jobs import Job, gather_news

        return [
            Job(name="news", run=gather_news(self._news, self._trader.tell), every_seconds=5),
            Job(name="scores", run=self._judging.run, every_seconds=900),
        ]

    async def _nothing_yet(self) -> dict[str, Any]:
        """Before the first candle was read."""
        return {}

    async def _no_candles(self, timeframe: str | None, limit: int) -> "list[Candle]":
        return []

    async def close(self) -> None:
        """Whatever one of them does, the rest of the end goes on."""
        from services.scheduler import guarded

        for name, end in (("news", self._news.close), ("web", self._web.close), ("analyst", self._analyst.close)):
            await guarded(f"closing {name}", end)()
