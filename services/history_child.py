"""The daily download of candles: the command that people use, in a process of its own with the lowest priority.

Its libraries and its work never enter the trading process, and no secret enters it.
"""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from services.settings.environment import SETTINGS

MAIN = Path(__file__).parents[1] / "main.py"
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
        command = (str(MAIN), "data", "download", "--background", "--symbol", self._symbol)
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                _, told = await child.communicate()
        except TimeoutError:
            return f"no end after {LONGEST_SECONDS / 60:.0f} minutes"
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.communicate()  # gone, and its pipe read to the end
        if child.returncode == 0:
            return ""
        lines = told.decode(errors="replace").strip().splitlines()
        return (lines[-1] if lines else f"exit code {child.returncode}")[:MOST_WORDS]
