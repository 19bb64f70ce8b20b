"""The composition root and the command line: settings → adapters → engine, session, jobs, pages → run.

Nothing heavy at module level, no rule of trading anywhere here. Exit codes: 0 done, 1 the check failed, 2 wrong use or
bad input (one clear line, no traceback).
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.core.errors import ConfigError, ExchangeError, StoreError, TraderError
from app.core.money import positive
from app.core.rules import Rules, Simulation, StrategyRule
from app.ports import LedgerRow, StrategyFace
from app.seam import clock, seeded, token

if TYPE_CHECKING:
    from decimal import Decimal

    from app.checklist import Checklist
    from app.control import Saving
    from app.coordinator import Coordinator
    from app.core.alerts import AlertEvent
    from app.core.model import Candle, Instrument
    from app.cycle import Cycle
    from app.days import Lived
    from app.incidents import Incidents
    from app.jobs import Job
    from app.news_ports import NewsSourceState
    from app.notices import Sender
    from app.notifier import Notifier
    from app.past import Past
    from app.ports import Ground
    from app.replaying import Verdict
    from app.reviewing import Nightly
    from app.seam import Tasks
    from app.session import Session
    from backtest.drill import Result
    from backtest.mapped import Mapped
    from backtest.recorded import Record
    from backtest.review import Again
    from backtest.running import Plan, Progress
    from backtest.series import CandleSeries
    from backtest.space import Changes
    from services.database import Database, Ledgers
    from services.database.account_lock import AccountLock
    from services.deepseek import DeepSeek
    from services.logs import Logs
    from services.news import NewsDesk
    from services.notifications.push import WebPush
    from services.settings import LoadedRules, Settings
    from services.throw_away import ThrowAwayBooks
    from strategies.runtime import LocalStrategies

BINANCEUS, SIMULATED = "binanceus", "simulated"
AGAIN_SECONDS = 30
FIRST_LOOK_SECONDS = 8
HERE = Path(__file__).resolve().parent
log = logging.getLogger("main")
Decide = Callable[["Settings", "Ledgers"], str]


def version() -> str:
    """Of the program, from pyproject.toml."""
    try:
        return installed_version("bitcoin-autotrader")
    except PackageNotFoundError:
        import tomllib

        with (HERE / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])


def env_file() -> Path | None:
    return Path(".env") if Path(".env").exists() else None


def settings_of(*, key_for_play: bool = False) -> "Settings":
    """The key of the exchange is not even opened where play money is traded, unless a command is about the key."""
    from services.settings import load_settings

    return load_settings(dict(os.environ), env_file(), key_for_play=key_for_play)


# ---------------------------------------------------------------- what is shared by commands


def market_name(settings: "Settings", ledgers: "Ledgers", decide: "Decide | None" = None) -> str:
    """What the ledger is called by. `auto` is decided once, at the first start, and kept."""
    from services.database.ledgers import MARKET

    if settings.replay_file:
        return f"replay:{settings.replay_file.name}"
    if settings.mode != "paper":
        return BINANCEUS
    if settings.market != "auto":
        return settings.market
    kept = ledgers.kept(MARKET)
    if kept is None and decide is not None:
        kept = decide(settings, ledgers)
        ledgers.keep(MARKET, kept)
    return kept or SIMULATED


def decide_market(settings: "Settings", ledgers: "Ledgers") -> str:
    """Binance.US where it can be reached, else the simulated market. Whoever has invented prices in the books keeps
    them."""
    import asyncio

    from services.binance_us.reaching import reachable

    if any(ledger.market == SIMULATED for ledger in ledgers.list()):
        return SIMULATED
    found = asyncio.run(reachable(settings.binanceus_rest_url))
    return BINANCEUS if found else SIMULATED


def require_paper(settings: "Settings") -> None:
    if settings.mode != "paper":
        raise ConfigError(f"TRADER_MODE: {settings.mode}: only the books of paper trading can be reset")


def require_key(settings: "Settings") -> None:
    if settings.mode != "paper" and not (settings.binanceus_api_key and settings.binanceus_api_secret):
        raise ConfigError(
            f"TRADER_MODE: {settings.mode} needs BINANCEUS_API_KEY and BINANCEUS_API_SECRET; "
            "seal them with: main.py secrets set BINANCEUS_API_KEY"
        )


def require_safe_books(settings: "Settings") -> None:
    """Real money is not traded on books that can lose an order."""
    from services.database.durable import require_durable

    if settings.mode == "live":
        require_durable(settings.database_url.reveal(), pretend=settings.pretend_exchange)


def forget_key(settings: "Settings") -> None:
    """Once settings are read no key of the exchange is in the environment, nor in what is started with it. Paper
    trading needs none at all."""
    from services.settings import TRADING_KEY

    given = sorted(name for name in TRADING_KEY if os.environ.pop(name, "") and not name.endswith("_FILE"))
    if given and settings.mode == "paper":
        print(
            f"{' and '.join(given)}: not used, paper trading needs no key; but it can be read in the environment that "
            "this process was started with: remove it from there",
            file=sys.stderr,
        )


def open_books(settings: "Settings", decide: "Decide | None" = None) -> tuple["Database", LedgerRow]:
    from services.database import Ledgers, open_database

    database = open_database(settings.database_url.reveal())
    ledgers = Ledgers(database, seeded(int.from_bytes(token(16).encode(), "big")).choice)
    market = market_name(settings, ledgers, decide)
    return database, ledgers.open(settings.mode, market, settings.symbol, clock.now())


def refuse_two_accounts(database: "Database", ledger: LedgerRow) -> None:
    """Real positions are looked after by the books that opened them, before other books are begun."""
    from services.database import Ledgers

    held = Ledgers(database, min).open_positions_of("live", ledger.name)
    if held:
        raise ConfigError(f"ledger {held} has open positions with real money; run it and close them first")


def configured(rules: Rules, strategies_dir: Path) -> Rules:
    """A strategy whose file is not there is not configured: shown so, and outside the sum."""

    def known(rule: StrategyRule) -> StrategyRule:
        return replace(rule, configured=(strategies_dir / f"{rule.name}.py").is_file())

    voters = tuple(known(rule) for rule in rules.voting.strategies)
    return replace(rules, voting=replace(rules.voting, strategies=voters))


def with_faces(rules: Rules, faces: Sequence[StrategyFace]) -> Rules:
    """What a strategy's class says of itself wins. One that is switched on but does not load ends the backtest.

    There are neither news nor a language model in history: who reads text takes no part.
    """
    by_name = {face.name: face for face in faces}
    for rule in rules.voting.strategies:
        face = by_name.get(rule.name)
        if rule.votes and face is not None and face.status == "failed":
            raise ConfigError(f"strategy {rule.name}: {face.error}")

    def known(rule: StrategyRule) -> StrategyRule:
        face = by_name.get(rule.name)
        if face is None:
            return rule
        return replace(rule, reads_text=face.reads_text, configured=not face.reads_text, sha256=face.sha256)

    voters = tuple(map(known, rules.voting.strategies))
    return replace(rules, voting=replace(rules.voting, strategies=voters))


def startup_candles(faces: Sequence[StrategyFace]) -> int:
    return max((face.startup_candles for face in faces), default=1)


def warmup_minutes(rules: Rules, faces: Sequence[StrategyFace]) -> int:
    return startup_candles(faces) * rules.voting.timeframe_seconds // 60


# ---------------------------------------------------------------- run


class Trader:
    """Everything that lives as long as the process: built, recovered and announced by `start`."""

    def __init__(
        self, settings: "Settings", loaded: "LoadedRules", database: "Database", ledger: LedgerRow, logs: "Logs"
    ) -> None:
        from app.seam import Tasks
        from services.database import DatabaseJournal, DatabaseMarketCandles
        from services.kill_seal import KillFile

        self.settings, self.loaded, self.database, self.ledger = settings, loaded, database, ledger
        self.logs = logs
        self.tasks = Tasks(self._crashed)
        self.journal = DatabaseJournal(database, ledger.name, version())
        self.candles = DatabaseMarketCandles(database, ledger.name, ledger.symbol)
        # Real money that was stopped stays stopped whatever books are opened; play money ends with its own.
        self.seal = KillFile(settings.data_dir, "live" if settings.mode == "live" else ledger.name)
        self.real: RealMoney | None = None
        self.failed = ""
        self.exit_code = 0
        self.started = False
        self.stop_serving: Callable[[], None] = lambda: None

        self.warmup = timedelta(0)  # of what strategies are shown before the first trade
        self.clock_ahead: Callable[[], float | None] = lambda: None

    def wire(self) -> None:
        """Adapters and the session. The market's clock is the trader's clock."""
        from app.limits_desk import LimitsDesk
        from app.session import Session
        from app.view import Labels, View
        from app.voters import Voters
        from services.settings.limits import RiskFile, Thresholds
        from services.strategy_folder import KEPT_IN, StrategyFolder
        from services.strategy_host import StrategyHost

        settings = self.settings
        self.ground = make_ground(self)
        self.session = Session(
            journal=self.journal,
            exchange=self.ground.exchange,
            seal=self.seal,
            tasks=self.tasks,
            clock=clock,
            market_now=self.ground.now,
            version=version(),
        )
        labels = Labels(
            mode=settings.mode.value,
            market=self.ledger.market,
            symbol=settings.symbol,
            ledger=self.ledger.name,
            version=version(),
        )
        self.two_factor: Callable[[], bool] = lambda: False
        self.view = View(
            self.session,
            labels,
            clock=clock,
            tasks=self.tasks,
            two_factor=lambda: self.two_factor(),  # noqa: PLW0108  # set later
            user_data=lambda: self.ground.user_data,
        )
        self.folder = StrategyFolder(settings.strategies_dir, settings.data_dir / KEPT_IN, self.tasks)
        self.host = StrategyHost(settings.strategies_dir, kept=self.folder.path)
        self.voters = Voters(self.session, self.folder, self.host, new_id=lambda: token(12), tell=self.tell)
        self.view.strategy_rows = self.voters.rows
        self.thresholds = Thresholds()
        self.limits = LimitsDesk(
            self.session,
            RiskFile(settings.config_dir, self.tasks),
            self.loaded.rules.risk,
            new_id=lambda: token(12),
            clock=clock,
            tasks=self.tasks,
        )
        self.view.limits_face, self.view.threshold_keys = self.limits.look, self.thresholds.keys
        self.opinions = Opinions(self)
        self.notifier = self.make_notifier()
        self.view.alerts = self.notifier
        self.nightly = self.make_nightly()
        self.view.last_replay = lambda: self.nightly.latest

    def make_nightly(self) -> "Nightly":
        """Yesterday, replayed and traded again."""
        from app.reviewing import Nightly
        from services.database import DatabaseReviews
        from services.review_process import review

        reviews, now = DatabaseReviews(self.database, self.ledger.name), self.session.now
        return Nightly(reviews, review, self.tell, now=now, clock=clock, tasks=self.tasks)

    def make_notifier(self) -> "Notifier":
        """Alerts, from the outbox to their channels, beside trading."""
        from app.notices import lasting
        from app.notifier import Notifier
        from services.database import DatabaseOutbox
        from services.notifications import channels

        def true_now() -> "frozenset[AlertEvent] | None":
            state = self.session.engine.state
            return lasting(state) if state.reconciled else None

        settings = self.settings
        self.outbox = DatabaseOutbox(self.database, self.ledger.name)
        self.push = web_push(settings, self.database, self.tasks)
        return Notifier(
            outbox=self.outbox,
            channels=[*channels(settings, self.tasks), self.push],
            rules=self.loaded.app["alerts"],
            sender=sender_of(settings, self.ledger, self.logs.clean),
            lasting=true_now,
            tell=self.tell,
            quiet=self.session.quiet,
            clock=clock,
            tasks=self.tasks,
            unwritten=lambda: self.session.troubled,
        )

    def tell(self, event: "AlertEvent", text: str) -> None:
        """Something that happened outside the engine and that people must know."""
        from app.core.messages import NoticeGiven

        self.session.post(NoticeGiven(at=self.session.now(), event=event, text=text))

    async def start(self) -> None:
        """Strategies, past candles, recovery, then the market runs and the jobs begin."""
        from app.core.alerts import AlertEvent
        from app.core.messages import CandleClosed, Started
        from app.cycle import Cycle

        rules, faces = await self.voters.begin(self.loaded.rules, self.host)
        await self.session.recover()
        instrument, past = await self.reach(rules, faces)
        self.candles.take(past.minutes)
        await self.opinions.open()
        cycle = Cycle(rules.voting, {face.name: face for face in faces}, self.settings.symbol)
        await self.tasks.in_thread(lambda: cycle.remember_all(past))
        coordinator = self.opinions.coordinator(cycle)
        self.session.observe(coordinator.hear)
        self.session.observe(self.incidents().hear)
        self.session.observe(self.limits.hear)
        self.session.observe(self.candles.hear)
        self.tasks.start(self.session.run(), "session")
        if self.real is not None:
            self.real.watch()
        started = Started(
            at=self.session.now(),
            program_version=version(),
            ledger=self.ledger.name,
            tag=self.ledger.tag,
            live=self.settings.mode == "live",
            candle_fed=self.ground.candle_fed,
            rules=rules,
            config_sha256=self.loaded.sha256,
            instrument=instrument,
            kill_sealed=self.seal.sealed() or "",
            live_check=self.real.why_not if self.real else "",
        )
        await self.session.start(started)
        for candle in self.ground.missed():
            self.session.post(CandleClosed(at=self.session.now(), candle=candle, late=True))
        await self.session.reconciled()
        self.tasks.start(self.ground.run(self.session), "market")
        self.start_jobs()
        self.started = True
        state = self.session.engine.state
        status = self.view.status()
        covered = f"{status.open_positions} open positions, {status.protected_pct:.0f} % under a stop"
        self.tell(AlertEvent.STARTED, f"version {version()} on {self.ledger.name}: {covered}")
        self.voters.watch(cycle)
        self.tasks.start(self.notifier.run(), "alerts")
        voters = ", ".join(rule.name for rule in rules.voting.strategies if rule.votes)
        log.info(
            "trading on %s, ledger %s, from %s; voting: %s; open positions: %d",
            self.ground.name,
            self.ledger.name,
            self.session.now().isoformat(),
            voters,
            len(state.positions),
        )

    async def reach(self, rules: Rules, faces: Sequence[StrategyFace]) -> "tuple[Instrument, Past]":
        """The market's rules and its past. An exchange that does not answer is asked until it does; nothing is
        traded meanwhile."""
        from app.past import PastWanted

        self.warmup = timedelta(
            seconds=startup_candles([face for face in faces if not face.reads_text]) * rules.voting.timeframe_seconds
        )
        while True:
            try:
                instrument = await self.ground.open()
                if self.real is not None:
                    await self.real.begin()
                wanted = PastWanted(
                    lived_until=self.session.engine.state.now,
                    startup=startup_candles(faces),
                    seconds=rules.voting.timeframe_seconds,
                )
                return instrument, await self.ground.past(wanted)
            except ExchangeError as error:
                log.warning(
                    "%s cannot be reached yet (%s); trying again in %d s", self.ground.name, error, AGAIN_SECONDS
                )
                await self.ground.close()
                await clock.sleep(AGAIN_SECONDS)

    def incidents(self) -> "Incidents":
        """Reports of kill switches."""
        from app.incidents import Incidents
        from services.database import DatabaseReader
        from services.incident_files import IncidentFolder

        reader = DatabaseReader(self.database, self.ledger.name, self.tasks)
        about = f"Version {version()}, ledger {self.ledger.name}"
        return Incidents(self.session, reader, IncidentFolder(self.settings.data_dir), self.tasks, about)

    def start_jobs(self) -> None:
        from app.core.messages import Gate
        from app.jobs import Job, health, reconcile, tick
        from services.database import DatabaseDays
        from services.database.logs_store import LogStore
        from services.health import look
        from services.scheduler import Scheduler, guarded

        logs = LogStore(self.database)
        self.logs.attach(logs.take)
        self.flush_logs = logs.flush

        async def write_logs() -> None:
            await self.tasks.in_thread(logs.flush)

        async def write_candles() -> None:
            await self.tasks.in_thread(self.candles.flush)

        async def review() -> None:
            await write_candles()  # on a fast market a day is over before they were written by themselves
            if not self.nightly.busy:  # it takes its time, and the other jobs go on meanwhile
                self.tasks.start(guarded("review", self.nightly.run)(), "review")

        days = DatabaseDays(self.database, self.ledger.name)

        async def write_days() -> None:
            await self.tasks.in_thread(lambda: days.gather(self.session.now()))

        async def prune_logs() -> None:
            await self.tasks.in_thread(lambda: logs.prune(clock.now()))

        seen = look(self.settings.data_dir, self.tasks)
        beat = [] if self.ground.candle_fed else [Job(name="time", run=tick(self.session), every_seconds=1)]
        self.scheduler = Scheduler(clock)
        self.scheduler.start(
            [
                *beat,
                *self.signs_of_life(),
                *self.history(),
                *(self.real.jobs() if self.real else ()),
                Job(name="reconcile", run=reconcile(self.session), every_seconds=30),
                Job(name="strategies", run=self.voters.look, every_seconds=1),
                *self.opinions.jobs(),
                Job(name="garbage", run=collect_garbage(self.session), every_seconds=300),
                Job(name="health", run=health(self.session, seen, (Gate.DISK,)), every_seconds=60),
                Job(name="daily reset hint", run=tick(self.session), daily_at="00:00"),
                Job(name="system log", run=write_logs, every_seconds=2),
                Job(name="old logs", run=prune_logs, daily_at="00:20"),
                Job(name="candles", run=write_candles, every_seconds=5),
                Job(name="days", run=write_days, every_seconds=60),
                Job(name="review", run=review, every_seconds=60),
            ]
        )

    def vital_signs(self) -> "Callable[[], Awaitable[dict[str, Any]]]":
        """How the whole trader is, for whoever looks."""
        from app.vital_signs import OFF, Sources, VitalSigns, row
        from services.database import DatabaseReader
        from services.health import machine

        reader = DatabaseReader(self.database, self.ledger.name, self.tasks)
        sources = Sources(
            status=self.view.status,
            candle_fed=lambda: self.ground.candle_fed,
            machine=machine(self.settings.data_dir, self.tasks),
            ask_store=lambda: reader.list("logs", 1, 0),
            jobs=lambda: self.scheduler.rows() if self.started else (),
            clock_ahead=self.clock_ahead,
            analyst=self.opinions.analyst_words,
            news=self.opinions.news_sources,
            store_name="SQLite" if self.settings.database_url.reveal().startswith("sqlite") else "PostgreSQL",
            extra=(row("backups", OFF, "not set up: copy the data directory yourself while the trader is stopped"),),
        )
        return VitalSigns(sources, clock).look

    def signs_of_life(self) -> "list[Job]":
        """The daily word, and the ping whose silence is noticed elsewhere."""
        from app.jobs import Job, alive, alive_words, ping

        alerts, found = self.loaded.app["alerts"], []

        async def words() -> str:
            head = await self.tasks.in_thread(self.journal.head)
            return alive_words(self.view.status(), self.view.positions(), head)

        if alerts.alive_at is not None:
            at = f"{alerts.alive_at:%H:%M}"
            found.append(Job(name="alive", run=alive(self.session, words), daily_at=at, zone=alerts.zone))
        if self.settings.alert_ping_url is not None:
            from services.notifications.ping import Ping

            async def well() -> bool:
                status = self.view.status()
                broken = status.state == "RECONCILING" or status.reason == "database" or self.session.troubled
                return not broken and await self.notifier.delivering()

            watchdog = Ping(self.settings.alert_ping_url)
            found.append(Job(name="ping", run=ping(well, watchdog.call), every_seconds=60))
        return found

    def history(self) -> "list[Job]":
        """Candles of the market we trade on are kept for backtests, where it is a real one."""
        from app.jobs import Job, keep_history
        from services.history_child import HistoryChild

        settings, at = self.settings, self.loaded.app["history"]["update_at"]
        if at == "never" or self.ledger.market != BINANCEUS:
            return []
        child = HistoryChild(dict(os.environ), Path.cwd(), symbol=settings.symbol, data_dir=settings.data_dir)
        return [Job(name="history", run=keep_history(child.update, self.tell), daily_at=at)]

    def _crashed(self, name: str, error: BaseException) -> None:
        """Crash-only: a part that died takes the process with it, and the next start recovers."""
        log.critical("%s died: %r", name, error, exc_info=error)
        self.failed = f"{name} died: {error!r}"
        self.stop_serving()

    async def stop(self) -> None:
        """Stops stay on the exchange, positions stay open."""
        if self.started:
            self.scheduler.stop()
        await self.tasks.stop()
        await self.ground.close()
        await self.host.stop()
        await self.opinions.close()
        if self.started:
            with suppress(StoreError):  # a database that is away must not keep the rest from ending in good order
                self.flush_logs()
                self.candles.flush()
        if self.real is not None:
            self.real.end()
        self.journal.close()
        self.database.close()


class Opinions:
    """What opinions rest on beside candles: a language model, news, the record of both, and how they did.

    On a pretend market nothing of today is mixed in: what comes over the network takes no part there, unless its
    address is on this machine.
    """

    def __init__(self, trader: Trader) -> None:
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


class RealMoney:
    """What only real money needs: one engine per account, and the go-live list with its gate."""

    def __init__(self, trader: Trader, account: Any) -> None:
        from app.going_live import GoingLive
        from app.sole import SoleExchange

        self._trader, self._account = trader, account
        self._locks: list[AccountLock] = []
        self.exchange = SoleExchange(account, clock=clock, tasks=trader.tasks)
        self.exchange.may_enter = lambda: trader.session.may_enter()  # noqa: PLW0108  # the session is made later
        self.list = GoingLive(self._look, clock)
        self.why_not = ""

    async def begin(self) -> None:
        """Take the account and look at the list, before anything is sent. ExchangeErrors: try again.

        What is held must not wait long for its stops: a list that takes its time is looked at later, shut meanwhile.
        """
        import asyncio

        if not self._locks:
            await self._take((await self._account.rights()).number)
        try:
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                self.why_not = (await self.list.look()).sentence
        except TimeoutError:
            self.why_not = f"it could not be looked at within {FIRST_LOOK_SECONDS} s; it is looked at again"
        if self.why_not:
            log.warning("the go-live list is not passed: %s", self.why_not)

    async def _take(self, number: str) -> None:
        """By the key, and by the exchange's number of the account where it tells it: an account may have many keys."""
        from services.database.account_lock import AccountLock

        settings, database = self._trader.settings, self._trader.database
        key = settings.binanceus_api_key.reveal() if settings.binanceus_api_key else ""
        played = settings.binanceus_rest_url if settings.pretend_exchange else ""
        for name in (f"live key {key}", *([f"live number {number}"] if number else [])):
            lock = AccountLock(database, name, settings.data_dir, played)
            if not await self._trader.tasks.in_thread(lock.take):
                raise ConfigError("another trader trades this account with real money; stop it first")
            self._locks.append(lock)
        self.exchange.take(*self._locks)

    def watch(self) -> None:
        self._trader.tasks.start(self.exchange.watch(), "hold of the account")
        self.list.watch(self._trader.session)

    def jobs(self) -> "list[Job]":
        from app.going_live import LOOK_EVERY_SECONDS
        from app.jobs import Job

        return [Job(name="go-live list", run=self.list.run, every_seconds=LOOK_EVERY_SECONDS)]

    async def _look(self) -> "Checklist":
        trader = self._trader
        state, loaded = trader.session.engine.state, trader.loaded
        if state.started is not None:  # limits may have been changed since the files were read
            loaded = replace(loaded, rules=replace(loaded.rules, risk=state.rules.risk))
        return await go_live_list(trader.settings, loaded, self._account.client, trader.tasks, trader.database)

    def end(self) -> None:
        for lock in self._locks:
            lock.give()


async def go_live_list(
    settings: "Settings", loaded: "LoadedRules", client: Any, tasks: "Tasks", database: "Database | None" = None
) -> "Checklist":
    """`database`: the books, where this process has them open."""
    from services.live_check.checklist import look
    from services.live_check.subject import Subject

    subject = Subject(
        settings=settings,
        limits=loaded.rules.risk,
        config_sha256=loaded.sha256,
        client=client,
        tasks=tasks,
        real="live",
        play="paper",
        database=database,
    )
    return await look(subject)


def make_ground(trader: Trader) -> "Ground":
    """Where this trader trades: the one place that tells modes and markets apart."""
    from backtest.grounds import CandleGround, PriceGround
    from backtest.paper import MarketTime, PaperExchange
    from backtest.simulator import Book, instrument_for
    from services.database import DatabasePaperStore

    settings, simulation = trader.settings, trader.loaded.simulation
    if settings.mode != "paper":
        return real_ground(trader)
    instrument = instrument_for(settings.symbol, simulation)
    opening = Book(quote_total=settings.paper_cash)
    store = DatabasePaperStore(trader.database, trader.ledger.name)
    if trader.ledger.market == BINANCEUS:
        account, market = on_binanceus(settings, trader.tasks)  # without a key: paper needs none
        trader.clock_ahead = lambda: -account.client.time.wall_offset_seconds()
        dice = seeded(settings.market_seed)
        paper = PaperExchange(
            instrument=instrument,
            simulation=simulation,
            cash_of_a_new_account=opening,
            store=store,
            now=account.now,
            candle_fed=False,
            latency=lambda: timedelta(milliseconds=dice.uniform(50, 300)),
            ask_price=account.ask_price,
        )

        def begin(post: Callable[[Any], None]) -> None:
            account.listen(post)
            account.start()

        return PriceGround(
            "Binance.US",
            paper,
            market,
            now=account.now,
            connect=account.open,
            begin=begin,
            disconnect=account.close,
            tasks=trader.tasks,
        )
    time = MarketTime(datetime(1970, 1, 1, tzinfo=UTC))
    paper = PaperExchange(
        instrument=instrument,
        simulation=simulation,
        cash_of_a_new_account=opening,
        store=store,
        now=time,
        candle_fed=True,
    )

    def feed(warmup: int, window: int, resume: datetime | None) -> Any:
        return make_feed(settings, trader, warmup, window, resume)

    return CandleGround(trader.ledger.market, paper, time, instrument, feed)


def on_binanceus(settings: "Settings", tasks: "Tasks", key: str = "", secret: str = "") -> Any:
    """The exchange and its prices over one connection."""
    from services.binance_us import Addresses, BinanceUs, Client, LiveMarket

    addresses = Addresses(
        rest=settings.binanceus_rest_url, ws=settings.binanceus_ws_url, ws_api=settings.binanceus_ws_api_url
    )
    client = Client(addresses, clock=clock, key=key, secret=secret)
    account = BinanceUs(client, settings.symbol, clock=clock, tasks=tasks)
    return account, LiveMarket(client, settings.symbol, clock=clock, tasks=tasks)


def real_ground(trader: Trader) -> "Ground":
    """The real account: live, or read only where nothing may be sent."""
    from backtest.unsent import Unsent
    from services.binance_us.ground import LiveGround

    settings = trader.settings
    account, market = on_binanceus(settings, trader.tasks, **trading_key(settings))
    trader.clock_ahead = lambda: -account.client.time.wall_offset_seconds()
    account.reconnected = lambda: trader.session.reconcile("reconnect")
    if settings.mode != "live":
        return LiveGround(account, market, Unsent(account, account.now))
    trader.real = RealMoney(trader, account)
    return LiveGround(account, market, trader.real.exchange)


def trading_key(settings: "Settings") -> dict[str, str]:
    key, secret = settings.binanceus_api_key, settings.binanceus_api_secret
    return {"key": key.reveal(), "secret": secret.reveal()} if key and secret else {}


def make_feed(settings: "Settings", trader: Trader, warmup: int, window: int, resume: datetime | None) -> Any:
    """The market's candles: from a file, or invented from the seed. An invented market opens with the day on which its
    ledger was opened, so that it is the same market at whatever hour somebody begins; where nobody has set its speed it
    hurries until something was bought, for who tries the program wants to see that."""
    from backtest.feeds import ReplayFeed, SimulatedFeed

    file = settings.replay_file
    if file is not None:
        return ReplayFeed(
            file,
            symbol=settings.symbol,
            warmup_minutes=warmup,
            window_minutes=window,
            speed=settings.market_speed,
            clock=clock,
            resume_after=resume,
        )
    return SimulatedFeed(
        symbol=settings.symbol,
        seed=settings.market_seed,
        start_at=trader.ledger.opened_at.replace(hour=0, minute=0, second=0, microsecond=0),
        hurries=lambda: settings.market_hurries and not trader.session.engine.state.trade_number,
        window_minutes=window,
        speed=settings.market_speed,
        clock=clock,
        resume_after=resume,
    )


def serve(trader: Trader) -> None:
    """Pages and API from the process that trades, until told to stop. Returns when everything is down."""
    import signal

    from nicegui import app as web
    from nicegui import ui

    from app.control import Controls
    from app.what_if import Facts
    from components import page
    from components.api import Pulse
    from components.doors import Doors
    from services.auth import Auth, key_file
    from services.children import backtests_of, shelf_rows, uploads_of, what_if_of
    from services.database import Answers, Audit, DatabaseReader, Users
    from services.incident_files import IncidentFolder
    from services.secrets import Vault
    from services.settings.desk import FileDesk

    settings, audit = trader.settings, Audit(trader.database)

    def record(**line: str) -> None:
        audit.record(clock.now(), **line)

    auth = Auth(
        Users(trader.database),
        key=key_file(settings.data_dir / "api.key"),
        seals=Vault(settings.secrets_key_file, settings.data_dir),
        record=record,
        clock=clock,
        tasks=trader.tasks,
        factor_stays=settings.mode == "live",
    )
    trader.two_factor = lambda: auth.two_factor
    control = Controls(
        trader.session,
        second_factor=auth,
        record=record,
        acknowledge=trader.notifier.acknowledge,
        tasks=trader.tasks,
        new_id=lambda: token(12),
        live=settings.mode == "live",
        voters=trader.voters,
        save=saving(settings, trader.tasks),
        thresholds=trader.thresholds,
        limits=trader.limits,
        try_channel=trader.notifier.test,
    )
    backtests = backtests_of(
        settings,
        trader.database,
        approved=trader.voters.approved,
        kept=trader.folder.path,
        audit=record,
        new_id=lambda: token(9),
        clock=clock,
        tasks=trader.tasks,
    )
    facts = Facts(
        symbol=settings.symbol,
        warmup=lambda: trader.warmup,
        equity=lambda: trader.view.status().equity,
        voting=lambda: trader.view.vote().rules,
        shelf=lambda: shelf_rows(settings),
    )
    what_if = what_if_of(
        settings,
        backtests.errands,
        approved=trader.voters.approved,
        kept=trader.folder.path,
        facts=facts,
        new_id=lambda: token(9),
        tasks=trader.tasks,
    )
    desk = FileDesk(
        settings.config_dir,
        trader.loaded,
        environ=dict(os.environ),
        env_file=env_file(),
        door=control.guarded,
        tasks=trader.tasks,
    )
    page.build(
        Doors(
            view=trader.view,
            control=control,
            reader=DatabaseReader(trader.database, trader.ledger.name, trader.tasks),
            auth=auth,
            answers=Answers(trader.database),
            clock=clock,
            tasks=trader.tasks,
            health=Pulse(trader.view.status),
            public_url=settings.public_url,
            going_live=lambda: trader.real.list.checklist if trader.real else None,
            insights=lambda: trader.opinions.insights(),  # noqa: PLW0108  # set when the first candles are read
            candles=lambda timeframe, limit: trader.opinions.candles(timeframe, limit),  # noqa: PLW0108
            backtests=backtests,
            what_if=what_if,
            settings=desk,
            data=uploads_of(settings, audit=record, new_id=lambda: token(9), tasks=trader.tasks),
            upload_bytes=settings.upload_mb * 2**20,
            push=trader.push,
            looked=trader.outbox,
            metrics_token=settings.metrics_token.reveal() if settings.metrics_token else None,
            vital_signs=trader.vital_signs(),
            incident=lambda: trader.tasks.in_thread(IncidentFolder(settings.data_dir).newest),
        )
    )

    async def begin() -> None:
        secrets = (settings.admin_password, settings.admin_totp_secret)
        password, totp = (each.reveal() if each else None for each in secrets)
        try:
            first = await auth.start(settings.admin_username, password, totp)
            tell_address(settings, trader.ledger, first)
            await trader.start()
            await backtests.open()
        except TraderError as error:
            print(f"error: {error}", file=sys.stderr)
            trader.failed, trader.exit_code = str(error), 2
            web.shutdown()

    async def start() -> None:
        trader.tasks.start(begin(), "start")  # whatever goes wrong in there ends the process

    web.on_startup(start)
    web.on_shutdown(trader.stop)
    trader.stop_serving = web.shutdown
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server has shut down in good order by then: exit 0
    spare_the_collector()
    ui.run(host=settings.host, port=settings.port, **page.RUN, **page.proxies(settings.trusted_proxies))


def saving(settings: "Settings", tasks: "Tasks") -> "Saving":
    """How a change of the vote gets into strategies.yml, and out of it again."""
    from services.settings.saving import save_votes

    async def save(
        rules: Sequence[tuple[StrategyRule, str]],
        others: Sequence[StrategyRule],
        thresholds: Mapping[str, Decimal],
    ) -> Callable[[], Awaitable[None]]:
        undo = await tasks.in_thread(lambda: save_votes(settings.config_dir, rules, others, thresholds))

        async def take_back() -> None:
            await tasks.in_thread(undo)

        return take_back

    return save


def spare_the_collector() -> None:
    """Looking through everything for garbage stops the loop for a long moment, such as the one in which an order
    leaves. So what was loaded by now, and stays for ever, is left out; the rest is looked through by a job."""
    import gc

    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000_000)


def collect_garbage(session: "Session") -> Callable[[], Awaitable[None]]:
    """All of it, in a moment in which there is nothing else to do."""
    import gc

    async def run() -> None:
        await session.quiet()
        gc.collect()

    return run


def tell_address(settings: "Settings", ledger: LedgerRow, first_password: str | None) -> None:
    """What a newcomer needs to know, on the terminal only: it is in no log."""
    name = f"{settings.mode.value.upper()}, {ledger.market} market"
    print(
        f"bitcoin-autotrader {version()} ({name}): {settings.public_url or f'http://{settings.host}:{settings.port}'}"
    )
    if first_password:
        print(f"sign in as {settings.admin_username} with {first_password} (shown once; you will choose your own)")
    sys.stdout.flush()


# ---------------------------------------------------------------- commands


def run(arguments: argparse.Namespace) -> int:
    """The trader and its dashboard, until it is told to stop."""
    from services import logs
    from services.settings import load_rules

    settings = settings_of()
    forget_key(settings)
    require_key(settings)
    loaded = load_rules(settings.config_dir)
    require_safe_books(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database, ledger = open_books(settings, decide_market)
    refuse_two_accounts(database, ledger)
    running = logs.start(settings.log_level, settings.secrets(), directory=settings.data_dir / "logs")
    trader = Trader(settings, loaded, database, ledger, running)
    trader.wire()
    serve(trader)
    running.stop()
    return trader.exit_code or (1 if trader.failed else 0)


def data(arguments: argparse.Namespace) -> int:
    """Candles on disk: import, list, check."""
    from backtest import data_commands

    settings = settings_of()
    if arguments.verb == "import":
        file = Path(arguments.file)
        symbol, timeframe, lines = data_commands.guessed(file, arguments.symbol, arguments.timeframe, settings.symbol)
        lines += data_commands.import_file(file, symbol, timeframe, settings.data_dir, clock.now())
        good = True
    elif arguments.json:
        rows: Any = data_commands.list_rows(settings.data_dir)
        if arguments.verb == "check":
            rows = data_commands.check_row(arguments.name, settings.data_dir)
        lines, good = [json.dumps(rows, indent=2)], arguments.verb == "list" or bool(rows["good"])
    elif arguments.verb == "list":
        lines, good = data_commands.list_data(settings.data_dir), True
    else:
        lines, good = data_commands.check_data(arguments.name, settings.data_dir)
    print("\n".join(lines))
    return 0 if good else 1


def download(arguments: argparse.Namespace) -> int:
    """Candles from Binance.US into the store; needs no key."""
    import asyncio

    from app.core.model import timeframe_seconds
    from backtest import download_command
    from services.binance_us import Addresses, Client
    from services.binance_us.past import PastCandles

    settings = settings_of()
    if arguments.background:
        os.nice(19)
    span = (arguments.since, arguments.until, arguments.days, arguments.timerange)
    since, until = download_command.wanted_time(clock.now(), *span)
    timeframe_seconds(arguments.timeframe)  # a wrong one is refused before anybody is asked
    addresses = Addresses(
        rest=settings.binanceus_rest_url, ws=settings.binanceus_ws_url, ws_api=settings.binanceus_ws_api_url
    )
    symbol = (arguments.symbol or settings.symbol).upper()

    async def fetch() -> list[str]:
        client = Client(addresses, clock=clock)
        source = PastCandles(client, symbol, clock=clock, alternative=arguments.symbol is None)
        try:
            await source.open()
            instead = [] if source.symbol == symbol else [f"{symbol} is not listed there; {source.symbol} instead"]
            where = (settings.data_dir, since, until, arguments.timeframe)
            return instead + await download_command.fetch(source, *where, clock, sys.stderr)
        finally:
            await source.close()

    try:
        print("\n".join(asyncio.run(fetch())))
    except KeyboardInterrupt:
        return 1
    except ExchangeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetup:
    """What each process that makes trials needs to know; it may be on another machine with the same files."""

    data: str
    data_dir: Path
    config_dir: Path
    strategies_dir: Path
    symbol: str
    cash: Decimal
    data_sha256: str = ""  # of the candles that are meant, where another machine might have others
    config_sha256: str = ""
    mapped: "Mapped | None" = None  # the candles themselves, for processes of this machine


class Workbench:
    """Implements backtest.trials.Bench: settings from files with changes, opinions from the strategies' own files."""

    def __init__(self, setup: TrialSetup, series: "CandleSeries | None" = None) -> None:
        from backtest import history
        from services.settings import Variations
        from strategies.runtime import LocalStrategies

        self.setup, self.cash = setup, setup.cash
        self.series = history.load(setup.data, setup.data_dir, symbol=setup.symbol) if series is None else series
        self._files = Variations(setup.config_dir, backtest=True)
        self.config_sha256 = self._files.rules({}).sha256
        self.strategies = LocalStrategies(setup.strategies_dir)
        self._faces: dict[Any, StrategyFace] = {}

    def rules(self, changes: "Changes") -> "tuple[Rules, Simulation]":
        from backtest.space import by_file

        loaded = self._files.rules(by_file(changes))
        rules = configured(loaded.rules, self.setup.strategies_dir)
        faces = [self._face(rule) for rule in rules.voting.strategies if rule.configured]
        return with_faces(rules, faces), loaded.simulation

    def _face(self, rule: StrategyRule) -> StrategyFace:
        """Of a strategy with these settings; its file is taken not to change while trials are made."""
        key = (rule.name, rule.settings, rule.sha256)
        if key not in self._faces:
            self._faces[key] = self.strategies.load([rule])[0]
        return self._faces[key]

    def opinions(self, rule: StrategyRule, rows: Any, timeframe: str) -> Any:
        self.strategies.load([rule])
        return self.strategies.opinions(rule.name, rows, self.setup.symbol, timeframe)


def bench_of(setup: TrialSetup) -> Workbench:
    """In any process that makes trials, by the name `main.bench_of`. Refuses other candles or settings."""
    from backtest import history

    bench = Workbench(setup, setup.mapped.series() if setup.mapped and setup.mapped.there else None)
    if setup.data_sha256 and history.data_sha256(bench.series) != setup.data_sha256:
        raise ConfigError(f"{setup.data}: has other candles here than where trials are ordered; copy them")
    if setup.config_sha256 and bench.config_sha256 != setup.config_sha256:
        raise ConfigError(f"{setup.config_dir}: says something else here than where trials are ordered; copy it")
    return bench


def trial_setup(arguments: argparse.Namespace, settings: "Settings") -> TrialSetup:
    return TrialSetup(
        data=str(arguments.data),
        data_dir=settings.data_dir.resolve(),
        config_dir=(Path(arguments.config) if arguments.config else settings.config_dir).resolve(),
        strategies_dir=settings.strategies_dir.resolve(),
        symbol=settings.symbol,
        cash=positive(arguments.cash if arguments.cash is not None else settings.paper_cash, "--cash"),
    )


def elsewhere() -> Callable[[TrialSetup], Workbench]:
    """`bench_of` by a name under which every process finds it: this file runs as __main__."""
    from importlib import import_module

    made: Callable[[TrialSetup], Workbench] = import_module("main").bench_of
    return made


def write_config(config_dir: Path) -> "Callable[[Changes, Path], str]":
    """Writes the configuration with changes into a folder; its SHA-256."""
    from backtest.space import by_file
    from services.settings import changed_rules

    def write(changes: "Changes", folder: Path) -> str:
        loaded, texts = changed_rules(config_dir, by_file(changes), backtest=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        return loaded.sha256

    return write


def optimize(arguments: argparse.Namespace) -> int:
    """Look for settings that do better, by a study that can be gone on with."""
    from backtest import optimize_command

    settings = settings_of()
    return optimize_command.command(
        arguments,
        make=elsewhere(),
        setup=trial_setup(arguments, settings),
        version=version(),
        keep=lambda: studies_place(settings),
        write_config=write_config(trial_setup(arguments, settings).config_dir),
        progress=telling_progress() if arguments.progress else None,
    )


def sensitivity(arguments: argparse.Namespace) -> int:
    """How the result changes with a few settings."""
    from backtest import sensitivity_command

    setup = trial_setup(arguments, settings_of())
    progress = telling_progress() if arguments.progress else None
    return sensitivity_command.command(arguments, make=elsewhere(), setup=setup, progress=progress)


def compare(arguments: argparse.Namespace) -> int:
    """Finished runs side by side; configurations are run first, each with the options of `backtest`."""
    from backtest import compare_command

    folders = [Path(run) for run in arguments.runs]
    if arguments.config and not arguments.data:
        raise ConfigError("--data: name the candles that the configurations are to be run on")
    home = Path("runs") / f"compare-{clock.now():%Y-%m-%d_%H-%M-%S}"
    for number, config in enumerate(arguments.config or (), start=1):
        folder = home / f"{number}-{Path(config).resolve().name}"
        plainly = {"recorded": None, "voices": False, "dense": False, "report": True}
        given = {**vars(arguments), **plainly, "config": config, "out": str(folder)}
        backtested(argparse.Namespace(**given), settings_of())
        folders.append(folder)
    return compare_command.command(arguments, folders)


def studies_place(settings: "Settings") -> tuple[str, dict[str, Any]]:
    """Where studies are kept, and what the connection needs."""
    from services.database.studies import place

    return place(settings.database_url.reveal(), settings.data_dir)


def backtest(arguments: argparse.Namespace) -> int:
    """Replay history through the engine and write the result's folder."""
    from backtest import result

    settings, began = settings_of(), clock.now()
    report, folder = backtested(arguments, settings, telling_progress() if arguments.progress else None)
    if arguments.record:
        put_on_record(settings, began, {"data": str(arguments.data), "folder": str(folder)}, report)
    print(json.dumps(report, indent=2) if arguments.json else result.text(report, folder))
    return 0


def backtested(
    arguments: argparse.Namespace, settings: "Settings", progress: "Progress | None" = None
) -> tuple[dict[str, Any], Path]:
    """What result.json says, and its folder."""
    from backtest import backtest_command
    from backtest.memory import give_memory_back
    from services.settings import load_rules

    give_memory_back()
    loaded = load_rules(Path(arguments.config) if arguments.config else settings.config_dir, backtest=True)
    plan, local, deaf = planned(settings, loaded, arguments)
    plan, notes = with_record(settings, arguments.recorded, plan, deaf)
    folder = Path(arguments.out) if arguments.out else Path("runs") / f"backtest-{clock.now():%Y-%m-%d_%H-%M-%S}"
    report = backtest_command.trade(
        plan,
        folder,
        seen_ahead=local.seen_ahead,
        notes=notes,
        models=[settings.deepseek_model] if any(map(local.asks_a_model, plan.timelines)) else [],
        cutoffs=loaded.app["deepseek"]["cutoffs"],
        dense=arguments.dense,
        voices=arguments.voices,
        report=arguments.report,
        progress=progress,
        screen=sys.stderr,
    )
    del plan
    if arguments.report:
        backtest_command.draw(folder)
    return report, folder


def with_record(
    settings: "Settings", wanted: str | None, plan: "Plan", deaf: Sequence[str]
) -> "tuple[Plan, list[str]]":
    """The plan with the opinions on record of those who cannot be asked about the past, and what to say of it."""
    from backtest.recorded import taking_part, told

    notes, without = [], list(deaf)
    if wanted is not None:
        record = recorded(settings, wanted)
        plan = taking_part(plan, record, deaf)
        notes.append(told(record, deaf))
        without = [name for name in deaf if name not in record.timelines]
    if without:
        notes.append(f"history has no news and no language model: without {', '.join(without)}")
    return plan, notes


def planned(
    settings: "Settings", loaded: "LoadedRules", arguments: argparse.Namespace
) -> "tuple[Plan, LocalStrategies, list[str]]":
    """What to run on what, who is asked, and the names of those who are switched on but cannot be asked about the
    past."""
    from backtest import history
    from backtest.running import Plan
    from strategies.runtime import LocalStrategies

    series = history.load(arguments.data, settings.data_dir, arguments.since, arguments.until, symbol=settings.symbol)
    local = LocalStrategies(settings.strategies_dir)
    rules = configured(loaded.rules, settings.strategies_dir)
    faces = local.load([rule for rule in rules.voting.strategies if rule.configured])
    rules = with_faces(rules, faces)
    deaf = {face.name for face in faces if face.reads_text}
    faces = [face for face in faces if not face.reads_text]
    plan = Plan(
        series=series,
        data=str(arguments.data),
        warmup=warmup_minutes(rules, faces) * 60 // series.seconds,
        rules=rules,
        simulation=loaded.simulation,
        cash=positive(arguments.cash if arguments.cash is not None else settings.paper_cash, "--cash"),
        strategies=local,
        faces=faces,
        version=version(),
        config_sha256=loaded.sha256,
    )
    return plan, local, [rule.name for rule in rules.voting.strategies if rule.enabled and rule.name in deaf]


def telling_progress() -> "Progress":
    """To whoever started this command: lines of JSON on its output, which nothing else reaches from here on."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    last = -1

    def tell(per_cent: float) -> None:
        nonlocal last
        if int(per_cent) > last:
            last = int(per_cent)
            told.write(f'{{"progress": {last}}}\n')

    return tell


def recorded(settings: "Settings", where: str) -> "Record":
    """Opinions on record in a file, or in a ledger's books ("": the current one)."""
    from backtest.recorded import read_file, record_of
    from services.database import DatabaseOpinions

    if where and Path(where).is_file():
        return record_of(read_file(Path(where)))
    database, current = open_books(settings)
    with closing(database):
        return record_of(DatabaseOpinions(database, where or current.name).signals())


def put_on_record(settings: "Settings", began: datetime, request: dict[str, str], report: dict[str, Any]) -> None:
    """A line in the books, for the go-live list and for later; where that fails the result still stands in its
    folder."""
    from services.backtest_line import write_down

    url, row = settings.database_url.reveal(), (token(9), began, clock.now(), request, report)
    if write_down(url, *row):
        return
    from services.database import open_database
    from services.database.backtests import Backtests

    try:
        database = open_database(url)
        try:
            Backtests(database).finished(*row)
        finally:
            database.close()
    except (ConfigError, StoreError) as error:
        print(f"note: the backtest is not on record in the books: {error}", file=sys.stderr)


def replay(arguments: argparse.Namespace) -> int:
    """A journalled UTC day of market time, or one decision, replayed from its messages alone."""
    from app.replaying import replayed_day, replayed_decision
    from services.database import DatabaseJournal

    database, ledger = open_books(settings_of())
    with closing(database):
        journal = DatabaseJournal(database, ledger.name, version(), reading_only=True)
        try:
            day = datetime.strptime(arguments.what, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            verdict = replayed_decision(journal, arguments.what)
        else:
            verdict = replayed_day(journal, day, version())
    print(json.dumps(verdict.row(arguments.what), indent=2) if arguments.json else "\n".join(verdict.lines))
    return 0 if verdict.same else 1


class Days:
    """Lived days of the current books, to be compared with what they should have been."""

    def __init__(self) -> None:
        from services.database import DatabaseJournal, DatabaseMarketCandles, DatabaseOpinions, DatabaseReviews
        from services.settings import load_rules

        self.settings = settings_of()
        self.simulation = load_rules(self.settings.config_dir).simulation
        self.database, self.ledger = open_books(self.settings)
        name = self.ledger.name
        self.journal = DatabaseJournal(self.database, name, version(), reading_only=True)
        self.candles = DatabaseMarketCandles(self.database, name, self.ledger.symbol)
        self.opinions = DatabaseOpinions(self.database, name)
        self.reviews = DatabaseReviews(self.database, name)

    def close(self) -> None:
        self.database.close()

    def yesterday(self) -> datetime:
        """The last day of market time that is over."""
        from app.core.portfolio import midnight

        lived = self.opinions.range()
        if lived is None:
            raise ConfigError(f"ledger {self.ledger.name}: nothing was lived yet")
        return midnight(lived[1]) - timedelta(days=1)

    def lived(self, day: datetime) -> "tuple[Verdict, Lived]":
        """The day as its replay shows it; the replay begins where the last night's ended."""
        from app.days import DayBook
        from app.replaying import replayed_day

        book, since = DayBook(day), self.reviews.mark_before(day)
        verdict = replayed_day(self.journal, day, version(), since=since, witness=book)
        return verdict, book.lived

    def seen(self, lived: "Lived", data: str | None = None) -> "Sequence[Candle]":
        """The market's candles: those on record, or those of a file or an import."""
        from backtest import drift, history

        since, until = drift.candles_wanted(lived)
        if data is None:
            return self.candles.candles(since, until)
        return [*history.candles(history.load(data, self.settings.data_dir, since, until, symbol=self.ledger.symbol))]

    def model_usd(self, lived: "Lived") -> "Mapping[str, Decimal]":
        if lived.wall_from is None or lived.wall_until is None:
            return {}
        return self.opinions.model_usd(lived.wall_from, lived.wall_until)

    def again(self, day: datetime, data: str | None = None) -> "Again":
        from backtest.review import Again

        _, lived = self.lived(day)
        return Again(lived, self.seen(lived, data), self.simulation, version())


def drift(arguments: argparse.Namespace) -> int:
    """A lived day beside the same day in a backtest, trade by trade."""
    from backtest import drift as drifting

    with closing(Days()) as days:
        found = days.again(arguments.day or days.yesterday(), arguments.data).drift()
    print(json.dumps(drifting.row_of(found), indent=2) if arguments.json else "\n".join(drifting.text(found)))
    return 0


def voices(arguments: argparse.Namespace) -> int:
    """What each voice was worth on a day, or over the days that were reviewed."""
    from backtest import voices as ledgers

    with closing(Days()) as days:
        if arguments.since is not None:
            rows = ledgers.summed(days.reviews.voices(arguments.since))
        else:
            again = days.again(arguments.day or days.yesterday())
            rows = ledgers.rows_of(again.voices(days.model_usd(again.lived), arguments.draws))
    print(json.dumps(rows, indent=2) if arguments.json else "\n".join(ledgers.text(rows)))
    return 0


def review(arguments: argparse.Namespace) -> int:
    """A day replayed and traded again, and both kept in the books: what the trader has done each night."""
    from backtest.review import reviewed

    with closing(Days()) as days:
        day = arguments.day or days.yesterday()
        verdict, lived = days.lived(day)
        drifted, worth = reviewed(lived, days.seen(lived), days.simulation, version(), days.model_usd(lived))
        days.reviews.keep(day, clock.now(), verdict, drifted, worth)
    if arguments.json:
        print(json.dumps({**verdict.row(f"{day:%Y-%m-%d}"), "drift": drifted, "voices": worth}, indent=2))
    else:
        print("\n".join(verdict.lines))
        print(drifted.get("error") or f"beside the same day in a backtest: {drifted['difference_usd']} dollars")
    return 0 if verdict.same else 1


def opinions(arguments: argparse.Namespace) -> int:
    """Opinions that were given while trading, as a file that a backtest can be answered from."""
    from backtest.recorded import write_file

    with closing(Days()) as days:
        count = write_file(Path(arguments.file), days.opinions.signals(arguments.since, arguments.until))
    print(f"{count} opinions of ledger {days.ledger.name} written to {arguments.file}")
    return 0


def audit(arguments: argparse.Namespace) -> int:
    """Recompute the hash chain of every current ledger."""
    from services.database import DatabaseJournal, Ledgers

    database, _ = open_books(settings_of())
    broken = 0
    for ledger in Ledgers(database, min).list():
        wrong = DatabaseJournal(database, ledger.name, version(), reading_only=True).verify()
        print(f"{ledger.name}: {wrong or 'the chain is whole'}")
        broken += wrong is not None
    database.close()
    return 1 if broken else 0


def ledger(arguments: argparse.Namespace) -> int:
    """Which books there are; start paper over."""
    from services.database import Ledgers

    settings = settings_of()
    database, current = open_books(settings)
    ledgers = Ledgers(database, min)
    if arguments.verb == "reset":
        require_paper(settings)
        ledgers.retire(current.name)
        print(f"{current.name} is kept in the books; the next start opens a fresh one")
    else:
        print("\n".join(f"{each.name}  opened {each.opened_at:%Y-%m-%d %H:%M} UTC" for each in ledgers.list()))
    database.close()
    return 0


def secrets(arguments: argparse.Namespace) -> int:
    """Secrets at rest. They work whatever else is wrong with the settings."""
    from services.secrets import asking
    from services.secrets.commands import SecretSettings

    not_as_an_argument(arguments)
    known = SecretSettings(dict(os.environ), env_file())
    if arguments.verb == "list":
        lines = known.listed(arguments.json)
    elif arguments.remove:
        lines = known.remove(arguments.name)
    else:
        known.setting(arguments.name)
        value = asking.hidden(arguments.name)
        lines = known.seal_only(arguments.name, value) if arguments.seal_only else known.set(arguments.name, value)
    print("\n".join(lines))
    return 0


def rotate(arguments: argparse.Namespace) -> int:
    """A new key for everything that is sealed, beside a running trader."""
    from services.auth import SeedRows
    from services.database import Ledgers, Users, open_database
    from services.notifications.push_key import PushKeyRow
    from services.secrets import rotating
    from services.secrets.commands import SecretSettings

    database = open_database(settings_of().database_url.reveal())
    try:
        rows = rotating.Together(SeedRows(Users(database)), PushKeyRow(Ledgers(database, min)))
        lines = rotating.run(SecretSettings(dict(os.environ), env_file()), rows)
    finally:
        database.close()
    print("\n".join(lines))
    return 0


def user(arguments: argparse.Namespace) -> int:
    """A lost password or phone, beside a running trader."""
    from services.auth import Recovery, Seeds
    from services.database import Audit, Users, open_database
    from services.secrets import Vault, asking

    not_as_an_argument(arguments)
    settings = settings_of()
    database = open_database(settings.database_url.reveal())
    audit = Audit(database)

    def record(**line: str) -> None:
        audit.record(clock.now(), **line)

    seeds = Seeds(Vault(settings.secrets_key_file, settings.data_dir))
    try:
        recovery = Recovery(Users(database), seeds, record)
        name = recovery.known(arguments.name or settings.admin_username)
        if arguments.verb == "password":
            lines = recovery.password(name, asking.hidden(f"new password of {name}", twice=True))
        elif arguments.off:
            lines = recovery.totp_off(name)
        else:
            ask = (lambda: asking.line("a code from it: ")) if asking.is_terminal() else None
            lines = recovery.totp(name, print, ask, clock.now)
    finally:
        database.close()
    print("\n".join(lines))
    return 0


def alert(arguments: argparse.Namespace) -> int:
    """Channels for alerts tried for real, what people were told, and that it was seen; beside a running trader."""
    import asyncio

    from app.seam import Tasks
    from services.database import Audit, DatabaseOutbox, DatabaseReader
    from services.logs import Redactor
    from services.notifications import channels, commands

    settings = settings_of()
    database, ledger = open_books(settings)
    outbox, tasks, good = DatabaseOutbox(database, ledger.name), Tasks(), True
    try:
        if arguments.verb == "test":
            sender = sender_of(settings, ledger, Redactor(settings.secrets()).text)
            push = web_push(settings, database, tasks)
            made = [*channels(settings, tasks), *([push] if push.reaches else [])]
            lines, good = asyncio.run(commands.test(made, arguments.channel, outbox, sender, clock))
        elif arguments.verb == "seen":
            ids = [arguments.id] if arguments.id is not None else None
            count = outbox.acknowledge(ids, "command line", clock.now())
            which = "all" if ids is None else str(arguments.id)
            line = {"actor": "command line", "action": "acknowledge", "target": which, "detail": f"{count} alerts"}
            Audit(database).record(clock.now(), **line, address="", result="ok")
            lines = [f"{count} alerts acknowledged: they are not repeated"]
        else:
            reader = DatabaseReader(database, ledger.name, tasks)
            rows, _ = asyncio.run(reader.list("alerts", arguments.limit, 0))
            lines = [json.dumps(rows, indent=2)] if arguments.json else commands.listed(rows, outbox.states())
    finally:
        database.close()
    print("\n".join(lines))
    return 0 if good else 1


def web_push(settings: "Settings", database: "Database", tasks: "Tasks") -> "WebPush":
    """Alerts on the phones and browsers that asked for them. Its key is not made before the first of them asks."""
    from services.database import Audit, Ledgers, PushDevices
    from services.notifications import push_key, push_subject
    from services.notifications.push import WebPush
    from services.secrets import Vault

    kept, seals, audit = Ledgers(database, min), Vault(settings.secrets_key_file, settings.data_dir), Audit(database)
    return WebPush(
        PushDevices(database),
        key=lambda: push_key.load(kept, seals),
        subject=push_subject(settings),
        hosts=settings.push_hosts,
        record=lambda **line: audit.record(clock.now(), **line),
        clock=clock,
        tasks=tasks,
    )


def sender_of(settings: "Settings", ledger: LedgerRow, clean: Callable[[str], str]) -> "Sender":
    """What every alert says of this trader."""
    from app.notices import Sender

    about = f"{settings.mode.value}, {ledger.market}, {settings.symbol}"
    return Sender(label=settings.mode.value.upper(), about=about, link=settings.public_url, clean=clean)


def drill(arguments: argparse.Namespace) -> int:
    """Fire drills of the shipped parts on books of their own, and a dated certificate; beside a running trader, too."""
    import asyncio
    import tempfile

    from backtest import drill as fire
    from services.binance_us.pulse import Pulse
    from services.database import Audit, open_database
    from services.private_files import write_private
    from services.settings import load_rules
    from services.throw_away import ThrowAway

    settings, at = settings_of(), clock.now()
    loaded = load_rules(settings.config_dir)
    limits = fire.lowered(loaded.rules.risk)
    say: Callable[[str], None] = (lambda line: None) if arguments.json else (lambda line: print(line, flush=True))
    say("\n".join([f"fire drill of version {version()} and {settings.config_dir}, on books of its own", *limits.told]))
    with (
        tempfile.TemporaryDirectory(prefix="fire-drill-") as folder,
        closing(ThrowAway(Path(folder), version())) as own,
    ):
        parts = fire.Parts(
            books=own.books,
            heartbeat=lambda line, post, back: Pulse(line, post=post, back=back, clock=clock),
            version=version(),
        )
        scenarios = asyncio.run(fire.run(parts, limits, clock, hear=lambda result: say(fire.text(result))))
        channels = asyncio.run(drill_channels(settings, own.books("fire drill"), say))
    stored = fire.certificate(
        scenarios, channels, at=at, version=version(), config_sha256=loaded.sha256, limits=limits.told
    )
    path, verdict = settings.data_dir / "drills" / fire.named(at), "passed" if stored["passed"] else "FAILED"
    write_private(path, (json.dumps(stored, indent=2, ensure_ascii=False) + "\n").encode(), "the drill's certificate")
    line = {"actor": "command line", "action": "drill", "target": path.name, "detail": verdict.lower()}
    try:
        with closing(open_database(settings.database_url.reveal())) as database:
            Audit(database).record(clock.now(), **line, address="", result="ok")
    except (ConfigError, StoreError) as error:
        print(f"not in the audit trail: {error}", file=sys.stderr)
    say(f"{verdict}; certificate: {path}")
    if arguments.json:
        print(json.dumps({**stored, "file": str(path)}, indent=2))
    return 0 if stored["passed"] else 1


async def drill_channels(settings: "Settings", books: "ThrowAwayBooks", say: Callable[[str], None]) -> "list[Result]":
    """A test message by each channel for alerts that is set up. None at all is said, and is no failure of a drill."""
    from app.seam import Tasks
    from backtest.drill import Result, text
    from services.logs import Redactor
    from services.notifications import channels, commands

    results: list[Result] = []
    sender = sender_of(settings, books.ledger, Redactor(settings.secrets()).text)
    try:
        made = channels(settings, Tasks())
    except ConfigError as error:
        results.append(Result(name="alert channels", passed=False, seen=str(error), seconds=0))
        made = []
    else:
        if not made:
            lines, _ = await commands.test([], None, books.outbox, sender, clock)
            say(f"– alert channels: {lines[0]}")
    for channel in made:
        began = clock.monotonic()
        lines, good = await commands.test([channel], None, books.outbox, sender, clock)
        seen, seconds = lines[0].removeprefix(f"{channel.name}: "), clock.monotonic() - began
        results.append(Result(name=channel.name, passed=good, seen=seen, seconds=seconds))
    for result in results:
        say(text(result))
    return results


def not_as_an_argument(arguments: argparse.Namespace) -> None:
    if getattr(arguments, "too_much", None):
        raise ConfigError(
            "a secret is never given as an argument, where the shell's history keeps it and everybody sees it; "
            "type it when asked, or pipe it in. Change the one you just wrote"
        )


def doctor(arguments: argparse.Namespace) -> int:
    """What is wrong with this installation. Looks only; also when settings are broken or a trader is running."""
    from backtest import data_commands
    from services.doctor.check import json_of, text_of
    from services.doctor.examination import examine

    env_file = Path(".env") if Path(".env").exists() else None
    examined = examine(dict(os.environ), env_file, version=version(), stored_candles=data_commands.list_rows)
    print(json_of(examined.checks) if arguments.json else text_of(examined.checks), flush=True)
    code = 0 if examined.good else 1
    if examined.hanging and __name__ == "__main__":
        os._exit(code)  # a thread that waits for a name server or a disk would keep the program from ending
    return code


def strategy(arguments: argparse.Namespace) -> int:
    """The proof that a file must pass before anybody can enable it, item by item."""
    import asyncio

    from services.settings import load_rules
    from services.strategy_proof import json_of, prove, text_of

    path = Path(arguments.file)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    rules = load_rules(settings_of().config_dir).rules.voting.strategies
    given = next((rule.settings for rule in rules if rule.name == path.stem), ())
    options = {name: json.loads(value) for name, value in given}
    proved = asyncio.run(prove(path.stem, "", None, directory=path.parent, settings=options))
    print(json_of(proved) if arguments.json else text_of(proved))
    return 0 if proved.passed else 1


def live_check(arguments: argparse.Namespace) -> int:
    """What must be true before real money is traded. Looks only, in any mode, also beside a running trader."""
    import asyncio

    from app.seam import Tasks
    from services.live_check.wording import json_of, text_of
    from services.settings import load_rules

    settings = settings_of(key_for_play=True)
    loaded = load_rules(settings.config_dir)

    async def looked() -> "Checklist":
        tasks = Tasks()
        account, _ = on_binanceus(settings, tasks, **trading_key(settings))
        await account.client.open()
        try:
            return await go_live_list(settings, loaded, account.client, tasks)
        finally:
            await account.client.close()

    checklist = asyncio.run(looked())
    print(json_of(checklist) if arguments.json else text_of(checklist))
    return 0 if checklist.passed else 1


# ---------------------------------------------------------------- command line


def day_of(text: str) -> datetime:
    """A UTC date of the command line."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2023-03-14") from error


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="main.py", description="bitcoin-autotrader")
    top.add_argument("--version", action="version", version=version())
    verbs = top.add_subparsers(dest="command", metavar="COMMAND")
    verbs.add_parser("run", help="the trader and its dashboard (default)").set_defaults(act=run)

    candles = verbs.add_parser("data", help="candles on disk").add_subparsers(dest="verb", required=True)
    importing = candles.add_parser("import", help="take in a CSV, parquet or feather file")
    importing.add_argument("file")
    importing.add_argument("--symbol", help="default: as the file's name says, else TRADER_SYMBOL")
    importing.add_argument("--timeframe", "-i", help="default: as the file's name says, else 1m")
    importing.set_defaults(act=data, json=False)
    add_download(candles.add_parser("download", help="minutes of Binance.US; goes on where it stopped"))
    listing = candles.add_parser("list", help="what there is")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(act=data)
    checking = candles.add_parser("check", help="gaps, duplicates, impossible candles; exit 1 when something is wrong")
    checking.add_argument("name", help="a symbol that was imported, or a file")
    checking.add_argument("--json", action="store_true", help="for programs")
    checking.set_defaults(act=data)

    add_download(verbs.add_parser("download-data", help="the same as data download"))
    same = verbs.add_parser("list-data", help="the same as data list")
    same.add_argument("--json", action="store_true", help="for programs")
    same.set_defaults(act=data, verb="list")

    testing = verbs.add_parser("backtest", help="replay history through the engine")
    testing.add_argument("--data", required=True, help="a symbol that was imported, or a file")
    testing.add_argument("--since", type=day_of, help="UTC date, included")
    testing.add_argument("--until", type=day_of, help="UTC date, not included")
    testing.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    testing.add_argument("--config", help="folder with strategies.yml and risk.yml; default: TRADER_CONFIG_DIR")
    testing.add_argument("--out", help="folder for the result; default: runs/backtest-<time>")
    how = "answer who reads text or asks a model from what is on record: in a file, a ledger, or the current books"
    testing.add_argument("--recorded", nargs="?", const="", metavar="FILE|LEDGER", help=how)
    testing.add_argument("--voices", action="store_true", help="what each voice was worth, too")
    testing.add_argument("--json", action="store_true", help="print result.json")
    add_progress(testing)
    testing.add_argument("--no-record", dest="record", action="store_false", help="leave the books alone")
    testing.add_argument("--no-report", dest="report", action="store_false", help="no report.html and report.pdf")
    testing.add_argument("--dense", action="store_true", help="feed every candle: slow, and the same")
    testing.set_defaults(act=backtest)

    add_comparing(verbs)

    drilling = verbs.add_parser(
        "drill", help="fire drills of what is shipped, on books of their own; exit 1 where one fails"
    )
    drilling.add_argument("--json", action="store_true", help="for programs")
    drilling.set_defaults(act=drill)
    looking = verbs.add_parser("doctor", help="what is wrong with this installation; exit 1 when something is")
    looking.add_argument("--json", action="store_true", help="for programs")
    looking.set_defaults(act=doctor)
    ready = verbs.add_parser("live-check", help="may real money be traded? exit 1 when something is missing")
    ready.add_argument("--json", action="store_true", help="for programs")
    ready.set_defaults(act=live_check)
    again = verbs.add_parser("replay", help="replay a journalled day or decision; exit 1 if anything differs")
    again.add_argument("what", metavar="DAY|DECISION_ID")
    again.add_argument("--json", action="store_true", help="for programs")
    again.set_defaults(act=replay)
    add_days(verbs)
    books = verbs.add_parser("audit", help="the journal's hash chain").add_subparsers(dest="verb", required=True)
    books.add_parser("verify").set_defaults(act=audit)
    ledgers = verbs.add_parser("ledger", help="the books of each market").add_subparsers(dest="verb", required=True)
    ledgers.add_parser("list").set_defaults(act=ledger)
    ledgers.add_parser("reset", help="start paper over").set_defaults(act=ledger)
    opinions = verbs.add_parser("strategy", help="files of strategies").add_subparsers(dest="verb", required=True)
    proving = opinions.add_parser("check", help="prove a strategy's file; exit 1 where it does not pass")
    proving.add_argument("file", metavar="FILE")
    proving.add_argument("--json", action="store_true", help="for programs")
    proving.set_defaults(act=strategy)
    add_alerts(verbs)
    add_secrets(verbs)
    return top


def add_comparing(verbs: Any) -> None:
    """Studies."""
    finding = verbs.add_parser("optimize", aliases=["hyperopt"], help="look for settings that do better")
    finding.add_argument("--data", help="a symbol that was imported, or a file")
    finding.add_argument("--vary", action="append", metavar="PATH=VALUES", help="such as buy_threshold=60..80/5")
    finding.add_argument("--trials", type=trials_of, default=None, help="default: 200")
    finding.add_argument("--seed", type=int, default=1, help="the same seed gives the same study; default: 1")
    finding.add_argument("--workers", type=workers_of, help="processes; default: one for each core")
    finding.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler instead of processes here")
    finding.add_argument("--objective", choices=("sharpe", "return", "calmar", "profit_factor"), default="sharpe")
    finding.add_argument("--since", type=day_of, help="UTC date, included")
    finding.add_argument("--until", type=day_of, help="UTC date, not included")
    finding.add_argument("--stop-after", type=trials_of, metavar="N", help="end after N trials without a better one")
    finding.add_argument("--walk-forward", default="", metavar="TRAIN/TEST", help="such as 730d/182d")
    finding.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    finding.add_argument("--config", help="folder with strategies.yml and risk.yml; default: TRADER_CONFIG_DIR")
    name = finding.add_mutually_exclusive_group()
    name.add_argument("--study", metavar="NAME", help="what to call it; default: the time")
    name.add_argument("--resume", metavar="NAME", help="go on with a study, as it was begun")
    finding.add_argument("--out", help="folder for the result; default: runs/optimize-<name>")
    finding.add_argument("--json", action="store_true", help="print study.json")
    add_progress(finding)
    finding.set_defaults(act=optimize)

    looking = verbs.add_parser("sensitivity", help="how the result changes with a few settings: heat maps")
    looking.add_argument("--data", required=True, help="a symbol that was imported, or a file")
    looking.add_argument("--vary", action="append", required=True, metavar="PATH=VALUES", help="once or more")
    looking.add_argument("--since", type=day_of, help="UTC date, included")
    looking.add_argument("--until", type=day_of, help="UTC date, not included")
    looking.add_argument("--workers", type=workers_of, help="processes; default: one for each core")
    looking.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler instead of processes here")
    looking.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    looking.add_argument("--config", help="folder with strategies.yml and risk.yml; default: TRADER_CONFIG_DIR")
    looking.add_argument("--out", help="folder for the result; default: runs/sensitivity-<time>")
    looking.add_argument("--json", action="store_true", help="print the figures")
    add_progress(looking)
    looking.set_defaults(act=sensitivity)

    beside = verbs.add_parser("compare", help="finished runs side by side, or configurations run for it")
    beside.add_argument("runs", nargs="*", metavar="RUN", help="a folder of a finished run")
    beside.add_argument("--config", action="append", metavar="DIR", help="run this configuration, too; twice or more")
    beside.add_argument("--data", help="candles for --config")
    beside.add_argument("--since", type=day_of, help="UTC date, included")
    beside.add_argument("--until", type=day_of, help="UTC date, not included")
    beside.add_argument("--cash", help="default: TRADER_PAPER_CASH")
    beside.add_argument("--out", help="folder for compare.html; default: here")
    beside.add_argument("--json", action="store_true", help="for programs")
    beside.set_defaults(act=compare)


def add_progress(verb: argparse.ArgumentParser) -> None:
    """For whoever starts this command and waits for it."""
    verb.add_argument("--progress", action="store_true", help='lines {"progress": per cent} instead of the result')


def trials_of(text: str) -> int:
    """1 to 100000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number from 1 to 100000")
    return int(text)


def workers_of(text: str) -> int:
    """1 to 64."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number of processes from 1 to 64")
    return int(text)


def add_download(fetching: argparse.ArgumentParser) -> None:
    fetching.add_argument("--symbol", "--pairs", "-p", help="default: TRADER_SYMBOL")
    fetching.add_argument("--since", type=day_of, help="UTC date, included; default: two years ago")
    fetching.add_argument("--until", type=day_of, help="UTC date, not included; default: now")
    fetching.add_argument("--days", type=days_of, help="so many days back instead of --since")
    fetching.add_argument("--timerange", help="20240101-20241231 or 20240101- instead of --since and --until")
    fetching.add_argument("--timeframe", "--timeframes", "-t", "-i", default="1m", help="made of minutes when read")
    fetching.add_argument("--background", action="store_true", help="with the lowest priority")
    fetching.set_defaults(act=download)


def days_of(text: str) -> int:
    """1 to 5000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 5000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number of days from 1 to 5000")
    return int(text)


def add_days(verbs: Any) -> None:
    """What happened against what should have happened."""
    beside = verbs.add_parser("drift", help="a lived day beside the same day in a backtest, trade by trade")
    beside.add_argument("--data", help="candles of an import or a file instead of those on record")
    worth = verbs.add_parser("voices", help="what each voice was worth: without it, at random, held; in dollars")
    worth.add_argument("--since", type=day_of, help="add up the days reviewed since this UTC date")
    worth.add_argument("--draws", type=count_of, default=20, help="of random entries; default: 20")
    both = verbs.add_parser("review", help="replay, drift and voices of a day, kept in the books; exit 1 if it differs")
    for each, act in ((beside, drift), (worth, voices), (both, review)):
        each.add_argument("day", nargs="?", type=day_of, metavar="DAY", help="UTC date; default: the last whole day")
        each.add_argument("--json", action="store_true", help="for programs")
        each.set_defaults(act=act)
    said = verbs.add_parser("opinions", help="write the opinions on record to a file, for backtest --recorded")
    said.add_argument("file", metavar="FILE")
    said.add_argument("--since", type=day_of, help="UTC date, included")
    said.add_argument("--until", type=day_of, help="UTC date, not included")
    said.set_defaults(act=opinions)


def count_of(text: str) -> int:
    """1 to 1000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number from 1 to 1000")
    return int(text)


def add_alerts(verbs: Any) -> None:
    alerts = verbs.add_parser("alert", help="channels for alerts, and what people were told")
    told = alerts.add_subparsers(dest="verb", required=True)
    trying = told.add_parser("test", help="send one message by each channel; exit 1 where one does not arrive")
    trying.add_argument("channel", nargs="?", metavar="CHANNEL", help="email, sms, sms-1, apprise, … default: all")
    trying.set_defaults(act=alert)
    listing = told.add_parser("list", help="how the channels stand, and the newest alerts")
    listing.add_argument("--limit", type=count_of, default=20, help="how many; default: 20")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(act=alert)
    seen = told.add_parser("seen", help="acknowledge grave alerts, so that they are not repeated")
    seen.add_argument("id", nargs="?", type=int, metavar="ID", help="default: all")
    seen.set_defaults(act=alert)


def add_secrets(verbs: Any) -> None:
    sealed = verbs.add_parser("secrets", help="secrets at rest").add_subparsers(dest="verb", required=True)
    setting = sealed.add_parser("set", help="seal a secret setting; its value is asked for, or piped in")
    setting.add_argument("name", metavar="NAME")
    setting.add_argument("too_much", nargs="*", help=argparse.SUPPRESS)
    how = setting.add_mutually_exclusive_group()
    how.add_argument("--remove", action="store_true", help="take it out of the sealed store")
    how.add_argument("--seal-only", action="store_true", help="print the sealed text, for .env, instead of keeping it")
    setting.set_defaults(act=secrets)
    where = sealed.add_parser("list", help="where each secret comes from; never a value")
    where.add_argument("--json", action="store_true", help="for programs")
    where.set_defaults(act=secrets)
    sealed.add_parser("rotate", help="a new key for everything that is sealed").set_defaults(act=rotate)

    users = verbs.add_parser("user", help="a lost password or phone").add_subparsers(dest="verb", required=True)
    password = users.add_parser("password", help="a new password; it is asked for, or piped in")
    password.add_argument("name", nargs="?", metavar="NAME", help="default: TRADER_ADMIN_USERNAME")
    password.add_argument("too_much", nargs="*", help=argparse.SUPPRESS)
    password.set_defaults(act=user)
    factor = users.add_parser("totp", help="enrol the second factor anew")
    factor.add_argument("name", nargs="?", metavar="NAME", help="default: TRADER_ADMIN_USERNAME")
    factor.add_argument("--off", action="store_true", help="remove it")
    factor.set_defaults(act=user)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; wrong use and bad input give one line and exit code 2."""
    from services.closed_process import close

    top = parser()
    chosen, unknown = top.parse_known_args(arguments)
    if unknown and chosen.command in ("secrets", "user"):
        chosen.too_much = unknown  # may be a secret: it is not repeated
    elif unknown:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    close()  # before any key is opened
    try:
        code = int((getattr(chosen, "act", None) or run)(chosen))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except TraderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
