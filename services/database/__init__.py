"""The store: SQLModel tables, migrations, the journal's writer, and readers, on SQLite and PostgreSQL alike.

The only room that knows a database. Rows are not domain types: they are mapped here, both ways.
"""

from services.database.connection import Database, open_database
from services.database.days import DatabaseDays
from services.database.evidence_store import DatabaseEvidence
from services.database.journal import DatabaseJournal
from services.database.ledgers import Ledgers
from services.database.market_candles import DatabaseMarketCandles
from services.database.model_calls import DatabaseCallBook
from services.database.news_store import DatabaseNewsStore
from services.database.opinions import DatabaseOpinions
from services.database.outbox import DatabaseOutbox
from services.database.paper_store import DatabasePaperStore
from services.database.push_devices import PushDevices
from services.database.reader import DatabaseReader
from services.database.retention import DatabaseRetention
from services.database.reviews import DatabaseReviews
from services.database.scores import DatabaseScores
from services.database.users import Answers, Audit, Users

__all__ = [
    "Answers",
    "Audit",
    "Database",
    "DatabaseCallBook",
    "DatabaseDays",
    "DatabaseEvidence",
    "DatabaseJournal",
    "DatabaseMarketCandles",
    "DatabaseNewsStore",
    "DatabaseOpinions",
    "DatabaseOutbox",
    "DatabasePaperStore",
    "DatabaseReader",
    "DatabaseRetention",
    "DatabaseReviews",
    "DatabaseScores",
    "Ledgers",
    "PushDevices",
    "Users",
    "open_database",
]
