"""Whatever stands in a feed, the classifier answers: bounded, always alike, and quickly."""

import time

from hypothesis import given
from hypothesis import strategies as st

from services.news.sentiment import Sentiment

JUDGE = Sentiment()
WORDS = st.sampled_from(
    "profit loss rose fell not no from to versus 5% -3% $ABC 1.2.3 10,000 , . ? $ 🚀 https://x.y % EUR mn".split()
)
ANYTHING = st.one_of(st.text(max_size=600), st.lists(WORDS, max_size=120).map(" ".join))


@given(ANYTHING)
def test_any_text_has_one_bounded_score_and_a_label_that_agrees(text: str) -> None:
    score = JUDGE.score(text)
    assert -1 <= score <= 1
    assert JUDGE.score(text) == Sentiment().score(text) == score
    label = JUDGE.label(text)
    assert label == JUDGE.label_of(score)
    assert (label == "bullish") == (score >= JUDGE.threshold)
    assert (label == "bearish") == (score <= -JUDGE.threshold)


@given(ANYTHING)
def test_the_reasons_point_where_the_label_points(text: str) -> None:
    reasons = JUDGE.explain(text)
    assert len(reasons) <= 3
    if JUDGE.label(text) == "bullish":
        assert all(each.push > 0 for each in reasons)
    if JUDGE.label(text) == "bearish":
        assert all(each.push < 0 for each in reasons)


def took(text: str) -> float:
    began = time.process_time()
    JUDGE.score(text)
    return time.process_time() - began


def test_a_megabyte_takes_no_longer_than_a_headline() -> None:
    for hostile in ("from 1 " * 150_000, "$" * 1_000_000, "ﷺ" * 400_000, "not profit " * 100_000, "1," * 500_000):
        assert min(took(hostile) for _ in range(3)) < 0.05
