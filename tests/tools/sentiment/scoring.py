"""How well labels were guessed."""

from collections.abc import Sequence

CLASSES = ("bullish", "neutral", "bearish")


def macro_f1(truth: Sequence[str], guessed: Sequence[str]) -> float:
    """The mean over the three labels of F1 = 2·hits / (guessed + true); a label that never occurs counts 0."""
    total = 0.0
    for label in CLASSES:
        hits = sum(1 for one, other in zip(truth, guessed, strict=True) if one == other == label)
        weight = sum(each == label for each in truth) + sum(each == label for each in guessed)
        total += 2 * hits / weight if weight else 0.0
    return total / len(CLASSES)
