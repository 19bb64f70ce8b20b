"""What is each voice worth? The same candles and opinions traded as they were, without each strategy in turn, with
equal weights, and against what nobody needs an opinion for: chance and holding. In dollars after everything's own cost.

Chance buys as often as was bought, at candles drawn at random (seeded; average and spread of many draws), and sells
where the vote sold; stops and limits are the same. Holding at the same exposure puts as large a share of the money
into bitcoin as was there on average.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import mean, stdev
from typing import Any

import numpy as np

from app.core.decisions import Decision
from app.core.model import Direction
from app.core.money import HUNDRED, ONE, ZERO
from app.core.performance import buy_and_hold_pct
from app.core.rules import Asking, Rules, StrategyRule
from app.core.state import open_positions
from app.ports import StrategyFace
from app.seam import seeded
from backtest.curve import average_exposure_pct
from backtest.replay import Run
from backtest.running import Plan, Progress, hear, run_on
from backtest.series import candle_at, ms_of
from backtest.timeline import Recorded, Timeline

CHANCE = "chance"
DRAWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One way to have traded. `result_usd` is after fees and slippage, which are named beside it for information;
    `model_usd` is what the language model cost. `worth_usd`: what was made as it was, less what this would have made.
    """

    name: str  # as_it_was, without, equal_weights, random, buy_and_hold, buy_and_hold_same_exposure
    strategy: str | None = None
    result_usd: Decimal
    model_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    slippage_usd: Decimal = ZERO
    trades: int | None = None
    worth_usd: Decimal = ZERO
    spread: Mapping[str, float] | None = None  # of random draws: draws, low, high, deviation, beaten_pct

    @property
    def after_cost_usd(self) -> Decimal:
        return self.result_usd - self.model_usd


def voices(
    plan: Plan,
    base: Run,
    *,
    model_usd: Mapping[str, Decimal] | None = None,
    draws: int = DRAWS,
    seed: int = 1,
    progress: Progress | None = None,
) -> list[Voice]:
    """`base` is what came of `plan`; `model_usd` what each strategy's language model cost in that time."""
    paid = dict(model_usd or {})
    voting = [rule for rule in plan.rules.voting.strategies if rule.votes and rule.weight > ZERO]
    done, whole = 0, len(voting) + 1 + draws

    def traded(changed: Plan) -> Run:
        nonlocal done
        finished = run_on(hear(changed), changed, in_words=False)
        done += 1
        if progress is not None:
            progress(100 * done / whole)
        return finished

    as_it_was = _voice(plan, base, "as_it_was", paid)
    found = [as_it_was]
    for rule in voting:
        without = replace(plan, rules=_changed(plan.rules, rule.name, enabled=False))
        kept = {name: usd for name, usd in paid.items() if name != rule.name}
        found.append(_voice(plan, traded(without), "without", kept, strategy=rule.name))
    equal = replace(plan, rules=_changed(plan.rules, None, weight=ONE))
    found += [_voice(plan, traded(equal), "equal_weights", paid), _chance(plan, base, draws, seed, traded)]
    found += _held(plan, base)
    return [replace(each, worth_usd=as_it_was.after_cost_usd - each.after_cost_usd) for each in found]


def _changed(rules: Rules, name: str | None, **changes: Any) -> Rules:
    """The strategy of that name changed, or all of them that count."""

    def change(rule: StrategyRule) -> StrategyRule:
        wanted = rule.name == name if name else rule.weight > ZERO
        return replace(rule, **changes) if wanted else rule

    return replace(rules, voting=replace(rules.voting, strategies=tuple(map(change, rules.voting.strategies))))


# ---------------------------------------------------------------- figures of a run


def _voice(plan: Plan, finished: Run, name: str, paid: Mapping[str, Decimal], strategy: str | None = None) -> Voice:
    slip, fees = plan.simulation.slippage_pct, ZERO
    notional = ZERO
    for fill in finished.fills:
        fees += fill.fee_quote or fill.fee * (ONE if fill.fee_asset != _base(plan) else fill.price)
        notional += fill.notional
    return Voice(
        name=name,
        strategy=strategy,
        result_usd=_worth(plan, finished) - plan.cash,
        model_usd=sum(paid.values(), ZERO),
        fees_usd=fees,
        slippage_usd=notional * slip / (HUNDRED + slip),
        trades=len(finished.trades),
    )


def _base(plan: Plan) -> str:
    return plan.series.symbol.partition("/")[0]


def _worth(plan: Plan, finished: Run) -> Decimal:
    """Cash and bitcoin at the last close that was lived through: a run that the kill switch ended holds none."""
    account = finished.engine.state.account
    if account is None:
        return plan.cash
    last = candle_at(plan.series, -1).close
    held = sum((position.remaining for position in open_positions(finished.engine.state)), account.dust)
    return account.cash + held * last


# ---------------------------------------------------------------- what needs no opinion


def _chance(plan: Plan, base: Run, draws: int, seed: int, traded: Callable[[Plan], Run]) -> Voice:
    bought = len(base.trades) + len(open_positions(base.engine.state))
    results = [_voice(plan, traded(_random(plan, base, bought, seed + draw)), "random", {}) for draw in range(draws)]
    usd = [float(each.result_usd) for each in results]
    made = float(_worth(plan, base) - plan.cash)
    spread = {
        "draws": draws,
        "low": round(min(usd), 2),
        "high": round(max(usd), 2),
        "deviation": round(stdev(usd), 2) if draws > 1 else 0.0,
        "beaten_pct": round(100 * sum(each < made for each in usd) / draws, 1),
    }
    return Voice(
        name="random",
        result_usd=Decimal(repr(mean(usd))),
        fees_usd=_mean(each.fees_usd for each in results),
        slippage_usd=_mean(each.slippage_usd for each in results),
        trades=round(mean(each.trades or 0 for each in results)),
        spread=spread,
    )


def _mean(values: Iterable[Decimal]) -> Decimal:
    found = list(values)
    return sum(found, ZERO) / len(found)


def _random(plan: Plan, base: Run, bought: int, seed: int) -> Plan:
    """One voter that buys at `bought` candles drawn at random, and sells where the vote sold."""
    step = plan.rules.voting.timeframe_seconds * 1000
    closes = plan.series.ts[plan.warmup :] + plan.series.seconds * 1000
    grid = closes[closes % step == 0]
    action = np.zeros(len(grid), dtype=np.int8)
    action[seeded(seed).sample(range(len(grid)), min(bought, len(grid)))] = 1
    sold = np.searchsorted(grid, np.array(_sales(base.decisions), dtype=np.int64))
    action[sold[sold < len(grid)]] = -1
    timeline = Timeline(
        name=CHANCE,
        given_ms=grid,
        action=action,
        confidence=np.where(action == 0, 0.0, 100.0),
        reasoning=lambda row: "drawn at random" if action[row] > 0 else "the vote sold",
    )
    voter = StrategyRule(name=CHANCE, enabled=True, weight=ONE, ask=Asking.CANDLE)
    timelines = {CHANCE: timeline}
    return replace(
        plan,
        rules=replace(plan.rules, voting=replace(plan.rules.voting, strategies=(voter,))),
        timelines=timelines,
        strategies=Recorded(timelines),
        faces=[StrategyFace(name=CHANCE, title=CHANCE, startup_candles=1, reads_text=False, sha256="")],
    )


def _sales(decisions: Sequence[Decision]) -> list[int]:
    return [ms_of(decision.at) for decision in decisions if decision.action is Direction.SELL and decision.order_ids]


def _held(plan: Plan, base: Run) -> list[Voice]:
    traded = plan.series[plan.warmup :]
    fee = float(plan.simulation.fee_pct)
    pct = buy_and_hold_pct(float(traded.open[0]), float(traded.close[-1]), fee)
    held = plan.cash * Decimal(repr(pct)) / HUNDRED
    share = Decimal(repr(average_exposure_pct(base.curve))) / HUNDRED
    fees = plan.cash * plan.simulation.fee_pct / HUNDRED * 2
    return [
        Voice(name="buy_and_hold", result_usd=held, fees_usd=fees, trades=1),
        Voice(name="buy_and_hold_same_exposure", result_usd=held * share, fees_usd=fees * share, trades=1),
    ]


# ---------------------------------------------------------------- for programs and people


def rows_of(found: Sequence[Voice]) -> list[dict[str, Any]]:
    """JSON: dollars to the cent."""
    return [
        {
            "name": each.name,
            "strategy": each.strategy,
            "result_usd": _cents(each.result_usd),
            "model_usd": _cents(each.model_usd, 4),
            "after_cost_usd": _cents(each.after_cost_usd),
            "worth_usd": _cents(each.worth_usd),
            "fees_usd": _cents(each.fees_usd),
            "slippage_usd": _cents(each.slippage_usd),
            "trades": each.trades,
            "spread": dict(each.spread) if each.spread else None,
            "text": _said(each),
        }
        for each in found
    ]


def _cents(value: Decimal, places: int = 2) -> float:
    return round(float(value), places) + 0.0


LABELS = {
    "as_it_was": "as it was",
    "equal_weights": "equal weights",
    "random": "random entries",
    "buy_and_hold": "buy and hold",
    "buy_and_hold_same_exposure": "buy and hold, same exposure",
}


def _said(each: Voice) -> str:
    if each.name == "without":
        added = "added" if each.worth_usd >= ZERO else "lost"
        return f"{each.strategy} {added} {abs(each.worth_usd):.2f} dollars after its own cost"
    if each.name == "random" and each.spread and not any((each.trades, each.spread["low"], each.spread["high"])):
        return "nothing was bought, so there is nothing to draw at random"
    if each.name == "random" and each.spread:
        return (
            f"{each.spread['draws']} draws, from {each.spread['low']:+.2f} to {each.spread['high']:+.2f}; "
            f"what was done beats {each.spread['beaten_pct']:.0f} % of them"
        )
    return ""


def text(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table, and what follows from it."""
    lines = [f"{'':34} {'dollars':>10} {'model':>8} {'after cost':>11} {'trades':>7}"]
    for row in rows:
        label = LABELS.get(row["name"]) or f"without {row['strategy']}"
        lines.append(
            f"{label:34} {row['result_usd']:>+10.2f} {row['model_usd']:>8.2f} {row['after_cost_usd']:>+11.2f} "
            f"{row['trades'] if row['trades'] is not None else '-':>7}"
        )
    return [*lines, *(row["text"] for row in rows if row["text"])]


def summed(days: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Several days' ledgers added up, voice by voice."""
    sums: dict[tuple[str, str | None], dict[str, Any]] = {}
    for rows in days:
        for row in rows:
            total = sums.setdefault((row["name"], row["strategy"]), {**row, **dict.fromkeys(ADDED, 0.0), "trades": 0})
            for name in ADDED:
                total[name] = round(total[name] + row[name], 4)
            total["trades"] += row["trades"] or 0
            total["spread"], total["text"] = None, ""
    for total in sums.values():
        if total["name"] == "without":
            added = "added" if total["worth_usd"] >= 0 else "lost"
            total["text"] = f"{total['strategy']} {added} {abs(total['worth_usd']):.2f} dollars after its own cost"
    return list(sums.values())


ADDED = ("result_usd", "model_usd", "after_cost_usd", "worth_usd", "fees_usd", "slippage_usd")
