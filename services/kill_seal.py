"""The kill switch outside the database: a file `KILLED` in the data directory, fsynced before anything is closed.

A database restored from a backup does not unlock trading: the file or the row suffices.
"""

import os
from datetime import datetime
from pathlib import Path


class KillFile:
    """Implements app.ports.KillSeal."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "KILLED"

    def seal(self, reason: str, at: datetime) -> None:
        """Write and fsync the file and its directory; the first reason stays."""
        if self._path.exists():
            return
        with self._path.open("x", encoding="utf-8") as file:
            file.write(f"{at.isoformat()} {reason}\n")
            file.flush()
            os.fsync(file.fileno())
        self._sync_directory()

    def sealed(self) -> str | None:
        return self._path.read_text(encoding="utf-8").strip() if self._path.exists() else None

    def unseal(self) -> None:
        self._path.unlink(missing_ok=True)
        self._sync_directory()

    def _sync_directory(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
