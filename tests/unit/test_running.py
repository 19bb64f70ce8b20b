"""A plan is traded and its folder written: recorded opinions count, and every open position stands candle by candle."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from app.core.errors import DataError
from app.core.rules import Rules, Simulation
from backtest import result
from backtest.curve import EquityCurve
from backtest.replay import Run
from backtest.running import Plan, hear, run, run_on
from backtest.series import ms_of
from backtest.timeline import Timeline
from tests.builders import a_strategy_rule, some_rules
from tests.histories import Scripted, random_walk, series_of
from tests.trading_day import LIVELY, random_candles, swings

WARMUP = 400


def a_plan(**changes: object) -> Plan:
    rules = some_rules(risk=LIVELY)
    standard = Plan(
        series=series_of(random_candles(3, 3 * 1440)),
        data="invented",
        warmup=WARMUP,
        rules=replace(rules, voting=replace(rules.voting, timeframe="5m")),
        simulation=Simulation(),
        cash=Decimal(10_000),
        strategies=Scripted(swings),
        faces=[Scripted(swings).face()],
    )
    return replace(standard, **changes)  # type: ignore[arg-type]


def a_timeline(plan: Plan, name: str, *, failed: tuple[int, ...] = ()) -> Timeline:
    """Every two hours after the warm-up an opinion: BUY, and two hours later SELL."""
    given = plan.series.ts[WARMUP::120] + 60_000
    confidence = np.full(len(given), 90.0)
    confidence[list(failed)] = np.nan
    action = np.where(np.arange(len(given)) % 2 == 0, 1, -1).astype(np.int8)
    return Timeline(name=name, given_ms=given, action=action, confidence=confidence, reasoning="row {}".format)


def recorded(plan: Plan, **options: tuple[int, ...]) -> Plan:
    rule = a_strategy_rule("oracle", weight=Decimal(50), configured=False)
    rules = Rules(risk=plan.rules.risk, voting=replace(plan.rules.voting, strategies=(rule,)))
    return replace(plan, rules=rules, faces=[], timelines={"oracle": a_timeline(plan, "oracle", **options)})


def written(plan: Plan, finished: Run, folder: Path) -> dict[str, object]:
    return result.write(folder, plan, finished)


def test_recorded_opinions_are_traded_without_asking_anybody() -> None:
    plan = recorded(a_plan())
    finished = run(plan)
    assert len(finished.trades) >= 8
    first = finished.trades[0]
    assert "oracle: row 0" in first.reasoning
    assert ms_of(first.opened_at) == plan.series.ts[WARMUP] + 60_000, "with the first candle"


def test_where_the_record_says_failed_the_vote_counts_the_voice_as_missing() -> None:
    finished = run(recorded(a_plan(), failed=(0, 1)), dense=True)
    early = [decision for decision in finished.decisions if decision.signals][:3]
    assert [decision.vote.terms[0].status for decision in early] == ["failed"] * 3
    assert finished.trades[0].reasoning.endswith("oracle: row 2")


def test_a_plan_with_other_costs_is_traded_on_what_was_heard_and_comes_to_what_it_would_have_alone() -> None:
    plan = a_plan()
    heard = hear(plan)
    assert run_on(heard, plan).trades
    dearer = replace(plan, simulation=Simulation(fee_pct=Decimal("0.4"), slippage_pct=Decimal("0.2")))
    alone, shared = run(dearer), run_on(heard, dearer, in_words=False)
    assert len(alone.fills) > 10
    assert shared.fills == alone.fills
    assert np.array_equal(shared.curve.equity, alone.curve.equity)
    assert any(trade.reasoning for trade in alone.trades)


def test_a_curve_over_candles_that_are_known_says_what_one_that_was_told_each_says() -> None:
    at = np.arange(1, 9, dtype=np.int64) * 60_000
    close = np.linspace(100.0, 107.0, 8)
    known, told = EquityCurve(over=(at, close)), EquityCurve()
    for first, end, cash, quantity in ((2, 3, 900, "1"), (3, 6, 900, "1"), (6, 8, 1005, "0")):
        for curve in (known, told):
            curve.add(at[first:end], Decimal(cash), Decimal(quantity), close[first:end])
            assert curve.equity[-1] == cash + float(quantity) * close[end - 1]
    for name in ("at_ms", "close", "cash", "quantity", "equity"):
        assert np.array_equal(getattr(known, name), getattr(told, name)), name
    assert len(known) == len(told) == 6
    assert known.equity.tolist() == [1002, 1003, 1004, 1005, 1005, 1005]


def test_a_history_shorter_than_the_warm_up_is_refused() -> None:
    plan = a_plan()
    with pytest.raises(DataError, match=r"400 \([\d.]+ days\) before the first trade; take a longer history"):
        run(replace(plan, series=plan.series[:WARMUP]))


def test_every_open_position_stands_in_the_folder_candle_by_candle(tmp_path: Path) -> None:
    plan = a_plan()
    finished = run(plan)
    written(plan, finished, tmp_path)
    rows = pq.read_table(tmp_path / "positions.parquet").to_pylist()
    curve = pq.read_table(tmp_path / "equity.parquet").to_pylist()
    assert len(curve) == len(plan.series) - WARMUP
    assert len({row["position_id"] for row in rows}) == len(finished.trades) + len(finished.engine.state.positions)
    held: dict[object, float] = {}
    for row in rows:
        held[row["at"]] = held.get(row["at"], 0.0) + row["quantity"]
    by_time = {point["at"]: point for point in curve}
    assert all(by_time[at]["quantity"] == pytest.approx(total, abs=1e-4) for at, total in held.items()), "dust apart"
    assert len(held) == finished.exposed_candles
    stops = [row["stop_price"] for row in rows if row["position_id"] == rows[0]["position_id"]]
    assert stops == sorted(stops)
    first = rows[0]
    close = by_time[first["at"]]
    price = (close["equity"] - close["cash"]) / close["quantity"]
    expected = first["quantity"] * (price - first["entry_price"])
    assert first["unrealized_pnl"] == pytest.approx(expected, abs=0.01 * first["quantity"] * price), "fees apart"


def test_days_end_at_midnight_and_the_equity_of_midnight_belongs_to_the_day_before(tmp_path: Path) -> None:
    plan = a_plan(series=random_walk(1, 2 * 1440))
    finished = run(plan)
    written(plan, finished, tmp_path)
    lines = (tmp_path / "equity.csv").read_text().splitlines()
    assert [line[:10] for line in lines[1:]] == ["2023-03-10", "2023-03-11", "2023-03-12"]
    at_midnight = int(np.flatnonzero(finished.curve.at_ms % 86_400_000 == 0)[0])
    assert lines[1] == f"2023-03-10,{finished.curve.equity[at_midnight]:.2f}"
