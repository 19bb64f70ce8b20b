"""What `main.py backtest` does with a plan: trade it, say how far it is, write the folder."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from app.seam import clock
from backtest import result
from backtest import voices as worth
from backtest.honesty import before_and_after
from backtest.honesty.before_and_after import Seen
from backtest.running import Plan, Progress, run
from backtest.series import Floats

MMAP_THRESHOLD = -3  # mallopt's name for it
LARGE = 256 * 1024  # bytes


def give_memory_back() -> None:
    """Arrays of a long history are large and short-lived: without this what they took stays with the process."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE)


def trade(
    plan: Plan,
    folder: Path,
    *,
    seen_ahead: Callable[[str, Floats], Seen],
    notes: Sequence[str],
    models: Sequence[str],
    cutoffs: Mapping[str, str],
    dense: bool,
    voices: bool,
    report: bool,
    progress: Progress | None,
    screen: TextIO,
) -> dict[str, Any]:
    """Returns what result.json holds. `models`: language models whose answers are on record; `cutoffs`: the last day
    that each model knows. `notes` stand before the run's own warnings; progress goes to `screen`, unless
    `progress` is told. StrategyError where one of the strategies looks ahead (see honesty.before_and_after).
    """
    if not dense:
        warn_of_compiling(screen)
    cold = before_and_after.refuse_look_ahead(plan, seen_ahead)
    told = progress or progress_line(screen, len(plan.series) - plan.warmup)
    finished = run(plan, told, dense=dense)
    finished.warnings[:0] = notes
    if screen.isatty():
        print(end="\r\x1b[K", file=screen, flush=True)
    known = before_and_after.background(plan, cold=cold, models=models, cutoffs=cutoffs)
    written = result.write(folder, plan, finished, known)
    if voices:
        written["voices"] = worth.rows_of(worth.voices(plan, finished))
        result.write_json(folder, written)
    if report:
        from backtest import report as reports  # draws, and so is heavy

        reports.write(folder, plan.series)
    return written


def warn_of_compiling(screen: TextIO) -> None:
    from backtest import search

    if not search.is_compiled():
        print("compiling once, this takes some seconds …", file=screen, flush=True)


def progress_line(screen: TextIO, candles: int) -> Progress | None:
    """One line that is written over; nothing where nobody looks."""
    if not screen.isatty():
        return None
    began = clock.monotonic()

    def tell(done: float) -> None:
        rate = candles * done / 100 / max(clock.monotonic() - began, 1e-6)
        left = candles * (1 - done / 100) / rate if rate else 0.0
        print(end=f"\r{done:3.0f} %  {rate:,.0f} candles a second, {left:.0f} s left\x1b[K", file=screen, flush=True)

    return tell
