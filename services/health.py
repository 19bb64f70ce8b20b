"""A look at this machine: is there room on the disk?"""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.core.messages import Gate
from app.jobs import Health
from app.seam import Tasks

FREE_PCT_NEEDED = 5


def look(data_dir: Path, tasks: Tasks) -> Callable[[], Awaitable[Health]]:
    async def now() -> Health:
        usage = await tasks.in_thread(lambda: shutil.disk_usage(data_dir))
        free = usage.free / usage.total * 100
        if free < FREE_PCT_NEEDED:
            return Health(problems={Gate.DISK: f"only {free:.1f} % of the disk is free, {FREE_PCT_NEEDED} % needed"})
        return Health(problems={})

    return now
