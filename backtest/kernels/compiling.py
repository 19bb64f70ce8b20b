"""How functions are compiled, and where the result is kept: beside the source, or where `NUMBA_CACHE_DIR` says.

A read-only installation names a folder of its data directory there. Where nothing can be kept, each process compiles
anew: slower, never wrong. numba itself looks only at the one file that a function stands in, and would go on using what
was compiled from an older form of the functions that it calls; so each state of this package has a folder of its own.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TextIO, TypeVar, cast

from numba import config, njit
from numba.np import linalg

P = ParamSpec("P")
R = TypeVar("R")

HERE = Path(__file__).parent


def _folder() -> Path:
    digest = hashlib.sha256()
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR")
    return Path(base or HERE / "__pycache__") / f"kernels-{digest.hexdigest()[:12]}"


def _load_without_blas() -> None:
    """Before it loads or compiles anything numba looks whether scipy has its linear algebra: a quarter of a second and
    17 MB for what no kernel calls. Whoever does call it is asked for it then."""
    looks = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        import numba.np.arraymath  # noqa: F401  # this is what looks
    finally:
        linalg.ensure_blas = looks


_load_without_blas()
FOLDER = _folder()
setattr(config, "CACHE_DIR", str(FOLDER))  # noqa: B010 (its stubs do not name it)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` as machine code, strict IEEE arithmetic, free of the GIL."""
    try:
        return cast(Callable[P, R], njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # the folder cannot be written
        return cast(Callable[P, R], njit(nogil=True, error_model="numpy")(function))


def is_cold(module: str) -> bool:
    """Whether the kernels of `module` have to be compiled before they first run: nothing is kept for this source."""
    return not any(FOLDER.glob(f"*/{module}.*.nbi"))


def announce(module: str, screen: TextIO) -> None:
    """Before a run that will have to wait some seconds for the compiler: say so, and delete what was kept of other
    states of this package."""
    if not is_cold(module):
        return
    print("compiling once, this takes some seconds …", file=screen, flush=True)
    for path in FOLDER.parent.glob("kernels-*"):
        if path != FOLDER:
            shutil.rmtree(path, ignore_errors=True)
