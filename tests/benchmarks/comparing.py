"""Ours and the peers on the same candles and rules, in one go: trades, stops, final equity, time, memory, ratios."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.children import Told, tell
from tests.benchmarks.contenders import CONTENDERS, Contender, asked
from tests.benchmarks.market import MINUTES, bench_candles, parquet
from tests.benchmarks.reference import CASES, Case, Outcome, traded
from tests.benchmarks.rows import Row

CENT = 0.01
OURS = {"exact": "ours, exact engine"}


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
    return [Line(name, child(form, candles, case.key, 3)) for form, name in OURS.items()]


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
    exact = next(each.told for each in lines if each.name == OURS["exact"])
    driven = [each for each in lines if each.event_driven and isinstance(each.told, Told)]
    fastest = min(driven, key=lambda each: each.told.seconds)
    how = f"{fastest.name}: {fastest.told.seconds:.2f} s"
    limit, least = (5, 1) if case.key == "sma" else (0.6, 8)
    return [
        Row(
            what=f"{case.name}: exact engine",
            value=exact.seconds,
            unit="s",
            target=limit,
            how=f"median of {exact.runs}",
        ),
        Row(
            what=f"{case.name}: event-driven peer / ours",
            value=fastest.told.seconds / exact.seconds,
            unit="×",
            least=least,
            how=how,
        ),
    ]
