"""One strategy's opinion with its reasons, or why it has none: the same on a position, a decision and a receipt."""

from decimal import Decimal

from app.ports import Row
from components import format as words
from components.parts import Text, box


def opinion(strategy: str, action: str, confidence: Decimal, status: str, reasoning: str) -> None:
    with box("opinion", "li"):
        with box("opinion-head"):
            Text(words.titled(strategy), "opinion-name")
            Text(*words.says(status, action, confidence))
        if reasoning:
            Text(reasoning, "soft", "p")


def opinion_row(signal: Row) -> None:
    """As the store words it."""
    sure, status = Decimal(str(signal["confidence"])), str(signal.get("status", "ok"))
    opinion(signal["strategy"], signal["action"], sure, status, signal.get("reasoning") or "")
