"""Background work and its end."""

import asyncio
import threading
import time

from app.seam import Tasks


async def test_the_end_waits_for_what_a_thread_is_still_doing() -> None:
    """A commit under way when the program ends: its connection must not be closed under it."""
    tasks, begun, done = Tasks(), threading.Event(), threading.Event()

    def commit() -> None:
        begun.set()
        time.sleep(0.1)
        done.set()

    tasks.start(tasks.in_thread(commit), "committing")
    while not begun.is_set():
        await asyncio.sleep(0.001)
    await tasks.stop()
    assert done.is_set()


async def test_what_fails_in_a_thread_fails_for_whoever_asked() -> None:
    def fail() -> None:
        raise ValueError("the disk is gone")

    crashed: list[str] = []
    tasks = Tasks(lambda name, error: crashed.append(f"{name}: {error}"))
    await asyncio.wait([tasks.start(tasks.in_thread(fail), "committing")])
    assert crashed == ["committing: the disk is gone"]
