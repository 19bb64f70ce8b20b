"""What a model wrote, read strictly: one opinion in bounds, or the reason why it is none.

What can be read safely is read: a fence, words around one single object, small letters. What is ambiguous is refused.
"""

import json
import math
import re
import unicodedata
from typing import Any

LONGEST = 20_000  # characters of an answer; what was asked for takes a tenth
LONGEST_REASONING = 2_000
SIGNALS = ("BUY", "SELL", "HOLD")
REGIMES = ("trending", "ranging", "unclear")
HIGHEST_PRICE = 1e9
MOST_TRIES = 20  # places at which an object may seem to begin and does not
_FENCE = re.compile(r"\s*```[A-Za-z]{0,10}\s*\n(.*?)\n?\s*```\s*", re.DOTALL)


class Unusable(Exception):
    """No opinion can be read from it; why, in words of our own."""


def read(content: object) -> str:
    """The opinion as canonical JSON of exactly these fields: signal, confidence, reasoning, support, resistance,
    regime. Raises Unusable."""
    if not isinstance(content, str) or not content.strip():
        raise Unusable("the answer is blank")
    if len(content) > LONGEST:
        raise Unusable(f"the answer is longer than {LONGEST:,} characters")
    given = _only_object(content)
    opinion = {
        "signal": _signal(given),
        "confidence": _confidence(given),
        "reasoning": _reasoning(given),
        "support": _level(given.get("support")),
        "resistance": _level(given.get("resistance")),
        "regime": _regime(given.get("regime")),
    }
    return json.dumps(opinion, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# ---------------------------------------------------------------- finding the object


def _only_object(content: str) -> dict[str, Any]:
    fenced = _FENCE.fullmatch(content)
    found = _objects(fenced[1] if fenced else content)
    if not found:
        raise Unusable("the answer holds no JSON object")
    if len(found) > 1:
        raise Unusable("the answer holds more than one JSON object")
    return found[0]


def _objects(text: str) -> list[dict[str, Any]]:
    """Every JSON object of the text that stands in no other one; at most two, since two are one too many."""
    found: list[dict[str, Any]] = []
    place, tries = text.find("{"), 0
    while place >= 0 and len(found) < 2:
        try:
            given, end = _DECODER.raw_decode(text, place)
            found.append(given)
        except (ValueError, RecursionError):
            tries += 1
            if tries == MOST_TRIES:
                raise Unusable("the answer is no JSON") from None
            end = place + 1
        place = text.find("{", end)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Unusable("the answer says one thing twice")
    return given


def _no_number(word: str) -> float:
    raise Unusable(f"the answer holds {word}, which is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


# ---------------------------------------------------------------- its fields


def _signal(given: dict[str, Any]) -> str:
    signal = given.get("signal")
    word = signal.strip() if isinstance(signal, str) else ""
    if not word.isascii() or word.upper() not in SIGNALS:
        raise Unusable("signal is not BUY, SELL or HOLD")
    return word.upper()


def _confidence(given: dict[str, Any]) -> float | int:
    """A number from 0 to 100. One between 0 and 1 is refused: it is most likely a share that was meant as per cent,
    and neither 0.9 % nor 90 % is ours to choose: the first would hide an opinion, the second would invent a strong one.
    """
    sure = _number(given.get("confidence"))
    if sure is None or not 0 <= sure <= 100:
        raise Unusable("confidence is not a number from 0 to 100")
    if 0 < sure < 1:
        raise Unusable("confidence is a share of one; it must be a number from 0 to 100")
    sure = round(sure, 2)
    return int(sure) if sure == int(sure) else sure


def _reasoning(given: dict[str, Any]) -> str:
    text = given.get("reasoning")
    words = cleaned(text) if isinstance(text, str) else ""
    if not words:
        raise Unusable("reasoning is not a text")
    return words if len(words) <= LONGEST_REASONING else f"{words[: LONGEST_REASONING - 1]}…"


def _level(value: object) -> float | None:
    """A price; None for whatever is none. It only ever stands in words, so it is not worth another question."""
    price = _number(value)
    return round(price, 2) if price is not None and 0 < price <= HIGHEST_PRICE else None


def _regime(value: object) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    return word if word in REGIMES else "unclear"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def cleaned(text: str) -> str:
    """One line without control, direction, joining, private or half characters."""
    kept = (" " if mark.isspace() else mark for mark in text if mark.isspace() or _shows(mark))
    return " ".join("".join(kept).split())


def _shows(mark: str) -> bool:
    return unicodedata.category(mark) not in ("Cc", "Cf", "Co", "Cs", "Cn")
