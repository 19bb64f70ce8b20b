"""A vote as a row: the same for a stored decision and for the vote as it would come out now. Pure."""

from decimal import Decimal

from app.core.decisions import Vote
from app.ports import Row


def number(value: Decimal | None) -> float | int | None:
    """As JSON has it: whole numbers without a point."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def vote_row(vote: Vote, buy: Decimal | None, sell: Decimal | None, participation: Decimal | None) -> Row:
    """With what was needed: the thresholds and the least participation."""
    return {
        "text": vote.text,
        "without_headline": vote.without_headline or None,
        "buy_threshold": number(buy),
        "sell_threshold": number(sell),
        "min_participation": number(participation),
        "terms": [
            {
                "strategy": term.strategy,
                "status": term.status,
                "weight": number(term.weight),
                "confidence": number(term.confidence),
                "sign": term.sign,
                "product": number(term.product),
            }
            for term in vote.terms
        ],
    }
