"""The daily download of candles: the command that people use, in a process of its own with the lowest priority.

Its libraries and its work never enter the trading process, and no secret enters it.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from services.beside import MAIN, perform
from services.settings.environment import SETTINGS

LONGEST_SECONDS = 3600.0  # two years of minutes take some ten
MOST_WORDS = 300


class HistoryChild:
    def __init__(self, environment: Mapping[str, str], folder: Path, *, symbol: str, data_dir: Path) -> None:
        secret = {row.name for row in SETTINGS if row.secret}
        hidden = secret | {f"{name}_FILE" for name in secret}
        self._environment = {name: value for name, value in environment.items() if name not in hidden}
        # On paper no key is opened, wherever else it may be kept.
        self._environment |= {"TRADER_DATA_DIR": str(data_dir.resolve()), "TRADER_MODE": "paper"}
        self._folder, self._symbol = folder, symbol

    async def update(self) -> str:
        """Download what is missing; what went wrong in a line, or ""."""
        command = (sys.executable, str(MAIN), "data", "download", "--background", "--symbol", self._symbol)
        ended = await perform(command, seconds=LONGEST_SECONDS, folder=self._folder, environment=self._environment)
        if ended.code is None:
            return f"no end after {LONGEST_SECONDS / 60:.0f} minutes"
        return "" if ended.code == 0 else (ended.words or f"exit code {ended.code}")[:MOST_WORDS]
