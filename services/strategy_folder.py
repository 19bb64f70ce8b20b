"""The folder of strategies: what is dropped, changed or removed there is seen, read once, kept by its hash and proved.

It never runs a strategy itself, never follows a link, and reads beside the loop.
"""

import asyncio
import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.errors import ConfigError
from app.seam import Tasks
from app.strategy_files import StrategyFile
from services.private_files import write_private
from services.strategy_process import WORKER
from services.strategy_proof import Proved, prove

LARGEST_FILE = 1_000_000  # bytes
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MANIFEST = WORKER.parent / "shipped.json"
KEPT_IN = "strategies"  # in the data directory
LOOKS_UNTIL_GONE = 2  # an editor takes a file away for a moment before it puts the new one there

log = logging.getLogger("strategies")
Stamp = tuple[int, int, int, int]
Prove = Callable[[str, str, Path], Awaitable[Proved]]


def shipped_versions() -> dict[str, str]:
    """Name → SHA-256 of every strategy as it came with the program."""
    versions: dict[str, str] = json.loads(MANIFEST.read_text(encoding="utf-8"))["strategies"]
    return versions


@dataclass(frozen=True, slots=True)
class Seen:
    """One file as a look found it; the same `stamp` means that nothing happened to it."""

    stamp: Stamp
    file: StrategyFile


class StrategyFolder:
    """Implements `app.ports.StrategyFiles`."""

    def __init__(self, directory: Path, kept: Path, tasks: Tasks, proof: Prove | None = None) -> None:
        """Versions are kept in `kept` as `<sha256>.py`; what is not proved yet has another name there."""
        self._directory, self._kept, self._tasks = directory.resolve(), kept.resolve(), tasks
        if self._directory == self._kept:
            raise ConfigError(
                f"TRADER_STRATEGIES_DIR: {directory} is where approved versions are kept; use another one"
            )
        self._proof = proof or self._prove_for_real
        self._shipped: Mapping[str, str] = shipped_versions()
        self._ours = frozenset(json.loads(MANIFEST.read_text(encoding="utf-8"))["modules"])
        self._seen: dict[str, Seen] = {}
        self._missing: dict[str, int] = {}
        self._proofs: dict[str, asyncio.Task[None]] = {}
        self._one_proof = asyncio.Semaphore(1)
        self._changed: Callable[[str], None] = lambda name: None
        self._approved: Callable[[str], str] = lambda name: ""

    @property
    def files(self) -> Mapping[str, StrategyFile]:
        return {name: seen.file for name, seen in self._seen.items()}

    def listen(self, changed: Callable[[str], None], approved: Callable[[str], str]) -> None:
        self._changed, self._approved = changed, approved

    def shipped(self, name: str) -> str:
        return self._shipped.get(name, "")

    def has(self, sha256: str) -> bool:
        return bool(sha256) and self.path(sha256).is_file()

    def path(self, sha256: str) -> Path:
        """Where a proved version is kept."""
        return self._kept / f"{sha256}.py"

    async def look(self) -> None:
        known = {name: seen.stamp for name, seen in self._seen.items()}
        found, there = await self._tasks.in_thread(lambda: self._look(known))
        for name, seen in found.items():
            self._seen[name] = seen
            if seen.file.status == "new":
                self._proofs[name] = self._tasks.start(self._prove(seen.file), f"proof of {name}")
            self._changed(name)
        for name in [name for name in self._seen if name not in there]:
            self._missing[name] = self._missing.get(name, 0) + 1
            if self._missing[name] >= LOOKS_UNTIL_GONE:
                del self._seen[name], self._missing[name]
                self._changed(name)
        self._missing = {name: count for name, count in self._missing.items() if name not in there}

    async def settled(self, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._proofs[name] for name in names if name in self._proofs))

    # ------------------------------------------------------------ beside the loop

    def _look(self, known: Mapping[str, Stamp]) -> tuple[dict[str, Seen], set[str]]:
        """What is new or changed, and all names that are there. Synchronous: called in a thread."""
        found, there = {}, set()
        for left in () if known else self._kept.glob("unproved-*.py"):  # by a process that was killed
            left.unlink(missing_ok=True)
        try:
            entries = [entry for entry in os.scandir(self._directory) if entry.name.endswith(".py")]
        except OSError as error:
            log.warning("%s cannot be read (%s); strategies go on as they are", self._directory, error.strerror)
            return {}, set(known)
        for entry in entries:
            name = entry.name.removesuffix(".py").encode("utf-8", "replace").decode()
            if name in self._ours and self._directory == MANIFEST.parent:
                continue
            there.add(name)
            try:
                state = entry.stat(follow_symlinks=False)
            except OSError:  # gone this very moment
                continue
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode)
            if known.get(name) != stamp:
                found[name] = Seen(stamp, self._read(name, Path(entry.path), state))
        return found, there

    def _read(self, name: str, path: Path, state: os.stat_result) -> StrategyFile:
        refusal = self._refusal(name, state)
        if not refusal:
            try:
                return self._taken_in(name, _bytes_of(path))
            except OSError as error:
                refusal = f"{path.name} cannot be read ({error.strerror}); check its permissions"
            except ConfigError as error:
                refusal = str(error)
        return StrategyFile(name=name, status="failed", error=refusal)

    def _refusal(self, name: str, state: os.stat_result) -> str:
        """Why this is no strategy's file, or ""."""
        if not NAME.fullmatch(name):
            return f"{name[:80]!r}: a strategy's name has small letters, digits and _ and begins with a letter"
        if name in self._ours:
            return f"{name} is the name of a part of the program; give the file another one"
        if stat.S_ISLNK(state.st_mode):
            return f"{name}.py is a symbolic link; put the file itself there"
        if not stat.S_ISREG(state.st_mode):
            return f"{name}.py is no regular file; put a file there"
        if state.st_size > LARGEST_FILE:
            return f"{name}.py is larger than {LARGEST_FILE:,} bytes; that is no strategy"
        return ""

    def _taken_in(self, name: str, source: bytes) -> StrategyFile:
        """Kept by its hash, so that what is proved, approved and run are the same bytes."""
        sha256 = hashlib.sha256(source).hexdigest()
        path = self.path(sha256)
        whole = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        if self._approved(name) == sha256 and (whole or self._shipped.get(name) == sha256):
            if not whole:
                write_private(path, source, f"strategy {name}")
            return StrategyFile(name=name, sha256=sha256, status="good")
        write_private(self._waiting(name, sha256), source, f"strategy {name}")
        return StrategyFile(name=name, sha256=sha256)

    # ------------------------------------------------------------ proofs

    async def _prove(self, file: StrategyFile) -> None:
        """One at a time: two at once would be in each other's way, and take more memory than there may be."""
        async with self._one_proof:
            now = self._now(file.name)
            if now != file:  # changed again while it waited
                if now is None or now.sha256 != file.sha256:
                    waiting = self._waiting(file.name, file.sha256)
                    await self._tasks.in_thread(lambda: waiting.unlink(missing_ok=True))
                return
            try:
                known = await self._proved(file)
            except Exception as error:  # guard: proof
                log.exception("the proof of %s did not come to an end", file.name)
                known = replace(file, status="failed", error=f"its proof did not come to an end: {error}")
        if self._now(file.name) == file:
            self._seen[file.name] = Seen(self._seen[file.name].stamp, known)
            self._changed(file.name)

    async def _proved(self, file: StrategyFile) -> StrategyFile:
        waiting = self._waiting(file.name, file.sha256)
        proved = await self._proof(file.name, file.sha256, waiting)
        if proved.passed:
            await self._tasks.in_thread(lambda: os.replace(waiting, self.path(file.sha256)))
        else:
            await self._tasks.in_thread(lambda: waiting.unlink(missing_ok=True))
        return replace(file, status="good" if proved.passed else "failed", error=proved.error, face=proved.face)

    def _waiting(self, name: str, sha256: str) -> Path:
        """Where a version is kept until it is proved."""
        return self._kept / f"unproved-{name}-{sha256}.py"

    def _now(self, name: str) -> StrategyFile | None:
        return self._seen[name].file if name in self._seen else None

    async def _prove_for_real(self, name: str, sha256: str, path: Path) -> Proved:
        return await prove(name, sha256, path, directory=self._directory)


def _bytes_of(path: Path) -> bytes:
    """Never by a link, never waiting for a pipe, never more than a strategy may have."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{path.name} is no regular file; put a file there")
        source = file.read(LARGEST_FILE + 1)
    if len(source) > LARGEST_FILE:
        raise ConfigError(f"{path.name} is larger than {LARGEST_FILE:,} bytes; that is no strategy")
    return source
