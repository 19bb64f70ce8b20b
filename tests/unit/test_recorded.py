"""Opinions on record as timelines: from when to when each counts, and how they travel as a file."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import DataError, StrategyError
from app.core.model import MarketData, SignalStatus
from app.core.rules import Asking
from backtest.recorded import answered_from, faces_of, read_file, record_of, timeline_of, write_file
from backtest.series import ms_of
from backtest.timeline import Recorded
from tests.builders import MINUTE, NOON, a_candle, a_signal, a_strategy_rule, some_rules

SECOND = timedelta(seconds=1)


def data(at: timedelta) -> MarketData:
    return MarketData(symbol="BTC/USD", timeframe="15m", at=NOON + at, price=Decimal(1), candles=(a_candle(),))


def test_an_answer_counts_from_the_minute_in_which_it_was_there() -> None:
    quick = a_signal("BUY", 80, at=NOON + SECOND)
    slow = a_signal("SELL", "62.5", at=NOON + 15 * MINUTE + 20 * SECOND)
    timeline = timeline_of("technical", [quick, slow])
    assert timeline.given_ms.tolist()[:2] == [ms_of(NOON), ms_of(NOON + 16 * MINUTE)]
    assert timeline.action.tolist()[:2] == [1, -1]
    assert timeline.confidence.tolist()[:2] == [80, 62.5]
    assert timeline.reasoning(0) == "technical says BUY"


def test_an_answer_is_missing_when_it_failed_or_was_too_old() -> None:
    old = a_signal("BUY", 80, at=NOON)
    failed = a_signal("HOLD", 0, at=NOON + 60 * MINUTE, status=SignalStatus.FAILED, reasoning="timed out")
    looked = Recorded({"technical": timeline_of("technical", [old, failed])})
    rule = a_strategy_rule("technical")
    assert looked.ask(rule, data(21 * MINUTE), ()) == ("BUY", Decimal("80.0"), "technical says BUY")
    for at, says in ((-MINUTE, "gave no answer"), (22 * MINUTE, "too old"), (61 * MINUTE, "timed out")):
        with pytest.raises(StrategyError, match=says):
            looked.ask(rule, data(at), ())


def test_an_answer_that_was_renewed_in_time_is_never_missing() -> None:
    said = [a_signal("BUY", 80, at=NOON + 20 * number * MINUTE) for number in range(3)]
    confidence = timeline_of("technical", said).confidence
    assert np.isnan(confidence).tolist() == [False, False, False, True]


def test_who_abstained_has_no_opinion_and_is_not_missing() -> None:
    timeline = timeline_of("deepseek", [a_signal("HOLD", 0, status=SignalStatus.ABSTAINS)])
    assert timeline.confidence[0] == 0


def test_whoever_is_on_record_takes_part_and_is_looked_up_in_each_cycle() -> None:
    record = record_of([a_signal("BUY", 80, strategy="deepseek", reads_text=True, sha256="ab" * 32)])
    rules = answered_from(
        some_rules(strategies=[a_strategy_rule("deepseek", configured=False), a_strategy_rule("technical")]), record
    )
    deepseek, technical = rules.voting.strategies
    assert (deepseek.configured, deepseek.ask, deepseek.reads_text) == (True, Asking.CYCLE, True)
    assert technical.ask is Asking.CANDLE
    assert [(face.name, face.startup_candles, face.reads_text) for face in faces_of(record)] == [("deepseek", 1, True)]
    assert (record.first_at, record.last_at) == (NOON, NOON + 22 * MINUTE)


def test_opinions_travel_as_a_file(tmp_path: Path) -> None:
    said = [a_signal("BUY", 80), a_signal("SELL", 70, strategy="deepseek", at=NOON + MINUTE)]
    assert write_file(tmp_path / "said.jsonl", said) == 2
    assert read_file(tmp_path / "said.jsonl") == said


@pytest.mark.parametrize("line", ["{", '"BUY"', '{"type":"Nothing","of":{}}', '{"type":"Candle","of":{}}'])
def test_a_line_that_is_no_opinion_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "said.jsonl"
    write_file(path, [a_signal()])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match="line 2 is no opinion"):
        read_file(path)


def test_nothing_on_record_is_said() -> None:
    with pytest.raises(DataError, match="no opinions are on record"):
        record_of([])
