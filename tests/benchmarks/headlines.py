"""The classifier of headlines: how often it is right beside VADER, on rows it never learned from, and how fast."""

import csv
import subprocess
import sys
import time
from pathlib import Path

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from services.news.sentiment import MODEL, Label, Sentiment
from tests.benchmarks.rows import Row
from tests.tools.sentiment import corpus
from tests.tools.sentiment.scoring import macro_f1

ROOT = Path(__file__).resolve().parents[2]
NEWS = ROOT.parent / "shared/data/news"
PHRASEBANK = NEWS / "financial_phrasebank_part1.csv"
TWITTER = NEWS / "twitter_financial_news_valid_part1.csv"
WORDS: dict[str, Label] = {"positive": "bullish", "negative": "bearish", "neutral": "neutral"}
WORDS |= {"1": "bullish", "0": "bearish", "2": "neutral", "bullish": "bullish", "bearish": "bearish"}
VADER_THRESHOLD = 0.05  # as its documentation has it


def right() -> list[Row]:
    """Macro-F1 on two labelled files, ours and VADER's in the same run; the row to watch is how far apart they are."""
    rows: list[Row] = []
    for name, file in (("company reports", PHRASEBANK), ("tweets", TWITTER)):
        if not file.exists():
            print(f"headlines, {name}: skipped, {file.name} is not here", file=sys.stderr)
            continue
        texts, truth = _labelled(file)
        ours = Sentiment()
        mine = macro_f1(truth, [ours.label(text) for text in texts])
        theirs = macro_f1(truth, _vader(texts))
        how = f"macro-F1, {len(texts)} rows of {file.name}"
        rows += [
            Row(what=f"headlines, {name}: right", value=mine, unit="", how=how),
            Row(what=f"headlines, {name}: right, VADER", value=theirs, unit="", how=how),
            Row(
                what=f"headlines, {name}: VADER less ours",
                value=theirs - mine,
                unit="",
                target=-0.12,
                how=how,
                exact=True,
            ),
        ]
    return rows


def fast() -> list[Row]:
    """On one core, on short sentences (texts of 500 characters take longer); and the first answer of a new process."""
    texts = [text for _, text in corpus.sentences(per_template=10, per_phrase=1, seed=7)]
    ours = Sentiment()
    ours.score("")
    began = time.process_time()
    for text in texts:
        ours.label(text)
    each = (time.process_time() - began) / len(texts)
    how = f"{len(texts)} sentences, {1 / each:.0f} a second; the model has {MODEL.stat().st_size / 1000:.0f} kB"
    return [
        Row(what="headlines: one is labelled in", value=each * 1e3, unit="ms", target=0.5, how=how),
        Row(
            what="headlines: model read, first answer", value=_first_answer(), unit="ms", target=100, how="new process"
        ),
    ]


def _first_answer() -> float:
    code = (
        "import time; from services.news.sentiment import Sentiment; began = time.perf_counter(); "
        "Sentiment().score('Bitcoin rises'); print((time.perf_counter() - began) * 1e3)"
    )
    return float(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout)


def _vader(texts: list[str]) -> list[str]:
    judge = SentimentIntensityAnalyzer()
    scores = [judge.polarity_scores(text)["compound"] for text in texts]
    return [
        "bullish" if score >= VADER_THRESHOLD else "bearish" if score <= -VADER_THRESHOLD else "neutral"
        for score in scores
    ]


def _labelled(file: Path) -> tuple[list[str], list[str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    text = next(name for name in ("sentence", "text") if name in rows[0])
    label = next(name for name in ("label", "sentiment") if name in rows[0])
    return [row[text] for row in rows], [WORDS[row[label].strip().lower()] for row in rows]
