"""Ours and the peers on the same candles and rules, in one go: trades, stops, final equity, time, memory, ratios."""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backtest.series import COLUMNS
from tests.benchmarks.children import Told, tell
from tests.benchmarks.contenders import CONTENDERS, Contender, asked
from tests.benchmarks.market import MINUTES, bench_candles, parquet
from tests.benchmarks.reference import CASES, Case, Outcome, traded
from tests.benchmarks.rows import Row

CENT = 0.01
STEPS = 200_000  # candles
OURS = {"exact": "ours, exact engine", "kernel": "ours, sweep kernel"}
RUNS = {"exact": {"rsi": 3}, "kernel": {"rsi": 9}}  # 1 elsewhere
VECTORBT = CONTENDERS[0]


@dataclass(frozen=True, slots=True)
class Line:
    """One program on one case."""

    name: str
    told: Told | str
    event_driven: bool = False
    differs: str = ""


def beside_peers() -> list[Row]:
    """The three cases, each program in its own process, one after the other."""
    candles = str(parquet(bench_candles(), "two-years"))
    rows: list[Row] = []
    for case in CASES:
        wanted = reference(case)
        lines = [*ours(candles, case), *theirs(candles, case)]
        print(compared(case, wanted, lines), flush=True)
        rows += agreement(case, wanted, lines) + ratios(case, lines)
    return rows


def reference(case: Case) -> Outcome:
    """The plain loop's; RuntimeError where it is not what the bench was made with, since then nothing is comparable."""
    series = bench_candles()
    found = traded(series, *case.signals(series.close), case.stop_pct)
    same = (found.trades, found.stops) == (case.expected.trades, case.expected.stops)
    if not same or abs(found.final_equity - case.expected.final_equity) > CENT:
        raise RuntimeError(
            f"{case.name}: the reference gives {found}, not {case.expected}: other candles or other rules"
        )
    return found


def ours(candles: str, case: Case) -> list[Line]:
    return [Line(name, child(form, candles, case.key, RUNS[form].get(case.key, 1))) for form, name in OURS.items()]


def child(form: str, candles: str, case: str, runs: int) -> Told:
    told = tell([sys.executable, "-m", "tests.benchmarks.ours", form, candles, case, str(runs)])
    if isinstance(told, str):
        raise RuntimeError(f"ours, {form}, {case}: {told}")
    return told


def theirs(candles: str, case: Case) -> list[Line]:
    """`BENCH_PEERS` names those to run, all without it; those that are needed run always."""
    chosen = os.environ.get("BENCH_PEERS")
    return [
        line(contender, candles, case)
        for contender in CONTENDERS
        if case.key in contender.cases
        and (contender.needed or chosen is None or contender.name.split(",")[0] in chosen)
    ]


def line(contender: Contender, candles: str, case: Case) -> Line:
    return Line(contender.name, asked(contender, candles, case.key), contender.event_driven, contender.differs)


def compared(case: Case, wanted: Outcome, lines: Sequence[Line]) -> str:
    """A table for people. No ratio stands beside a program that did not run."""
    fastest = min(line.told.seconds for line in lines if line.name in OURS.values() and isinstance(line.told, Told))
    head = f"\n{case.name}, {MINUTES:,} candles; reference: {wanted.trades:,} trades, {wanted.stops} stops, "
    shown = [
        head + f"{wanted.final_equity:,.2f}",
        f"{'program':<30} {'trades':>7} {'stops':>6} {'final equity':>13} {'cold s':>8} {'median s':>9} "
        f"{'MB':>6} {'× ours':>8}  what differs",
    ]
    for each in lines:
        told = each.told
        if isinstance(told, str):
            shown.append(f"{each.name:<30} {told}")
            continue
        stops = "-" if told.stops is None else told.stops
        shown.append(
            f"{f'{each.name} {told.version}':<30} {told.trades:>7,} {stops:>6} {told.final_equity:>13,.2f} "
            f"{told.cold:>8.3f} {told.seconds:>9.4f} {told.peak_rss_mb:>6.0f} {told.seconds / fastest:>8.1f}  "
            f"{each.differs}"
        )
    return "\n".join(shown)


def agreement(case: Case, wanted: Outcome, lines: Sequence[Line]) -> list[Row]:
    """Ours beside the reference: not one trade, not one cent."""
    rows = []
    for each in lines:
        if each.name in OURS.values() and isinstance(each.told, Told):
            other = abs(each.told.trades - wanted.trades) + abs((each.told.stops or 0) - wanted.stops)
            cents = abs(round(each.told.final_equity, 2) - round(wanted.final_equity, 2)) * 100
            how = f"{each.told.trades:,} trades, {each.told.stops} stops, {each.told.final_equity:,.2f}"
            what = f"{case.name}: {each.name.partition(', ')[2]} beside the reference"
            rows += [
                Row(what=f"{what}, trades", value=other, unit="", target=0, how=how, exact=True),
                Row(what=f"{what}, cents", value=cents, unit="¢", target=0.01, how=how, exact=True),
            ]
    return rows


def ratios(case: Case, lines: Sequence[Line]) -> list[Row]:
    """Beside the best of each kind, and only beside those that ran."""
    by_name = {each.name: each.told for each in lines if isinstance(each.told, Told)}
    exact, kernel, vectorbt = (by_name[name] for name in (*OURS.values(), VECTORBT.name))
    driven = [each for each in lines if each.event_driven and each.name in by_name]
    rival = min(driven, key=lambda each: by_name[each.name].seconds).name
    limit, least = (5.0, 1.0) if case.key == "sma" else (0.6, 8.0)
    how = f"median of {exact.runs}, {exact.peak_rss_mb:.0f} MB"
    faster, beside = by_name[rival].seconds / exact.seconds, f"{rival}: {by_name[rival].seconds:.2f} s"
    rows = [
        Row(what=f"{case.name}: exact engine", value=exact.seconds, unit="s", target=limit, how=how),
        Row(what=f"{case.name}: fastest event-driven / exact", value=faster, unit="×", least=least, how=beside),
    ]
    if case.key == "rsi":
        faster, beside = vectorbt.seconds / kernel.seconds, f"{VECTORBT.name}: {vectorbt.seconds * 1e3:.1f} ms"
        read = reading_seconds()
        rows += [
            Row(what=f"{case.name}: kernel", value=kernel.seconds * 1e3, unit="ms", how=f"median of {kernel.runs}"),
            Row(what=f"{case.name}: vectorbt / kernel", value=faster, unit="×", least=3, how=beside),
            Row(
                what=f"{case.name}: kernel / reading five columns",
                value=kernel.seconds / read,
                unit="×",
                target=10,
                how=f"their sums: {read * 1e3:.2f} ms",
            ),
        ]
    return rows


def reading_seconds() -> float:
    """The limit: each of five columns summed once; the median of 15."""
    series, walls = bench_candles(), []
    columns = [np.ascontiguousarray(getattr(series, name)) for name in COLUMNS]
    for _ in range(15):
        began = time.perf_counter()
        for column in columns:
            column.sum()
        walls.append(time.perf_counter() - began)
    return statistics.median(walls)


def hundred() -> list[Row]:
    """A hundred combinations: periods of RSI by its lower bound, all rules, beside vectorbt's best form."""
    candles = str(parquet(bench_candles(), "two-years"))
    mine, theirs_ = child("sweep", candles, "rsi", 3), asked(VECTORBT, candles, "sweep")
    if isinstance(theirs_, str):
        raise RuntimeError(theirs_)
    how = f"{mine.trades:,} trades, {theirs_.trades:,} vectorbt's; cold {mine.cold:.1f} s"
    beside = f"{VECTORBT.name}, 100 single calls: {theirs_.seconds:.2f} s, {theirs_.peak_rss_mb:.0f} MB"
    apart = abs(mine.final_equity - theirs_.final_equity)
    return [
        Row(what="100 combinations, two threads", value=mine.seconds * 1e3, unit="ms", how=how),
        Row(what="100: vectorbt / ours", value=theirs_.seconds / mine.seconds, unit="×", least=20, how=beside),
        Row(what="100: memory", value=mine.peak_rss_mb, unit="MB", target=500, how="high-water mark"),
        Row(
            what="100: trades that differ",
            value=abs(mine.trades - theirs_.trades),
            unit="",
            target=0,
            how=f"the sums of all final equities are {apart:.6f} apart",
            exact=True,
        ),
    ]


def step_by_step() -> list[Row]:
    """A plug-in without `signals` on a part: what a candle costs beside backtesting.py, which is asked at each."""
    part = str(parquet(bench_candles()[:STEPS], "steps"))
    mine, hours = child("steps", part, "rsi", 2), child("hourly", part, "rsi", 3)
    rival = asked(next(each for each in CONTENDERS if each.name == "backtesting.py"), part, "rsi")
    if isinstance(rival, str):
        raise RuntimeError(rival)
    each, hour, beside = (told.seconds / STEPS * 1e6 for told in (mine, hours, rival))
    how = f"backtesting.py: {beside:.2f} µs a candle; {STEPS:,} candles of 1 minute"
    return [
        Row(what="plug-in asked at each minute, one candle", value=each, unit="µs", how=f"{mine.trades} trades"),
        Row(what="plug-in asked at each minute: backtesting.py / ours", value=beside / each, unit="×", how=how),
        Row(what="plug-in asked at each hour, one minute", value=hour, unit="µs", how=f"{hours.trades} trades"),
        Row(what="plug-in asked at each hour: backtesting.py / ours", value=beside / hour, unit="×", least=20, how=how),
    ]
