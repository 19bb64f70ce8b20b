"""What every item of the list may look at, and the four things that an item can say."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.checklist import Item, Verdict
from app.core.rules import RiskLimits
from app.seam import Tasks
from services.database import Database
from services.settings import Settings

if TYPE_CHECKING:
    from services.binance_us import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`real` and `play` are the words of the modes whose ledgers are looked at; `client` is open, and has the key.
    `config_sha256`: of the configuration in force.

    `database`: the books, where this process has them open."""

    settings: Settings
    limits: RiskLimits
    config_sha256: str
    client: "Client"
    tasks: Tasks
    real: str
    play: str
    database: Database | None = None
    proc: Path = Path("/proc")

    @property
    def pretended(self) -> bool:
        """No money is there, and no history is asked for."""
        return self.settings.pretend_exchange

    @property
    def database_url(self) -> str:
        return self.settings.database_url.reveal()


def passed(name: str, seen: str) -> Item:
    return Item(name=name, verdict=Verdict.PASSED, seen=seen)


def failed(name: str, seen: str, cure: str, *, sure: bool = True) -> Item:
    return Item(name=name, verdict=Verdict.FAILED, seen=seen, cure=cure, sure=sure)


def warning(name: str, seen: str, cure: str = "") -> Item:
    return Item(name=name, verdict=Verdict.WARNING, seen=seen, cure=cure)


def waived(item: Item) -> Item:
    """What history or the outside would have to prove, where the exchange is one of this machine's own."""
    if item.verdict is Verdict.PASSED:
        return item
    seen = f"not asked for, since the exchange runs on this machine ({item.seen})"
    return Item(name=item.name, verdict=Verdict.WAIVED, seen=seen)
