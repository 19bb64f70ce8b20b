"""Settings varied in memory: the same rules and the same refusals as writing them into the files and reading again."""

import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError
from services.settings import Variations, changed_rules

CONFIG = Path(__file__).parents[2] / "config"
TECHNICAL = "strategies.technical_indicators"


def both(files: dict[str, dict[str, Any]], folder: Path = CONFIG) -> tuple[Any, Any]:
    """What each way gives: rules, or the refusal without the line where it would stand."""
    told: list[Any] = []
    for way in (
        lambda: changed_rules(folder, files, backtest=True)[0],
        lambda: Variations(folder, backtest=True).rules(files),
    ):
        try:
            told.append(way())
        except ConfigError as error:
            told.append(re.sub(r" line \d+", "", str(error)))
    return told[0], told[1]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"strategies.yml": {"buy_threshold": 60, "timeframe": "4h", f"{TECHNICAL}.weight": Decimal("12.5")}},
        {"strategies.yml": {f"{TECHNICAL}.settings.rsi_period": 21, f"{TECHNICAL}.settings.volume_surge": Decimal(2)}},
        {"strategies.yml": {f"{TECHNICAL}.settings.words": "007", f"{TECHNICAL}.settings.list": ["a", "b"]}},
        {"strategies.yml": {f"{TECHNICAL}.settings.flag": True, "strategies.mine.enabled": False}},
        {"risk.yml": {"trailing.distance_pct": Decimal("2.50"), "entry.max_entries_per_day": 3}},
        {"risk.yml": {"simulation.fee_pct": Decimal(0)}, "strategies.yml": {"sell_threshold": 40}},
    ],
)
def test_the_rules_are_those_that_the_files_would_give(files: dict[str, dict[str, Any]]) -> None:
    written, varied = both(files)
    assert not isinstance(written, str), written
    assert varied == written


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"strategies.yml": {"buy_treshold": 60}}, "did you mean buy_threshold?"),
        ({"strategies.yml": {"buy_threshold": 160}}, "buy_threshold is 160; "),
        ({"strategies.yml": {"timeframe": "7h"}}, "timeframe is '7h'; "),
        ({"strategies.yml": {f"{TECHNICAL}.enabled": "maybe"}}, "enabled is 'maybe'; "),
        ({"strategies.yml": {"cycle_seconds": True}}, "cycle_seconds is "),
        ({"strategies.yml": {"buy_threshold": Decimal("NaN")}}, "give another value"),
        ({"risk.yml": {"max_exposure_pct": 2}}, "it must be at least position_size_pct (5)"),
        ({"risk.yml": {"trailing": 3}}, "trailing must hold key: value lines"),
        ({"risk.yml": {"trailing.more.deep": 3}}, "trailing.more is not a known key"),
        ({"other.yml": {"a": 1}}, "is no configuration file"),
    ],
)
def test_what_the_files_could_not_say_is_refused_in_the_same_words(files: dict[str, dict[str, Any]], says: str) -> None:
    written, varied = both(files)
    assert varied == written
    assert says in varied


def test_a_refusal_names_the_line_where_the_setting_stands() -> None:
    lines = (CONFIG / "strategies.yml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if text.startswith("buy_threshold"))
    with pytest.raises(ConfigError, match=rf"strategies\.yml line {line}: buy_threshold is 160; .*1.*100"):
        Variations(CONFIG, backtest=True).rules({"strategies.yml": {"buy_threshold": 160}})


def test_a_folder_without_files_has_variations_too(tmp_path: Path) -> None:
    written, varied = both({"strategies.yml": {"buy_threshold": 60}}, tmp_path)
    assert varied == written
    written, varied = both({"strategies.yml": {"buy_threshold": 160}}, tmp_path)
    assert varied == written


def test_a_variation_costs_no_reading_of_files(tmp_path: Path) -> None:
    """At least ten times as fast as writing and reading; in truth some hundred times."""
    variations = Variations(CONFIG, backtest=True)
    changes = {"strategies.yml": {"buy_threshold": 61, f"{TECHNICAL}.settings.rsi_period": 9}}
    variations.rules(changes)

    def took(way: Any) -> float:
        began = time.process_time()
        way()
        return time.process_time() - began

    fast = min(took(lambda: variations.rules(changes)) for _ in range(5))
    assert fast * 10 < took(lambda: changed_rules(CONFIG, changes, backtest=True))
