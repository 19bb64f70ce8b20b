"""Memory of a process that works on long histories: their arrays are large and short-lived."""

import ctypes
from contextlib import suppress

MMAP_THRESHOLD = -3  # mallopt's name for it
LARGE = 256 * 1024  # bytes


def give_memory_back() -> None:
    """Without this, what arrays took stays with the process. To be called before there are any."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE)
