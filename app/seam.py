"""The one seam to time, randomness and tasks. Everything that is not deterministic enters here.

A simulation swaps these three objects; a lint test keeps their raw forms out of the rest of the code.
"""

import asyncio
import contextvars
import random
import secrets
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")
THREAD_SECONDS = 3.0  # how long the end waits for blocking work


class Clock:
    """Wall time, a monotonic clock in seconds, and sleeping."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Tasks:
    """Starts background work, keeps a reference to it, and reports one that dies."""

    def __init__(self, on_crash: Callable[[str, BaseException], None] | None = None) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._threads: set[asyncio.Future[Any]] = set()
        self._on_crash = on_crash

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) and self._on_crash:
            self._on_crash(task.get_name(), error)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work (a file, a database) beside the loop; never anything that computes for long."""
        running = asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, work)
        self._threads.add(running)
        running.add_done_callback(self._threads.discard)
        return await asyncio.shield(running)

    async def stop(self) -> None:
        """Cancel what still runs and wait for it. A thread cannot be cancelled: what it works with is not to be
        closed under it, so it is waited for too, but not for ever."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._threads:
            await asyncio.wait(self._threads, timeout=THREAD_SECONDS)


def enough_threads(count: int) -> None:
    """Room for so many blocking calls at once in the running loop: where some may hang, the others go on."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(count))


def seeded(seed: int) -> random.Random:
    """A reproducible stream of random numbers (never for secrets)."""
    return random.Random(seed)  # noqa: S311


def token(length: int = 24) -> str:
    """An unguessable text."""
    return secrets.token_urlsafe(length)


clock = Clock()
