"""One command of this program in a child process: bounded, out of the trader's way, and gone when it is not wanted.

Its environment is what it is given here and nothing else: no secret reaches it, and no file of settings is near it.
"""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.errands import Errand
from services.beside import MAIN

HERE = Path(__file__).resolve()

START = HERE.with_name("start.py")
MEGABYTE = 1 << 20
KEPT_LINES = 200
LONGEST_LINE = 1000
LAST_WORDS_SECONDS = 5.0
# Each library that would start a thread for every processor, and reserve memory for it.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
# Arrow's own allocator takes hold of a gigabyte at once, which the limit would count.
PLAIN = {"LANG": "C.UTF-8", "TZ": "UTC", "ARROW_DEFAULT_MEMORY_POOL": "system", **ONE_THREAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`memory_mb` bounds what is really its own; compilers reserve far more address space than they use."""

    seconds: float
    memory_mb: int
    address_space_mb: int = 8192
    file_mb: int = 1024  # the largest file that it may write
    printed_mb: int = 4
    nice: int = 19

    def as_json(self) -> str:
        return json.dumps(
            {
                "RLIMIT_AS": self.address_space_mb * MEGABYTE,
                "RLIMIT_DATA": self.memory_mb * MEGABYTE,
                "RLIMIT_FSIZE": self.file_mb * MEGABYTE,
                "RLIMIT_CORE": 0,
                "nice": self.nice,
            }
        )


@dataclass(slots=True)
class Ended:
    """`error` says why it failed; "" where it did its work. `lines` are the last that it printed."""

    error: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))


async def run_child(
    command: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str],
    limits: Limits,
    hear: Callable[[str], None] = lambda line: None,
) -> Ended:
    """The command to its end, and each line that it prints to `hear`. Cancelled: the child is gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", str(START), limits.as_json(), str(os.getpid()), *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**PLAIN, "HOME": str(home), "TMPDIR": str(home), **environment},
        cwd=home,
    )
    ended, complaints = Ended(), deque[str](maxlen=5)

    def heard(line: str) -> None:
        ended.lines.append(line)
        hear(line)

    def too_much() -> None:
        ended.error = f"it printed more than {limits.printed_mb} MB; a strategy may not print so much"
        _kill(process)

    most = limits.printed_mb * MEGABYTE
    try:
        async with asyncio.timeout(limits.seconds):
            await asyncio.gather(
                _lines(process.stdout, heard, most, too_much),
                _lines(process.stderr, complaints.append, most, too_much),
            )
            code = await process.wait()
        ended.error = ended.error or why(code, complaints[-1] if complaints else "", limits)
    except TimeoutError:
        ended.error = f"it took longer than {limits.seconds / 60:g} minutes; take a shorter range"
    finally:
        if process.returncode is None:
            _kill(process)
            await _gone(process)
    return ended


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # one that has only just begun has no group of its own yet
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        process.kill()


async def _gone(process: asyncio.subprocess.Process) -> None:
    """What it started in a session of its own is out of reach and may hold its pipes: nobody waits for that."""
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await asyncio.gather(_emptied(process.stdout), _emptied(process.stderr))
            await process.wait()
    except TimeoutError:
        process._transport.close()  # type: ignore[attr-defined]  # there is no public way to let go of the pipes


async def _emptied(reader: asyncio.StreamReader | None) -> None:
    """While a pipe holds something that nobody reads, the end of its process may not be noticed."""
    while reader is not None and await reader.read(65_536):
        pass


async def _lines(
    reader: asyncio.StreamReader | None, hear: Callable[[str], None], most: int, too_much: Callable[[], None]
) -> None:
    """Each whole line, cut where it is too long; nothing after `most` bytes, but what comes is read to its end."""
    rest, seen = b"", 0
    while reader is not None and (chunk := await reader.read(65_536)):
        seen += len(chunk)
        if seen > most:
            too_much()
            rest = b""
            continue
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            hear(_printable(line))
        rest = rest[:LONGEST_LINE]
    if rest:
        hear(_printable(rest))


def _printable(line: bytes) -> str:
    text = line[:LONGEST_LINE].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text)


def why(code: int, complaint: str, limits: Limits) -> str:
    """A sentence for people, or "" where all is well."""
    if code == 0:
        return ""
    if complaint.startswith("error: "):
        return complaint.removeprefix("error: ")
    if "MemoryError" in complaint or "Cannot allocate memory" in complaint:
        return f"it needs more than the {limits.memory_mb} MB of memory that it may have; take a shorter range"
    if code == -signal.SIGKILL:
        return "it was killed, perhaps for want of memory"
    said = f": {complaint[:300]}" if complaint else ""
    return f"it ended with {'signal' if code < 0 else 'code'} {abs(code)}{said}"


class Children:
    """Implements app.errands.Run for commands of a program, which tell their progress as lines of JSON."""

    def __init__(self, environment: Mapping[str, str], limits: Limits, program: Path = MAIN) -> None:
        self._environment, self._limits, self._program = environment, limits, program

    async def __call__(self, errand: Errand, progress: Callable[[float], None]) -> str:
        def hear(line: str) -> None:
            if (per_cent := progress_in(line)) is not None:
                progress(per_cent)

        ended = await run_child(
            (str(self._program), *errand.arguments),
            home=errand.home,
            environment={
                **self._environment,
                "TRADER_DATA_DIR": str(errand.home / "data"),
                "TRADER_STRATEGIES_DIR": str(errand.home / "strategies"),
            },
            limits=self._limits,
            hear=hear,
        )
        return ended.error


def progress_in(line: str) -> float | None:
    """Of `{"progress": 12.5}`; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    per_cent = told.get("progress")
    good = isinstance(per_cent, int | float) and not isinstance(per_cent, bool) and 0 <= per_cent <= 100
    return float(per_cent) if good else None
