"""`main.py backtest`: from settings, candles and strategies to the result's folder."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.core.errors import ConfigError, StoreError
from app.core.money import positive
from app.seam import clock, token
from wiring.books import open_books
from wiring.process import telling_progress
from wiring.settings import settings_of, version
from wiring.voters import configured, warmup_minutes, with_faces

if TYPE_CHECKING:
    from backtest.recorded import Record
    from backtest.running import Plan, Progress
    from services.settings import LoadedRules, Settings
    from strategies.runtime import LocalStrategies


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
