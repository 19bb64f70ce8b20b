"""How far something is: one line that is written over, and a study's bar; a line now and then where nobody looks."""

from collections.abc import Callable
from datetime import timedelta
from typing import TextIO

from app.seam import Clock

WIDTH = 24
LINE_EVERY = 10  # per cent


def drawn(share: float) -> str:
    """A bar of which so much is full."""
    full = int(share * WIDTH)
    return f"[{'#' * full}{'.' * (WIDTH - full)}]"


class OneLine:
    """Written over again and again."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._shown = out, 0

    def show(self, text: str) -> None:
        self._out.write("\r" + text.ljust(self._shown))
        self._out.flush()
        self._shown = len(text)

    def end(self) -> None:
        if self._shown:
            self._out.write("\n")
            self._out.flush()


class Bar:
    """Shown with the best so far and the time that is left. `progress` is told the same as per cent."""

    def __init__(
        self, out: TextIO, name: str, total: int, clock: Clock, progress: Callable[[float], None] | None = None
    ) -> None:
        self._out, self._name, self._total, self._clock, self._progress = out, name, total, clock, progress
        self._line_over = OneLine(out) if out.isatty() else None
        self._began = clock.monotonic()
        self._first: int | None = None  # trials that an earlier run had made
        self._line = 0

    def show(self, done: int, best: float | None = None) -> None:
        self._first = done if self._first is None else self._first
        share = min(done / self._total, 1.0)
        if self._progress is not None:
            self._progress(share * 100)
        made, took = done - self._first, self._clock.monotonic() - self._began
        left = f"  {timedelta(seconds=round(took / made * (self._total - done)))} left" if made and share < 1 else ""
        score = "" if best is None else f"  best {best:.3f}"
        text = f"{self._name}: {done} of {self._total}{score}{left}"
        if self._line_over is not None:
            self._line_over.show(f"{drawn(share)} {text}")
        elif int(share * 100) // LINE_EVERY > self._line or share == 1:
            self._line = int(share * 100) // LINE_EVERY
            self._out.write(text + "\n")
            self._out.flush()

    def end(self) -> None:
        if self._line_over is not None:
            self._line_over.end()
