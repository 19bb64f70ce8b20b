"""Alerts: what carries them, what they say of the trader, and the command that tries and lists them."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.ports import LedgerRow
from app.seam import clock
from wiring.books import open_books
from wiring.settings import settings_of

if TYPE_CHECKING:
    from app.core.alerts import AlertEvent
    from app.notices import Sender
    from app.notifier import Notifier
    from app.seam import Tasks
    from services.database import Database
    from services.notifications.push import WebPush
    from services.settings import Settings
    from wiring.trader import Trader


def make_notifier(trader: "Trader") -> "Notifier":
    """Alerts, from the outbox to their channels, beside trading."""
    from app.notices import lasting
    from app.notifier import Notifier
    from services.notifications import channels

    def true_now() -> "frozenset[AlertEvent] | None":
        state = trader.session.engine.state
        return lasting(state) if state.reconciled else None

    settings = trader.settings
    return Notifier(
        outbox=trader.outbox,
        channels=[*channels(settings, trader.tasks), trader.push],
        rules=trader.loaded.app["alerts"],
        sender=sender_of(settings, trader.ledger, trader.logs.clean),
        lasting=true_now,
        tell=trader.tell,
        quiet=trader.session.quiet,
        clock=clock,
        tasks=trader.tasks,
        unwritten=lambda: trader.session.troubled,
    )


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
