"""How long an event loop is held up, on a machine that has other things to do, too."""

import asyncio
import resource
import threading
import time
from contextlib import suppress


class Lag:
    """How long the loop kept a sleeper waiting, beyond what a thread had to wait on the same machine at that moment."""

    def __init__(self) -> None:
        self._loop: list[tuple[float, float]] = []  # (when it woke, how much too late)
        self._machine: list[tuple[float, float]] = []
        self._over = threading.Event()

    async def __aenter__(self) -> "Lag":
        self._thread = threading.Thread(target=self._watch_machine)
        self._thread.start()
        self._task = asyncio.get_running_loop().create_task(self._watch_loop())
        await asyncio.sleep(0.02)  # both are under way
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0.02)  # the last delay is noted
        self._over.set()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._thread.join()

    async def _watch_loop(self) -> None:
        """Where the machine took the processor away in between, only what the loop itself computed counts."""
        while True:
            before, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_THREAD)
            await asyncio.sleep(0.005)
            late, now = time.perf_counter() - before - 0.005, resource.getrusage(resource.RUSAGE_THREAD)
            if now.ru_nivcsw != used.ru_nivcsw:
                late = min(late, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
            self._loop.append((time.perf_counter(), late))

    def _watch_machine(self) -> None:
        while not self._over.is_set():
            before = time.perf_counter()
            time.sleep(0.005)
            self._machine.append((time.perf_counter(), time.perf_counter() - before - 0.005))

    @property
    def held_up(self) -> float:
        """The longest but one, in seconds: a machine that does other things, too, may take a single moment away. What
        holds up the loop by itself does so at each file."""
        late = [late - self._machine_between(woke - late - 0.02, woke + 0.02) for woke, late in self._loop]
        return sorted(late)[-2]

    def _machine_between(self, begin: float, end: float) -> float:
        return max((late for woke, late in self._machine if begin <= woke <= end + late), default=0)
