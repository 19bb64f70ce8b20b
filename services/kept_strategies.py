"""Versions of strategies on disk: those that neither vote nor lie in the folder any more are let go after a while."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from app.retention import Step

VERSION = re.compile(r"[0-9a-f]{64}\.py")


class KeptStrategies:
    """Implements app.retention.Retention. A version's time on disk is when it was last seen in use."""

    def __init__(self, kept: Path, in_use: Callable[[], set[str]], days: int) -> None:
        """`in_use`: SHA-256 of each version that votes, may vote, or is offered."""
        self._kept, self._in_use, self._age = kept, in_use, timedelta(days=days)

    def steps(self, now: datetime) -> Iterator[Step]:
        used = self._in_use()
        for path in sorted(self._kept.glob("*.py")) if self._kept.is_dir() else ():
            if not VERSION.fullmatch(path.name) or path.is_symlink():
                continue
            if path.stem in used:
                os.utime(path, (now.timestamp(), now.timestamp()))
            elif now.timestamp() - path.stat().st_mtime > self._age.total_seconds():
                path.unlink(missing_ok=True)
                yield Step("versions of strategies")
