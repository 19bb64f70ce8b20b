"""The go-live list, for the trader and for the command that shows it."""

import argparse
from typing import TYPE_CHECKING, Any

from wiring.binance_us import on_binanceus, trading_key
from wiring.settings import settings_of

if TYPE_CHECKING:
    from app.checklist import Checklist
    from app.seam import Tasks
    from services.database import Database
    from services.settings import LoadedRules, Settings


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
