"""What is done again and again while a trader lives."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.seam import clock
from wiring.books import BINANCEUS
from wiring.process import collect_garbage

if TYPE_CHECKING:
    from app.jobs import Job
    from services.database.logs_store import LogStore
    from wiring.trader import Trader


def jobs_of(trader: "Trader", logs: "LogStore") -> "list[Job]":
    """All of them."""
    from app.core.messages import Gate
    from app.jobs import Job, health, reconcile, tick
    from services.database import DatabaseDays
    from services.health import look
    from services.scheduler import guarded

    async def write_logs() -> None:
        await trader.tasks.in_thread(logs.flush)

    async def write_candles() -> None:
        await trader.tasks.in_thread(trader.candles.flush)

    async def review() -> None:
        await write_candles()  # on a fast market a day is over before they were written by themselves
        if not trader.nightly.busy:  # it takes its time, and the other jobs go on meanwhile
            trader.tasks.start(guarded("review", trader.nightly.run)(), "review")

    days = DatabaseDays(trader.database, trader.ledger.name)

    async def write_days() -> None:
        await trader.tasks.in_thread(lambda: days.gather(trader.session.now()))

    seen = look(trader.settings.data_dir, trader.tasks)
    beat = [] if trader.ground.candle_fed else [Job(name="time", run=tick(trader.session), every_seconds=1)]
    return [
        *beat,
        *signs_of_life(trader),
        *history(trader),
        *(trader.real.jobs() if trader.real else ()),
        Job(name="reconcile", run=reconcile(trader.session), every_seconds=30),
        Job(name="strategies", run=trader.voters.look, every_seconds=1),
        *trader.opinions.jobs(),
        Job(name="garbage", run=collect_garbage(trader.session), every_seconds=300),
        Job(name="health", run=health(trader.session, seen, (Gate.DISK,)), every_seconds=60),
        Job(name="daily reset hint", run=tick(trader.session), daily_at="00:00"),
        Job(name="system log", run=write_logs, every_seconds=2),
        retention(trader),
        Job(name="candles", run=write_candles, every_seconds=5),
        Job(name="days", run=write_days, every_seconds=60),
        Job(name="review", run=review, every_seconds=60),
    ]


def retention(trader: "Trader") -> "Job":
    """Lets go of what is old; more often where the market may run faster than life."""
    from app.jobs import Job
    from app.retention import let_go
    from services.database import DatabaseRetention
    from services.kept_strategies import KeptStrategies
    from services.strategy_folder import KEPT_IN

    keep, kept = trader.loaded.app["keep"], trader.settings.data_dir / KEPT_IN
    strategies = KeptStrategies(kept, trader.voters.versions, keep.strategies_days)
    parts = (DatabaseRetention(trader.database, keep), strategies)
    run = let_go(parts, quiet=trader.session.quiet, clock=clock, tasks=trader.tasks)
    if trader.ground.candle_fed:
        return Job(name="old rows", run=run, every_seconds=3600)
    return Job(name="old rows", run=run, daily_at=keep.at)


def signs_of_life(trader: "Trader") -> "list[Job]":
    """The daily word, and the ping whose silence is noticed elsewhere."""
    from app.jobs import Job, alive, alive_words, ping

    alerts, found = trader.loaded.app["alerts"], []

    async def words() -> str:
        head = await trader.tasks.in_thread(trader.journal.head)
        return alive_words(trader.view.status(), trader.view.positions(), head)

    if alerts.alive_at is not None:
        at = f"{alerts.alive_at:%H:%M}"
        found.append(Job(name="alive", run=alive(trader.session, words), daily_at=at, zone=alerts.zone))
    if trader.settings.alert_ping_url is not None:
        from services.notifications.ping import Ping

        async def well() -> bool:
            status = trader.view.status()
            broken = status.state == "RECONCILING" or status.reason == "database" or trader.session.troubled
            return not broken and await trader.notifier.delivering()

        watchdog = Ping(trader.settings.alert_ping_url)
        found.append(Job(name="ping", run=ping(well, watchdog.call), every_seconds=60))
    return found


def history(trader: "Trader") -> "list[Job]":
    """Candles of the market we trade on are kept for backtests, where it is a real one."""
    from app.jobs import Job, keep_history
    from services.history_child import HistoryChild

    settings, at = trader.settings, trader.loaded.app["history"]["update_at"]
    if at == "never" or trader.ledger.market != BINANCEUS:
        return []
    child = HistoryChild(dict(os.environ), Path.cwd(), symbol=settings.symbol, data_dir=settings.data_dir)
    return [Job(name="history", run=keep_history(child.update, trader.tell), daily_at=at)]
