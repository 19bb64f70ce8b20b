"""A decision's vote can be held again from its own record."""

from dataclasses import replace

from app.again import voted_again
from app.core.decisions import Decision
from app.core.model import SignalStatus
from app.core.voting import hold_vote
from tests.builders import NOON, a_signal, a_strategy_rule, d, some_rules
from tests.fakes_ui import a_decision

RULES = some_rules(
    strategies=[a_strategy_rule("technical", weight=d(30)), a_strategy_rule("deepseek", weight=d(50), sha256="b")]
).voting


def decided(*signals: object, **changes: object) -> Decision:
    """As the engine would write it down."""
    told = {signal.strategy: signal for signal in signals}  # type: ignore[attr-defined]
    vote = hold_vote(RULES, told, NOON)
    record = a_decision(
        at=NOON,
        action=vote.action,
        score=vote.score,
        participation_pct=vote.participation_pct,
        vote=vote,
        signals=tuple(signals),
        buy_threshold=RULES.buy_threshold,
        sell_threshold=RULES.sell_threshold,
        min_participation=RULES.min_participation,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def test_the_same_vote_comes_out_again() -> None:
    again = voted_again(decided(a_signal("BUY", 82), a_signal("BUY", 74, strategy="deepseek", sha256="b")))
    assert again is not None
    assert again.differences == ()
    assert again.vote.action == "BUY"


def test_an_opinion_of_a_version_that_was_replaced_stays_out() -> None:
    decision = decided(a_signal("BUY", 82), a_signal("SELL", 74, strategy="deepseek", sha256="a"))
    assert decision.vote.terms[1].status is SignalStatus.STALE
    again = voted_again(decision)
    assert again is not None
    assert again.differences == ()


def test_a_record_whose_sum_was_changed_is_found_out() -> None:
    decision = decided(a_signal("BUY", 82), a_signal("BUY", 74, strategy="deepseek", sha256="b"))
    again = voted_again(replace(decision, score=d(90)))
    assert again is not None
    assert again.differences == ("score: 90 then, 77 now",)


def test_a_decision_without_thresholds_cannot_be_held_again() -> None:
    assert voted_again(decided(a_signal("BUY", 82), buy_threshold=None)) is None
