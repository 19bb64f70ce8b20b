"""What a list shows of a backtest: every figure, and nothing that grows with the length of the run."""

import json

from app.backtest_figures import FIRST_WARNINGS, figures_of
from tests.ui_backtests import a_look_around, a_result, a_search

FILLS = [f"2023-03-01 10:{minute:02d} entry_fill: bought" for minute in range(60)]
MONTHS = {f"20{year}-{month:02d}": 1.5 for year in range(10, 25) for month in range(1, 13)}


def test_every_figure_of_a_run_is_there_and_its_length_does_not_matter() -> None:
    whole = a_result(monthly=MONTHS, by_strategy={"technical_indicators": {"trades": 143, "contribution": 1530.0}})
    whole["warnings"] = [*whole["warnings"], *FILLS]
    whole["honesty"] = {**whole["honesty"], "bootstrap": {"return_pct_5": -3.1}}
    shown = figures_of(whole)
    assert {name: shown[name] for name in whole if name not in ("honesty", "monthly", "warnings")} == {
        name: value for name, value in whole.items() if name not in ("honesty", "monthly", "warnings")
    }
    assert shown["honesty"] == {"buy_and_hold_same_exposure_pct": -2.1}
    assert shown["warnings"] == whole["warnings"][:FIRST_WARNINGS]
    assert "monthly" not in shown
    assert len(json.dumps(shown)) < 2_500


def test_of_a_search_the_headline_is_there_without_its_curve_and_its_trials() -> None:
    study = a_search()["result"]
    study["headline"]["curve"] = {"at_ms": [1] * 5000, "equity": [1.0] * 5000}
    shown = figures_of(study)
    assert shown["headline"]["return_pct"] == 9.1
    assert not {"curve", "honesty", "warnings"} & set(shown["headline"])
    assert "best" not in shown


def test_of_a_look_around_it_is_told_how_many_combinations_there_were() -> None:
    assert figures_of(a_look_around()["result"]) == {"combinations": 4}


def test_what_has_not_ended_has_no_figures() -> None:
    assert figures_of({}) == {}
