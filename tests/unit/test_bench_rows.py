"""What the bench calls a miss, and what it prints of a program that did not run."""

from tests.benchmarks.children import Told
from tests.benchmarks.comparing import Line, compared, ratios
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.reference import CASES
from tests.benchmarks.rows import Row, table

RSI = CASES[0]


def told(seconds: float) -> Told:
    return Told(
        trades=1047,
        stops=2,
        final_equity=86_326.93,
        seconds=seconds,
        cold=seconds,
        runs=3,
        peak_rss_mb=200,
        version="1",
    )


LINES = [
    Line("ours, exact engine", told(0.5)),
    Line("ours, sweep kernel", told(0.01)),
    Line("vectorbt, Rust", told(0.04)),
    Line("backtesting.py", told(5.0), event_driven=True),
    Line("freqtrade", "could not be installed: ERROR: no such version", event_driven=True),
]


def test_a_target_is_missed_by_more_than_a_quarter_unless_noise_has_no_part_in_it() -> None:
    assert not Row(what="time", value=5, unit="s", target=4).missed
    assert Row(what="time", value=5.1, unit="s", target=4).missed
    assert not Row(what="ratio", value=8, unit="×", least=10).missed
    assert Row(what="ratio", value=7.9, unit="×", least=10).missed
    assert Row(what="trades that differ", value=1, unit="", target=0, exact=True).missed
    assert not Row(what="told only", value=1e9, unit="s").missed


def test_the_table_says_at_least_where_more_is_better() -> None:
    assert "≥ 20 ×" in table([Row(what="ratio", value=25, unit="×", least=20)])
    assert "≤ 4 s" in table([Row(what="time", value=3, unit="s", target=4)])


def test_an_absent_peer_is_named_with_its_reason_and_never_with_a_figure() -> None:
    text = compared(RSI, RSI.expected, LINES)
    line = next(line for line in text.splitlines() if line.startswith("freqtrade"))
    assert line.split(maxsplit=1)[1] == "could not be installed: ERROR: no such version"
    assert "86,326.93" in text


def test_ratios_are_taken_of_those_that_ran() -> None:
    rows = {row.what: row for row in ratios(RSI, LINES)}
    driven = rows["RSI and MACD: fastest event-driven / exact"]
    assert (driven.value, driven.least, driven.how) == (10, 8, "backtesting.py: 5.00 s")
    assert rows["RSI and MACD: vectorbt / kernel"].value == 4


def test_only_vectorbt_and_backtesting_must_be_there() -> None:
    assert {peer.name.partition(",")[0] for peer in CONTENDERS if peer.needed} == {"vectorbt", "backtesting.py"}
