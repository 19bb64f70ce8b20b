"""The process itself: shut to others, its progress told, its garbage looked after."""

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.session import Session
    from backtest.running import Progress


def close() -> None:
    """To others of the same user, before any key is opened."""
    from services.closed_process import close as shut

    shut()


def telling_progress() -> "Progress":
    """To whoever started this command: lines of JSON on its output, which nothing else reaches from here on."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    last = -1

    def tell(per_cent: float) -> None:
        nonlocal last
        if int(per_cent) > last:
            last = int(per_cent)
            told.write(f'{{"progress": {last}}}\n')

    return tell


def spare_the_collector() -> None:
    """Looking through everything for garbage stops the loop for a long moment, such as the one in which an order
    leaves. So what was loaded by now, and stays for ever, is left out; the rest is looked through by a job."""
    import gc

    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000_000)


def collect_garbage(session: "Session") -> Callable[[], Awaitable[None]]:
    """All of it, in a moment in which there is nothing else to do."""
    import gc

    async def run() -> None:
        await session.quiet()
        gc.collect()

    return run
