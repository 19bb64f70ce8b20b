"""Comparisons, studies and heat maps as pages: the same words as a report, nothing marked that does not compare."""

import re
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.backtest_figures import shortened
from app.core.errors import ConfigError, DataError
from backtest import compare_command, compare_page, optimize_page, pages, report, sensitivity_page
from backtest.compare_page import Beside
from backtest.holding import held
from backtest.report_curves import held as held_line
from backtest.space import space_of
from backtest.walk_forward import Span
from tests.result_folders import START, a_folder, a_market

DAY = 1440
HOSTILE = "<img src=x onerror=alert(1)>"
BOLD, SHY = {"sharpe_ratio": 1.2}, {"sharpe_ratio": 0.4}
Folders = Callable[..., Beside]


@pytest.fixture
def beside(tmp_path: Path) -> Folders:
    """Runs with these figures, each over so many days."""

    def made(*runs: dict[str, Any], days: tuple[int, ...] = (3, 3)) -> Beside:
        folders = []
        for place, (changes, length) in enumerate(zip(runs, days, strict=True)):
            folder, market = tmp_path / f"run-{place}", a_market(DAY * length)
            a_folder(folder, market, trades=3, **changes)
            report.write(folder, market, html=False, pdf=False)
            folders.append(folder)
        read = [report.read(folder) for folder in folders]
        return Beside(names=compare_command.named(folders), runs=read, said=compare_command.differences(read))

    return made


def line(given: Beside, name: str) -> compare_page.Line:
    return next(each for table in given.tables() for each in table.lines if each.name == name)


def test_the_better_figure_is_marked_and_buy_and_hold_stands_beside_both(beside: Folders) -> None:
    both = beside(BOLD, SHY)
    assert line(both, "Sharpe ratio").values == ["1.20", "0.40"]
    assert line(both, "Sharpe ratio").best == {0}
    assert line(both, "Return").best == frozenset(), "they are alike"
    assert [trace["name"] for trace in compare_page.growth(both)["traces"]] == ["run-0", "run-1", "Buy and hold"]
    page = compare_page.page(both)
    assert page.count("★") == 1
    assert "return per unit of swing; above 1 is good" in page


def test_nothing_is_marked_where_runs_do_not_compare_and_it_is_said_what_to_do(beside: Folders) -> None:
    both = beside(BOLD, SHY, days=(3, 2))
    page = compare_page.page(both)
    assert "They end at different times" in page
    assert "★" not in page
    names = [trace["name"] for trace in compare_page.growth(both)["traces"]]
    assert names[2:] == ["Held in the days of run-0", "Held in the days of run-1"]


def test_what_one_run_does_not_tell_is_a_dash_and_names_from_outside_stay_text(beside: Folders) -> None:
    odd = {"honesty": {"cost_stress": None, "strange": {"thing": HOSTILE}}, "warnings": [f"alone {HOSTILE}", "both"]}
    both = beside({**BOLD, **odd}, {**SHY, "warnings": ["both"]})
    assert line(both, "thing").values == [HOSTILE, "–"]
    page = compare_page.page(both)
    assert HOSTILE not in page
    warned = re.findall(r"<li>(.*?)</li>", page)
    assert warned[:2] == ["All of them: Both", "run-0: Alone &lt;img src=x onerror=alert(1)&gt;"]


def test_the_command_writes_the_page_and_says_the_same_on_a_terminal(
    beside: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside(BOLD, SHY)
    folders = [tmp_path / "run-0", tmp_path / "run-1"]
    assert compare_command.command(Namespace(out=str(tmp_path / "new"), json=False), folders) == 0
    told = capsys.readouterr().out
    assert re.search(r"Sharpe ratio +1\.20 +0\.40\n", told)
    assert (tmp_path / "new" / "compare.html").is_file()
    with pytest.raises(ConfigError, match="name two or more folders"):
        compare_command.command(Namespace(out=None, json=False), folders[:1])
    with pytest.raises(DataError, match="not the folder of a finished backtest"):
        compare_command.command(Namespace(out=None, json=False), [*folders, tmp_path])


# ---------------------------------------------------------------- holding


def test_holding_is_what_the_report_of_a_run_says_it_is(beside: Folders) -> None:
    run = beside(BOLD, SHY).runs[0]
    market = a_market(DAY * 3)
    ends = market.ts[DAY - 1 :: DAY] + 60_000
    found = held(market, Span(since=START, until=START + timedelta(days=3)), 0.1, ends)
    drawn = held_line(replace(run, result={**run.result, "buy_and_hold_return_pct": found.return_pct}))
    assert found.growth[-1] == pytest.approx(1 + found.return_pct / 100)
    assert drawn.value[-1] == pytest.approx(10_000 * found.growth[-1])
    assert found.growth[0] == pytest.approx(market.close[DAY - 1] / market.open[0] * 0.999**2)


def test_where_there_are_no_candles_holding_is_nothing() -> None:
    long_ago = Span(since=datetime(2010, 1, 1, tzinfo=UTC), until=datetime(2011, 1, 1, tzinfo=UTC))
    found = held(a_market(DAY), long_ago, 0.1, np.array([0, 1]))
    assert (found.return_pct, found.growth.tolist()) == (0.0, [1.0, 1.0])


# ---------------------------------------------------------------- heat maps

SPACE = space_of(["buy_threshold=60,70", "risk.stop_loss_pct=2,5"])
FIGURES = {"sharpe_ratio": 1.0, "max_drawdown_pct": 4.0, "trades": 30, "refused": ""}


def looked(*returns: float | None) -> sensitivity_page.Looked:
    rows = [
        {"settings": {path: str(value) for path, value in changes}, **FIGURES, "return_pct": gain}
        for changes, gain in zip(SPACE.all(), returns, strict=True)
    ]
    return sensitivity_page.Looked(data=f"/some/where/{HOSTILE}.parquet", space=SPACE, rows=rows, held_pct=33.3)


def test_each_combination_has_its_value_and_a_colour_as_strong_as_it_is_large() -> None:
    page = sensitivity_page.page(looked(10.0, -5.0, 0.0, None))
    cells = re.findall(r'<td class="(\w+) ?(\w*)"(?: style="--share:(\d+)%")?>([^<]*)</td>', page)[:4]
    assert cells == [
        ("heat", "gain", "55", "+10.00"), ("heat", "loss", "32", "−5.00"), ("heat", "flat", "0", "0.00"),
        ("none", "", "", "·"),
    ]  # fmt: skip
    assert "<img" not in page
    assert "/some/where" not in page
    assert "+33.30\u00a0%" in page, "what holding brought stands above"
    assert 'id="plotly"' not in page, "a page without charts does not carry the library"


def test_the_best_combination_stands_first_and_one_that_is_not_possible_last() -> None:
    page = sensitivity_page.page(looked(-1.0, 7.0, None, 3.0))
    rows = re.findall(r'<tr><th scope="row">(\d+)</th><td class="right">(\d+)</td><td class="right">([^<]*)</td>', page)
    assert rows == [("60", "5", "+7.00"), ("70", "5", "+3.00"), ("60", "2", "−1.00"), ("70", "2", "–")]


# ---------------------------------------------------------------- studies


def test_a_setting_is_named_by_as_much_of_its_path_as_tells_it_from_the_others() -> None:
    paths = [
        "timeframe",
        "strategies.news_analyzer.weight",
        "strategies.deepseek_analyzer.weight",
        "risk.stop_loss_pct",
    ]
    names = shortened(paths)
    assert [*names.values()] == ["timeframe", "news_analyzer weight", "deepseek_analyzer weight", "stop_loss_pct"]
    volume = "strategies.technical_indicators.settings.volume_surge"
    assert optimize_page.step(f"{volume} 1.5 → 1.2", {volume: "volume_surge"}) == "volume_surge 1.5 → 1.2"


def test_figures_carry_real_signs_and_thousands() -> None:
    assert [pages.cell(each) for each in (1234567, -3, 1234.5, -0.001, None, "4h")] == [
        "1,234,567", "−3", "1,234.50", "0.00", "–", "4h",
    ]  # fmt: skip
