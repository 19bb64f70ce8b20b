"""A kept decision's vote, held again from what the decision itself wrote down: anybody may check the arithmetic."""

from dataclasses import dataclass
from decimal import Decimal

from app.core.decisions import Decision, Vote, VoteTerm
from app.core.model import Signal, SignalStatus
from app.core.money import plain
from app.core.rules import StrategyRule, VotingRules
from app.core.voting import hold_vote, status_at

ANOTHER_VERSION = "another version"


@dataclass(frozen=True, slots=True, kw_only=True)
class VotedAgain:
    """`differences` between what is on record and what the vote says now; none when it is the same."""

    vote: Vote
    differences: tuple[str, ...]


def voted_again(decision: Decision) -> VotedAgain | None:
    """None where the decision keeps no thresholds to vote by."""
    if decision.buy_threshold is None or decision.sell_threshold is None or decision.min_participation is None:
        return None
    signals = {signal.strategy: signal for signal in decision.signals}
    rules = VotingRules(
        buy_threshold=decision.buy_threshold,
        sell_threshold=decision.sell_threshold,
        min_participation=decision.min_participation,
        strategies=tuple(_rule(term, signals.get(term.strategy), decision) for term in decision.vote.terms),
    )
    vote = hold_vote(rules, signals, decision.at)
    pairs = (
        ("action", decision.action, vote.action),
        ("score", _figure(decision.score), _figure(vote.score)),
        ("participation", _figure(decision.participation_pct), _figure(vote.participation_pct)),
        ("arithmetic", decision.vote.text, vote.text),
    )
    return VotedAgain(
        vote=vote,
        differences=tuple(f"{name}: {then} then, {now} now" for name, then, now in pairs if then != now),
    )


def _figure(value: Decimal) -> str:
    return plain(round(value, 4))


def _rule(term: VoteTerm, signal: Signal | None, decision: Decision) -> StrategyRule:
    """As it must have been: an opinion that was good but did not count was given by another version."""
    counted = term.status is not SignalStatus.STALE
    replaced = signal is not None and not counted and status_at(signal, decision.at) is SignalStatus.OK
    return StrategyRule(
        name=term.strategy, enabled=True, weight=term.weight, sha256=ANOTHER_VERSION if replaced else ""
    )
