"""Signals × weights → one vote, with its arithmetic in numbers and in words.

Of the enabled strategies each is one of: an opinion (confidence > 0), no opinion (confidence 0, or it abstains),
missing (failed, timed out, stale). score = Σ w·c·s / Σ w, both sums over opinion and missing, s = +1 BUY, −1 SELL,
0 HOLD or missing. participation = Σ w of opinions / Σ w of all enabled. Weights are never renormalised over a failed
strategy.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from app.core.decisions import Vote, VoteTerm
from app.core.model import Direction, Signal, SignalStatus
from app.core.money import ZERO, pct_of, plain
from app.core.rules import StrategyRule, VotingRules
from app.core.values import changed

SIGNS = {Direction.BUY: 1, Direction.SELL: -1, Direction.HOLD: 0}
DIRECTIONS = {sign: direction for direction, sign in SIGNS.items()}


def hold_vote(rules: VotingRules, signals: Mapping[str, Signal], now: datetime) -> Vote:
    """The vote of all enabled strategies at `now`.

    BUY needs score ≥ buy threshold, enough participation, and one agreeing strategy that is not moved by text.
    SELL needs score ≤ −sell threshold. Everything else, no voters included, is HOLD.
    """
    return _hold(rules, signals, now, _without_headline(rules, signals, now))


def _hold(rules: VotingRules, signals: Mapping[str, Signal], now: datetime, without_headline: str = "") -> Vote:
    voters = [rule for rule in rules.strategies if rule.votes and rule.weight > ZERO]
    terms = tuple(_term(rule, signals.get(rule.name), now) for rule in voters)
    counted = sum((term.weight for term in terms if _counts(term)), ZERO)
    score = sum((term.product for term in terms), ZERO) / counted if counted else ZERO
    opinions = sum((term.weight for term in terms if _is_opinion(term)), ZERO)
    participation = pct_of(opinions, sum((term.weight for term in terms), ZERO))
    plain_buyer = any(
        term.sign > 0 and _is_opinion(term) and not _reads_text(rule, signals)
        for rule, term in zip(voters, terms, strict=True)
    )
    action, verdict = _verdict(rules, score, participation, plain_buyer, bool(voters))
    return Vote(
        action=action,
        score=score,
        participation_pct=participation,
        terms=terms,
        text=_text(terms, verdict),
        without_headline=without_headline,
    )


def _without_headline(rules: VotingRules, signals: Mapping[str, Signal], now: datetime) -> str:
    """The same vote with the opinions that are held without the strongest headline, in words."""
    if not any(signal.without for signal in signals.values()):
        return ""
    valid = [signal for _, signal in sorted(signals.items()) if status_at(signal, now) is SignalStatus.OK]
    told = [(signal.given_at, signal.without) for signal in valid if signal.without]
    if not told:
        return ""
    headline = max(told, key=lambda each: each[0])[1].headline
    others = {
        name: changed(signal, action=signal.without.action, confidence=signal.without.confidence)
        if signal.without and signal.without.headline == headline
        else signal
        for name, signal in signals.items()
    }
    twice = [signal.strategy for signal in valid if signal.reads_text and not signal.without and signal.confidence]
    kept = f" ({', '.join(twice)} may have read it, and was not asked twice)" if twice else ""
    return f"without “{headline}”{kept}: {_hold(rules, others, now).text}"


def _reads_text(rule: StrategyRule, signals: Mapping[str, Signal]) -> bool:
    """By its rule, or by what was loaded when it answered: the stricter of both counts."""
    signal = signals.get(rule.name)
    return rule.reads_text or (signal is not None and signal.reads_text)


def shares(vote: Vote) -> dict[str, Decimal]:
    """What part of a decision each strategy that agreed with it has, by weight × confidence; together 1."""
    agreed = {term.strategy: abs(term.product) for term in vote.terms if term.sign == SIGNS[vote.action]}
    total = sum(agreed.values(), ZERO)
    return {strategy: product / total for strategy, product in agreed.items() if product} if total else {}


def status_at(signal: Signal, now: datetime) -> SignalStatus:
    """The signal's status at `now`: an opinion past its time to live is stale."""
    if signal.status in (SignalStatus.OK, SignalStatus.ABSTAINS) and now >= signal.expires_at:
        return SignalStatus.STALE
    return signal.status


def _term(rule: StrategyRule, signal: Signal | None, now: datetime) -> VoteTerm:
    status = SignalStatus.STALE if signal is None or _of_another_version(rule, signal) else status_at(signal, now)
    if signal is None or status is not SignalStatus.OK:
        return VoteTerm(strategy=rule.name, status=status, weight=rule.weight, confidence=ZERO, sign=0, product=ZERO)
    sign = SIGNS[signal.action]
    product = rule.weight * signal.confidence * sign
    return VoteTerm(
        strategy=rule.name,
        status=status,
        weight=rule.weight,
        confidence=signal.confidence,
        sign=sign,
        product=product,
    )


def _of_another_version(rule: StrategyRule, signal: Signal) -> bool:
    """What a version said that was replaced since counts no more."""
    return bool(rule.sha256 and signal.sha256) and rule.sha256 != signal.sha256


def _is_opinion(term: VoteTerm) -> bool:
    return term.status is SignalStatus.OK and term.confidence > ZERO


def _counts(term: VoteTerm) -> bool:
    """In the score's denominator: opinions and missing ones, but not "no opinion" and not who abstains."""
    if term.status is SignalStatus.ABSTAINS:
        return False
    return term.status is not SignalStatus.OK or term.confidence > ZERO


def _verdict(
    rules: VotingRules, score: Decimal, participation: Decimal, plain_buyer: bool, voters: bool
) -> tuple[Direction, str]:
    if not voters:
        return Direction.HOLD, "no strategy is enabled, so there is no vote"
    shown = f"{score:.1f}"
    if score <= -rules.sell_threshold:
        return Direction.SELL, f"{shown} ≤ −{plain(rules.sell_threshold)}: sell"
    if score < rules.buy_threshold:
        return (
            Direction.HOLD,
            f"{shown}, buys from {plain(rules.buy_threshold)}, sells from −{plain(rules.sell_threshold)}",
        )
    took_part = f"participation {participation:.0f} %"
    if participation < rules.min_participation:
        return Direction.HOLD, f"{shown}, but {took_part} is below {plain(rules.min_participation)} %"
    if not plain_buyer:
        return Direction.HOLD, f"{shown}, but only strategies that read text agree"
    return Direction.BUY, f"{shown} ≥ {plain(rules.buy_threshold)}, {took_part}: buy"


def _text(terms: tuple[VoteTerm, ...], verdict: str) -> str:
    said = ", ".join(_words(term) for term in terms)
    return f"{said} → {verdict}" if said else verdict


def says(term: VoteTerm) -> str:
    """BUY 78; no opinion; abstains; failed."""
    if term.status is not SignalStatus.OK:
        return term.status.value
    return f"{DIRECTIONS[term.sign]} {plain(term.confidence)}" if term.confidence else "no opinion"


def _words(term: VoteTerm) -> str:
    if not _counts(term):
        return f"{term.strategy} {says(term)}"
    if term.status is not SignalStatus.OK:
        return f"{term.strategy} {says(term)} (counts as HOLD × {plain(term.weight)})"
    return f"{term.strategy} {says(term)} × {plain(term.weight)}"
