"""A configuration run by the exact engine: what optimising may report. Trials by the kernel only find it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backtest import result
from backtest.honesty.before_and_after import background
from backtest.running import Plan, hear, run_on
from backtest.space import Changes
from backtest.trials import Bench, Trials, cut
from backtest.walk_forward import Span, Traded


@dataclass(slots=True)
class Exact:
    """Trades spans with any configuration, just as `main.py backtest` would.

    The opinions are those over the whole history, so that a span begins warmed up.
    """

    bench: Bench
    data: str
    version: str
    _trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        self._trials = Trials(self.bench, worded=True)

    def plan(self, changes: Changes, span: Span) -> Plan:
        rules, simulation = self.bench.rules(changes)
        part, warmup = cut(self.bench.series, span.since, span.until, rules.voting.timeframe_seconds)
        return Plan(
            series=part,
            data=self.data,
            warmup=warmup,
            rules=rules,
            simulation=simulation,
            cash=self.bench.cash,
            strategies=self.bench.strategies,
            faces=(),
            timelines=self._trials.timelines(rules),
            version=self.version,
        )

    def traded(self, span: Span, changes: Changes) -> Traded:
        plan = self.plan(changes, span)
        finished = run_on(hear(plan), plan, in_words=False)
        rows = result.day_ends(finished.curve.at_ms)
        return Traded(
            at_ms=finished.curve.at_ms[rows],
            equity=finished.curve.equity[rows],
            initial=float(self.bench.cash),
            trades=len(finished.trades),
        )

    def report(
        self, changes: Changes, span: Span, *, trials: int, variance: float | None, config_sha256: str = "",
        folder: Path | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What result.json says of it, knowing how many were tried; its files in `folder` where one is given."""
        plan = replace(self.plan(changes, span), config_sha256=config_sha256)
        heard = hear(plan)
        finished = run_on(heard, plan)
        known = background(plan, trials=trials, trial_variance=variance, heard=heard)
        if folder is None:
            return result.summary(plan, finished, known)
        return result.write(folder, plan, finished, known)
