"""How strategies have done: accuracy, calibration, what they earned, and when that is worse than chance."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.decisions import Decision
from app.core.model import SignalStatus
from app.scoring import Judged, Score, Scores, is_directed, summary
from tests.builders import NOON, Desk, a_signal, d

TODAY = NOON.date()


def judged(action: str, price: object, later: object, confidence: object = 80) -> Judged:
    return Judged(signal=a_signal(action, confidence), price=d(price), later=d(later))


@pytest.mark.parametrize(
    ("action", "later", "correct"),
    [("BUY", 101, True), ("BUY", 99, False), ("SELL", 99, True), ("SELL", 101, False), ("BUY", 100, False)],
)
def test_right_is_who_named_the_direction(action: str, later: int, correct: bool) -> None:
    assert judged(action, 100, later).correct is correct


def test_only_buy_and_sell_can_be_right_or_wrong() -> None:
    assert is_directed(a_signal("SELL", 1))
    assert not is_directed(a_signal("HOLD", 90))
    assert not is_directed(a_signal("BUY", 0))
    assert not is_directed(a_signal("BUY", 90, status=SignalStatus.FAILED))


def test_a_months_signals_in_one_row() -> None:
    scores = Scores()
    for confidence in (60, 80, 100, 0):  # the last is no opinion
        scores.given(a_signal("BUY", confidence))
    scores.given(a_signal("BUY", 90, status=SignalStatus.FAILED))
    for later, confidence in ((101, 84), (102, 86), (99, 88), (99, 55), (101, 100)):
        scores.judged(judged("BUY", 100, later, confidence))
    row = summary(scores.by_day.values(), TODAY)
    assert (row["signals_generated"], row["avg_confidence"]) == (3, 80.0)
    assert (row["judged"], row["accuracy_pct"]) == (5, 60.0)
    assert row["calibration"] == [
        {"from": 50, "signals": 1, "confidence": 55.0, "correct_pct": 0.0},
        {"from": 80, "signals": 3, "confidence": 86.0, "correct_pct": 66.7},
        {"from": 90, "signals": 1, "confidence": 100.0, "correct_pct": 100.0},
    ]


def an_entry(*signals: tuple[str, str, int]) -> Decision:
    desk = Desk().start()
    desk.vote("BUY", 90)
    made = next(change for change in desk.engine.changes if isinstance(change, Decision))
    (term,) = made.vote.terms
    terms = tuple(
        replace(term, strategy=name, sign={"BUY": 1, "SELL": -1, "HOLD": 0}[action], product=d(product))
        for name, action, product in signals
    )
    return replace(made, vote=replace(made.vote, terms=terms))


def test_a_trades_result_is_shared_by_weight_times_confidence_among_those_who_agreed() -> None:
    scores = Scores()
    entry = an_entry(("deepseek", "BUY", 4000), ("technical", "BUY", 1000), ("news", "SELL", -500), ("x", "HOLD", 0))
    scores.earned(NOON, d(-50), entry)
    scores.earned(NOON, d(10), entry)
    assert {name: score.earned for (name, _), score in scores.by_day.items()} == {"deepseek": -32, "technical": -8}


def month(correct_of_ten: int, days: int) -> Sequence[Score]:
    return [
        Score(strategy="x", day=TODAY - timedelta(days=back), judged=10, correct=correct_of_ten)
        for back in range(1, days + 1)
    ]


@pytest.mark.parametrize(("correct", "days", "worse"), [(4, 29, True), (5, 29, False), (4, 20, False)])
def test_worse_than_chance_is_said_after_a_month(correct: int, days: int, worse: bool) -> None:
    assert summary(month(correct, days), TODAY)["worse_than_chance"] is worse


def test_a_few_signals_say_nothing_of_chance() -> None:
    few = [Score(strategy="x", day=TODAY - timedelta(days=back), judged=1, correct=0) for back in range(30)]
    assert summary(few, TODAY)["worse_than_chance"] is False


def test_what_is_older_than_a_month_no_longer_counts() -> None:
    old = Score(strategy="x", day=TODAY - timedelta(days=30), judged=10, correct=10, earned=Decimal(5))
    assert summary([old], TODAY)["judged"] == 0
    assert summary([], TODAY) == {
        "date_from": TODAY.isoformat(),
        "signals_generated": 0,
        "judged": 0,
        "accuracy_pct": None,
        "avg_confidence": None,
        "contribution_to_pnl": 0,
        "calibration": [],
        "days": [],
        "worse_than_chance": False,
    }
