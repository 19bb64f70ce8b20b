"""What a strategy answers, checked before anybody relies on it; what is wrong with it becomes one clear line."""

import math
from dataclasses import fields
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from pandas.api.types import is_integer_dtype

from app.analyst import Question
from app.core.errors import StrategyError
from strategies.base_strategy import Signal

LONGEST_REASONING = 1000  # characters
LONGEST_QUESTION = 100_000
HUNDREDTH = Decimal("0.01")
TIE = 1e-6
Answer = tuple[str, Decimal, str]


def signs(given: DataFrame) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """What a strategy's vectorised form says, checked and rounded exactly as a Signal's confidence is."""
    said = given["action"]
    if is_integer_dtype(said.dtype):
        buys, sells, holds = (said == sign for sign in (1, -1, 0))
    else:
        buys, sells, holds = (said == word for word in ("BUY", "SELL", "HOLD"))
    if not (buys | sells | holds).all():
        raise StrategyError("signals: every action must be BUY, SELL or HOLD (or 1, -1, 0)")
    action: NDArray[np.int8] = buys.to_numpy(dtype=np.int8) - sells.to_numpy(dtype=np.int8)
    exact = given["confidence"].to_numpy(dtype=np.float64)
    confidence = np.round(exact, 2)
    ties = np.flatnonzero(np.abs(exact * 1000 % 10 - 5) < TIE)
    confidence[ties] = [float(rounded(value)) for value in exact[ties].tolist()]
    confidence[~((exact >= 0) & (exact <= 100))] = np.nan  # no Signal could be made of it
    return action, confidence


@lru_cache(maxsize=1024)  # strategies say the same few numbers again and again
def rounded(confidence: float) -> Decimal:
    return Decimal(str(confidence)).quantize(HUNDREDTH, rounding=ROUND_HALF_EVEN)


def reading(value: object) -> float | None:
    return float(value) if isinstance(value, (bool, int, float)) and math.isfinite(value) else None


def question(question: object) -> Question | None:
    if question is None:
        return None
    if not isinstance(question, Question):
        raise StrategyError(f"question must return a Question or None, not {type(question).__name__}")
    for field in fields(Question):
        text = getattr(question, field.name)
        if not isinstance(text, str) or len(text) > LONGEST_QUESTION:
            raise StrategyError(f"question: {field.name} must be a text of at most {LONGEST_QUESTION:,} characters")
    return question


def answer(signal: object) -> Answer:
    if not isinstance(signal, Signal):
        raise StrategyError(f"analyze must return a Signal, not {type(signal).__name__}")
    confidence = rounded(float(signal.confidence) + 0.0)  # no -0
    text = signal.reasoning
    return (
        signal.action,
        confidence,
        text if len(text) <= LONGEST_REASONING else f"{text[: LONGEST_REASONING - 1]}…",
    )
