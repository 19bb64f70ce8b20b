"""The kill switch outside the database: a file `KILLED` in the data directory, fsynced before anything is closed.

A database restored from a backup does not unlock trading: the file or the row suffices. Each line stops those it was
written for: real money, or one paper ledger, so that play money that is gone stops nothing else. A file made by hand
stops everybody.
"""

import os
from datetime import datetime
from pathlib import Path

BETWEEN = " | "


class KillFile:
    """Implements app.ports.KillSeal."""

    def __init__(self, data_dir: Path, scope: str = "") -> None:
        self._path, self._scope = data_dir / "KILLED", scope

    def seal(self, reason: str, at: datetime) -> None:
        """Durable before it returns; the first reason stays."""
        if self.sealed() is None:
            self._write([*self._lines(), f"{at.isoformat()} {' '.join(reason.split())}{BETWEEN}{self._scope}"])

    def sealed(self) -> str | None:
        """Why, where it stops us."""
        found = [line.partition(BETWEEN) for line in self._lines()]
        return next((why for why, _, scope in found if scope in ("", self._scope)), None)

    def unseal(self) -> None:
        """What stops others stays."""
        kept = [line for line in self._lines() if line.partition(BETWEEN)[2] not in ("", self._scope)]
        if kept:
            self._write(kept)
        else:
            self._path.unlink(missing_ok=True)
            self._sync_directory()

    def _lines(self) -> list[str]:
        if not self._path.exists():
            return []
        return self._path.read_text(encoding="utf-8").splitlines() or ["made by hand"]

    def _write(self, lines: list[str]) -> None:
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._sync_directory()

    def _sync_directory(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
