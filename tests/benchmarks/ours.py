"""Ours on the bench's cases, in a process of its own like every peer: `python -m tests.benchmarks.ours FORM CANDLES
CASE RUNS` tells one line of JSON.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from backtest.running import run
from backtest.series import CandleSeries
from tests.benchmarks.bench_plan import final_equity, planned
from tests.benchmarks.market import read
from tests.benchmarks.peers.timing import Told, tell
from tests.benchmarks.reference import Case, case_of


def exact(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The engine that trades live, over the whole history; signals are computed anew in each run."""

    def once() -> Told:
        found = run(planned(case, series))
        stops = sum(trade.exit_reason == "stop" for trade in found.trades)
        return {"trades": len(found.trades), "stops": stops, "final_equity": final_equity(found, series)}

    return once


FORMS = {"exact": exact}


def main() -> None:
    form, path, case, runs = sys.argv[1:]
    tell(FORMS[form](read(Path(path)), case_of(case)), int(runs), warm=int(runs) > 1)


if __name__ == "__main__":
    main()
