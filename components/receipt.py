"""A decision as a receipt: what it knew, how the vote went, which rules it passed, which orders came of it.

"Run again" holds the vote once more from what is on record, so that anybody can check the arithmetic.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from nicegui import ui

from app.again import voted_again
from app.ports import Row
from components import format as words
from components.doors import Doors
from components.opinion import opinion_row
from components.parts import Button, Loader, Moment, Text, box, titled
from components.risk_words import rule_words

AGAIN = "Run again holds this vote once more from what is on record, and says whether the same comes out."
WEIGHED = "Each opinion counts its confidence × its weight; their sum, divided by the weights, is the score."


class Receipt:
    """One dialog of a page, filled for each decision in turn."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._id = ""
        self._dialog = ui.dialog().props("maximized transition-show=fade transition-hide=fade")
        with self._dialog, box("receipt"):
            with box("receipt-head"):
                titled(self._dialog, Text("Decision", "receipt-title", "h2"))
                Button("Close", self._dialog.close, "quiet").mark("receipt-close")
            self._body = box("receipt-body")
            self._loader = Loader(doors.tasks, self._load, "decision")

    def open(self, id: str) -> None:
        self._id = id
        self._body.clear()
        self._dialog.open()
        self._loader.want()

    async def _load(self) -> None:
        id = self._id
        row = await self._doors.reader.one("decisions", id)
        orders = [await self._doors.reader.one("orders", each) for each in (row["order_ids"] if row else ())]
        if id != self._id:
            return
        self._body.clear()
        with self._body:
            if row is None:
                Text("This decision is not on record any more.", "soft", "p")
            else:
                self._show(row, [order for order in orders if order])

    def _show(self, row: Row, orders: Sequence[Row]) -> None:
        _heading(row)
        with box("receipt-again"):
            said = Text(AGAIN, "soft", "p").props("role=status").mark("again-said")
            Button("Run again", lambda: self._again(said), "").mark("again")
        with _part("How the vote went"):
            Text(words.arithmetic(row["vote"]["text"]), "reasoning", "p")
            if without := row["vote"].get("without_headline"):
                Text(words.arithmetic(words.begun(without)), "soft", "p")
            Text(WEIGHED, "soft", "p")
        with _part("Opinions"), box("opinions", "ul"):
            for each in row["signals"]:
                opinion_row(each)
        _checks(row.get("risk_checks") or ())
        _orders(orders)
        _candles(row)
        _news(row.get("news") or ())
        _asked(row)
        Text(f"{row['id']} · version {row['program_version'] or 'unknown'}", "id", "p")

    async def _again(self, said: Text) -> None:
        decision = await self._doors.reader.decision(self._id)
        again = voted_again(decision) if decision else None
        if again is None:
            said.say("Too little is on record to hold this vote again.")
        elif again.differences:
            said.say(f"✗ Not the same: {'; '.join(again.differences)}", "ask-error")
        else:
            score = words.score(float(again.vote.score))
            said.say(f"✓ Held again from the record: the same, {again.vote.action} with a score of {score}.", "up")


def _heading(row: Row) -> None:
    with box("receipt-what"):
        Text(row["action"], f"chip {row['action'].lower()}")
        Text(words.OUTCOMES[row["outcome"]], "amount")
        Moment(words.when(row["at"]), "soft")
    Text(_verdict(row), "verdict", "p")


def _verdict(row: Row) -> str:
    """What decided. The vote's arithmetic has a part of its own: here only what came of it."""
    vote = row["vote"]
    if row["reason"] != vote["text"]:
        return str(row["reason"])
    if vote.get("buy_threshold") is None:
        return str(row["reason"].rpartition("→ ")[2])
    buys, sells = words.score(vote["buy_threshold"]), words.score(-vote["sell_threshold"])
    return f"Score {words.score(row['score'])}; buys from {buys}, sells from {sells}"


def _part(title: str, *, folded: bool = False) -> ui.element:
    """A section; what is long is folded away."""
    if folded:
        part = box("receipt-part", "details")
        with part:
            Text(title, "caption", "summary")
        return part
    part = box("receipt-part", "section")
    with part:
        Text(title, "caption", "h3")
    return part


def _checks(checks: Sequence[Row]) -> None:
    with _part("Risk rules"):
        if not checks:
            Text("None was asked: nothing was to be bought.", "soft", "p")
        for check in checks:
            mark, tone = ("✓", "up") if check["passed"] else ("✗", "down")
            title, figures = rule_words(check)
            with box("check"):
                Text(mark, tone)
                Text(title)
                if figures:
                    Text(figures, "soft" if check["passed"] else "soft down")


def _orders(orders: Sequence[Row]) -> None:
    if not orders:
        return
    with _part("Orders"):
        for order in orders:
            Text(words.order_words(order), "reasoning", "p")


def _candles(row: Row) -> None:
    shown = row["candles"]
    with _part("Candles it was shown"), box("soft", "p"):
        Text(f"{shown['count']} of {shown['timeframe']}, from ")
        Moment(words.when(shown["first_at"]))
        Text(" to ")
        Moment(words.when(shown["last_at"]))
        if shown.get("sha256"):
            Text(f" · SHA-256 {shown['sha256'][:16]}…").props(f"title={shown['sha256']}")


def _news(stories: Sequence[Row]) -> None:
    if not stories:
        return
    with _part(f"News it was shown ({len(stories)})", folded=True):
        for story in stories:
            with box("story", "p"):
                if urlsplit(story["url"] or "").scheme in ("http", "https"):
                    link = Text(story["title"], "", "a")
                    link.props["href"] = story["url"]
                    link.props("target=_blank rel='noopener noreferrer'")
                else:
                    Text(story["title"])
                held = "" if story.get("shown", True) else " · withheld"
                Text(f" {story['source']} · {story['severity']} · {story['sentiment']}{held}", "soft")


def _asked(row: Row) -> None:
    for name, title in (("prompt", "What the language model was asked"), ("answer", "What it answered")):
        if row.get(name):
            with _part(title, folded=True):
                Text(row[name], "verbatim", "pre")
