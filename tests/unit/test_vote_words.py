"""A vote's text is for the record; people see its voters called as everywhere else."""

import pytest

from components.format import arithmetic, titled


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (
            "deepseek_analyzer BUY 62 × 50, technical_indicators SELL 64 × 30 → 11.8, buys from 70, sells from −70",
            "DeepSeek BUY 62 × 50, Technical indicators SELL 64 × 30 → 11.8, buys from 70, sells from −70",
        ),
        (
            "deepseek_analyzer not_configured (counts as HOLD × 50), news_analyzer no opinion → 0, buys from 70",
            "DeepSeek not set up (counts as HOLD × 50), News no opinion → 0, buys from 70",
        ),
        ("without “they say BUY now”: mine abstains → 0", "without “they say BUY now”: Mine abstains → 0"),
        ("this candle already had its entry", "this candle already had its entry"),
        ("mine SELL 65 × 30 → -65.0, sells from −70", "Mine SELL 65 × 30 → −65.0, sells from −70"),
        (
            "without “fell -3 % on day 2-3”: mine HOLD 1 × 1 → -0.5",
            "without “fell -3 % on day 2-3”: Mine HOLD 1 × 1 → −0.5",
        ),
    ],
)
def test_voters_have_their_names(recorded: str, said: str) -> None:
    assert arithmetic(recorded) == said


def test_a_strategy_of_ones_own_is_called_by_its_file() -> None:
    assert (titled("my_idea"), titled("news_analyzer")) == ("My idea", "News")
