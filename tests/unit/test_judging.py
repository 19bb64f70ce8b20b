"""A finished run is judged: its block of honesty, its months, its warnings; a cheat's run never begins."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.errors import StrategyError
from backtest import result
from backtest.curve import EquityCurve, average_exposure_pct
from backtest.honesty.before_and_after import background, refuse_look_ahead
from backtest.honesty.judging import Background
from backtest.replay import Run
from backtest.running import Plan, run
from backtest.series import Floats
from tests.histories import random_walk
from tests.unit.test_running import WARMUP, a_plan


@dataclass(frozen=True)
class Seen:
    peek: str = ""
    cold: str = ""


@cache
def forty_days() -> tuple[Plan, Run]:
    """Traded on hours, with a hole of a day in the data."""
    series = random_walk(4, 41 * 1440)
    kept = np.flatnonzero((np.arange(len(series)) < 20_000) | (np.arange(len(series)) >= 21_440))
    holed = replace(
        series, **{name: getattr(series, name)[kept] for name in ("ts", "open", "high", "low", "close", "volume")}
    )
    rules = a_plan().rules
    plan = a_plan(
        series=holed, rules=replace(rules, voting=replace(rules.voting, timeframe="1h")), warmup=WARMUP * 60 // 5
    )
    return plan, run(plan)


def told(known: Background) -> dict[str, Any]:
    plan, finished = forty_days()
    return result.summary(plan, finished, known)


def test_a_run_knows_its_months_its_bands_and_its_fair_rival() -> None:
    _, finished = forty_days()
    found = told(Background())
    assert len(finished.trades) >= 5
    honesty = found["honesty"]
    growth = np.prod([1 + each / 100 for each in found["monthly"].values()]) - 1
    assert growth * 100 == pytest.approx(found["return_pct"])
    assert honesty["bootstrap"]["return_pct_5"] < found["return_pct"] < honesty["bootstrap"]["return_pct_95"]
    held = finished.curve.quantity * finished.curve.close / finished.curve.equity
    assert honesty["average_exposure_pct"] == pytest.approx(held.mean() * 100)
    assert honesty["buy_and_hold_same_exposure_pct"] == pytest.approx(found["buy_and_hold_return_pct"] * held.mean())
    assert honesty["deflated_sharpe"]["trials"] == 1
    assert (honesty["cost_stress"], honesty["cutoff"]) == (None, None)
    json.dumps(found, allow_nan=False)


def test_the_background_brings_dearer_costs_and_the_holes_in_the_data() -> None:
    plan, _ = forty_days()
    known = background(plan, cold=["strategy x: column 'y' remembers more"], trials=50)
    assert known.missing_pct == pytest.approx(1440 / (41 * 1440) * 100)
    found = told(known)
    stress = found["honesty"]["cost_stress"]
    assert (stress["fee_pct"], stress["slippage_pct"]) == (0.2, 0.1)
    assert stress["return_pct"] < found["return_pct"]
    words = " | ".join(found["warnings"])
    assert "2.4 % of the candles are missing" in words
    assert "column 'y' remembers more" in words
    assert "covers 38 days: too short" in words
    assert found["honesty"]["deflated_sharpe"]["trials"] == 50


def test_answers_within_what_the_model_knows_are_split_off() -> None:
    found = told(Background(models=["chat"], cutoffs={"chat": "2026-11-30"}))
    cut = found["honesty"]["cutoff"]
    assert cut["within"]["days"] + cut["after"]["days"] == found["days_won"] + found["days_even"] + found["days_lost"]
    assert cut["within"]["days"] > 0
    assert "AI answers lie inside the model's knowledge" in " ".join(found["warnings"])


def test_entries_and_exits_are_no_warnings() -> None:
    _, finished = forty_days()
    assert finished.trades
    assert not [warning for warning in finished.warnings if "_fill" in warning]


def test_a_strategy_that_looks_ahead_is_refused_by_name_before_anything_is_traded() -> None:
    looked: list[tuple[str, Floats]] = []

    def seen_ahead(name: str, rows: Floats) -> Seen:
        looked.append((name, rows))
        return Seen(peek="column 'y' at candle 2023-03-01 00:00 reads 1 …")

    plan, _ = forty_days()
    with pytest.raises(StrategyError, match=r"strategy technical looks ahead.*column 'y' at candle 2023-03-01"):
        refuse_look_ahead(plan, seen_ahead)
    ((name, rows),) = looked
    assert name == "technical"
    assert rows.shape[1] == 6
    assert set(np.diff(rows[:, 0])) <= {3_600_000.0, 24 * 3_600_000.0}, "candles of the votes' timeframe"


def test_what_remembers_too_much_may_be_run_and_is_told() -> None:
    plan, _ = forty_days()
    assert refuse_look_ahead(plan, lambda name, rows: Seen(cold="column 'y' remembers")) == [
        "strategy technical: column 'y' remembers"
    ]
    assert refuse_look_ahead(plan, lambda name, rows: Seen()) == []


def test_who_is_on_record_is_not_looked_at() -> None:
    plan, _ = forty_days()
    recorded = replace(plan, timelines={"technical": None})  # type: ignore[dict-item]
    assert refuse_look_ahead(recorded, lambda name, rows: Seen(peek="never asked")) == []


def test_without_candles_there_is_no_exposure() -> None:
    assert average_exposure_pct(EquityCurve()) == 0.0


def test_every_name_of_the_block_stands_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs/backtest-results.md").read_text(encoding="utf-8")
    assert [name for name in told(Background())["honesty"] if f"`{name}`" not in text] == []
