"""A receipt says what each risk rule asks and how far the entry was from it; of a passed one never the refusal."""

from dataclasses import asdict, replace

from app.core.model import Quote
from app.core.risk import Approved, EntryFacts, Refused, review
from app.core.rules import RiskLimits
from components.risk_words import RULES, rule_words
from tests.builders import NOON, a_book, an_instrument, d

GOOD = EntryFacts(
    at=NOON,
    equity=d(10_000),
    cash_free=d(9_000),
    quote=Quote(bid=d(49_990), ask=d(50_000), at=NOON),
    reference_price=d(50_020),
    held_notional=d(1_000),
    reserved_notional=d(0),
    open_positions=2,
    entries_in_flight=0,
    entries_today=3,
    orders_in_doubt=0,
    candle_used=False,
    candles_since_exit=9,
    contiguous=True,
    blockers=(),
    book=a_book(),
    candle_fed=False,
)


def told(facts: EntryFacts) -> dict[str, tuple[str, str]]:
    judged = review(facts, RiskLimits(), an_instrument())
    assert isinstance(judged, Approved | Refused)
    return {check.name: rule_words(asdict(check)) for check in judged.checks}


def test_a_passed_rule_says_what_was_so() -> None:
    said = told(GOOD)
    assert said["entry_in_flight"] == ("No other entry on its way", "")
    assert said["open_positions"] == ("Room for one more position", "2 open before, at most 4")
    assert said["size"] == ("Within its share of equity", "$500.00, at most $500.00")
    assert said["spread"] == ("Bid and ask lie close together", "0.02\u00a0% apart, at most 0.50\u00a0%")
    assert said["cooldown"] == ("Rested since the last exit", "candles since then: 9; needed: more than 1")


def test_a_failed_rule_says_why() -> None:
    said = told(replace(GOOD, cash_free=d(40), entries_in_flight=1))
    assert said["balance"] == ("Enough cash", "Insufficient balance: 40.00 free, 500.00 needed")
    assert said["entry_in_flight"] == ("No other entry on its way", "an entry is already on its way")


def test_every_rule_of_the_core_has_words_and_none_is_left_over() -> None:
    unknown = replace(GOOD, equity=None)
    assert set(told(GOOD)) | set(told(unknown)) == set(RULES)


def test_a_rule_of_another_version_keeps_its_own_words() -> None:
    check = {"name": "moon", "passed": True, "value": "full", "limit": "new", "text": "the moon is full"}
    assert rule_words(check) == ("the moon is full", "full (limit new)")
