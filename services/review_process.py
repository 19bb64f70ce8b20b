"""`main.py review DAY` as a process of its own, out of the trader's way: it yields to everything else."""

import asyncio
import logging
import shutil
import sys
from datetime import datetime
from pathlib import Path

log = logging.getLogger(__name__)
LONGEST_SECONDS = 1800.0
PROGRAM = Path(__file__).resolve().parents[1] / "main.py"


async def review(day: datetime) -> None:
    """Until it has ended, at most half an hour. Its verdict stands in the books; what went wrong, in the log."""
    polite = ("nice", "-n", "15") if shutil.which("nice") else ()
    process = await asyncio.create_subprocess_exec(
        *polite,
        *(sys.executable, str(PROGRAM), "review", f"{day:%Y-%m-%d}", "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        log.warning("the review of %s took more than %d s and was ended", f"{day:%Y-%m-%d}", LONGEST_SECONDS)
        return
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()  # gone, and its pipe read to the end
    if process.returncode not in (0, 1):
        lines = said.decode(errors="replace").strip().splitlines()
        log.warning("the review of %s failed: %s", f"{day:%Y-%m-%d}", lines[-1] if lines else process.returncode)
