"""Signals × weights → one vote: worked cases with their arithmetic, and the sentence that people read."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.model import Direction, Signal, SignalStatus, Without
from app.core.rules import StrategyRule, VotingRules
from app.core.voting import hold_vote, status_at
from tests.builders import NOON, a_signal, a_strategy_rule, d

DEEPSEEK = a_strategy_rule("deepseek", weight=d(50), reads_text=True)
TECHNICAL = a_strategy_rule("technical", weight=d(30))
NEWS = a_strategy_rule("news", weight=d(20), reads_text=True)
ALL = (DEEPSEEK, TECHNICAL, NEWS)
FAILED, ABSTAINS = SignalStatus.FAILED, SignalStatus.ABSTAINS


def said(strategy: str, action: str, confidence: object, **changes: object) -> Signal:
    return a_signal(action, confidence, strategy=strategy, **changes)


@dataclass(frozen=True)
class Case:
    name: str
    signals: tuple[Signal, ...]
    action: str
    score: str
    participation: str
    text: str
    rules: tuple[StrategyRule, ...] = field(default=ALL)


CASES = [
    Case(
        "all buy",
        (said("deepseek", "BUY", 80), said("technical", "BUY", 90), said("news", "BUY", 60)),
        "BUY",
        "79",
        "100",
        "deepseek BUY 80 × 50, technical BUY 90 × 30, news BUY 60 × 20 → 79.0 ≥ 70, participation 100 %: buy",
    ),
    Case(
        "a sell weighs against the buys",
        (said("deepseek", "BUY", 80), said("technical", "BUY", 90), said("news", "SELL", 50)),
        "HOLD",
        "57",
        "100",
        "deepseek BUY 80 × 50, technical BUY 90 × 30, news SELL 50 × 20 → 57.0, buys from 70, sells from −70",
    ),
    Case(
        "one that failed counts as hold: its weight stays below the line",
        (said("deepseek", "BUY", 100), said("technical", "BUY", 60), said("news", "BUY", 80, status=FAILED)),
        "HOLD",
        "68",
        "80",
        "deepseek BUY 100 × 50, technical BUY 60 × 30, news failed (counts as HOLD × 20)"
        " → 68.0, buys from 70, sells from −70",
    ),
    Case(
        "one without an opinion is left out of the score",
        (said("deepseek", "BUY", 80), said("technical", "BUY", 80), said("news", "HOLD", 0)),
        "BUY",
        "80",
        "80",
        "deepseek BUY 80 × 50, technical BUY 80 × 30, news no opinion → 80.0 ≥ 70, participation 80 %: buy",
    ),
    Case(
        "a firm hold dilutes",
        (said("deepseek", "BUY", 90), said("technical", "BUY", 90), said("news", "HOLD", 100)),
        "BUY",
        "72",
        "100",
        "deepseek BUY 90 × 50, technical BUY 90 × 30, news HOLD 100 × 20 → 72.0 ≥ 70, participation 100 %: buy",
    ),
    Case(
        "an opinion that is too old is missing",
        (
            said("deepseek", "BUY", 100),
            said("technical", "BUY", 100, expires_at=NOON),
            said("news", "BUY", 100),
        ),
        "HOLD",
        "70",
        "70",
        "deepseek BUY 100 × 50, technical stale (counts as HOLD × 30), news BUY 100 × 20"
        " → 70.0, but only strategies that read text agree",
    ),
    Case(
        "those who read text never open a position by themselves",
        (said("deepseek", "BUY", 100), said("technical", "HOLD", 0), said("news", "BUY", 100)),
        "HOLD",
        "100",
        "70",
        "deepseek BUY 100 × 50, technical no opinion, news BUY 100 × 20"
        " → 100.0, but only strategies that read text agree",
    ),
    Case(
        "a plain strategy that says sell does not agree",
        (said("deepseek", "BUY", 100), said("technical", "SELL", 1), said("news", "BUY", 100)),
        "HOLD",
        "69.7",
        "100",
        "deepseek BUY 100 × 50, technical SELL 1 × 30, news BUY 100 × 20 → 69.7, buys from 70, sells from −70",
    ),
    Case(
        "too few took part",
        (said("technical", "BUY", 100), said("deepseek", "HOLD", 0), said("news", "HOLD", 0)),
        "HOLD",
        "100",
        "30",
        "deepseek no opinion, technical BUY 100 × 30, news no opinion → 100.0, but participation 30 % is below 60 %",
    ),
    Case(
        "all sell",
        (said("deepseek", "SELL", 80), said("technical", "SELL", 70), said("news", "SELL", 60)),
        "SELL",
        "-73",
        "100",
        "deepseek SELL 80 × 50, technical SELL 70 × 30, news SELL 60 × 20 → -73.0 ≤ −70: sell",
    ),
    Case(
        "getting out needs no quorum, and text may ask for it",
        (said("deepseek", "SELL", 100), said("technical", "HOLD", 0), said("news", "HOLD", 0)),
        "SELL",
        "-100",
        "50",
        "deepseek SELL 100 × 50, technical no opinion, news no opinion → -100.0 ≤ −70: sell",
    ),
    Case(
        "nobody has answered yet",
        (),
        "HOLD",
        "0",
        "0",
        "deepseek stale (counts as HOLD × 50), technical stale (counts as HOLD × 30), news stale"
        " (counts as HOLD × 20) → 0.0, buys from 70, sells from −70",
    ),
    Case(
        "nobody has an opinion",
        tuple(said(name, "BUY", 0) for name in ("deepseek", "technical", "news")),
        "HOLD",
        "0",
        "0",
        "deepseek no opinion, technical no opinion, news no opinion → 0.0, buys from 70, sells from −70",
    ),
    Case(
        "one that is not configured is outside the sum",
        (said("technical", "BUY", 80), said("news", "BUY", 80)),
        "BUY",
        "80",
        "100",
        "technical BUY 80 × 30, news BUY 80 × 20 → 80.0 ≥ 70, participation 100 %: buy",
        (a_strategy_rule("deepseek", weight=d(50), configured=False), TECHNICAL, NEWS),
    ),
    Case(
        "one that abstains is outside the score, but its weight is missed",
        (said("deepseek", "HOLD", 0, status=ABSTAINS), said("technical", "BUY", 90), said("news", "BUY", 90)),
        "HOLD",
        "90",
        "50",
        "deepseek abstains, technical BUY 90 × 30, news BUY 90 × 20 → 90.0, but participation 50 % is below 60 %",
    ),
    Case(
        "one that abstained too long ago is missing",
        (said("deepseek", "HOLD", 0, status=ABSTAINS, expires_at=NOON), said("technical", "BUY", 90)),
        "HOLD",
        "27",
        "30",
        "deepseek stale (counts as HOLD × 50), technical BUY 90 × 30, news stale (counts as HOLD × 20)"
        " → 27.0, buys from 70, sells from −70",
    ),
    Case(
        "all weights are 0",
        (said("technical", "BUY", 100),),
        "HOLD",
        "0",
        "0",
        "no strategy is enabled, so there is no vote",
        (a_strategy_rule("technical", weight=d(0)), a_strategy_rule("news", enabled=False)),
    ),
    Case("there are no strategies", (), "HOLD", "0", "0", "no strategy is enabled, so there is no vote", ()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_vote_table(case: Case) -> None:
    vote = hold_vote(VotingRules(strategies=case.rules), {each.strategy: each for each in case.signals}, NOON)
    assert (vote.action, vote.score, vote.participation_pct) == (
        Direction(case.action),
        Decimal(case.score),
        Decimal(case.participation),
    )
    assert vote.text == case.text


def test_the_vote_tells_what_it_would_be_without_the_strongest_headline() -> None:
    without = Without(headline="Fund buys 9,000 bitcoin", action=Direction.HOLD, confidence=d(0))
    signals = {
        "deepseek": said("deepseek", "BUY", 70),
        "technical": said("technical", "BUY", 75),
        "news": said("news", "BUY", 90, without=without),
    }
    vote = hold_vote(VotingRules(strategies=ALL), signals, NOON)
    assert vote.action is Direction.BUY
    assert vote.without_headline == (
        "without “Fund buys 9,000 bitcoin”: deepseek BUY 70 × 50, technical BUY 75 × 30, news no opinion"
        " → 71.9 ≥ 70, participation 80 %: buy"
    )
    read_too = {**signals, "deepseek": said("deepseek", "BUY", 70, reads_text=True)}
    text = hold_vote(VotingRules(strategies=ALL), read_too, NOON).without_headline
    assert text.startswith("without “Fund buys 9,000 bitcoin” (deepseek may have read it, and was not asked twice): ")
    assert hold_vote(VotingRules(strategies=ALL), signals, signals["news"].expires_at).without_headline == ""
    plain = {**signals, "news": said("news", "BUY", 90)}
    assert hold_vote(VotingRules(strategies=ALL), plain, NOON).without_headline == ""


def test_of_two_strongest_headlines_the_later_counts() -> None:
    def moved(headline: str, **changes: object) -> Signal:
        return said(
            "", "BUY", 90, without=Without(headline=headline, action=Direction.SELL, confidence=d(9)), **changes
        )

    older = replace(moved("old"), strategy="deepseek", given_at=NOON - timedelta(minutes=1))
    newer = replace(moved("new"), strategy="news")
    vote = hold_vote(VotingRules(strategies=(DEEPSEEK, NEWS)), {"deepseek": older, "news": newer}, NOON)
    assert vote.without_headline.startswith("without “new”: deepseek BUY 90 × 50, news SELL 9 × 20 →")


def test_who_read_text_when_it_answered_is_no_plain_buyer_whatever_its_rule_says() -> None:
    rules = VotingRules(strategies=(TECHNICAL,))
    assert hold_vote(rules, {"technical": said("technical", "BUY", 90)}, NOON).action is Direction.BUY
    vote = hold_vote(rules, {"technical": said("technical", "BUY", 90, reads_text=True)}, NOON)
    assert vote.text.endswith("but only strategies that read text agree")


def test_each_term_is_weight_times_confidence_times_sign() -> None:
    signals = {"deepseek": said("deepseek", "SELL", 40), "technical": said("technical", "HOLD", 55)}
    vote = hold_vote(VotingRules(strategies=ALL), signals, NOON)
    assert [(term.strategy, term.weight, term.confidence, term.sign, term.product) for term in vote.terms] == [
        ("deepseek", 50, 40, -1, -2000),
        ("technical", 30, 55, 0, 0),
        ("news", 20, 0, 0, 0),
    ]
    assert [term.status for term in vote.terms] == ["ok", "ok", "stale"]
    assert vote.score == -20


@pytest.mark.parametrize(
    ("confidence", "action"), [("70", "BUY"), ("69.999", "HOLD"), ("70.001", "BUY"), ("69.9999999", "HOLD")]
)
def test_the_buy_threshold_is_inclusive(confidence: str, action: str) -> None:
    vote = hold_vote(VotingRules(strategies=(TECHNICAL,)), {"technical": said("technical", "BUY", confidence)}, NOON)
    assert vote.action == action


@pytest.mark.parametrize(("confidence", "action"), [("70", "SELL"), ("69.999", "HOLD"), ("70.001", "SELL")])
def test_the_sell_threshold_is_inclusive(confidence: str, action: str) -> None:
    vote = hold_vote(VotingRules(strategies=(TECHNICAL,)), {"technical": said("technical", "SELL", confidence)}, NOON)
    assert vote.action == action


@pytest.mark.parametrize(("weight", "action"), [("60", "BUY"), ("59.99", "HOLD"), ("60.01", "BUY")])
def test_exactly_enough_participation_is_enough(weight: str, action: str) -> None:
    rules = (
        a_strategy_rule("technical", weight=d(weight)),
        a_strategy_rule("quiet", weight=100 - d(weight)),
    )
    signals = {"technical": said("technical", "BUY", 100), "quiet": said("quiet", "HOLD", 0)}
    assert hold_vote(VotingRules(strategies=rules), signals, NOON).action == action


def test_thresholds_are_settings() -> None:
    rules = VotingRules(strategies=(TECHNICAL,), buy_threshold=d(30), sell_threshold=d(20), min_participation=d(0))
    assert hold_vote(rules, {"technical": said("technical", "BUY", 30)}, NOON).action == "BUY"
    assert hold_vote(rules, {"technical": said("technical", "SELL", 20)}, NOON).action == "SELL"
    assert "buys from 30, sells from −20" in hold_vote(rules, {"technical": said("technical", "BUY", 29)}, NOON).text


def test_a_tiny_opinion_is_an_opinion() -> None:
    vote = hold_vote(VotingRules(strategies=(TECHNICAL,)), {"technical": said("technical", "BUY", "0.1")}, NOON)
    assert (vote.participation_pct, vote.score) == (100, d("0.1"))


@pytest.mark.parametrize("early", [timedelta(microseconds=1), timedelta(0), -timedelta(seconds=1)])
def test_an_opinion_counts_until_the_moment_it_expires(early: timedelta) -> None:
    signal = a_signal(expires_at=NOON)
    expected = SignalStatus.OK if early > timedelta(0) else SignalStatus.STALE
    assert status_at(signal, NOON - early) is expected


def test_a_failed_answer_stays_failed_however_old() -> None:
    assert status_at(a_signal(status=FAILED, expires_at=NOON), NOON) is FAILED


def test_what_a_replaced_version_said_counts_no_more() -> None:
    rule = a_strategy_rule("technical", sha256="new")
    old, new = (said("technical", "BUY", 90, sha256=version) for version in ("old", "new"))
    assert hold_vote(VotingRules(strategies=(rule,)), {"technical": new}, NOON).action is Direction.BUY
    vote = hold_vote(VotingRules(strategies=(rule,)), {"technical": old}, NOON)
    assert (vote.action, vote.terms[0].status) == (Direction.HOLD, SignalStatus.STALE)
