"""What every check may look at: the settings as far as they can be read, and the ways to look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.seam import Tasks
from services.doctor.web import Web
from services.settings import LoadedRules, Settings
from services.settings.salvaging import Salvaged

Stored = Callable[[Path], Sequence[Mapping[str, Any]]]  # rows of imported candles in a data directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """`rules` is None where the configuration files are wrong, and `rules_wrong` then says why."""

    salvaged: Salvaged
    rules: LoadedRules | None
    rules_wrong: str
    env_file: Path | None
    version: str
    web: Web
    tasks: Tasks
    stored_candles: Stored
    proc: Path = field(default=Path("/proc"))

    @property
    def settings(self) -> Settings:
        return self.salvaged.settings

    @property
    def database_url(self) -> str:
        return self.settings.database_url.reveal()
