"""What the last vote would have become with other weights, switches and thresholds: the vote itself, held again."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from app.core.decisions import Vote
from app.core.money import ZERO, pct_of, plain
from app.core.rules import StrategyRule, VotingRules
from app.core.voting import hold_vote
from app.faces import VoteFace, Wish
from components import format as words
from components.parts import Moment, Text, box

WORDS = {"BUY": "would buy", "SELL": "would sell", "HOLD": "would wait"}


def with_wishes(rules: VotingRules, wishes: Mapping[str, Wish], thresholds: Mapping[str, Decimal]) -> VotingRules:
    """The rules as they would be. Who is in none of them has no say in the last vote."""

    def wished(rule: StrategyRule) -> StrategyRule:
        wish = wishes.get(rule.name)
        if wish is None:
            return rule
        enabled = rule.enabled if wish.enabled is None else wish.enabled
        return replace(rule, enabled=enabled, weight=rule.weight if wish.weight is None else wish.weight)

    return replace(rules, strategies=tuple(map(wished, rules.strategies)), **thresholds)  # type: ignore[arg-type]


def out_of_reach(rules: VotingRules, silent: frozenset[str]) -> str:
    """Why nothing can be bought whatever the others say; "" where it can. `silent`: names of those that fail."""
    voters = [rule for rule in rules.strategies if rule.votes and rule.weight > ZERO]
    whole = sum((rule.weight for rule in voters), ZERO)
    if not whole:
        return "Nobody votes with these: nothing is bought and nothing is sold by a vote. Stops stay in force."
    left = pct_of(sum((rule.weight for rule in voters if rule.name not in silent), ZERO), whole)
    if left < rules.min_participation:
        names = " and ".join(words.titled(rule.name) for rule in voters if rule.name in silent)
        return (
            f"While {names} fails, opinions weigh at most {left:.0f} % of all, and {plain(rules.min_participation)} % "
            "are needed: nothing can be bought."
        )
    if all(rule.reads_text for rule in voters if rule.name not in silent):
        return "Only strategies that read text would vote: they never open a position by themselves."
    return ""


class Preview:
    """The last vote beside the one that it would have been."""

    def __init__(self) -> None:
        with box("preview").props("role=status aria-live=polite").mark("preview"):
            with box("preview-head"):
                Text("The last vote", "caption")
                self._at = Moment(None, "caption")
            with box("preview-votes"):
                self._now, self._then = _Meter("now"), _Meter("then")
            self._text = Text(classes="soft", tag="p").mark("preview-text")
            self._warning = Text(classes="caution", tag="p").mark("preview-warning")

    def show(self, face: VoteFace, rules: VotingRules, silent: frozenset[str]) -> str:
        """`rules`: as they would be. Returns the same in a few words."""
        changed = rules != face.rules
        self._at.show(face.at)
        self._warning.say(out_of_reach(rules, silent))
        if face.at is None:
            self._now.hide()
            self._then.hide()
            self._text.say("No vote was held yet: what it would become is shown here after the first one.")
            return ""
        before = hold_vote(face.rules, face.signals, face.at)
        after = hold_vote(rules, face.signals, face.at)
        self._now.show("As it was", before, face.rules)
        if changed:
            self._then.show("With your changes", after, rules)
        else:
            self._then.hide()
        self._text.say(words.arithmetic(after.text))
        then, now = score_words(after.score), score_words(before.score)
        return f"last vote {before.action} {now} → {after.action} {then}"


class _Meter:
    """A score between minus and plus 100, with the marks from which it sells and buys."""

    def __init__(self, kind: str) -> None:
        with box(f"vote-meter {kind}") as self._whole:
            with box("vote-line"):
                self._title = Text(classes="soft")
                self._word = Text(classes="verdict").mark(f"preview-{kind}")
            with box("scale").props("aria-hidden=true"):
                self._sells, self._waits = box("scale-sell"), box("scale-mid")
                self._needle = box("scale-needle")
            self._figures = Text(classes="soft")

    def hide(self) -> None:
        self._whole.set_visibility(False)

    def show(self, title: str, vote: Vote, rules: VotingRules) -> None:
        self._whole.set_visibility(True)
        self._title.say(title)
        self._word.say(f"{vote.action.value}: it {WORDS[vote.action.value]}", f"verdict {vote.action.value.lower()}")
        self._needle.style(f"left: {_place(vote.score)}%")
        sells, buys = _place(-rules.sell_threshold), _place(rules.buy_threshold)
        self._sells.style(f"width: {sells}%")
        self._waits.style(f"left: {sells}%; right: {100 - buys}%")
        self._figures.say(
            f"score {score_words(vote.score, 1)} of {plain(rules.buy_threshold)}, participation "
            f"{vote.participation_pct:.0f} % (at least {plain(rules.min_participation)} is needed)"
        )


def score_words(score: Decimal, places: int = 0) -> str:
    return f"{'−' if round(score, places) < 0 else ''}{abs(score):.{places}f}"


def _place(score: Decimal) -> int:
    return int((max(Decimal(-100), min(Decimal(100), score)) + 100) / 2)
