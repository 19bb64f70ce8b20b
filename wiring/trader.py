"""The trader: its parts in the order in which they are made, started and stopped."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from app.core.errors import ExchangeError, StoreError
from app.core.rules import Rules
from app.ports import LedgerRow, StrategyFace
from app.seam import clock, token
from wiring.alerts import make_notifier, web_push
from wiring.jobs import jobs_of
from wiring.looking_back import make_incidents, make_nightly
from wiring.market import make_ground
from wiring.opinions import Opinions
from wiring.real_money import RealMoney
from wiring.settings import version
from wiring.voters import startup_candles

if TYPE_CHECKING:
    from app.core.alerts import AlertEvent
    from app.core.model import Instrument
    from app.past import Past
    from services.database import Database
    from services.logs import Logs
    from services.settings import LoadedRules, Settings

AGAIN_SECONDS = 30
log = logging.getLogger(__name__)


class Trader:
    """Everything that lives as long as the process: built, recovered and announced by `start`."""

    def __init__(
        self, settings: "Settings", loaded: "LoadedRules", database: "Database", ledger: LedgerRow, logs: "Logs"
    ) -> None:
        from app.seam import Tasks
        from services.database import DatabaseJournal, DatabaseMarketCandles
        from services.kill_seal import KillFile

        self.settings, self.loaded, self.database, self.ledger = settings, loaded, database, ledger
        self.live = settings.mode == "live"
        self.logs = logs
        self.tasks = Tasks(self._crashed)
        self.journal = DatabaseJournal(database, ledger.name, version())
        self.candles = DatabaseMarketCandles(database, ledger.name, ledger.symbol)
        # Real money that was stopped stays stopped whatever books are opened; play money ends with its own.
        self.seal = KillFile(settings.data_dir, "live" if self.live else ledger.name)
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
        from services.database import DatabaseOutbox
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
        self.outbox = DatabaseOutbox(self.database, self.ledger.name)
        self.push = web_push(settings, self.database, self.tasks)
        self.notifier = make_notifier(self)
        self.view.alerts = self.notifier
        self.nightly = make_nightly(self)
        self.view.last_replay = lambda: self.nightly.latest

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
        self.session.observe(make_incidents(self).hear)
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
            live=self.live,
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

    def start_jobs(self) -> None:
        from services.database.logs_store import LogStore
        from services.scheduler import Scheduler

        logs = LogStore(self.database)
        self.logs.attach(logs.take)
        self.flush_logs = logs.flush
        self.scheduler = Scheduler(clock)
        self.scheduler.start(jobs_of(self, logs))

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
