"""Books in a temporary folder, with all that a trader keeps: for drills. Nothing of a running trader is touched."""

from pathlib import Path

from app.ports import LedgerRow
from app.seam import clock, seeded, token
from services.database import DatabaseJournal, DatabaseOutbox, DatabasePaperStore, Ledgers, open_database
from services.kill_seal import KillFile


class ThrowAwayBooks:
    """One trader's: a ledger of its own, and a seal in a folder of its own."""

    def __init__(self, store: "ThrowAway", ledger: LedgerRow, folder: Path) -> None:
        self._store, self.ledger = store, ledger
        self.outbox = DatabaseOutbox(store.database, ledger.name)
        self.paper = DatabasePaperStore(store.database, ledger.name)
        self.seal = KillFile(folder)

    def journal(self) -> DatabaseJournal:
        return DatabaseJournal(self._store.database, self.ledger.name, self._store.version)


class ThrowAway:
    """One SQLite database for all the books of a drill."""

    def __init__(self, folder: Path, version: str) -> None:
        self._folder, self.version = folder, version
        self.database = open_database(f"sqlite:///{folder / 'drill.db'}")
        self._opened: list[ThrowAwayBooks] = []

    def books(self, name: str) -> ThrowAwayBooks:
        """Fresh books of that name."""
        ledgers = Ledgers(self.database, seeded(int.from_bytes(token(16).encode(), "big")).choice)
        folder = self._folder / name.replace(" ", "-")
        folder.mkdir()
        self._opened.append(ThrowAwayBooks(self, ledgers.open("drill", name, "BTC/USD", clock.now()), folder))
        return self._opened[-1]

    def close(self) -> None:
        for books in self._opened:
            books.paper.close()
        self.database.close()
