"""Warnings in plain words. CAUTIONS is the one table of what is warned of, and from where on. It never trades."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from app.core.rules import RiskLimits
from backtest.honesty.bootstrap import Bands
from backtest.honesty.costs import Stressed
from backtest.honesty.knowledge import Split
from backtest.honesty.luck import Luck


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a run. `results`: dollars a trade."""

    results: Sequence[float]
    days: float
    return_pct: float
    same_exposure_pct: float  # of buy and hold
    sharpe_ratio: float | None
    bands: Bands | None = None
    luck: Luck | None = None
    stressed: Stressed | None = None
    split: Split | None = None
    missing_pct: float = 0.0
    killed: bool = False
    runaways: int = 0
    switched_off: Sequence[str] = ()
    cold: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Caution:
    """`told` says it in words, or "" where there is nothing to say. `limit` is None where any is too much."""

    name: str
    limit: float | None
    told: Callable[[Evidence, float], str]


def cautions(evidence: Evidence) -> list[str]:
    """All that apply, the gravest kinds first."""
    said = (caution.told(evidence, caution.limit or 0.0) for caution in CAUTIONS)
    return [text for text in said if text]


def switched_off(limits: RiskLimits) -> list[str]:
    """Names, as in risk.yml, of the limits that a run's own configuration has set to null."""
    found = []
    for prefix, part in (("", limits), ("entry.", limits.entry), ("tripwires.", limits.tripwires)):
        names = [field.name for field in fields(part) if getattr(part, field.name) is None and field.name != "trailing"]
        found += ["tripwires"] if part is limits.tripwires and len(names) == len(fields(part)) else []
        found += [f"{prefix}{name}" for name in names if "tripwires" not in found]
    return found


def _kill_switch(run: Evidence, limit: float) -> str:
    return "the kill switch fired: the run ended there, and a person would have had to unlock it" if run.killed else ""


def _runaway(run: Evidence, limit: float) -> str:
    times = "once" if run.runaways == 1 else f"{run.runaways} times"
    return (
        f"a tripwire (RUNAWAY) fired {times}: entries rested until the next day here; in life until a person had looked"
        if run.runaways
        else ""
    )


def _limits_off(run: Evidence, limit: float) -> str:
    names = ", ".join(run.switched_off)
    return f"limits switched off in this run's configuration: {names}" if names else ""


def _knowledge(run: Evidence, limit: float) -> str:
    split = run.split
    if split is None or not split.within.days:
        return ""
    if split.unlisted:
        return (
            f"what {', '.join(split.unlisted)} knows is not listed (deepseek.cutoffs in config/app.yml): all its AI "
            "answers count as lying inside the model's knowledge"
        )
    days = split.within.days + split.after.days
    return (
        f"AI answers lie inside the model's knowledge on {split.within.days} of {days} days: only the result after "
        f"{split.known_until} counts"
    )


def _missing(run: Evidence, limit: float) -> str:
    return f"{run.missing_pct:.1f} % of the candles are missing in the data" if run.missing_pct > limit else ""


def _cold(run: Evidence, limit: float) -> str:
    return "; ".join(run.cold)


def _few_trades(run: Evidence, limit: float) -> str:
    count = len(run.results)
    made = "made no trade" if not count else f"made {count} trade{'s' if count > 1 else ''}"
    return f"{made}: too few to conclude" if count < limit else ""


def _short(run: Evidence, limit: float) -> str:
    return f"covers {run.days:.0f} days: too short to conclude" if run.days < limit else ""


def _one_trade(run: Evidence, limit: float) -> str:
    total = sum(run.results)
    if len(run.results) <= limit or total <= 0 or total > (best := max(run.results)):
        return ""
    return f"all profit comes from one trade (${best:,.2f} of ${total:,.2f}): the others together earned nothing"


def _behind_holding(run: Evidence, limit: float) -> str:
    if run.return_pct >= run.same_exposure_pct:
        return ""
    return (
        f"returned {run.return_pct:+.2f} %; just holding as much bitcoin as it held on average returned "
        f"{run.same_exposure_pct:+.2f} %"
    )


def _may_lose(run: Evidence, limit: float) -> str:
    bands = run.bands
    if bands is None or run.return_pct <= 0 or bands.return_pct_5 >= limit:
        return ""
    return (
        f"the confidence band includes a loss: with the same days drawn anew, 90 of 100 runs return "
        f"{bands.return_pct_5:+.2f} to {bands.return_pct_95:+.2f} %"
    )


def _dies(run: Evidence, limit: float) -> str:
    stressed = run.stressed
    if stressed is None or run.return_pct <= 0 or stressed.return_pct > limit:
        return ""
    return (
        f"does not survive doubled costs: {run.return_pct:+.2f} % becomes {stressed.return_pct:+.2f} % with "
        f"{stressed.fee_pct:g} % fees and {stressed.slippage_pct:g} % slippage"
    )


def _lucky(run: Evidence, limit: float) -> str:
    luck = run.luck
    if luck is None or luck.sharpe_daily <= 0 or luck.deflated >= limit:
        return ""
    tried = "" if luck.trials == 1 else f" after {luck.trials:,} trials"
    return (
        f"may be luck{tried}: the probability of a real Sharpe ratio is {luck.deflated:.2f} (deflated; wanted: {limit})"
    )


def _too_good(run: Evidence, limit: float) -> str:
    ratio = run.sharpe_ratio
    if ratio is None or ratio <= limit:
        return ""
    return f"a Sharpe ratio of {ratio:.1f} is too good to be true: look for an error"


CAUTIONS: tuple[Caution, ...] = (
    Caution("kill_switch", None, _kill_switch),
    Caution("runaway", None, _runaway),
    Caution("limits_off", None, _limits_off),
    Caution("model_knowledge", None, _knowledge),
    Caution("gaps_pct", 1.0, _missing),
    Caution("cold_start", None, _cold),
    Caution("few_trades", 30, _few_trades),
    Caution("short_days", 90, _short),
    Caution("one_trade", 1, _one_trade),
    Caution("below_holding", None, _behind_holding),
    Caution("band_includes_loss_pct", 0.0, _may_lose),
    Caution("doubled_costs_pct", 0.0, _dies),
    Caution("luck", 0.95, _lucky),
    Caution("sharpe_too_good", 4.0, _too_good),
)
