"""Fire drills."""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import ConfigError, StoreError
from app.seam import clock
from wiring.alerts import sender_of
from wiring.settings import settings_of, version

if TYPE_CHECKING:
    from backtest.drill import Result
    from services.settings import Settings
    from services.throw_away import ThrowAwayBooks


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
