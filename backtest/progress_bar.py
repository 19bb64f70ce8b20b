"""How far a study is: a bar on a terminal, a line now and then elsewhere."""

from datetime import timedelta
from typing import TextIO

from app.seam import Clock

WIDTH = 24
LINE_EVERY = 10  # per cent


class Bar:
    """Shown with the best so far and the time that is left."""

    def __init__(self, out: TextIO, name: str, total: int, clock: Clock) -> None:
        self._out, self._name, self._total, self._clock = out, name, total, clock
        self._terminal = out.isatty()
        self._began = clock.monotonic()
        self._first: int | None = None  # trials that an earlier run had made
        self._shown = self._line = 0

    def show(self, done: int, best: float | None = None) -> None:
        self._first = done if self._first is None else self._first
        share = min(done / self._total, 1.0)
        made, took = done - self._first, self._clock.monotonic() - self._began
        left = f"  {timedelta(seconds=round(took / made * (self._total - done)))} left" if made and share < 1 else ""
        score = "" if best is None else f"  best {best:.3f}"
        text = f"{self._name}: {done} of {self._total}{score}{left}"
        if self._terminal:
            full = int(share * WIDTH)
            text = f"[{'#' * full}{'.' * (WIDTH - full)}] {text}"
            self._out.write("\r" + text.ljust(self._shown))
            self._shown = len(text)
        elif int(share * 100) // LINE_EVERY > self._line or share == 1:
            self._line = int(share * 100) // LINE_EVERY
            self._out.write(text + "\n")
        self._out.flush()

    def end(self) -> None:
        if self._shown:
            self._out.write("\n")
            self._out.flush()
