"""A command of this very program in a process of its own, told nothing but its arguments, and gone when nobody waits.

What it prints is dropped; the last line of its complaints is kept.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAIN = Path(__file__).resolve().parents[1] / "main.py"


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is None where it took too long and was ended; `words`: the last line that it wrote to stderr."""

    code: int | None
    words: str = ""


async def perform(
    command: Sequence[str], *, seconds: float, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Ended:
    """The command to its end, at most so many seconds; killed where this is cancelled."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            _, said = await process.communicate()
    except TimeoutError:
        return Ended(None)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()  # gone, and its pipe read to the end
    lines = said.decode(errors="replace").strip().splitlines()
    return Ended(process.returncode, lines[-1] if lines else "")
