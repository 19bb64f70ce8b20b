"""The news strategy: what it says of which headlines, how that fades, and that it never looks ahead."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.errors import ConfigError
from app.core.model import NewsEvent
from strategies.news_analyzer import NewsAnalyzer
from strategies.runtime import LocalStrategies
from tests.strategy_cases import a_rule, candles_of, shown

DATA = shown(candles_of([20_000.0] * 2)[1:])
AT = DATA.at


def story(
    title: str = "A hack", score: float = -0.8, severity: str = "high", hours: float = 0, id: str = ""
) -> NewsEvent:
    at = AT - timedelta(hours=hours)
    return NewsEvent(
        id=id or title,
        published_at=at,
        seen_at=at,
        source="coindesk.com",
        title=title,
        url="",
        severity=severity,
        sentiment="bullish" if score > 0 else "bearish" if score < 0 else "neutral",
        score=score,
        sources=("coindesk.com",),
    )


def opinion(*events: NewsEvent, **settings: object) -> tuple[str, float, str]:
    signal = NewsAnalyzer(settings).analyze(DATA, events)
    return signal.action, signal.confidence, signal.reasoning


def test_no_news_is_no_opinion_and_says_so() -> None:
    assert opinion() == ("HOLD", 0, "No news of the last 72 hours: no opinion.")
    assert opinion(story(score=0))[:2] == ("HOLD", 0)
    assert opinion(story(hours=73))[1] == 0


def test_a_grave_story_counts_more_than_a_small_one_and_a_fresh_more_than_an_old_one() -> None:
    def sure(**changes: object) -> float:
        return opinion(story(**changes), weakest_confidence=0.0)[1]

    assert 100 > sure(severity="high") > sure(severity="medium") > sure(severity="low") > 0
    assert sure(hours=0) > sure(hours=6) > sure(hours=24) > 0


def test_too_little_is_no_opinion_rather_than_one_that_waters_down_the_vote() -> None:
    action, confidence, reasoning = opinion(story("Small talk", 0.4, "low"))
    assert (action, confidence) == ("HOLD", 0)
    assert reasoning.startswith("Too little to lean on (6 of 100): no opinion. Bullish news weigh 0.20, bearish 0.00.")


def test_half_of_it_is_left_after_a_half_life() -> None:
    young, old = (NewsAnalyzer()._weighed(story(hours=hours), AT).weight for hours in (0, 12))
    assert old == pytest.approx(young / 2)


def test_many_stories_are_surer_but_never_more_than_sure() -> None:
    grave = [story(f"Hack {number}") for number in range(100)]
    assert opinion(*grave[:1])[1] < opinion(*grave[:3])[1] < opinion(*grave)[1] <= 100


def test_good_and_bad_news_of_one_weight_balance() -> None:
    action, confidence, reasoning = opinion(story("Good", 0.8), story("Bad", -0.8))
    assert (action, reasoning[:17]) == ("HOLD", "The news balance.")
    assert confidence > 0


@pytest.mark.parametrize(("score", "action"), [(0.9, "BUY"), (-0.9, "SELL")])
def test_it_says_why_in_plain_words(score: float, action: str) -> None:
    told = replace(story("SEC approves ETF", score, hours=3), sources=("coindesk.com", "reuters.com"))
    found, _, reasoning = opinion(told, story("small", score / 2, "low"))
    assert found == action
    assert "“SEC approves ETF” (coindesk.com and 1 more, 3 h ago, high" in reasoning


def test_what_is_seen_later_is_not_looked_at() -> None:
    later = replace(story(), seen_at=AT + timedelta(seconds=1))
    assert opinion(later)[1] == 0


def test_the_order_in_which_stories_are_shown_changes_nothing() -> None:
    stories = [story(f"Story {number}", (-1) ** number * 0.3 + 0.1, hours=number) for number in range(20)]
    assert opinion(*stories) == opinion(*reversed(stories))


def test_odd_scores_say_nothing() -> None:
    assert opinion(replace(story(), score=float("nan")))[1] == 0
    assert (
        opinion(replace(story(), score=-50.0)) == opinion(story(score=-1.0))
        or opinion(replace(story(), score=-50.0))[1] == opinion(story(score=-1.0))[1]
    )


def test_long_headlines_leave_room_in_the_reasoning() -> None:
    assert len(opinion(*(story("x" * 300, id=str(number)) for number in range(5)))[2]) < 700


def test_it_runs_as_every_strategy_does() -> None:
    strategies, rule = LocalStrategies(), a_rule("news_analyzer")
    (face,) = strategies.load([rule])
    assert (face.reads_text, face.startup_candles) == (True, 1)
    assert strategies.ask(rule, DATA, [story()])[0] == "SELL"


@pytest.mark.parametrize(
    ("settings", "words"), [({"half_life_high_hours": 0}, "use 0.25 to 72"), ({"weight_low": 9}, "fall in this order")]
)
def test_a_wrong_setting_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        NewsAnalyzer(settings)
