"""What the pages and the HTTP interface reach the trader by: sign-in, controls, and the doors to everything else."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.core.rules import StrategyRule
from app.seam import clock, token
from wiring.books import BINANCEUS
from wiring.settings import env_file

if TYPE_CHECKING:
    from app.backtests import BacktestRuns
    from app.control import Controls, Saving
    from app.seam import Tasks
    from app.what_if import WhatIfDesk
    from components.doors import Doors
    from services.auth import Auth
    from services.settings import Settings
    from services.settings.desk import FileDesk
    from wiring.trader import Trader

Record = Callable[..., None]  # a line of the audit trail


def audit_of(trader: "Trader") -> Record:
    """Who did what, in the books."""
    from services.database import Audit

    audit = Audit(trader.database)

    def record(**line: str) -> None:
        audit.record(clock.now(), **line)

    return record


def auth_of(trader: "Trader", record: Record) -> "Auth":
    """Who may come in."""
    from services.auth import Auth, key_file
    from services.database import Users
    from services.secrets import Vault

    settings = trader.settings
    return Auth(
        Users(trader.database),
        key=key_file(settings.data_dir / "api.key"),
        seals=Vault(settings.secrets_key_file, settings.data_dir),
        record=record,
        clock=clock,
        tasks=trader.tasks,
        factor_stays=trader.live,
    )


def controls_of(trader: "Trader", auth: "Auth", record: Record) -> "Controls":
    """What a person may order."""
    from app.control import Controls

    return Controls(
        trader.session,
        second_factor=auth,
        record=record,
        acknowledge=trader.notifier.acknowledge,
        tasks=trader.tasks,
        new_id=lambda: token(12),
        live=trader.live,
        voters=trader.voters,
        save=saving(trader.settings, trader.tasks),
        thresholds=trader.thresholds,
        limits=trader.limits,
        try_channel=trader.notifier.test,
    )


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


def backtests_of(trader: "Trader", record: Record) -> "BacktestRuns":
    """Backtests in processes of their own."""
    from services.children import backtests_of as runs_of

    return runs_of(
        trader.settings,
        trader.database,
        approved=trader.voters.approved,
        kept=trader.folder.path,
        audit=record,
        new_id=lambda: token(9),
        clock=clock,
        tasks=trader.tasks,
    )


def more_candles(trader: "Trader") -> str:
    """What to do where too few candles are known for a try on the past."""
    if trader.ledger.market != BINANCEUS:
        return (
            "the trader keeps the minutes of its market, so it will be possible once enough of them have gone by; "
            "with a longer file on the Backtest tab it is possible now"
        )
    at = trader.loaded.app["history"]["update_at"]
    nightly = "" if at == "never" else f"the trader downloads two years of them each night at {at} UTC, and "
    return f"{nightly}main.py data download does it now; the Backtest tab takes a file, too"


def what_if_of(trader: "Trader", backtests: "BacktestRuns") -> "WhatIfDesk":
    """Other limits and weights, tried on the past."""
    from app.what_if import Facts
    from services.children import shelf_rows
    from services.children import what_if_of as desk_of

    settings = trader.settings
    facts = Facts(
        symbol=settings.symbol,
        warmup=lambda: trader.warmup,
        equity=lambda: trader.view.status().equity,
        voting=lambda: trader.view.vote().rules,
        shelf=lambda: shelf_rows(settings),
        kept=trader.candles,
        cure=more_candles(trader),
    )
    return desk_of(
        settings,
        backtests.errands,
        approved=trader.voters.approved,
        kept=trader.folder.path,
        facts=facts,
        new_id=lambda: token(9),
        tasks=trader.tasks,
    )


def files_of(trader: "Trader", control: "Controls") -> "FileDesk":
    """The settings' files, to be looked at and changed."""
    from services.settings.desk import FileDesk

    return FileDesk(
        trader.settings.config_dir,
        trader.loaded,
        environ=dict(os.environ),
        env_file=env_file(),
        door=control.guarded,
        tasks=trader.tasks,
    )


def doors_of(trader: "Trader", auth: "Auth", control: "Controls", backtests: "BacktestRuns", record: Record) -> "Doors":
    """All that pages and API are given."""
    from components.api import Pulse
    from components.doors import Doors
    from services.children import uploads_of
    from services.database import Answers, DatabaseReader
    from services.incident_files import IncidentFolder

    settings = trader.settings
    return Doors(
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
        what_if=what_if_of(trader, backtests),
        settings=files_of(trader, control),
        data=uploads_of(settings, audit=record, new_id=lambda: token(9), tasks=trader.tasks),
        upload_bytes=settings.upload_mb * 2**20,
        push=trader.push,
        looked=trader.outbox,
        metrics_token=settings.metrics_token.reveal() if settings.metrics_token else None,
        vital_signs=vital_signs(trader),
        incident=lambda: trader.tasks.in_thread(IncidentFolder(settings.data_dir).newest),
    )


def vital_signs(trader: "Trader") -> "Callable[[], Awaitable[dict[str, Any]]]":
    """How the whole trader is, for whoever looks."""
    from app.vital_signs import OFF, Sources, VitalSigns, row
    from services.database import DatabaseReader
    from services.health import machine

    reader = DatabaseReader(trader.database, trader.ledger.name, trader.tasks)
    sources = Sources(
        status=trader.view.status,
        candle_fed=lambda: trader.ground.candle_fed,
        machine=machine(trader.settings.data_dir, trader.tasks),
        ask_store=lambda: reader.list("logs", 1, 0),
        jobs=lambda: trader.scheduler.rows() if trader.started else (),
        clock_ahead=trader.clock_ahead,
        analyst=trader.opinions.analyst_words,
        news=trader.opinions.news_sources,
        store_name="SQLite" if trader.settings.database_url.reveal().startswith("sqlite") else "PostgreSQL",
        extra=(row("backups", OFF, "not set up: copy the data directory yourself while the trader is stopped"),),
    )
    return VitalSigns(sources, clock).look
