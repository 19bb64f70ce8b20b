"""A process that opens keys is shut to others of the same user, such as a strategy's: they read neither its
environment nor its memory, and it leaves no core behind. Nothing on other systems than Linux.

Whatever it starts anew is open again, and root sees all. Files are not its business.
"""

import sys

PR_SET_DUMPABLE = 4


def close() -> None:
    """From now on; it cannot be undone by accident, since nobody else sets it."""
    if sys.platform != "linux":
        return
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, *(ctypes.c_ulong(0) for _ in range(4)))
