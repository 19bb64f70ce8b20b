"""What the classifier of headlines makes of a headline, and why."""

import json
from pathlib import Path

import pytest

from services.news.sentiment import MODEL, Sentiment
from tests.tools.sentiment import corpus
from tests.tools.sentiment.scoring import macro_f1
from tests.tools.sentiment.training import Recipe, trained

JUDGE = Sentiment()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Quarterly profit rises", "bullish"),
        ("Quarterly profit falls", "bearish"),
        ("Quarterly loss falls", "bullish"),
        ("Quarterly loss rises", "bearish"),
        ("Company cuts costs", "bullish"),
        ("Company cuts guidance", "bearish"),
        ("Drop in unemployment", "bullish"),
        ("Sales fell as costs rose", "bearish"),
    ],
)
def test_a_direction_is_read_together_with_what_it_moves(text: str, label: str) -> None:
    assert JUDGE.label(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Revenue of EUR 61 mn, compared with EUR 55 mn in spring", "bullish"),
        ("Revenue of EUR 55 mn, compared with EUR 61 mn in spring", "bearish"),
        ("Margin moved from 4.1 % to 5.6 %", "bullish"),
        ("Margin moved from 5.6 % to 4.1 %", "bearish"),
        ("A loss of 2.5 mn against a profit of 1.5 mn", "bearish"),
        ("A profit of 1.5 mn against a loss of 2.5 mn", "bullish"),
        ("A net loss of 2 mn against a net loss of 7 mn", "bullish"),
    ],
)
def test_where_two_numbers_are_compared_they_tell(text: str, label: str) -> None:
    assert JUDGE.label(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The new mine is profitable", "bullish"),
        ("The new mine is not profitable", "bearish"),
        ("The product was not a success", "bearish"),
        ("The product was a success", "bullish"),
    ],
)
def test_a_denial_turns_what_it_denies(text: str, label: str) -> None:
    assert JUDGE.label(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("SEC approves spot bitcoin ETF", "bullish"),
        ("SEC rejects spot bitcoin ETF", "bearish"),
        ("Bitcoin hash rate climbs to a record", "bullish"),
        ("Bitcoin ETF outflows climb", "bearish"),
        ("Hackers drain $40 million from exchange", "bearish"),
        ("Exchange halts withdrawals", "bearish"),
        ("Bitcoin breaks above $60,000", "bullish"),
        ("Bitcoin slides below $60,000", "bearish"),
        ("What is a hardware wallet?", "neutral"),
        ("Developers meet in Prague on Tuesday", "neutral"),
    ],
)
def test_the_language_of_crypto_is_known(text: str, label: str) -> None:
    assert JUDGE.label(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("$QTX - Quantix EPS beats by $0.04, beats on revenue", "bullish"),
        ("$QTX - Quantix EPS misses by $0.04, misses on revenue", "bearish"),
        ("Quantix price target raised at Corvin", "bullish"),
        ("Quantix price target cut at Corvin", "bearish"),
        ("$QTX - Quantix declares $0.12 dividend https://t.co/x1", "neutral"),
    ],
)
def test_the_language_of_the_street_is_known(text: str, label: str) -> None:
    assert JUDGE.label(text) == label


def test_it_names_the_words_that_tipped_it() -> None:
    (first, *_) = JUDGE.explain("Net debt grew while sales remained flat")
    assert first.words == "net debt grew"
    assert first.push < 0

    (first, *_) = JUDGE.explain("Sales in Poland have clearly grown")
    assert first.words == "sales … grown"
    assert first.push > 0


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\x1b[31m", "🤷", "日本語の見出し", "ビットコイン", "12345", "?!?", "NaN"]
)
def test_what_it_cannot_read_is_neutral(text: str) -> None:
    assert JUDGE.label(text) == "neutral"
    assert JUDGE.explain(text) == []


def test_words_past_the_first_five_hundred_characters_are_not_looked_at() -> None:
    quiet = "the meeting is on the first floor of the house " * 12
    assert JUDGE.score(quiet + "and the exchange was hacked") == JUDGE.score(quiet)


def test_a_model_in_another_place_is_used_instead(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    model = {"threshold": 0.5, "bias": [0, 0], "lexicon": {"good": ["tea"]}, "weights": {"word+": [3, 0]}}
    path.write_text(json.dumps(model), encoding="utf-8")
    assert Sentiment(path).label("tea") == "bullish"
    assert Sentiment(path).label("coffee") == "neutral"


def test_the_file_that_is_shipped_is_the_one_the_training_makes() -> None:
    shipped, made = json.loads(MODEL.read_text(encoding="utf-8")), trained(Recipe())
    assert shipped["lexicon"] == made["lexicon"]
    assert shipped["threshold"] == made["threshold"]
    assert shipped["bias"] == pytest.approx(made["bias"], abs=0.02)
    edge = {name for name, pair in {**shipped["weights"], **made["weights"]}.items() if max(map(abs, pair)) > 0.05}
    for name in edge:  # weights next to the smallest one kept may be in or out on another machine
        assert shipped["weights"][name] == pytest.approx(made["weights"][name], abs=0.02), name


@pytest.mark.parametrize(("kind", "least"), [("reports", 0.9), ("street", 0.85), ("crypto", 0.75)])
def test_it_still_reads_the_sentences_it_was_mended_on(kind: str, least: float) -> None:
    """A floor against getting worse. The lexicon was mended on these, so they do not tell how good it is."""
    pairs = corpus.validation(kind)
    assert macro_f1([label for label, _ in pairs], [JUDGE.label(text) for _, text in pairs]) >= least


def test_no_weight_is_fitted_on_a_validation_sentence() -> None:
    learned = {text for _, text in corpus.sections("examples.txt")} | {
        text for _, text in corpus.sentences(per_template=8, per_phrase=1, seed=1)
    }
    assert not learned & {text for _, text in corpus.validation()}


def test_the_model_is_small() -> None:
    assert MODEL.stat().st_size < 300_000
