"""The kill switch outside the database: a file `KILLED` in the data directory, fsynced before anything is closed.

A database restored from a backup does not unlock trading: the file or the row suffices. The file is read whenever
`sealed` is called, which a trader does at its start. Each line stops those it was written for: real money, or one
paper ledger, so that play money that is gone stops nothing else. Whatever is not clearly a line of ours about
somebody else was made by hand and stops everybody.
"""

import os
import re
from datetime import datetime
from pathlib import Path

from services.logs import visible

BETWEEN = " | "
BY_HAND = "made by hand"
LONGEST = 300  # of a line that is no line of ours, as it is told and kept in the books
# Real money, a ledger's name (mode, market, symbol, tag), or everybody.
SCOPE = re.compile(r"(live|[a-z-]+ (simulated|binanceus|replay:.+) \S+/\S+ [a-z0-9]{4})?")


class KillFile:
    """Implements app.ports.KillSeal."""

    def __init__(self, data_dir: Path, scope: str = "") -> None:
        self._path, self._scope = data_dir / "KILLED", scope

    def seal(self, reason: str, at: datetime) -> None:
        """Durable before it returns; the first reason stays."""
        if self.sealed() is None:
            self._write([*self._lines(), f"{at.isoformat()} {' '.join(reason.split())}{BETWEEN}{self._scope}"])

    def sealed(self) -> str | None:
        """Why, where it stops us; never an empty text."""
        found = [self._read(line) for line in self._lines()]
        return next((why for why, scope in found if scope in ("", self._scope)), None)

    def unseal(self) -> None:
        """What stops others stays."""
        kept = [line for line in self._lines() if self._read(line)[1] not in ("", self._scope)]
        if kept:
            self._write(kept)
        else:
            self._path.unlink(missing_ok=True)
            self._sync_directory()

    def _read(self, line: str) -> tuple[str, str]:
        """Why, and whom it stops; "" is everybody."""
        why, between, scope = line.rpartition(BETWEEN)
        if between and _begins_with_a_time(why) and (scope == self._scope or SCOPE.fullmatch(scope)):
            return why, scope
        return visible(line.strip()[:LONGEST])[:LONGEST] or BY_HAND, ""

    def _lines(self) -> list[str]:
        if not os.path.lexists(self._path):
            return []
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines() or [BY_HAND]
        except OSError:  # a folder, or somebody else's: there it is all the same
            return [BY_HAND]

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


def _begins_with_a_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.partition(" ")[0]).tzinfo is not None
    except ValueError:
        return False
