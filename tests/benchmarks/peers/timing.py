"""How every runner of the bench is called and what it tells: one line of JSON. Runs in any environment: nothing of
ours is imported here.

`python RUNNER CANDLES CASE RUNS`; a case is rsi, tight (the same with a stop at 1 %), sma or sweep.
"""

import gc
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

CASH, SHARE, FEE, SLIPPAGE = 100_000.0, 0.05, 0.001, 0.0005
STOP = {"rsi": 0.05, "tight": 0.01, "sma": 0.05, "sweep": 0.05}
PERIODS = (7, 9, 10, 12, 14, 16, 18, 21, 24, 28)
SHOWN = 500  # candles that the sweep only looks at: by then every way to begin an average has come to the same
LOWER = tuple(range(20, 40, 2))  # 100 combinations; the upper bound is 100 less the lower one

Told = dict[str, Any]


def asked() -> tuple[str, str, int]:
    """The candles' file, the case, how many runs."""
    path, case, runs = sys.argv[1:]
    return path, case, int(runs)


def candles(path: str) -> dict[str, Any]:
    """Columns as arrays; `ts` in ms since 1970."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    found = {name: table[name].to_numpy() for name in table.column_names}
    found["ts"] = found["ts"].astype("datetime64[ms]").astype("int64")
    return found


def tell(run: Callable[[], Told], runs: int, *, warm: bool = True, **more: Any) -> None:
    """The first run is the cold one; with `warm` it is not counted, and `runs` follow. `run` says what came of it;
    where it says `seconds` itself, they count.
    """
    said, cold = _once(run)
    walls = [cold] if not warm else []
    while len(walls) < runs:
        said, taken = _once(run)
        walls.append(taken)
    print(
        json.dumps(
            {
                **said,
                **more,
                "cold": cold,
                "seconds": statistics.median(walls),
                "runs": len(walls),
                "peak_rss_mb": peak_mb(),
            }
        ),
        flush=True,
    )


def _once(run: Callable[[], Told]) -> tuple[Told, float]:
    gc.collect()
    began = time.perf_counter()
    said = run()
    taken = time.perf_counter() - began
    return said, said.pop("seconds", taken)


def peak_mb() -> float:
    """The process's own high-water mark (what getrusage tells may be its parent's)."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return int(file.read().partition("VmHWM:")[2].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
