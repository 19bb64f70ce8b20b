"""Ours on the bench's cases, in a process of its own like every peer: `python -m tests.benchmarks.ours FORM CANDLES
CASE RUNS` tells one line of JSON.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backtest.memory import give_memory_back
from backtest.running import run
from backtest.series import CandleSeries
from tests.benchmarks.bench_plan import final_equity, planned
from tests.benchmarks.market import read
from tests.benchmarks.peers.timing import LOWER, PERIODS, SHOWN, Told, tell
from tests.benchmarks.reference import Case, case_of

THREADS = 2
Votes = NDArray[np.int8]
Floats = NDArray[np.float64]


def exact(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The engine that trades live, over the whole history; signals are computed anew in each run."""
    plan = planned(case, series)

    def once() -> Told:
        found = run(plan)
        stops = sum(trade.exit_reason == "stop" for trade in found.trades)
        return {"trades": len(found.trades), "stops": stops, "final_equity": final_equity(found, series)}

    return once


def kernel(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The sweep's kernel, one run: indicators, signals, all rules, every trade, equity at each candle."""
    from backtest.sweep import trade_all
    from backtest.votes import frames_of

    plan = planned(case, series)
    frames, curve, votes = frames_of(series, 60), np.empty(len(series)), np.empty(len(series), np.int8)
    signals = crossing if case.key == "sma" else turning

    def once() -> Told:
        signals(series.close, votes)
        figures = trade_all(
            series, votes, plan.rules, plan.simulation, plan.cash, warmup=plan.warmup, frames=frames, equity=curve
        ).figures
        return {"trades": figures.trades, "stops": figures.stops, "final_equity": figures.final_equity}

    return once


def turning(close: Floats, votes: Votes) -> None:
    """RSI and MACD as the bench has them, into `votes`."""
    from backtest.kernels.indicators import rsi_macd_votes

    rsi_macd_votes(close, 14, 30.0, 70.0, 12, 26, 9, 0, votes)


def crossing(close: Floats, votes: Votes) -> None:
    """The averages of 10 and 50, into `votes`; to 6 decimals, so that ties are ties."""
    from backtest.kernels.indicators import sma

    lead = np.round(sma(close, 10) - sma(close, 50), 6)
    now, before = lead[1:], lead[:-1]
    votes[0] = 0
    np.subtract((now > 0) & (before <= 0), (now < 0) & (before >= 0), out=votes[1:], dtype=np.int8)


def swept(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """A hundred combinations on two threads."""
    from backtest.sweep import sweep_thresholds

    plan, pairs = planned(case, series), [(float(low), 100.0 - low) for low in LOWER]

    def once() -> Told:
        with ThreadPoolExecutor(THREADS) as executor:
            found = sweep_thresholds(
                series, PERIODS, pairs, plan.rules, plan.simulation, plan.cash, warm_up=SHOWN, executor=executor
            )
        sums = {"trades": int(found.trades.sum()), "stops": int(found.stops.sum())}
        return {**sums, "final_equity": float(found.final_equity.sum())}

    return once


def steps(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The exact engine with a plug-in that has no `signals`."""
    return exact(series, replace(case, strategy="bench_steps"))


def hourly(series: CandleSeries, case: Case) -> Callable[[], Told]:
    """The same plug-in as people run one: asked about each closed hour, its stops watched by the minute."""
    plan = planned(replace(case, strategy="bench_steps"), series)
    voting = replace(plan.rules.voting, timeframe="1h")
    plan = replace(plan, rules=replace(plan.rules, voting=voting), warmup=plan.warmup * 60)

    def once() -> Told:
        found = run(plan)
        stops = sum(trade.exit_reason == "stop" for trade in found.trades)
        return {"trades": len(found.trades), "stops": stops, "final_equity": final_equity(found, series)}

    return once


FORMS = {"exact": exact, "kernel": kernel, "sweep": swept, "steps": steps, "hourly": hourly}


def main() -> None:
    form, path, case, runs = sys.argv[1:]
    give_memory_back()  # as `main.py` does
    tell(FORMS[form](read(Path(path)), case_of(case)), int(runs), warm=int(runs) > 1)


if __name__ == "__main__":
    main()
