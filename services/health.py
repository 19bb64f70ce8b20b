"""A look at this machine: is there room on the disk, and how much memory does the trader take?"""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.core.messages import Gate
from app.jobs import Health
from app.seam import Tasks
from app.vital_signs import Machine

FREE_PCT_NEEDED = 5


def look(data_dir: Path, tasks: Tasks) -> Callable[[], Awaitable[Health]]:
    async def now() -> Health:
        usage = await tasks.in_thread(lambda: shutil.disk_usage(data_dir))
        free = usage.free / usage.total * 100
        if free < FREE_PCT_NEEDED:
            return Health(problems={Gate.DISK: f"only {free:.1f} % of the disk is free, {FREE_PCT_NEEDED} % needed"})
        return Health(problems={})

    return now


def machine(data_dir: Path, tasks: Tasks, proc: Path = Path("/proc")) -> Callable[[], Awaitable[Machine]]:
    """Disk under the data directory, and what this process holds in memory."""

    def read() -> Machine:
        usage = shutil.disk_usage(data_dir)
        return Machine(disk_free=usage.free, disk_total=usage.total, memory_mb=resident_mb(proc))

    async def now() -> Machine:
        return await tasks.in_thread(read)

    return now


def resident_mb(proc: Path) -> float:
    """0 where the system does not tell."""
    try:
        lines = (proc / "self" / "status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return 0.0
