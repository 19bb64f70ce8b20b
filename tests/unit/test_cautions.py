"""What a run is warned of, in plain words, from where on; and what is said of a run that is sound: nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.rules import EntryRules, RiskLimits, Tripwires
from backtest.honesty.bootstrap import Bands
from backtest.honesty.cautions import CAUTIONS, Evidence, cautions, switched_off
from backtest.honesty.costs import Stressed
from backtest.honesty.knowledge import Part, Split
from backtest.honesty.luck import Luck
from tests.core_stories import NO_WIRES

BANDS = Bands(
    resamples=1000,
    block_days=9,
    seed=1,
    return_pct_5=3.0,
    return_pct_50=20.0,
    return_pct_95=41.0,
    max_drawdown_pct_5=4.0,
    max_drawdown_pct_50=7.0,
    max_drawdown_pct_95=12.0,
    loss_probability_pct=2.0,
)
LUCK = Luck(trials=1, sharpe_daily=0.09, expected_of_luck=0.0, probabilistic=0.99, deflated=0.99)
STRESSED = Stressed(times=2, fee_pct=0.2, slippage_pct=0.1, return_pct=12.0, trades=60)
PART = Part(days=0, return_pct=0.0, sharpe_ratio=None, max_drawdown_pct=0.0, trades=0, profit_loss=0.0)
SPLIT = Split(models=["chat"], unlisted=[], known_until="2025-07-15", within=PART, after=replace(PART, days=200))
SOUND = Evidence(
    results=[10.0, -4.0] * 30,
    days=365.0,
    return_pct=20.0,
    same_exposure_pct=5.0,
    sharpe_ratio=1.7,
    bands=BANDS,
    luck=LUCK,
    stressed=STRESSED,
    split=SPLIT,
    missing_pct=1.0,
)


def test_a_sound_run_is_warned_of_nothing() -> None:
    assert cautions(SOUND) == []


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("few_trades", {"results": [3.0] * 11}, "made 11 trades: too few to conclude"),
        ("few_trades", {"results": [3.0]}, "made 1 trade: too few to conclude"),
        ("few_trades", {"results": []}, "made no trade: too few to conclude"),
        ("short_days", {"days": 89.0}, "covers 89 days: too short to conclude"),
        ("one_trade", {"results": [90.0, *[-1.0] * 40]}, "all profit comes from one trade ($90.00 of $50.00)"),
        ("below_holding", {"return_pct": 4.0}, "returned +4.00 %; just holding as much bitcoin as it held on average"),
        ("band_includes_loss_pct", {"bands": replace(BANDS, return_pct_5=-6.0)}, "-6.00 to +41.00 %"),
        ("doubled_costs_pct", {"stressed": replace(STRESSED, return_pct=-1.5)}, "+20.00 % becomes -1.50 % with 0.2 %"),
        ("model_knowledge", {"split": replace(SPLIT, within=replace(PART, days=50))}, "on 50 of 250 days: only"),
        (
            "model_knowledge",
            {"split": replace(SPLIT, unlisted=["chat"], within=replace(PART, days=9))},
            "what chat knows is not listed (deepseek.cutoffs in config/app.yml)",
        ),
        ("gaps_pct", {"missing_pct": 1.26}, "1.3 % of the candles are missing"),
        ("kill_switch", {"killed": True}, "the kill switch fired"),
        ("runaway", {"runaways": 1}, "(RUNAWAY) fired once"),
        ("runaway", {"runaways": 3}, "(RUNAWAY) fired 3 times"),
        ("limits_off", {"switched_off": ["tripwires"]}, "limits switched off in this run's configuration: tripwires"),
        (
            "luck",
            {"luck": replace(LUCK, deflated=0.949)},
            "may be luck: the probability of a real Sharpe ratio is 0.95",
        ),
        ("luck", {"luck": replace(LUCK, trials=1200, deflated=0.4)}, "may be luck after 1,200 trials"),
        ("sharpe_too_good", {"sharpe_ratio": 4.1}, "a Sharpe ratio of 4.1 is too good to be true: look for an error"),
        ("cold_start", {"cold": ["strategy x: column 'y' remembers more"]}, "column 'y' remembers more"),
    ],
)
def test_each_warning_is_said_alone(name: str, changes: dict[str, Any], said: str) -> None:
    (text,) = cautions(replace(SOUND, **changes))
    assert said in text
    told = {caution.name: caution.told(replace(SOUND, **changes), caution.limit or 0) for caution in CAUTIONS}
    assert [key for key, words in told.items() if words] == [name]


def test_every_caution_has_its_case_and_its_name_once() -> None:
    cases = {mark.args[1][each][0] for mark in test_each_warning_is_said_alone.pytestmark for each in range(19)}
    assert cases == {caution.name for caution in CAUTIONS}
    assert len(CAUTIONS) == len(cases)


def test_a_run_that_lost_is_not_told_that_it_might_have_lost() -> None:
    lost = replace(
        SOUND,
        return_pct=-3.0,
        same_exposure_pct=-10.0,
        results=[-1.0] * 60,
        bands=replace(BANDS, return_pct_5=-20.0),
        stressed=replace(STRESSED, return_pct=-9.0),
        luck=replace(LUCK, sharpe_daily=-0.01, deflated=0.1),
    )
    assert cautions(lost) == []


def test_limits_that_a_configuration_switches_off_are_named_as_in_its_file() -> None:
    assert switched_off(RiskLimits()) == []
    assert switched_off(RiskLimits(trailing=None)) == [], "no limit"
    some = RiskLimits(
        daily_loss_limit_pct=None,
        entry=EntryRules(max_entries_per_day=None),
        tripwires=Tripwires(stop_outs_in_a_row=None),
    )
    assert switched_off(some) == ["daily_loss_limit_pct", "entry.max_entries_per_day", "tripwires.stop_outs_in_a_row"]
    assert switched_off(RiskLimits(tripwires=NO_WIRES)) == ["tripwires"]


def test_every_warning_stands_in_the_docs_with_its_limit() -> None:
    rows = (Path(__file__).parents[2] / "docs/backtest-results.md").read_text(encoding="utf-8").splitlines()
    for caution in CAUTIONS:
        (row,) = [line for line in rows if line.startswith(f"| `{caution.name}` |")]
        assert caution.limit in (None, 0.0) or caution.name == "one_trade" or f"{caution.limit:g}" in row
