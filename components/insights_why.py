"""Why the trader trades now, or does not: every reason with its distance, and how the vote adds up."""

from collections.abc import Sequence
from datetime import datetime

from app.core.model import Direction, SignalStatus
from app.core.voting import DIRECTIONS
from app.ports import Row, Status
from components import format as words
from components.format import titled
from components.insights_parts import (
    Card,
    Scale,
    at_of,
    first_sentence,
    moment_line,
    next_candle,
    shown,
    signed,
)
from components.parts import Moment, Text, box

VOTE = (
    "Each opinion counts with its weight times its confidence: BUY adds, SELL takes away, HOLD counts as 0. The sum is "
    "divided by the weights, so that the score lies between −100 and 100.",
    "A missing opinion (it failed, timed out, or is too old) counts as HOLD and keeps its weight. Who has no opinion, "
    "or abstains, is left out of the sum.",
    "A buy also needs enough of all weight to have an opinion, and at least one strategy that does not read text: "
    "words that a stranger can write never open a position by themselves.",
)
STATUSES = {
    SignalStatus.FAILED: "failed: counts as HOLD",
    SignalStatus.STALE: "no fresh opinion: counts as HOLD",
    SignalStatus.ABSTAINS: "abstains: left out",
}


class Why:
    """The answer first, then what stands in the way, each with how far it is."""

    def __init__(self) -> None:
        self._card = Card("Why we trade now, or do not", "why")

    def update(self, row: Row, status: Status, rows: Sequence[Row]) -> None:
        waiting = [(each["name"], each["enabled"], each["configured"], each["error"]) for each in rows]
        names = ("vote", "why_not", "signals", "next_candle_at")
        key = str([answer(row, status), waiting, *(row.get(name) for name in names)])
        self._card.draw(key, lambda: self._build(row, status, rows))

    def _build(self, row: Row, status: Status, rows: Sequence[Row]) -> None:
        title, text = answer(row, status)
        Text(title, "why-title", "p").mark("why-title")
        Text(text, "why-text", "p").mark("why-text")
        vote = row.get("vote")
        if vote is None or not _anybody(row):
            if status.state == "TRADING":
                _first_opinions(row, rows)
            return
        Scale(
            -100,
            100,
            float(vote["score"]),
            (-vote["sell_threshold"], vote["buy_threshold"]),
            ("zone-sell", "zone-buy"),
        )
        with box("scale-ends").props("aria-hidden=true"):
            Text("sells")
            Text(f"score {shown(float(vote['score']), 1)}", "scale-says")
            Text("buys")
        with box("reasons-list", "ul"):
            for name, reason in reasons(row):
                with box("reason-row", "li"):
                    Text(name, "reason-name")
                    Text(reason, "reason-text")
        if vote["without_headline"]:
            Text(words.arithmetic(words.begun(vote["without_headline"])), "soft without", "p").mark("without-headline")


class VoteTable:
    """The arithmetic: what each strategy adds to the score."""

    def __init__(self) -> None:
        self._card = Card("How the vote adds up", "vote", "How is this computed?", VOTE)

    def update(self, row: Row, rows: Sequence[Row]) -> None:
        silent = [each for each in rows if not (each["enabled"] and each["configured"])]
        key = (row.get("vote"), row.get("signals"), [(each["name"], each["error"]) for each in silent])
        self._card.draw(str(key), lambda: self._build(row, silent))

    def _build(self, row: Row, silent: Sequence[Row]) -> None:
        vote = row.get("vote")
        if vote is None or not vote["terms"]:
            Text("Nobody has voted yet.", "soft", "p")
        else:
            self._table(vote, {each["strategy"]: each for each in row["signals"]})
            share = float(vote["participation_pct"])
            enough = "enough" if share >= vote["min_participation"] else "too few"
            Text(
                f"{shown(share)} % of the weight has an opinion; {shown(vote['min_participation'])} % are needed to "
                f"buy: {enough}.",
                "soft",
                "p",
            )
        for each in silent:
            why = each["error"] or ("switched off" if not each["enabled"] else "not set up")
            Text(f"{titled(each['name'])} does not vote: {why}.", "soft", "p")

    def _table(self, vote: Row, signals: dict[str, Row]) -> None:
        counted = weight_of(vote)
        with box("vote-table", "table"), box("", "tbody"):
            with box("", "tr"):
                for head in ("Strategy", "Says", "Weight", "Points"):
                    Text(head, tag="th").props("scope=col")
            for term in vote["terms"]:
                self._term(term, signals.get(term["strategy"], {}), counted)
            with box("vote-sum", "tr"):
                Text("Score", tag="th").props("scope=row colspan=2")
                Text(shown(counted), tag="td")
                Text(signed(float(vote["score"])), tag="td")

    def _term(self, term: Row, signal: Row, counted: float) -> None:
        points = float(term["product"]) / counted if counted else 0.0
        with box("", "tr"):
            Text(titled(term["strategy"]), "vote-name", "th").props("scope=row")
            with box("", "td"):
                Text(*(said(term) if signal.get("given_at") else ("not asked", "chip")))
            Text(f"× {shown(float(term['weight']), 1)}", tag="td")
            Text(signed(points) if counts(term) else "–", tag="td")
        with box("vote-note", "tr"), box("soft", "td").props("colspan=4"):
            _age(term, signal)


class Opinions:
    """How sure each strategy is, and why."""

    def __init__(self) -> None:
        self._card = Card("What each strategy says", "opinions")

    def update(self, row: Row) -> None:
        signals = [each for each in row.get("signals", ()) if each["given_at"] is not None]
        self._card.draw(str(signals), lambda: self._build(signals, row.get("next_candle_at")))

    def _build(self, signals: Sequence[Row], next_at: datetime | None) -> None:
        if not signals:
            Text("Nobody has said anything yet.", "soft", "p")
            next_candle(next_at)
        for signal in signals:
            with box("opinion-of"):
                with box("opinion-head"):
                    Text(titled(signal["strategy"]), "opinion-name")
                    Text(*words.says(signal["status"], signal["action"], signal["confidence"]))
                kind = str(signal["action"]).lower() if signal["status"] is SignalStatus.OK else "missing"
                with box("sure").props("aria-hidden=true"):
                    box(f"sure-part {kind}").style(f"width:{float(signal['confidence']):.0f}%")
                Text(signal["reasoning"], "opinion-text", "p")
                until = at_of(signal["expires_at"]) if signal["status"] is SignalStatus.OK else None
                moment_line("at ", at_of(signal["given_at"]), ", counts until " if until else "", until)


def _first_opinions(row: Row, rows: Sequence[Row]) -> None:
    """When somebody will be asked, or what each of them waits for."""
    voters = [each for each in rows if each["enabled"] and each["configured"]]
    for each in voters:
        if each["error"]:
            Text(f"{titled(each['name'])}: {each['error']}.", "soft", "p")
    if not voters:
        Text("No strategy is switched on and set up: enable one in Controls.", "soft", "p")
    elif any(not each["error"] for each in voters):
        next_at = at_of(row.get("next_candle_at"))
        moment_line("First opinions come with the next closed candle", ", at " if next_at else "", next_at, ".")


def answer(row: Row, status: Status) -> tuple[str, str]:
    """(in a few words, in a sentence)."""
    if status.state != "TRADING":
        return f"{words.state_word(status)}: nothing is bought", f"{words.begun(words.state_reason(status))}."
    vote = row.get("vote")
    if vote is None or not _anybody(row):
        return "No opinions yet", "The strategies are reading their candles; nobody has been asked so far."
    action, failing = vote["action"], gates(row)
    if action is Direction.SELL:
        return "Sells", distance(vote)
    if action is Direction.BUY:
        return (
            ("Would buy, but a rule says no", f"{words.begun(failing[0]['text'])}.")
            if failing
            else ("Buys", distance(vote))
        )
    return "Does not buy now", distance(vote)


def distance(vote: Row) -> str:
    """Score 31.2 of 70: needs 38.8 more."""
    score, wanted = float(vote["score"]), float(vote["buy_threshold"])
    if score <= -float(vote["sell_threshold"]):
        return f"Score {shown(score, 1)}: at or below −{shown(vote['sell_threshold'], 1)}, all that is held is sold."
    if score < wanted:
        return f"Score {shown(score, 1)} of {shown(wanted, 1)}: needs {shown(wanted - score, 1)} more."
    share, least = float(vote["participation_pct"]), float(vote["min_participation"])
    if share < least:
        return f"Score {shown(score, 1)} is enough, but only {shown(share)} % of {shown(least)} % have an opinion."
    if vote["action"] is Direction.HOLD:
        return f"Score {shown(score, 1)} is enough, but only strategies that read text agree."
    return f"Score {shown(score, 1)} of {shown(wanted, 1)}: enough."


def reasons(row: Row) -> list[tuple[str, str]]:
    """What stands between now and an entry: (who or what, in words with the distance)."""
    vote = row["vote"]
    short = float(vote["score"]) < float(vote["buy_threshold"])
    found = []
    share, least = float(vote["participation_pct"]), float(vote["min_participation"])
    if share < least:
        text = f"{shown(share)} % of the weight has one, {shown(least)} % are needed: {shown(least - share)} % more"
        found.append(("Opinions", text))
    signals = {each["strategy"]: each for each in row["signals"]}
    counted = weight_of(vote)
    found += [
        (titled(term["strategy"]), _short(term, signals.get(term["strategy"], {}), row, counted))
        for term in vote["terms"]
        if short or term["sign"] <= 0
    ]
    found += [("Rule", gate["text"]) for gate in gates(row)]
    return found


def gates(row: Row) -> list[Row]:
    """The risk rules that would refuse an entry."""
    names = {term["strategy"] for term in row["vote"]["terms"]} | {"score", "participation"}
    return [gate for gate in row["why_not"] if gate["gate"] not in names]


def _short(term: Row, signal: Row, row: Row, counted: float) -> str:
    """In a few words: what it says, how much that adds, and what it sees."""
    status: SignalStatus = term["status"]
    reasoning = first_sentence(str(signal.get("reasoning") or "")).rstrip(".")
    if status is SignalStatus.STALE:
        return "has not been asked yet" if signal.get("given_at") is None else "its last opinion is too old"
    if status is not SignalStatus.OK:
        return reasoning or str(status.value)
    indicators = row.get("indicators") or {}
    if indicators.get("by") == term["strategy"] and indicators.get("rsi") is not None:
        low = indicators["settings"].get("rsi_oversold", 30)
        reasoning = f"RSI {shown(indicators['rsi'])}, buys dips from {shown(low)} down"
    adds = f", adds {signed(float(term['product']) / counted)}" if term["sign"] and counted else ""
    return f"{said(term)[0]}{adds}{f': {reasoning}' if reasoning else ''}"


def counts(term: Row) -> bool:
    """Whether its weight is in the sum, as the vote has it."""
    if term["status"] is SignalStatus.ABSTAINS:
        return False
    return term["status"] is not SignalStatus.OK or float(term["confidence"]) > 0


def weight_of(vote: Row) -> float:
    """What the sum of points is divided by."""
    return sum(float(term["weight"]) for term in vote["terms"] if counts(term))


def said(term: Row) -> tuple[str, str]:
    """(text, classes) of a chip."""
    return words.says(term["status"], DIRECTIONS[term["sign"]], term["confidence"])


def _age(term: Row, signal: Row) -> None:
    status = STATUSES.get(term["status"], "")
    given = at_of(signal.get("given_at"))
    if given is None:
        Text("not asked yet: counts as HOLD")
        return
    if status:
        Text(f"{status}, ")
    Text("from ")
    Moment(given)


def _anybody(row: Row) -> bool:
    return any(each["given_at"] is not None for each in row.get("signals", ()))
