"""The bench's cases as plans of the product: its own configuration and strategies, nothing of the pretend exchange."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from app.core.rules import Rules, StrategyRule
from app.core.state import held
from backtest.replay import Run
from backtest.running import Plan
from backtest.series import CandleSeries
from services.settings import load_rules
from strategies.runtime import LocalStrategies
from tests.benchmarks.reference import CASH, Case

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
CONFIG, STRATEGIES = FOLDER / "config", FOLDER / "strategies"


def planned(case: Case, series: CandleSeries) -> Plan:
    """What `main.py backtest --config benchmarks/config` would run, with the case's strategy and stop."""
    loaded = load_rules(CONFIG, backtest=True)
    rules = _with(loaded.rules, case)
    local = LocalStrategies(STRATEGIES)
    faces = local.load(rules.voting.strategies)
    return Plan(
        series=series,
        data=case.name,
        warmup=faces[0].startup_candles,
        rules=rules,
        simulation=loaded.simulation,
        cash=Decimal(int(CASH)),
        strategies=local,
        faces=faces,
        config_sha256=loaded.sha256,
    )


def _with(rules: Rules, case: Case) -> Rules:
    rule = StrategyRule(name=case.strategy, enabled=True, weight=Decimal(100))
    return replace(
        rules,
        risk=replace(rules.risk, stop_loss_pct=Decimal(str(case.stop_pct))),
        voting=replace(rules.voting, strategies=(rule,)),
    )


def final_equity(run: Run, series: CandleSeries) -> float:
    """Cash and what is held at the last close, no exit fee taken off."""
    state = run.engine.state
    cash = state.account.cash if state.account else Decimal(0)
    return float(cash + held(state) * Decimal(repr(float(series.close[-1]))))
