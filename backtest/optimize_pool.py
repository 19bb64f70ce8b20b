"""Where trials are made: this process, processes of this machine, or a Dask cluster."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any

from app.core.errors import ConfigError
from backtest.memory import give_memory_back

SECONDS = 10  # until a cluster must have answered


@contextmanager
def executor(workers: int, cluster: str | None) -> Iterator[Executor | None]:
    """None for one worker: this process. ConfigError where a cluster does not answer."""
    if cluster:
        with _client(cluster) as client:
            yield client.get_executor()
    elif workers == 1:
        yield None
    else:
        others = set(active_children())
        pool = _pool(workers)
        try:
            yield pool
        except BaseException:  # Ctrl-C above all: whoever asks for the end does not wait for trials that are under way
            for worker in set(active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    """All workers, started while Ctrl-C is ignored: they inherit that, and say nothing when the terminal sends it to
    everybody. Whoever gave them work ends them."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_settle)
    here = threading.current_thread() is threading.main_thread()  # no other may
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if here else None
    try:
        for _ in range(workers):
            pool.submit(os.getpid)
    finally:
        if here:
            signal.signal(signal.SIGINT, before)
    return pool


def _client(cluster: str) -> Any:
    import distributed

    connect: Any = distributed.Client

    try:
        client: Any = connect(cluster, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"--cluster {cluster}: does not answer ({' '.join(str(error).split())[:120]}); "
            "start dask scheduler there, and name it as tcp://host:8786"
        ) from None
    if not client.scheduler_info()["workers"]:
        client.close()
        raise ConfigError(f"--cluster {cluster}: has no workers; start some with: dask worker {cluster} --nthreads 1")
    return client


def _settle() -> None:
    """A worker gives way to the trader, leaves Ctrl-C to whoever gave it work, and keeps no memory that it freed."""
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    give_memory_back()
