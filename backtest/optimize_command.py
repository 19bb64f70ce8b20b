"""What `main.py optimize` does: a study, its winners run by the exact engine, what they are worth."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import variance
from typing import Any, TextIO

import numpy as np

from app.core.errors import ConfigError, DataError
from app.core.performance import DAYS_A_YEAR, daily_returns, sharpe
from app.seam import Clock
from backtest import history, optimize_told
from backtest.holding import held
from backtest.honesty.bootstrap import deepest_pct
from backtest.honesty.luck import luck
from backtest.kernels import compiling
from backtest.mapped import mapped
from backtest.optimize import Found, Order, Pool, optimise
from backtest.optimize_exact import Exact
from backtest.optimize_pool import executor
from backtest.optimize_weighing import COUNTS, NOT_SEPARATE, weigh
from backtest.progress_bar import Bar
from backtest.series import at_ms
from backtest.space import Changes, Space, space_of, text_of, usual
from backtest.studies import Kept, Studies
from backtest.trials import FEWEST_TRADES, Bench, Task, Trials
from backtest.walk_forward import Span, Walked, walk, windows

EXACT = 5  # of the best are run by the exact engine
TRIALS = 200
INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for when the study was begun; all of it is kept with the study."""

    data: str
    data_sha256: str
    config_sha256: str
    vary: tuple[str, ...]
    objective: str
    seed: int
    since: datetime
    until: datetime
    walk_forward: str = ""

    def about(self) -> dict[str, Any]:
        times = {"since": f"{self.since:%Y-%m-%d %H:%M}", "until": f"{self.until:%Y-%m-%d %H:%M}"}
        return {**asdict(self), "vary": list(self.vary), **times}


def wish_of(about: dict[str, Any]) -> Wish:
    """What `Wish.about` gave."""
    times = {name: datetime.strptime(about[name], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) for name in ("since", "until")}
    return Wish(**{**about, "vary": tuple(about["vary"]), **times})


def begun(
    bench: Bench, data: str, vary: tuple[str, ...], since: datetime | None, until: datetime | None, **rest: Any
) -> Wish:
    """A wish with its span written out. ConfigError or DataError where it cannot be."""
    space = space_of(vary)
    first, last = at_ms(int(bench.series.ts[0])), at_ms(int(bench.series.ts[-1])) + timedelta(minutes=1)
    begin, end = max(since or first, first), min(until or last, last)
    if begin >= end:
        raise DataError(f"{data}: has nothing between {begin:%Y-%m-%d} and {end:%Y-%m-%d}")
    wish = Wish(
        data=data, vary=tuple(map(text_of, space.parameters)), since=begin, until=end, **rest
    )  # fmt: skip
    refuse_impossible(bench, space)
    if wish.walk_forward:
        train, test = lengths(wish.walk_forward)
        windows(Span(since=begin, until=end), train=train, test=test)
    return wish


def refuse_impossible(bench: Bench, space: Space) -> None:
    """A mistyped setting is refused now, not after hours. A value may be impossible alone and possible beside others; a
    parameter with no possible value at all is a mistake.
    """
    alone = [((each.path, value),) for each in space.parameters for value in each.values]
    for parameter in space.parameters:
        own = [((parameter.path, value),) for value in parameter.values]
        refusals = [_refusal(bench, each) for each in own]
        if not all(refusals):
            continue
        beside = ((*one, *other) for one in own for other in alone if other[0][0] != parameter.path)
        if all(_refusal(bench, each) for each in beside):
            raise ConfigError(f"--vary {parameter.path}: {refusals[0]}")


def _refusal(bench: Bench, changes: Changes) -> str:
    try:
        bench.rules(changes)
    except ConfigError as error:
        return str(error)
    return ""


def lengths(text: str) -> tuple[timedelta, timedelta]:
    """730d/182d as training and test."""
    days = [part.removesuffix("d") for part in text.split("/")]
    if len(days) != 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) < 10_000 for part in days):
        raise ConfigError(f"--walk-forward {text[:40]!r}: write TRAIN/TEST in days, such as 730d/182d")
    return timedelta(days=int(days[0])), timedelta(days=int(days[1]))


@dataclass(slots=True)
class Optimising:
    """Everything that a study needs while it runs."""

    wish: Wish
    kept: Kept
    bench: Bench
    pool: Pool
    trials: int
    stop_after: int | None
    exact: Exact
    clock: Clock
    out: TextIO
    progress: Callable[[float], None] | None = None
    studies: int = 1  # how many there will be, and how many are over
    over: int = 0

    @property
    def space(self) -> Space:
        return space_of(self.wish.vary)

    @property
    def fee_pct(self) -> float:
        return float(self.bench.rules(())[1].fee_pct)

    def study(self, span: Span, kept: Kept, name: str) -> Found:
        order = Order(
            space=self.space,
            objective=self.wish.objective,
            trials=self.trials,
            seed=self.wish.seed,
            since=span.since,
            until=span.until,
            stop_after=self.stop_after,
        )
        bar = Bar(self.out, name, self.trials, self.clock, self._told)
        try:
            return optimise(order, self.pool, before=kept.trials(), keep=kept.keep, told=bar.show)
        finally:
            self.over += 1
            bar.end()

    def _told(self, per_cent: float) -> None:
        """One study's share of them all."""
        if self.progress is not None:
            self.progress((self.over * 100 + per_cent) / self.studies)


def run(work: Optimising, folder: Path, write_config: Callable[[Changes, Path], str]) -> tuple[dict[str, Any], Found]:
    """All of it; what study.json holds. `write_config` writes a configuration into a folder and gives its SHA-256."""
    wish, span = work.wish, Span(since=work.wish.since, until=work.wish.until)
    tried: list[Found] = []
    walked = walk_forward(work, tried) if wish.walk_forward else None
    if walked is not None:
        span = Span(since=max(span.since, span.until - lengths(wish.walk_forward)[0]), until=span.until)
    found = work.study(span, work.kept, "study")
    tried.append(found)
    if found.best[0].score <= COUNTS:
        raise DataError(
            f"none of the {found.tried} configurations made {FEWEST_TRADES} trades"
            f"{_refused(found)}; vary thresholds, or take a longer span"
        )
    count = sum(each.tried for each in tried)
    rules, _ = work.bench.rules(found.best[0].changes)
    weighed = weigh(found, work.space, rules.voting, work.pool, wish.objective, span.since, span.until)
    best = []
    for rank, each in enumerate([each for each in found.best if each.score > COUNTS][:EXACT]):
        sha256 = write_config(each.changes, folder / "best") if rank == 0 else ""
        report = work.exact.report(
            each.changes, span, trials=count, variance=_variance(found), config_sha256=sha256,
            folder=folder / "run" if rank == 0 else None,
        )  # fmt: skip
        best.append({"changes": plainly(each.changes), "score": each.score, **_chosen(report)})
        if rank == 0:
            first = report
    study = {
        **wish.about(),
        "study": work.kept.name,
        "span": {"since": _time(span.since), "until": _time(span.until)},
        "trials": len(found.study.trials),
        "tried": count,
        "refused": sum(bool(each.tried.refused) for each in found.best),
        "best": best,
        "deflated_sharpe": first["honesty"]["deflated_sharpe"],
        "honesty": first["honesty"],
        "headline": _headline(walked, first, work),
        "walk_forward_windows": _windows(walked, work),
        "importance": weighed.importance,
        "ablation": weighed.ablation,
        "not_separate": NOT_SEPARATE,
        "neighbours": weighed.neighbours,
        "ground": weighed.ground,
        "warnings": [*_cautions(walked, count), *first["warnings"]],
    }
    return study, found


def walk_forward(work: Optimising, tried: list[Found]) -> Walked[Changes]:
    """A study for each window; what it found is traded on the test that follows, by the exact engine."""
    whole = Span(since=work.wish.since, until=work.wish.until)
    train, test = lengths(work.wish.walk_forward)
    parts = windows(whole, train=train, test=test)
    work.studies = len(parts) + 1

    def best(span: Span) -> Changes:
        number = len(tried) + 1
        tried.append(work.study(span, work.kept.part(number), f"window {number} of {len(parts)}"))
        return tried[-1].best[0].changes

    return walk(parts, best, work.exact.traded)


def plainly(changes: Changes) -> dict[str, Any]:
    return {path: value if isinstance(value, bool | int | str) else float(value) for path, value in changes}


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _refused(found: Found) -> str:
    refused = [each.tried.refused for each in found.best if each.tried.refused]
    return f" ({len(refused)} are not possible: {refused[0]})" if refused else ""


def _variance(found: Found) -> float | None:
    """Of the daily Sharpe ratios of all that was tried."""
    ratios = [each.tried.figures.sharpe_ratio for each in found.best if each.tried.figures]
    known = [ratio / DAYS_A_YEAR**0.5 for ratio in ratios if ratio is not None]
    return variance(known) if len(known) > 1 else None


CHOSEN = (
    "return_pct", "buy_and_hold_return_pct", "max_drawdown_pct", "sharpe_ratio", "calmar_ratio", "profit_factor",
    "trades", "win_rate_pct", "fees_paid", "final_equity",
)  # fmt: skip


def _chosen(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in CHOSEN}


def _headline(walked: Walked[Changes] | None, first: dict[str, Any], work: Optimising) -> dict[str, Any]:
    """Out of sample where there is such a thing; else what was found in sample, and called so."""
    if walked is None:
        return {"what": "in sample: it was chosen because it did well here", **_chosen(first)}
    traded = walked.out_of_sample
    curve = np.concatenate(([traded.initial], traded.equity))
    returns = daily_returns(curve.tolist())
    found = luck(np.array(returns))
    tests = Span(since=walked.legs[0].window.test.since, until=walked.legs[-1].window.test.until)
    kept = held(work.bench.series, tests, work.fee_pct, traded.at_ms)
    return {
        "what": "out of sample: each test was traded with what was found before it",
        "return_pct": traded.return_pct,
        "buy_and_hold_return_pct": kept.return_pct,
        "max_drawdown_pct": float(deepest_pct((curve / curve[0])[None, :])[0]),
        "sharpe_ratio": sharpe(returns),
        "trades": traded.trades,
        "final_equity": float(curve[-1]),
        "probabilistic_sharpe": found.probabilistic if found else None,
        "efficiency": walked.efficiency,
        "winning_tests_pct": walked.winning_tests_pct,
        "curve": {
            "at_ms": traded.at_ms.tolist(),
            "equity": traded.equity.round(2).tolist(),
            "held": (kept.growth * traded.initial).round(2).tolist(),
        },
    }


def _windows(walked: Walked[Changes] | None, work: Optimising) -> list[dict[str, Any]]:
    return [
        {
            "train": [_time(leg.window.train.since), _time(leg.window.train.until)],
            "test": [_time(leg.window.test.since), _time(leg.window.test.until)],
            "changes": plainly(leg.parameters),
            "in_sample_pct": leg.in_sample.return_pct,
            "out_of_sample_pct": leg.out_of_sample.return_pct,
            "buy_and_hold_return_pct": held(work.bench.series, leg.window.test, work.fee_pct).return_pct,
            "trades": leg.out_of_sample.trades,
        }
        for leg in (walked.legs if walked else ())
    ]


def _cautions(walked: Walked[Changes] | None, count: int) -> list[str]:
    if walked is not None:
        return []
    return [
        f"it is the best of {count} tried on the same candles, so its figures are too good; "
        "--walk-forward 730d/182d tells what would have been left of such a choice"
    ]


def compiled(bench: Bench, space: Space, span: Span) -> None:
    """One trial here, so that the compiler has done its work before many processes want it."""
    compiling.announce("trading", sys.stderr)
    Trials(bench)(Task(changes=space.at([0] * len(space.parameters)), since=span.since, until=span.until))


# ---------------------------------------------------------------- the command


def command(
    arguments: Namespace,
    *,
    make: Callable[[Any], Bench],
    setup: Any,
    version: str,
    keep: Callable[[], tuple[str, Mapping[str, Any]]],
    write_config: Callable[[Changes, Path], str],
    progress: Callable[[float], None] | None = None,
) -> int:
    """From the command line to the folder. `setup`: wiring's TrialSetup, completed here; `keep`: where studies are."""
    clock = Clock()
    studies = Studies(*keep())
    try:
        resumed = studies.resume(arguments.resume) if arguments.resume else None
        if resumed is None and not arguments.data:
            raise ConfigError("--data: name the candles, such as --data BTC/USD; main.py data list shows them")
        setup = replace(setup, data=resumed.about["data"] if resumed else str(arguments.data))
        bench = make(setup)
        hashes = {"data_sha256": history.data_sha256(bench.series), "config_sha256": bench.config_sha256}
        wish = _again(resumed.about, hashes) if resumed else _new(arguments, bench, hashes)
        name = arguments.study or f"{clock.now():%Y-%m-%d_%H-%M-%S}"
        kept = resumed or studies.begin(name, {**wish.about(), "trials": arguments.trials or TRIALS})
        folder = Path(arguments.out) if arguments.out else Path("runs") / f"optimize-{kept.name}"
        space = space_of(wish.vary)
        compiled(bench, space, Span(since=wish.since, until=wish.until))
        workers = arguments.workers or os.cpu_count() or 1
        shared = nullcontext() if workers == 1 or arguments.cluster else mapped(bench.series)
        with shared as candles, executor(workers, arguments.cluster) as where:
            work = Optimising(
                wish=wish,
                kept=kept,
                bench=bench,
                pool=Pool(make, replace(setup, **hashes, mapped=candles), where),
                trials=arguments.trials or int(kept.about["trials"]),
                stop_after=arguments.stop_after,
                exact=Exact(bench, wish.data, version),
                clock=clock,
                out=sys.stderr,
                progress=progress,
            )
            try:
                study, found = run(work, folder, write_config)
            except KeyboardInterrupt:
                sys.stderr.write(f"what was tried is kept; go on with: main.py optimize --resume {kept.name}\n")
                return INTERRUPTED
    finally:
        studies.close()
    optimize_told.write(folder, study, found, space)
    told = json.dumps(study, indent=2) if arguments.json else "\n".join(optimize_told.lines(study, folder))
    sys.stdout.write(f"{told}\n")
    return 0


def _new(arguments: Namespace, bench: Bench, hashes: dict[str, str]) -> Wish:
    rules, _ = bench.rules(())
    return begun(
        bench,
        str(arguments.data),
        tuple(arguments.vary or usual(rules.voting)),
        arguments.since,
        arguments.until,
        objective=arguments.objective,
        seed=arguments.seed,
        walk_forward=arguments.walk_forward,
        **hashes,
    )


def _again(about: dict[str, Any], hashes: dict[str, str]) -> Wish:
    """Other candles or settings would be another study."""
    for name, what in (("data_sha256", "candles"), ("config_sha256", "settings")):
        if about[name] != hashes[name]:
            raise ConfigError(f"--resume: the {what} are not those that the study was begun with; begin another one")
    return wish_of({name: value for name, value in about.items() if name != "trials"})
