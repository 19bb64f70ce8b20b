"""How functions are compiled, where the result is kept, and whether it is there yet.

numba keeps it beside the source, else in the user's cache folder; `NUMBA_CACHE_DIR` names another place, as a
read-only installation needs. Where nothing can be kept, each process compiles anew: slower, never wrong.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` as machine code, strict IEEE arithmetic, free of the GIL."""
    try:
        return cast(Callable[P, R], njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # no folder can be written
        return cast(Callable[P, R], njit(nogil=True, error_model="numpy")(function))


def was_compiled(function: Callable[..., Any]) -> bool:
    """Whether this process has `function` ready: called before, or read from what was kept."""
    return bool(getattr(function, "signatures", [True]))


def kept(function: Callable[..., Any]) -> bool:
    """Whether a compiled form of `function` is kept on disk for this source and this processor, as far as one can see
    without loading it."""
    cache = getattr(getattr(function, "_cache", None), "_cache_file", None)
    if cache is None:
        return False
    try:
        return bool(cache._load_index())
    except OSError:
        return False
