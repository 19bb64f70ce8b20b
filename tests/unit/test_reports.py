"""report.html and report.pdf from a folder: their figures are those of result.json, words from outside stay words."""

import html as markup
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest

from app.core.errors import DataError
from backtest import report, report_curves, report_honesty, report_words
from backtest.series import CandleSeries, resample
from tests.result_folders import a_folder, a_market

DAY = 1440
HOSTILE = "<script>alert(1)</script> </script><img src=x onerror=alert(2)> \u2028 & 'quoted' \"twice\""
FOREIGN = "=Биткойн растёт: € − × 比特币 \x07 \U0001f680 ναι"

SIDE = {"days": 180, "return_pct": 3.5, "sharpe_ratio": None, "max_drawdown_pct": 2.0, "trades": 30, "profit_loss": 1.0}
HONEST: dict[str, Any] = {
    "average_exposure_pct": 33.3,
    "buy_and_hold_same_exposure_pct": 4.44,
    "bootstrap": {
        "resamples": 2000,
        "return_pct_5": -20.12,
        "return_pct_50": -3.0,
        "return_pct_95": 14.21,
        "max_drawdown_pct_5": 4.1,
        "max_drawdown_pct_50": 9.9,
        "max_drawdown_pct_95": 21.3,
        "loss_probability_pct": 61.0,
    },
    "deflated_sharpe": {"trials": 120, "probabilistic": 0.71, "deflated": 0.41},
    "cost_stress": {"times": 2, "fee_pct": 0.2, "slippage_pct": 0.1, "return_pct": -12.34, "trades": 58},
    "cutoff": {"models": ["m-1"], "unlisted": [], "known_until": "2023-06-30", "within": SIDE, "after": SIDE},
    "missing_pct": 0.4,
    "limits_switched_off": [],
}


def pages(folder: Path) -> list[str]:
    document = pypdfium2.PdfDocument(folder / report.PDF)
    try:
        return [document[place].get_textpage().get_text_range() for place in range(len(document))]
    finally:
        document.close()


def payload(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="run">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def drawn(folder: Path, market: CandleSeries | None) -> tuple[str, str]:
    """The page and all text of the document, with spaces of one kind."""
    report.write(folder, market)
    page = (folder / report.HTML).read_text(encoding="utf-8").replace("\u00a0", " ")
    return page, " ".join("\n".join(pages(folder)).split())


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], CandleSeries, str, str]:
    """Fourteen months, sixty trades, hostile and foreign reasons."""
    folder, market = tmp_path_factory.mktemp("year"), a_market(DAY * 420)
    result = a_folder(
        folder,
        market,
        trades=60,
        reasons=("RSI 28.4: oversold.", HOSTILE, FOREIGN),
        warnings=[
            f"made 11 trades: too few to conclude {HOSTILE}",
            "2023-02-02 22:25 entry_fill: 0.02117 BTC at 23514.55 USD",
            "2023-02-03 10:00 daily_loss: down 15.1 % today",
            "2023-02-09 10:00 daily_loss: down 15.2 % today",
        ],
        honesty=HONEST,
    )
    return folder, result, market, *drawn(folder, market)


def test_the_figures_in_both_documents_are_those_of_the_result(year: Any) -> None:
    _, result, _, page, document = year
    assert payload(page)["result"] == result
    text = markup.unescape(page)
    for figure in (
        report_words.money(result["final_equity"], "$"),
        report_words.percent(result["return_pct"], signed=True),
        report_words.percent(result["buy_and_hold_return_pct"], signed=True),
        report_words.percent(result["max_drawdown_pct"]),
        report_words.money(result["expectancy"], "$", signed=True),
        report_words.percent(result["worst_trade_pct"], signed=True),
        report_words.number(result["sharpe_ratio"]),
        report_words.number(result["profit_factor"]),
        "$60.00",
    ):
        assert f">{figure}</" in text, figure
        assert figure in document, figure
    assert result["data_sha256"] in page
    assert result["config_sha256"] in page
    assert "bitcoin-autotrader 0.9.1" in document


def test_words_from_outside_stay_words(year: Any) -> None:
    _, _, _, page, document = year
    ours = re.findall(r"<script[^>]*>", page)
    assert [re.sub(r"[^ a-z/=\"-]", "", tag) for tag in ours] == [
        'script type="application/json" id="run"',
        'script type="application/octet-stream" id="plotly"',
        "script",
    ]
    assert "<img" not in page
    assert payload(page)["trades"]["why"][1] == HOSTILE
    assert "<script>alert(1)</script>" in document


def test_a_reason_in_any_script_is_kept_in_the_page_and_never_stops_the_document(year: Any) -> None:
    _, _, _, page, document = year
    assert payload(page)["trades"]["why"][2] == FOREIGN  # without the spreadsheet's guard
    assert "€ − ×" in document


def test_warnings_stand_at_the_top_each_once_and_a_fill_is_none(year: Any) -> None:
    _, _, _, page, document = year
    for text in (page, document):
        assert text.index("Before you trust it") < text.index("Return per month")
        assert "Made 11 trades: too few to conclude" in text
        assert "Daily loss (2 times, first on 2023-02-03 10:00 UTC): down 15.1 % today" in text
        assert "0.02117 BTC" not in re.sub(r"<script.*", "", text, flags=re.DOTALL)


def test_honesty_is_shown_where_the_result_has_it(year: Any) -> None:
    _, _, _, page, document = year
    for text in (page, document):
        assert "How far to believe it" in text
        assert "−12.34 %" in text
        assert "−20.1 to +14.2 %" in text
        assert "the best that luck would show; 120 configurations were tried" in text
        assert "know the world until 2023-06-30" in text


def test_what_each_voice_was_worth_is_shown_where_it_was_asked_for(year: Any, tmp_path: Path) -> None:
    costs = {"result_usd": 120.0, "model_usd": 2.5, "fees_usd": 3.0, "slippage_usd": 1.5}
    rows = [
        {"name": "as_it_was", "strategy": None, "after_cost_usd": 117.5, "worth_usd": 0.0, "trades": 9, "spread": None},
        {"name": "without", "strategy": "news_analyzer", "after_cost_usd": 150.0, "worth_usd": -32.5, "trades": 8,
         "spread": None},
        {"name": "random", "strategy": None, "after_cost_usd": -20.0, "worth_usd": 137.5, "trades": 9,
         "spread": {"draws": 20, "beaten_pct": 95.0}},
    ]  # fmt: skip
    market = a_market(DAY * 3)
    a_folder(tmp_path, market, trades=3, voices=[{**costs, **row} for row in rows])
    for text in drawn(tmp_path, market):
        assert "What each voice was worth" in text
        assert "Without news analyzer" in text
        assert "$32.50 more than as it was; 8 trades" in text
        assert "−$20.00" in text
        assert "what was done beats 95 % of them; $137.50 less than as it was" in text
    _, _, _, page, document = year
    assert "What each voice was worth" not in page + document


def test_who_asks_why_reads_the_reasons_before_the_arithmetic(year: Any) -> None:
    told = "technical_indicators BUY 75 × 30 → 75.0 ≥ 70, participation 100 %: buy; RSI 28.4: oversold."
    assert report_words.reason_first(told) == (
        "RSI 28.4: oversold. (the vote: technical_indicators BUY 75 × 30 → 75.0 ≥ 70, participation 100 %)"
    )
    assert report_words.reason_first(HOSTILE) == HOSTILE


def test_prices_of_six_digits_stay_on_one_line_of_the_document(tmp_path: Path) -> None:
    cheap = a_market(DAY * 3)
    market = replace(cheap, **{name: getattr(cheap, name) * 4 for name in ("open", "high", "low", "close")})
    a_folder(tmp_path, market, trades=3)
    document = drawn(tmp_path, market)[1]
    assert re.findall(r"1[12]\d,\d{3}\.\d\d\b", document)
    assert not re.findall(r"1[12]\d,\d{3}\.\d?(?!\d)", document)


def test_a_part_of_honesty_that_is_not_known_is_shown_name_by_name(tmp_path: Path) -> None:
    a_folder(tmp_path, a_market(DAY), honesty={"bootstrap": {"return_pct": [-2.5, 1.0]}, "tea_leaves": {"say": "no"}})
    groups = report_honesty.honesty(report.read(tmp_path))
    assert [(row.name, row.value) for group in groups for row in group.figures] == [
        ("return", "−2.50 % … 1.00 %"),
        ("say", "no"),
    ]


def test_the_document_has_few_pages_each_with_its_number_and_says_which_trades_it_leaves_out(year: Any) -> None:
    folder, _, _, _, document = year
    texts = pages(folder)
    assert 3 <= len(texts) <= 6
    for place, text in enumerate(texts, 1):
        assert f"Page {place} of {len(texts)}" in text
        assert "Data 0123456789abcdef" in text
    assert "The first 15 and the last 25 of 60; 20 between them are left out" in document


def test_the_page_fetches_nothing_and_runs_only_its_own_scripts(year: Any) -> None:
    page = year[3]
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    outside_library = re.sub(r'id="plotly">[^<]+<', "", page)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", outside_library)


def test_the_same_folder_gives_the_same_bytes(year: Any, tmp_path: Path) -> None:
    folder = year[0]
    before = [(folder / name).read_bytes() for name in (report.HTML, report.PDF)]
    report.write(folder)  # from the candles that the folder keeps
    assert [(folder / name).read_bytes() for name in (report.HTML, report.PDF)] == before


def test_an_old_folder_without_candles_and_positions_is_drawn_too(tmp_path: Path) -> None:
    a_folder(tmp_path, a_market(DAY), trades=2, positions=False)
    page, document = drawn(tmp_path, None)
    assert payload(page)["price"]["at"] == payload(page)["stops"] == []
    assert "Price and trades" in document


@pytest.mark.parametrize("trades", [0, 1])
def test_a_day_with_hardly_a_trade(tmp_path: Path, trades: int) -> None:
    market = a_market(DAY)
    a_folder(tmp_path, market, trades=trades, open_positions_at_end=1)
    page, document = drawn(tmp_path, market)
    said = "It closed 1 trade, of which" if trades else "It closed no trade."
    for text in (markup.unescape(page), document):
        assert said in text
        assert "1 position was still open at the end" in text
        assert ("No position was closed in this run." in text) is (trades == 0)


def test_a_run_on_hours_does_not_say_that_they_were_minutes(tmp_path: Path) -> None:
    hours = resample(a_market(DAY * 3), 3600)
    a_folder(tmp_path, hours, positions=False)
    _, document = drawn(tmp_path, hours)
    assert "72 of 60 minutes; strategies were shown 1h candles" in document


def test_a_run_that_the_kill_switch_ended_says_so_at_the_top(tmp_path: Path) -> None:
    market = a_market(DAY * 3)
    told = "2023-01-03 04:00 kill_switch: down 50.2 % of what was paid in; everything is closed"
    a_folder(tmp_path, market, trades=3, exits=["kill_switch"], warnings=[told])
    page, document = drawn(tmp_path, market)
    assert "Kill switch on 2023-01-03 04:00 UTC: down 50.2 %" in page
    assert "Kill switch. RSI 28.4" in document
    assert payload(page)["trades"]["reason"] == ["kill switch"] * 3


def test_a_folder_that_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the folder of a finished backtest"):
        report.read(tmp_path)


# ---------------------------------------------------------------- what is drawn


def test_thinning_keeps_every_spike_and_both_ends() -> None:
    value = np.sin(np.arange(100_001) / 900)
    value[[4_321, 77_777]] = [9.0, -9.0]
    line = report_curves.thin(np.arange(100_001, dtype=np.int64), value, 400)
    assert len(line.value) <= 404
    assert (line.value.max(), line.value.min()) == (9.0, -9.0)
    assert (line.at_ms[0], line.at_ms[-1]) == (0, 100_000)
    assert np.array_equal(value[line.at_ms], line.value)


def test_many_minutes_are_kept_as_fewer_longer_candles_the_half_one_at_the_end_too() -> None:
    market = a_market(DAY * 30 + 95)
    kept = report.coarse(market[:-5])
    assert (kept.seconds, len(kept)) == (900, 30 * 96 + 6)
    longer = report.coarse(market)
    assert len(longer) == 30 * 96 + 7
    assert (longer.high.max(), longer.low.min()) == (
        market.high.max(),
        market.low.min(),
    )
    assert longer.close[-1] == market.close[-1]


def test_months_multiply_to_the_whole_return(year: Any) -> None:
    folder, result, _, page, _ = year
    years = report_curves.years(report.read(folder))
    assert [each.year for each in years] == [2023, 2024]
    assert years[1].months[2:] == [None] * 10
    whole = (1 + years[0].whole / 100) * (1 + years[1].whole / 100)
    assert whole == pytest.approx(1 + result["return_pct"] / 100)
    assert f">{report_words.number(years[0].months[0], 1, signed=True)}</td>" in page


def test_months_of_the_result_win_over_our_own(tmp_path: Path) -> None:
    market = a_market(DAY)
    a_folder(tmp_path, market, monthly=[{"month": "2023-01", "return_pct": 3.21}])
    report.keep_candles(tmp_path, market)
    assert report_curves.years(report.read(tmp_path))[0].months[0] == 3.21


def test_the_held_line_ends_where_the_result_says_and_the_drawdown_is_as_deep(year: Any) -> None:
    folder, result, *_ = year
    run = report.read(folder)
    ended = report_curves.held(run).value[-1] / result["initial_cash"] - 1
    assert ended * 100 == pytest.approx(result["buy_and_hold_return_pct"])
    assert -report_curves.underwater(run).value.min() == pytest.approx(result["max_drawdown_pct"])


def test_each_trade_falls_in_one_class_and_no_class_mixes_gain_and_loss(year: Any) -> None:
    run = report.read(year[0])
    bins = report_curves.bins(run)
    assert sum(bins.counts) == 60
    assert 0.0 in bins.edges
    below = sum(count for left, count in zip(bins.edges, bins.counts, strict=False) if left < 0)
    assert below == sum(trade.profit_loss_pct < 0 for trade in run.trades)


def test_stops_are_the_points_where_they_moved(year: Any) -> None:
    run = report.read(year[0])
    assert len(run.stops) == 60
    assert all(len(stop.at_ms) == 3 for stop in run.stops), "no trace of the parts in which the file is read"
    first, trade = run.stops[0], run.trades[0]
    assert first.position_id == trade.position_id
    assert [round(price / trade.entry_price, 2) for price in first.price] == [0.95, 0.97, 0.97]
    assert first.at_ms[-1] == trade.closed_ms


@pytest.mark.parametrize(
    ("value", "text"), [(-0.001, "0.00"), (-1234.5, "−1,234.50"), (2, "+2.00"), (None, "–"), (0.0, "0.00")]
)
def test_numbers_carry_a_real_sign_and_zero_carries_none(value: float | None, text: str) -> None:
    assert report_words.number(value, signed=True) == text
