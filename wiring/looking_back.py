"""What a trader tells of its own past: each night's review, and reports of kill switches."""

from typing import TYPE_CHECKING

from app.seam import clock
from wiring.settings import version

if TYPE_CHECKING:
    from app.incidents import Incidents
    from app.reviewing import Nightly
    from wiring.trader import Trader


def make_nightly(trader: "Trader") -> "Nightly":
    """Yesterday, replayed and traded again."""
    from app.reviewing import Nightly
    from services.database import DatabaseReviews
    from services.review_process import review

    reviews, now = DatabaseReviews(trader.database, trader.ledger.name), trader.session.now
    return Nightly(reviews, review, trader.tell, now=now, clock=clock, tasks=trader.tasks)


def make_incidents(trader: "Trader") -> "Incidents":
    """Reports of kill switches."""
    from app.incidents import Incidents
    from services.database import DatabaseReader
    from services.incident_files import IncidentFolder

    reader = DatabaseReader(trader.database, trader.ledger.name, trader.tasks)
    about = f"Version {version()}, ledger {trader.ledger.name}"
    return Incidents(trader.session, reader, IncidentFolder(trader.settings.data_dir), trader.tasks, about)
