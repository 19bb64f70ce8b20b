"""The kill switch outside the database: a file `KILLED` in the data directory, fsynced before anything is closed.

A database restored from a backup does not unlock trading: the file or the row suffices. A seal stops those it was
made for: real money, or one paper ledger, so that play money that is gone stops nothing else. One without a second
line, made by hand, stops everybody.
"""

import os
from datetime import datetime
from pathlib import Path


class KillFile:
    """Implements app.ports.KillSeal."""

    def __init__(self, data_dir: Path, scope: str = "") -> None:
        self._path, self._scope = data_dir / "KILLED", scope

    def seal(self, reason: str, at: datetime) -> None:
        """Write and fsync the file and its directory; the first reason stays."""
        if self.sealed() is not None:
            return
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(f"{at.isoformat()} {' '.join(reason.split())}\n{self._scope}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._sync_directory()

    def sealed(self) -> str | None:
        """Why, where it stops us."""
        if not self._path.exists():
            return None
        lines = self._path.read_text(encoding="utf-8").splitlines()
        scope = lines[1] if len(lines) > 1 else ""
        return (lines[0] if lines else "made by hand") if scope in ("", self._scope) else None

    def unseal(self) -> None:
        if self.sealed() is not None:
            self._path.unlink(missing_ok=True)
            self._sync_directory()

    def _sync_directory(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
