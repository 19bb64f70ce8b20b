"""`make bench`: what the program does on this machine, each row beside its target. `--check` exits 1 on a miss."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.benchmarks import (
    beside,
    candles,
    comparing,
    crowd,
    dashboard,
    headlines,
    latency,
    protecting,
    replaying,
    restarting,
    starting,
    whole_backtest,
)
from tests.benchmarks.contenders import PeerMissing
from tests.benchmarks.rows import Row, table

Measure = Callable[[], list[Row] | Coroutine[Any, Any, list[Row]]]
PARTS: dict[str, tuple[Measure, ...]] = {
    "latency": (latency.decision_to_order, latency.closing_while_mail_is_down, latency.event_to_text),
    "history": (candles.stored, candles.imported),
    "replay": (replaying.dense,),
    "start": (starting.whole_process,),
    "protection": (protecting.fill_to_stop, protecting.lost_stop, protecting.kill_to_closes),
    "crowd": (crowd.signal_to_wire,),
    "dashboard": (dashboard.loading, dashboard.history, dashboard.watched_by_fifty),
    "lag": (beside.beside_two_backtests,),
    "restart": (restarting.restart,),
    "headlines": (headlines.right, headlines.fast),
    "peers": (comparing.beside_peers, comparing.hundred, comparing.step_by_step),
    "backtest": (whole_backtest.whole_process, whole_backtest.years),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed by more than 25 %%")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part of it; may be given again")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what the traders say of their trades would bury the table
    try:
        rows = [row for name in arguments.only or PARTS for measure in PARTS[name] for row in measured(measure)]
    except PeerMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    print(table(rows))
    return 1 if arguments.check and any(row.missed for row in rows) else 0


def measured(measure: Measure) -> list[Row]:
    began = time.monotonic()
    found = measure()
    rows = found if isinstance(found, list) else asyncio.run(found)
    name = getattr(measure, "__name__", "")
    print(f"{name.replace('_', ' ')}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
