"""The books looked through: replayed, computed again, listed."""

import argparse
import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wiring.books import open_books
from wiring.settings import require_paper, settings_of, version

if TYPE_CHECKING:
    pass


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


def audit(arguments: argparse.Namespace) -> int:
    """Recompute the hash chain of every ledger, also of those that were put away."""
    from services.database import DatabaseJournal, Ledgers

    database, _ = open_books(settings_of())
    broken = 0
    ledgers = Ledgers(database, min)
    for ledger in (*ledgers.list(), *ledgers.list(current=False)):
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
        rows = [(each, "") for each in ledgers.list()]
        rows += [(each, ", put away by a reset") for each in ledgers.list(current=False)]
        print("\n".join(f"{each.name}  opened {each.opened_at:%Y-%m-%d %H:%M} UTC{what}" for each, what in rows))
    database.close()
    return 0
