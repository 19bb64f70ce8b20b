"""How the shipped technical strategy was chosen: the walk-forward of docs/strategy-report.md, made again.

    python -m tests.tools.tuning walk FOLDER        windows, and the tests put together
    python -m tests.tools.tuning choose FOLDER      the best over the whole time before the last six months
    python -m tests.tools.tuning near FOLDER        what was chosen, and its neighbours
    python -m tests.tools.tuning last FOLDER        the last six months, to be looked at once

FOLDER holds the shared candles: hours of spot from 2017, half-hours of the perpetual from 2023.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from app.core.performance import daily_returns, sharpe
from backtest import history, sweep
from backtest.honesty.bootstrap import deepest_pct
from backtest.honesty.costs import dearer
from backtest.honesty.luck import luck
from backtest.optimize import Order, Pool, optimise
from backtest.series import DAY_MS, CandleSeries, joined, resample
from backtest.space import READINGS, TECHNICAL, Changes, space_of
from backtest.trials import Trials, cut
from backtest.votes import frames_of, votes_of
from backtest.walk_forward import Leg, Span, Traded, Walked, walk, windows
from wiring.bench import TrialSetup, Workbench

SPOT, PERPETUAL = "BTCUSDT_spot_1h_2017-08_2024-04.parquet", "BTCUSDT_perp_30m_2023-01_2024-12.parquet"
SPACE = space_of(["timeframe=1h,2h,4h", *(f"{TECHNICAL}.settings.{each}" for each in READINGS)])
NAMES = [each.path for each in SPACE.parameters]
BOOKS: Changes = tuple(zip(NAMES, ("1h", 30, 70, 14, 12, 26, 20, 50, 200, Decimal("1.5")), strict=True))
CHOSEN: Changes = tuple(zip(NAMES, ("4h", 40, 80, 21, 16, 26, 10, 50, 200, Decimal("1.2")), strict=True))
WHOLE = Span(since=datetime(2017, 8, 20, tzinfo=UTC), until=datetime(2024, 7, 1, tzinfo=UTC))
LAST = Span(since=datetime(2024, 7, 1, tzinfo=UTC), until=datetime(2025, 1, 1, tzinfo=UTC))
TRAIN, TEST = timedelta(days=730), timedelta(days=182)


@dataclass(frozen=True, slots=True)
class Setup:
    folder: Path


def bench_of(setup: Setup) -> Workbench:
    here = Path(__file__).resolve().parents[2]
    trial = TrialSetup(
        data="shared", data_dir=here, config_dir=here / "config", strategies_dir=here / "strategies", symbol="BTC/USD",
        cash=Decimal(10_000),
    )  # fmt: skip
    return Workbench(trial, hours(setup.folder))


def hours(folder: Path) -> CandleSeries:
    """Spot to the end of 2022, the perpetual after it."""
    change = datetime(2023, 1, 1, tzinfo=UTC)
    spot = history.load(str(folder / SPOT), folder, symbol="BTC/USD").between(None, change)
    later = resample(history.load(str(folder / PERPETUAL), folder, symbol="BTC/USD"), 3600).between(change, None)
    return joined([spot, later])


@dataclass(slots=True)
class Trader:
    """Trades spans with any configuration, and tells daily equity."""

    trials: Trials
    dearer: int = 1
    invested: dict[tuple[Span, Changes], float] = field(default_factory=dict)  # share of the money, on average

    def __call__(self, span: Span, changes: Changes) -> Traded:
        bench = self.trials.bench
        rules, simulation = bench.rules(changes)
        simulation = dearer(simulation, self.dearer)
        part, warmup = cut(bench.series, span.since, span.until, rules.voting.timeframe_seconds)
        frames = frames_of(part, rules.voting.timeframe_seconds)
        votes = votes_of(part, frames, self.trials.timelines(rules), rules.voting, warmup)
        outcome = sweep.trade_all(part, votes, rules, simulation, bench.cash, warmup=warmup, frames=frames)
        self.invested[span, changes] = share_of(outcome, part, float(bench.cash))
        days = len(outcome.daily)
        first = (int(part.ts[warmup]) // DAY_MS + 1) * DAY_MS
        return Traded(
            at_ms=first + np.arange(days) * DAY_MS,
            equity=outcome.daily,
            initial=float(bench.cash),
            trades=outcome.figures.trades,
        )


def share_of(outcome: sweep.Outcome, part: CandleSeries, cash: float) -> float:
    """Cost of each trade times its length, as a share of all the money over all the time."""
    rows = len(part) - outcome.first
    trades = outcome.trades
    return float((trades["cost"] * (trades["exited"] - trades["entered"])).sum() / (cash * rows))


def words(name: str, traded: Traded, trials: int = 1) -> str:
    curve = np.concatenate(([traded.initial], traded.equity))
    fall = float(deepest_pct((curve / curve[0])[None, :])[0])
    returns = np.array(daily_returns(curve.tolist()))
    ratio = sharpe(returns.tolist()) or 0.0
    told = luck(returns, trials)
    deflated = f"{told.deflated:.2f}" if told else "-"
    return (
        f"{name:<34} {traded.return_pct:+7.2f} %  drawdown {fall:5.2f} %  Sharpe {ratio:+5.2f}  "
        f"trades {traded.trades:4}  deflated {deflated}"
    )


def held(series: CandleSeries, span: Span) -> float:
    part = series.between(span.since, span.until)
    return float(part.close[-1] / part.open[0] - 1) * 100


def walked(folder: Path) -> None:
    setup = Setup(folder)
    trader = Trader(Trials(bench_of(setup)))
    parts = windows(WHOLE, train=TRAIN, test=TEST)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        pool = Pool(bench_of, setup, executor)

        def best(span: Span) -> Changes:
            found = optimise(Order(space=SPACE, trials=200, seed=1, since=span.since, until=span.until), pool)
            return found.best[0].changes

        told: Walked[Changes] = walk(parts, best, trader)
    books = walk(parts, lambda span: BOOKS, trader)
    for leg, plain in zip(told.legs, books.legs, strict=True):
        leg_words(trader, leg, plain)
    print(words("chosen again and again", told.out_of_sample))
    print(words("books' values", books.out_of_sample))
    dear = Trader(trader.trials, dearer=2)
    again = walk(parts, lambda span: next(leg.parameters for leg in told.legs if leg.window.train == span), dear)
    print(words("chosen, costs doubled", again.out_of_sample))
    print(words("books' values, costs doubled", walk(parts, lambda span: BOOKS, dear).out_of_sample))
    print(f"walk-forward efficiency {told.efficiency}")


def leg_words(trader: Trader, leg: Leg[Changes], plain: Leg[Changes]) -> None:
    span = leg.window.test
    bitcoin, share = held(trader.trials.bench.series, span), trader.invested[span, leg.parameters]
    print(f"{span.since:%Y-%m-%d} to {span.until:%Y-%m-%d}  bitcoin {bitcoin:+.1f} %")
    print("  ", words("in sample", leg.in_sample, 200))
    print(
        "  ", words("out of sample", leg.out_of_sample), f"invested {share:.1%}, as much held {bitcoin * share:+.2f} %"
    )
    print("  ", words("books' values", plain.out_of_sample))
    print("  ", ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in leg.parameters))


def chosen(folder: Path) -> None:
    setup = Setup(folder)
    trader = Trader(Trials(bench_of(setup)))
    span = Span(since=datetime(2019, 7, 1, tzinfo=UTC), until=WHOLE.until)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        order = Order(space=SPACE, trials=600, seed=1, since=span.since, until=span.until)
        found = optimise(order, Pool(bench_of, setup, executor))
    print(found.tried, "configurations tried")
    for best in found.best[:10]:
        values = ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in best.changes)
        print(words(values, trader(span, best.changes), found.tried))
    print(words("books' values", trader(span, BOOKS), 1))


def near(folder: Path) -> None:
    trader = Trader(Trials(bench_of(Setup(folder))))
    span = Span(since=datetime(2019, 7, 1, tzinfo=UTC), until=WHOLE.until)
    print(words("what was chosen", trader(span, CHOSEN)))
    print(words("costs doubled", Trader(trader.trials, dearer=2)(span, CHOSEN)))
    places = [each.values.index(value) for each, (_, value) in zip(SPACE.parameters, CHOSEN, strict=True)]
    for neighbour in SPACE.neighbours(places):
        changes = SPACE.at(neighbour)
        other = next(change for change, same in zip(changes, CHOSEN, strict=True) if change != same)
        print(words(f"{other[0].rpartition('.')[2]} {other[1]}", trader(span, changes)))


def last(folder: Path) -> None:
    trader = Trader(Trials(bench_of(Setup(folder))))
    bitcoin = held(trader.trials.bench.series, LAST)
    for name, changes in (("what was chosen", CHOSEN), ("books' values", BOOKS)):
        told, share = words(name, trader(LAST, changes)), trader.invested[LAST, changes]
        print(told, f"bitcoin {bitcoin:+.1f} %, invested {share:.1%}, as much held {bitcoin * share:+.2f} %")
        print(words("costs doubled", Trader(trader.trials, dearer=2)(LAST, changes)))


if __name__ == "__main__":
    {"walk": walked, "choose": chosen, "near": near, "last": last}[sys.argv[1]](Path(sys.argv[2]))
