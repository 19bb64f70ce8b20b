"""Which books are opened: of this mode, this market and this symbol."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.core.errors import ConfigError
from app.ports import LedgerRow
from app.seam import clock, seeded, token

if TYPE_CHECKING:
    from services.database import Database, Ledgers
    from services.settings import Settings

BINANCEUS, SIMULATED = "binanceus", "simulated"
Decide = Callable[["Settings", "Ledgers"], str]


def market_name(settings: "Settings", ledgers: "Ledgers", decide: "Decide | None" = None) -> str:
    """What the ledger is called by. `auto` is decided once, at the first start, and kept."""
    from services.database.ledgers import MARKET

    if settings.replay_file:
        return f"replay:{settings.replay_file.name}"
    if settings.mode != "paper":
        return BINANCEUS
    if settings.market != "auto":
        return settings.market
    kept = ledgers.kept(MARKET)
    if kept is None and decide is not None:
        kept = decide(settings, ledgers)
        ledgers.keep(MARKET, kept)
    return kept or SIMULATED


def decide_market(settings: "Settings", ledgers: "Ledgers") -> str:
    """Binance.US where it can be reached, else the simulated market. Whoever has invented prices in the books keeps
    them."""
    import asyncio

    from services.binance_us.reaching import reachable

    if any(ledger.market == SIMULATED for ledger in ledgers.list()):
        return SIMULATED
    found = asyncio.run(reachable(settings.binanceus_rest_url))
    return BINANCEUS if found else SIMULATED


def open_books(settings: "Settings", decide: "Decide | None" = None) -> tuple["Database", LedgerRow]:
    from services.database import Ledgers, open_database

    database = open_database(settings.database_url.reveal())
    ledgers = Ledgers(database, seeded(int.from_bytes(token(16).encode(), "big")).choice)
    market = market_name(settings, ledgers, decide)
    return database, ledgers.open(settings.mode, market, settings.symbol, clock.now())


def refuse_two_accounts(database: "Database", ledger: LedgerRow) -> None:
    """Real positions are looked after by the books that opened them, before other books are begun."""
    from services.database import Ledgers

    held = Ledgers(database, min).open_positions_of("live", ledger.name)
    if held:
        raise ConfigError(f"ledger {held} has open positions with real money; run it and close them first")
