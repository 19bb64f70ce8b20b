"""News as one opinion: what headlines say of the price, by how grave and how fresh they are. Never looks ahead.

Each story weighs its severity times the strength of what it says, and half of that after each half-life. The sum of
the bullish ones stands against that of the bearish ones; what is left over, as part of all, gives the action, and
how much news there is at all gives the confidence: many small stories are never as sure as a grave one that is clear.
Text alone opens no position: `reads_text` says so to the vote.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from app.core.errors import ConfigError
from strategies.base_strategy import BaseStrategy, MarketData, NewsEvent, Option, Signal

OLDEST = timedelta(hours=72)
SEVERITIES = ("high", "medium", "low")
NAMED = 3  # headlines in the reasoning
LONGEST = 120  # characters of each


@dataclass(frozen=True, slots=True)
class Weighed:
    """A story and what it weighs: above zero for buying, below for selling."""

    event: NewsEvent
    age: timedelta
    weight: float


class NewsAnalyzer(BaseStrategy):
    title = "News"
    reads_text = True
    startup_candles = 1
    options: ClassVar[dict[str, Option]] = {
        "half_life_high_hours": Option(12.0, 0.25, 72),
        "half_life_medium_hours": Option(6.0, 0.25, 72),
        "half_life_low_hours": Option(3.0, 0.25, 72),
        "weight_high": Option(4.0, 0, 10),
        "weight_medium": Option(1.5, 0, 10),
        "weight_low": Option(0.5, 0, 10),
        "weakest_score": Option(0.1, 0, 1),  # below it a headline says nothing
        "balance": Option(0.25, 0, 1),  # part of all by which one side must outweigh the other
        "saturation": Option(3.0, 0.1, 100),  # weight at which confidence reaches 63 of 100
        "weakest_confidence": Option(25.0, 0, 100),  # below it: no opinion, rather than one that waters down the vote
    }

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        super().__init__(settings)
        high, medium, low = (self.settings[f"weight_{severity}"] for severity in SEVERITIES)
        if not high >= medium >= low:
            raise ConfigError(f"{self.name}: weight_high, weight_medium and weight_low must fall in this order")

    def analyze(self, market_data: MarketData, news_events: Sequence[NewsEvent]) -> Signal:
        now = market_data.at
        known = [event for event in news_events if event.seen_at <= now and now - event.published_at <= OLDEST]
        if not known:
            return Signal("HOLD", 0, "No news of the last 72 hours: no opinion.")
        weighed = [each for each in (self._weighed(event, now) for event in known) if each.weight]
        if not weighed:
            return Signal("HOLD", 0, f"{_count(len(known))} of the last 72 hours, none that says where the price goes.")
        weighed.sort(key=lambda each: (-abs(each.weight), each.event.id))
        good = math.fsum(each.weight for each in weighed if each.weight > 0)
        bad = math.fsum(-each.weight for each in weighed if each.weight < 0)
        return self._opinion(good, bad, weighed)

    def _weighed(self, event: NewsEvent, now: datetime) -> Weighed:
        s = self.settings
        severity = event.severity if event.severity in SEVERITIES else "low"
        age = max(now - event.published_at, timedelta(0))
        score = min(max(event.score, -1.0), 1.0) if math.isfinite(event.score) else 0.0
        if event.sentiment == "neutral" or abs(score) < s["weakest_score"]:
            score = 0.0
        decay = 0.5 ** (age / timedelta(hours=s[f"half_life_{severity}_hours"]))
        return Weighed(event, age, s[f"weight_{severity}"] * score * decay)

    def _opinion(self, good: float, bad: float, weighed: Sequence[Weighed]) -> Signal:
        total = good + bad
        lean = (good - bad) / total
        sure = 100 * (1 - math.exp(-total / self.settings["saturation"]))
        words = (
            f"Bullish news weigh {good:.2f}, bearish {bad:.2f}. Strongest: {'; '.join(map(_named, weighed[:NAMED]))}."
        )
        balanced = abs(lean) < self.settings["balance"]
        confidence = round(sure * (1 - abs(lean) if balanced else abs(lean)), 2)
        if confidence < self.settings["weakest_confidence"]:
            return Signal("HOLD", 0, f"Too little to lean on ({confidence:.0f} of 100): no opinion. {words}")
        if balanced:
            return Signal("HOLD", confidence, f"The news balance. {words}")
        return Signal("BUY" if lean > 0 else "SELL", confidence, words)


def _named(each: Weighed) -> str:
    event = each.event
    title = event.title if len(event.title) <= LONGEST else f"{event.title[: LONGEST - 1]}…"
    outlets = f"{event.source} and {len(event.sources) - 1} more" if len(event.sources) > 1 else event.source
    return f"“{title}” ({outlets}, {_age(each.age)} ago, {event.severity}, {each.weight:+.2f})"


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 90 else f"{round(minutes / 60)} h"


def _count(number: int) -> str:
    return "1 story" if number == 1 else f"{number} stories"
