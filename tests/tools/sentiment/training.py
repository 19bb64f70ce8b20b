"""Fits the classifier: multinomial logistic regression, neutral as the base, by plain full-batch gradients.

The same sentences give the same weights; they are rounded to two decimals, which other machines reach within 0.02.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.news.reading import Lexicon, features, findings, tokens_of
from tests.tools.sentiment import corpus

SEED = 20_240
SIDES = ("bullish", "bearish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What was chosen on the validation sentences."""

    per_template: int = 8
    per_phrase: int = 6
    least: int = 4  # sentences a word must stand in
    words_l2: float = 4.0  # how dear the weight of a single word is, against …
    findings_l2: float = 20.0  # … that of a finding, which is shared by all words of its kind
    threshold: float = 0.5
    steps: int = 250
    smallest: float = 0.03  # weights below are left out


def read(text: str, lexicon: Lexicon) -> dict[str, float]:
    tokens = tokens_of(text)
    return features(tokens, findings(tokens, lexicon.items(tokens)))


def trained(recipe: Recipe) -> dict[str, Any]:
    """The model as it is written to sentiment.json."""
    phrases = corpus.lexicon()
    lexicon = Lexicon(phrases)
    known: dict[str, dict[str, float]] = {}
    sentences = sorted(set(corpus.sentences(recipe.per_template, recipe.per_phrase, SEED)))
    rows = [known.setdefault(text, read(text, lexicon)) for _, text in sentences]
    often = Counter(name for row in rows for name in row)
    names = sorted(name for name, count in often.items() if count >= recipe.least)
    bias, weights = _fitted(rows, [label for label, _ in sentences], names, recipe)
    kept = {
        name: [round(float(each), 2) for each in pair]
        for name, pair in zip(names, weights, strict=True)
        if np.abs(pair).max() >= recipe.smallest
    }
    return {
        "threshold": recipe.threshold,
        "bias": [round(float(each), 2) for each in bias],
        "lexicon": phrases,
        "weights": kept,
    }


def _fitted(
    rows: Sequence[Mapping[str, float]], labels: Sequence[str], names: Sequence[str], recipe: Recipe
) -> tuple[Any, Any]:
    index = {name: at for at, name in enumerate(names)}
    row_of, column_of, value_of = [], [], []
    for at, row in enumerate(rows):
        for name, value in row.items():
            if name in index:
                row_of.append(at)
                column_of.append(index[name])
                value_of.append(value)
    where, which, value = np.array(row_of), np.array(column_of), np.array(value_of)
    truth = np.array([[label == side for side in SIDES] for label in labels], dtype=float)
    count = Counter(labels)
    share = np.array([len(labels) / 3 / count[label] for label in labels])  # each label weighs the same
    dear = np.array([recipe.words_l2 if "_" in name else recipe.findings_l2 for name in names])[:, None]

    def slope(bias: Any, weights: Any) -> tuple[Any, Any]:
        odds = np.stack(
            [np.bincount(where, value * weights[which, side], len(rows)) + bias[side] for side in (0, 1)], axis=1
        )
        top = np.maximum(odds.max(axis=1, keepdims=True), 0)
        powers = np.exp(odds - top)
        chance = powers / (powers.sum(axis=1, keepdims=True) + np.exp(-top))
        wrong = (chance - truth) * share[:, None]
        back = [np.bincount(which, value * wrong[where, side], len(names)) for side in (0, 1)]
        return wrong.sum(axis=0), np.stack(back, axis=1) + dear * weights

    return _descended(slope, len(names), recipe.steps)


def _descended(slope: Any, size: int, steps: int) -> tuple[Any, Any]:
    """Rprop-like steps of their own for every weight (Adam with a falling rate): no library, no chance."""
    here = np.zeros((size + 1, 2))
    mean, square = np.zeros_like(here), np.zeros_like(here)
    for step in range(1, steps + 1):
        bias, weights = slope(here[0], here[1:])
        uphill = np.vstack([bias[None, :], weights])
        mean = 0.9 * mean + 0.1 * uphill
        square = 0.99 * square + 0.01 * uphill**2
        rate = 0.1 * (1 - step / (steps + 1))
        here -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return here[0], here[1:]
