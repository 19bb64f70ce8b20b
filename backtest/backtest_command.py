"""What `main.py backtest` does with a plan: trade it, say how far it is, write the folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from app.seam import clock
from backtest import result
from backtest import voices as worth
from backtest.honesty import before_and_after
from backtest.honesty.before_and_after import Seen
from backtest.running import Plan, Progress, hear, run, run_on
from backtest.series import Floats


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
    that each model knows. `notes` stand before the run's own warnings; progress goes to `screen`, unless `progress` is
    told. `report`: candles are kept for `draw`. StrategyError where one of the strategies looks ahead (see
    honesty.before_and_after).
    """
    if not dense:
        from backtest.kernels import compiling

        compiling.announce("search", screen)
    cold = before_and_after.refuse_look_ahead(plan, seen_ahead)
    told = progress or progress_line(screen, len(plan.series) - plan.warmup)
    heard = None if dense else hear(plan)
    finished = run_on(heard, plan, told) if heard else run(plan, told, dense=True)
    finished.warnings[:0] = notes
    if screen.isatty():
        print(end="\r\x1b[K", file=screen, flush=True)
    known = before_and_after.background(plan, cold=cold, models=models, cutoffs=cutoffs, heard=heard)
    written = result.write(folder, plan, finished, known)
    if voices:
        written["voices"] = worth.rows_of(worth.voices(plan, finished))
        result.write_json(folder, written)
    if report:
        from backtest import report as reports

        del heard, finished, known  # large, and done with
        reports.keep_candles(folder, plan.series)
    return written


def draw(folder: Path) -> None:
    """The reports of a run that `trade` has written; best when its plan is gone, for both want memory."""
    from backtest import report as reports

    reports.write(folder)


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
