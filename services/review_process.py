"""`main.py review DAY` as a process of its own, out of the trader's way: it yields to everything else."""

import logging
import shutil
import sys
from datetime import datetime

from services.beside import MAIN, perform

log = logging.getLogger(__name__)
LONGEST_SECONDS = 1800.0


async def review(day: datetime) -> None:
    """Until it has ended, at most half an hour. Its verdict stands in the books; what went wrong, in the log."""
    polite = ("nice", "-n", "15") if shutil.which("nice") else ()
    command = (*polite, sys.executable, str(MAIN), "review", f"{day:%Y-%m-%d}", "--json")
    ended = await perform(command, seconds=LONGEST_SECONDS)
    if ended.code is None:
        log.warning("the review of %s took more than %d s and was ended", f"{day:%Y-%m-%d}", LONGEST_SECONDS)
    elif ended.code not in (0, 1):
        log.warning("the review of %s failed: %s", f"{day:%Y-%m-%d}", ended.words or ended.code)
