"""Is a headline good or bad for who holds what it speaks of? A small linear model over `reading.features`.

No model is downloaded: lexicon and weights stand in `sentiment.json`, made by `make sentiment`. Any text is answered,
the same text always alike, in bounded time; what it cannot read is neutral.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from services.news.reading import Finding, Lexicon, Token, features, findings, tokens_of

Label = Literal["bullish", "bearish", "neutral"]
MODEL = Path(__file__).with_name("sentiment.json")
TOLD = 3  # reasons that `explain` gives


@dataclass(frozen=True, slots=True)
class Reason:
    """Words that tipped the scale, and how far: above 0 towards bullish."""

    words: str
    push: float


class Sentiment:
    """Scores headlines from −1 (bearish) to 1 (bullish). The model is read at the first question."""

    def __init__(self, model: Path = MODEL) -> None:
        self._path = model

    def score(self, text: str) -> float:
        """Chance that it is good news less chance that it is bad news."""
        _, _, values = self._read(text)
        bull, bear = self._odds(values)
        return round(_chance(bull, bear) - _chance(bear, bull), 4)

    def label(self, text: str) -> Label:
        return self.label_of(self.score(text))

    def label_of(self, score: float) -> Label:
        """Beyond the threshold of the model on either side; between them neutral."""
        if abs(score) < self.threshold:
            return "neutral"
        return "bullish" if score > 0 else "bearish"

    def explain(self, text: str) -> list[Reason]:
        """The words that pushed most towards the label; for a neutral text, what pulled it either way."""
        tokens, found, values = self._read(text)
        pushes = [Reason(said, self._push(names, values)) for said, names in _said(tokens, found)]
        label = self.label(text)
        if label != "neutral":
            pushes = [each for each in pushes if (each.push > 0) is (label == "bullish")]
        return sorted((each for each in pushes if each.push), key=lambda each: -abs(each.push))[:TOLD]

    @property
    def threshold(self) -> float:
        return float(self._model["threshold"])

    @cached_property
    def _model(self) -> Mapping[str, Any]:
        read: Mapping[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return read

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon(self._model["lexicon"])

    @cached_property
    def _weights(self) -> Mapping[str, Sequence[float]]:
        weights: Mapping[str, Sequence[float]] = self._model["weights"]
        return weights

    def _read(self, text: str) -> tuple[list[Token], list[Finding], dict[str, float]]:
        tokens = tokens_of(text)
        found = findings(tokens, self._lexicon.items(tokens))
        return tokens, found, features(tokens, found)

    def _odds(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Bullish and bearish against neutral, as logarithms."""
        bull, bear = self._model["bias"]
        weights = self._weights
        for name, value in values.items():
            weight = weights.get(name)
            if weight:
                bull += value * weight[0]
                bear += value * weight[1]
        return bull, bear

    def _push(self, names: Sequence[str], values: Mapping[str, float]) -> float:
        push = 0.0
        for name in names:
            bull, bear = self._weights.get(name, (0.0, 0.0))
            push += (bull - bear) * min(1.0, values.get(name, 0.0))
        return round(push, 2)


def _said(tokens: Sequence[Token], found: Sequence[Finding]) -> list[tuple[str, list[str]]]:
    """The words of the text and the features they bring."""
    said = [(each.words, [each.name]) for each in found]
    told = {word for each in found for word in each.words.split()}
    said += [(token.text, [f"_{token.root}"]) for token in tokens if token.text not in told and token.text.isalpha()]
    return said


def _chance(one: float, other: float) -> float:
    """Softmax against a neutral of 0."""
    top = max(one, other, 0.0)
    return math.exp(one - top) / (math.exp(one - top) + math.exp(other - top) + math.exp(-top))
