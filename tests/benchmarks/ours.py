"""Ours on the bench's cases, in a process of its own like every peer: `python -m tests.benchmarks.ours FORM CANDLES
CASE RUNS` tells one line of JSON.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backtest.running import run
from backtest.series import CandleSeries
from tests.benchmarks.bench_plan import final_equity, planned
from tests.benchmarks.indicators import averages_lead, histogram, strength
from tests.benchmarks.market import read
from tests.benchmarks.peers.timing import LOWER, PERIODS, SHOWN, Told, tell
from tests.benchmarks.reference import Case, case_of

THREADS = 2
Votes = NDArray[np.int8]


def exact(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The engine that trades live, over the whole history; signals are computed anew in each run."""

    def once() -> Told:
        found = run(planned(case, series))
        stops = sum(trade.exit_reason == "stop" for trade in found.trades)
        return {"trades": len(found.trades), "stops": stops, "final_equity": final_equity(found, series)}

    return once


def kernel(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The sweep's kernel, one run: indicators, signals, all rules, every trade, equity at each candle."""
    from backtest.sweep import trade_all
    from backtest.votes import frames_of

    plan = planned(case, series)
    frames, curve = frames_of(series, 60), np.empty(len(series))

    def once() -> Told:
        votes = crossing(series) if case.key == "sma" else turning(series, 14, 30, histogram(series.close))
        found = trade_all(
            series, votes, plan.rules, plan.simulation, plan.cash, warmup=plan.warmup, frames=frames, equity=curve
        )
        return told([found.figures])

    return once


def swept(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """A hundred combinations on two threads, each by every rule."""
    from backtest.sweep import Trial, sweep

    plan = planned(case, series)

    def once() -> Told:
        rising = histogram(series.close)
        readings = {period: strength(series.close, period) for period in PERIODS}
        trials = [
            Trial(rules=plan.rules, simulation=plan.simulation, votes=partial(votes_at, readings[period], low, rising))
            for period in PERIODS
            for low in LOWER
        ]
        with ThreadPoolExecutor(THREADS) as executor:
            return told(sweep(series, trials, plan.cash, warmup=SHOWN, executor=executor))

    return once


def told(figures: Sequence[object]) -> Told:
    """Of one run or the sums of many."""
    return {
        "trades": sum(each.trades for each in figures),
        "stops": sum(each.stops for each in figures),
        "final_equity": sum(each.final_equity for each in figures),
    }


def turning(series: CandleSeries, period: int, low: float, rising: NDArray[np.float64]) -> Votes:
    return votes_at(strength(series.close, period), low, rising)


def votes_at(reading: NDArray[np.float64], low: float, rising: NDArray[np.float64]) -> Votes:
    """+1 below `low` while the histogram is above 0, −1 above 100 less `low`."""
    return ((reading < low) & (rising > 0)).astype(np.int8) - (reading > 100 - low)


def crossing(series: CandleSeries) -> Votes:
    lead = averages_lead(series.close)
    votes = np.zeros(len(lead), np.int8)
    now, before = lead[1:], lead[:-1]
    votes[1:] = ((now > 0) & (before <= 0)).astype(np.int8) - ((now < 0) & (before >= 0))
    return votes


def steps(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The exact engine with a plug-in that has no `signals`."""
    return exact(series, replace(case, strategy="bench_steps"))


FORMS = {"exact": exact, "kernel": kernel, "sweep": swept, "steps": steps}


def main() -> None:
    form, path, case, runs = sys.argv[1:]
    tell(FORMS[form](read(Path(path)), case_of(case)), int(runs), warm=int(runs) > 1)


if __name__ == "__main__":
    main()
