"""The machine: program and Python, room on the disk, memory."""

import os
import platform
from pathlib import Path

from services.database.durable import nearest_folder
from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation
from services.health import FREE_PCT_NEEDED

GB = 1_000_000_000
ROOM = "delete what is not needed, or give the machine a larger disk"
CGROUP = Path("/sys/fs/cgroup/memory.max")


def program(here: Installation) -> Check:
    return ok("program", f"bitcoin-autotrader {here.version} on Python {platform.python_version()}")


def disk(here: Installation) -> Check:
    """Below the first limit the trader itself stops buying."""
    folder = nearest_folder(here.settings.data_dir)
    return judged_disk(folder, os.statvfs(folder))


def judged_disk(folder: Path, state: os.statvfs_result) -> Check:
    free, total = state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize
    share = free / total * 100 if total else 100.0
    seen = f"{free / GB:.1f} GB ({share:.0f} %) free at {folder}"
    if share < FREE_PCT_NEEDED or free < GB:
        return wrong("disk", f"{seen}, {FREE_PCT_NEEDED} % and 1 GB are needed", ROOM)
    if state.f_files and state.f_favail / state.f_files * 100 < FREE_PCT_NEEDED:
        left = f"only {state.f_favail:,} more files fit ({state.f_favail / state.f_files * 100:.1f} % of the inodes)"
        return wrong("disk", f"{seen}, but {left}", "delete many small files: a full table of files is a full disk")
    return ok("disk", seen)


def memory(here: Installation) -> Check:
    total, available = memory_of(here.proc / "meminfo")
    if total is None:
        return note("memory", "cannot be told on this machine")
    limit = _limit(CGROUP)
    if limit is not None and limit < total:
        total = limit
    seen = f"{total / GB:.1f} GB in all" + (f", {available / GB:.1f} GB available" if available is not None else "")
    if total < GB:
        return note("memory", seen, "1 GB or more is better: backtests and strategies need room; add swap at least")
    return ok("memory", seen)


def memory_of(file: Path) -> tuple[int | None, int | None]:
    """Total and available bytes."""
    try:
        pairs = (line.partition(":") for line in file.read_text(encoding="ascii").splitlines())
        values = {name: int(rest.split()[0]) * 1024 for name, _, rest in pairs if rest}
    except (OSError, ValueError, IndexError):
        return None, None
    return values.get("MemTotal"), values.get("MemAvailable")


def _limit(file: Path) -> int | None:
    """A container's own limit."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
