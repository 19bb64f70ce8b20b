"""A run → the block `honesty` of result.json, the monthly table, and the warnings. Reads a run, never changes it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np

from app.core.alerts import AlertEvent
from app.core.model import LatchKind
from app.core.performance import Report, monthly_returns, same_exposure_pct
from backtest.curve import average_exposure_pct
from backtest.honesty.bootstrap import bands
from backtest.honesty.cautions import Evidence, cautions, switched_off
from backtest.honesty.costs import Stressed
from backtest.honesty.knowledge import Days, split
from backtest.honesty.luck import luck
from backtest.replay import Run
from backtest.series import DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a run does not know of itself.

    `trials`: configurations that were tried to find this one; `trial_variance`: of their daily Sharpe ratios.
    `models`: language models whose answers were used; `cutoffs`: the last day that each model knows.
    `cold`: columns that remember more than their warm-up, in words.
    """

    trials: int = 1
    trial_variance: float | None = None
    models: Sequence[str] = ()
    cutoffs: Mapping[str, str] = field(default_factory=dict)
    missing_pct: float = 0.0
    cold: Sequence[str] = ()
    stressed: Stressed | None = None


UNKNOWN = Background()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    honesty: dict[str, Any]
    monthly: dict[str, float]
    cautions: list[str]


def judged(run: Run, report: Report, initial: float, rows: "np.ndarray[Any, Any]", background: Background) -> Verdict:
    """`rows`: the row of the curve at each UTC day's end."""
    curve = run.curve
    days: Days = ((curve.at_ms[rows] - 1) // DAY_MS).astype("M8[D]")
    daily = curve.equity[rows]
    returns = np.diff(daily, prepend=initial) / np.concatenate(([initial], daily[:-1]))
    exposure = average_exposure_pct(curve)
    evidence = Evidence(
        results=[float(trade.profit_loss) for trade in run.trades],
        days=float(curve.at_ms[-1] - curve.at_ms[0]) / DAY_MS,
        return_pct=report.return_pct,
        same_exposure_pct=same_exposure_pct(report.buy_and_hold_return_pct, exposure),
        sharpe_ratio=report.sharpe_ratio,
        bands=bands(returns),
        luck=luck(returns, background.trials, background.trial_variance),
        stressed=background.stressed,
        split=split(background.models, background.cutoffs, days, daily, initial, run.trades),
        missing_pct=background.missing_pct,
        killed=LatchKind.KILL_SWITCH in run.engine.state.latches,
        runaways=sum(f" {AlertEvent.RUNAWAY}: " in warning for warning in run.warnings),
        switched_off=switched_off(run.engine.state.rules.risk),
        cold=background.cold,
    )
    dates: list[date] = days.tolist()
    return Verdict(
        honesty=_block(evidence, exposure),
        monthly=monthly_returns(initial, list(zip(dates, daily.tolist(), strict=True))),
        cautions=cautions(evidence),
    )


def _block(evidence: Evidence, exposure: float) -> dict[str, Any]:
    """JSON numbers, texts and nulls."""
    return {
        "average_exposure_pct": exposure,
        "buy_and_hold_same_exposure_pct": evidence.same_exposure_pct,
        "bootstrap": asdict(evidence.bands) if evidence.bands else None,
        "deflated_sharpe": asdict(evidence.luck) if evidence.luck else None,
        "cost_stress": asdict(evidence.stressed) if evidence.stressed else None,
        "cutoff": asdict(evidence.split) if evidence.split else None,
        "missing_pct": evidence.missing_pct,
        "limits_switched_off": list(evidence.switched_off),
    }
