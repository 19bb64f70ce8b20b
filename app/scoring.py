"""How strategies have done, day by day: how often they were right, how sure they were, what they earned. Pure.

Accuracy: the share of BUY and SELL signals whose direction the price took over the next 24 hours; a price that stood
still proves nobody right. Contribution: a trade's result shared by weight × confidence among those who agreed with
its entry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.core.decisions import Decision
from app.core.model import Direction, Signal, SignalStatus
from app.core.money import ZERO
from app.core.voting import SIGNS, shares

HORIZON = timedelta(hours=24)
DAYS = 30  # over which a strategy is judged
ENOUGH = 100  # judged signals, below which nothing is said of chance
CHANCE_PCT = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A signal that could be checked: the price when it was given and the price 24 hours later."""

    signal: Signal
    price: Decimal
    later: Decimal

    @property
    def correct(self) -> bool:
        return SIGNS[self.signal.action] * (self.later - self.price) > ZERO


@dataclass(slots=True, kw_only=True)
class Score:
    """One strategy's one UTC day (by when its signals were given, and its trades closed). Sums, so that they add up.

    `groups`: lowest confidence of a group of ten → [judged, correct, sum of confidence].
    """

    strategy: str
    day: date
    signals: int = 0
    confidence: Decimal = ZERO
    judged: int = 0
    correct: int = 0
    earned: Decimal = ZERO
    groups: dict[int, list[float]] = field(default_factory=dict)


class Scores:
    """Gathers what is new into scores by strategy and day."""

    def __init__(self) -> None:
        self.by_day: dict[tuple[str, date], Score] = {}

    def given(self, signal: Signal) -> None:
        """An opinion was given; "no opinion" and a missing one are none."""
        if is_opinion(signal):
            score = self._of(signal.strategy, signal.given_at)
            score.signals += 1
            score.confidence += signal.confidence

    def judged(self, judged: Judged) -> None:
        signal = judged.signal
        score = self._of(signal.strategy, signal.given_at)
        score.judged += 1
        score.correct += judged.correct
        group = score.groups.setdefault(min(int(signal.confidence) // 10 * 10, 90), [0, 0, 0.0])
        group[0] += 1
        group[1] += judged.correct
        group[2] += float(signal.confidence)

    def earned(self, closed_at: datetime, result: Decimal, entry: Decision) -> None:
        """A trade's result, shared among those who agreed with its entry."""
        for strategy, share in shares(entry.vote).items():
            self._of(strategy, closed_at).earned += result * share

    def _of(self, strategy: str, at: datetime) -> Score:
        key = strategy, at.date()
        return self.by_day.setdefault(key, Score(strategy=strategy, day=at.date()))


def is_opinion(signal: Signal) -> bool:
    return signal.status is SignalStatus.OK and signal.confidence > ZERO


def is_directed(signal: Signal) -> bool:
    """BUY or SELL: what can be right or wrong."""
    return is_opinion(signal) and signal.action is not Direction.HOLD


def summary(scores: Iterable[Score], today: date) -> dict[str, Any]:
    """The last thirty days of one strategy in the API's words. Percentages are None where nothing was judged."""
    recent = [score for score in scores if today - timedelta(days=DAYS) < score.day <= today]
    judged, correct = sum(score.judged for score in recent), sum(score.correct for score in recent)
    signals = sum(score.signals for score in recent)
    accuracy = round(100 * correct / judged, 1) if judged else None
    confidence = sum((score.confidence for score in recent), ZERO)
    return {
        "date_from": min((score.day for score in recent), default=today).isoformat(),
        "signals_generated": signals,
        "judged": judged,
        "accuracy_pct": accuracy,
        "avg_confidence": round(float(confidence / signals), 1) if signals else None,
        "contribution_to_pnl": sum((score.earned for score in recent), ZERO),
        "calibration": _calibration(recent),
        "days": [_day(score) for score in sorted(recent, key=lambda each: each.day, reverse=True)],
        "worse_than_chance": accuracy is not None and accuracy < CHANCE_PCT and _judged_long_enough(recent, today),
    }


def _day(score: Score) -> dict[str, Any]:
    return {
        "date": score.day.isoformat(),
        "signals_generated": score.signals,
        "judged": score.judged,
        "accuracy_pct": round(100 * score.correct / score.judged, 1) if score.judged else None,
        "avg_confidence": round(float(score.confidence / score.signals), 1) if score.signals else None,
        "contribution_to_pnl": score.earned,
    }


def _judged_long_enough(recent: list[Score], today: date) -> bool:
    """A month, but for the days at its ends: the youngest signals cannot be judged yet."""
    days = [score.day for score in recent if score.judged]
    return sum(score.judged for score in recent) >= ENOUGH and today - min(days, default=today) >= timedelta(
        days=DAYS - 2
    )


def _calibration(recent: list[Score]) -> list[Mapping[str, float]]:
    """Does 80 mean 80? One row a group of ten: mean confidence beside the share that came true."""
    groups: dict[int, list[float]] = {}
    for score in recent:
        for lowest, values in score.groups.items():
            sums = groups.setdefault(lowest, [0, 0, 0.0])
            groups[lowest] = [a + b for a, b in zip(sums, values, strict=True)]
    return [
        {
            "from": lowest,
            "signals": count,
            "confidence": round(sure / count, 1),
            "correct_pct": round(100 * right / count, 1),
        }
        for lowest, (count, right, sure) in sorted(groups.items())
    ]
