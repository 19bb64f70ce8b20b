"""Strategies on the Controls tab: on and off, weights and thresholds with the vote they would give, offers and errors.

Nothing counts before it is saved, and every change of a strategy is saved with the second factor.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from nicegui import events, ui

from app.core.limits import is_safer
from app.core.money import ZERO, pct_of, plain
from app.faces import LimitKey, Proposal, Wish
from app.ports import Row, Status
from components import controls_words as names
from components import format as words
from components.controls import wants_code
from components.controls_preview import Preview, with_wishes
from components.controls_section import explained, slider_of
from components.controls_what_if import WhatIfBox
from components.frame import Frame
from components.parts import Button, Text, box

STATES = {
    "running": ("votes", "good"),
    "off": ("off", ""),
    "offered": ("new file", "warn"),
    "failed": ("fails", "bad"),
    "not_configured": ("not set up", "warn"),
    "safe_mode": ("safe mode", "warn"),
}
SILENT = ("failed", "safe_mode")
WHY_CODE = (
    "Weights are shares: less for one is more for the others, so that something may be bought that was not before. "
    "That is why every change of a strategy asks for your code where a second factor is set up."
)


class Votes:
    """The panel. `wishes` and `thresholds` are what was changed and not saved yet."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._question = frame, frame.controls.question
        self.wishes: dict[str, Wish] = {}
        self.thresholds: dict[str, Decimal] = {}
        self._cards: dict[str, StrategyCard] = {}
        self._base: object = None
        self._rows: list[Row] = []
        with box("votes"):
            self._empty = Text("No strategy is known: put a file into the strategies folder.", "soft", "p")
            self._list = box("strategies", "ul")
            Text("What it takes to buy and to sell", "group-title", "h3")
            self._numbers = box("limit-fields")
            self._preview = Preview()
            with box("save-bar") as self._bar:
                self._told = Text(classes="save-told").props("role=status").mark("votes-told")
                brief = Text(classes="soft brief").mark("votes-brief")
                Button("Discard", self._discard, "quiet").mark("votes-discard")
                self._try = Button("What if?", self._what_if_start, "quiet").mark("votes-what-if")
                Button("Save …", self._save, "resume").mark("votes-save")
            self._what_if = WhatIfBox(frame, "votes", self.proposal, brief)
            explained("Why is a code asked for?", WHY_CODE)
            explained(
                "Where do strategies come from?",
                "Files in the strategies folder of the server. A new or changed file is proved first, then offered "
                "here, and votes only once you have enabled exactly this version. They are code that you run: enable "
                "only what you have read.",
            )

    def proposal(self) -> Proposal:
        return Proposal(place="votes", wishes=tuple(self.wishes.values()), thresholds=dict(self.thresholds))

    async def _what_if_start(self) -> None:
        await self._what_if.start()

    def update(self, status: Status) -> None:
        view = self._frame.doors.view
        self._rows = list(view.strategies())
        face = view.vote()
        numbers = [(key.name, getattr(face.rules, key.name)) for key in face.keys]
        base = [[(row["name"], row["enabled"], row["weight"]) for row in self._rows], numbers]
        if base != self._base:  # first look, saved or discarded, or a file came or went: then what was moved stays
            kept = ({}, {}) if self._base is None else (self.wishes, self.thresholds)
            self._base = base
            self._build(*kept)
        for row in self._rows:
            self._cards[row["name"]].update(row)
        self._show()

    def _build(self, wishes: Mapping[str, Wish], thresholds: Mapping[str, Decimal]) -> None:
        self.wishes, self._cards = {}, {}
        self._list.clear()
        with self._list:
            for row in self._rows:
                wish = wishes.get(row["name"])
                self._cards[row["name"]] = StrategyCard(row, wish, self._wish, self._ask_to_enable)
                if wish is not None and differs(wish, row):
                    self.wishes[wish.name] = wish
        self._empty.set_visibility(not self._rows)
        self._numbers.clear()
        face = self._frame.doors.view.vote()
        now = {key.name: getattr(face.rules, key.name) for key in face.keys}
        self.thresholds = {name: value for name, value in thresholds.items() if value != now[name]}
        with self._numbers:
            for key in face.keys:
                shown = self.thresholds.get(key.name, now[key.name])
                Threshold(key, now[key.name], shown, self._set_threshold)

    # ------------------------------------------------------------ wishes

    def _wish(self, wish: Wish, row: Row) -> None:
        if differs(wish, row):
            self.wishes[wish.name] = wish
        else:
            self.wishes.pop(wish.name, None)
        self._show()

    def _set_threshold(self, name: str, value: Decimal | None, now: Decimal) -> None:
        """None: what stands there is no value."""
        self.thresholds.pop(name, None)
        if value is not None and value != now:
            self.thresholds[name] = value
        self._show()

    def _show(self) -> None:
        face = self._frame.doors.view.vote()
        silent = frozenset(row["name"] for row in self._rows if row["status"] in SILENT)
        would = self._preview.show(face, with_wishes(face.rules, self.wishes, self.thresholds), silent)
        whole = sum((card.voting for card in self._cards.values()), ZERO)
        for card in self._cards.values():
            card.show_share(whole)
        count = len(self.wishes) + len(self.thresholds)
        self._bar.set_visibility(bool(count))
        self._try.set_visibility(self._what_if.possible)
        self._what_if.update()
        told = f"{count} change{'s' if count > 1 else ''} not saved"
        self._told.say(f"{told}; {would}" if would else told)

    def _discard(self) -> None:
        self._base = None
        self.update(self._frame.doors.view.status())

    # ------------------------------------------------------------ saving

    def _save(self) -> None:
        wishes, thresholds = list(self.wishes.values()), dict(self.thresholds)
        rules = self._frame.doors.view.vote().rules
        riskier = any(not is_safer(name, getattr(rules, name), value) for name, value in thresholds.items())
        lines = [_told(wish) for wish in wishes]
        lines += [f"{names.called(name)} {names.said(name, value)}" for name, value in thresholds.items()]
        self._ask("Change the vote?", f"{'; '.join(lines)}. It counts from the next vote on.", wishes, thresholds,
                  code=bool(wishes) or riskier)  # fmt: skip

    def _ask_to_enable(self, row: Row) -> None:
        wish = Wish(name=row["name"], enabled=True, sha256=row["sha256"])
        text = (
            f"{row['name']} votes from the next cycle on, in exactly this version: SHA-256 {row['sha256']}. It is code "
            "that runs on your server: enable it only if you know it."
        )
        self._ask("Enable this version?", text, [wish], {}, code=True)

    def _ask(self, title: str, text: str, wishes: list[Wish], thresholds: Mapping[str, Decimal], *, code: bool) -> None:
        status = self._frame.doors.view.status()

        async def save(otp: str | None) -> str | None:
            control = self._frame.doors.control
            wrong = await self._frame.person.order(
                lambda who: control.change_votes(who, wishes, thresholds),
                otp,
                gone="This strategy is not there any more.",
            )
            if wrong is None:
                self._base = None  # what was typed is what counts now
                ui.notify("Saved: it counts from the next vote on", position="top")
            self.update(self._frame.doors.view.status())
            return wrong

        wanted = code and wants_code(status)
        self._question.ask(title, text, yes="Save", no="Leave it", work=save, code=wanted)


def differs(wish: Wish, row: Row) -> bool:
    """Whether it asks for anything that is not so."""
    return wish.enabled not in (None, row["enabled"]) or wish.weight not in (None, row["weight"])


def _told(wish: Wish) -> str:
    parts = [] if wish.enabled is None else ["on" if wish.enabled else "off"]
    parts += [] if wish.weight is None else [f"weight {plain(wish.weight)}"]
    return f"{wish.name} {', '.join(parts)}"


class StrategyCard:
    """One strategy. What was changed is told to `wish`."""

    def __init__(
        self, row: Row, wished: Wish | None, wish: Callable[[Wish, Row], None], enable: Callable[[Row], None]
    ) -> None:
        self._row, self._wish, self._enable = row, wish, enable
        self.enabled, self.weight = bool(row["enabled"]), Decimal(row["weight"])
        if wished is not None:
            self.enabled = self.enabled if wished.enabled is None else wished.enabled
            self.weight = self.weight if wished.weight is None else wished.weight
        name = str(row["name"])
        with box("strategy", "li").mark(f"strategy-{name}"):
            with box("strategy-head"):
                with box("strategy-who"):
                    self._title = Text(classes="strategy-name")
                    self._chips = box("chips")
                self._switch = Text("", "vote-switch", "button").props("type=button role=switch").mark(f"switch-{name}")
                self._switch.props["aria-label"] = f"{name} votes"
                self._switch.on("click", self._toggled, [])
            with box("weight") as self._weigh:
                Button("−", lambda: self._step(-5), "nudge").props["aria-label"] = f"Less weight for {name}"
                most = max(Decimal(100), self.weight)
                self._slider = slider_of(float(self.weight), float(most), f"Weight of {name}", self._slid)
                Button("+", lambda: self._step(5), "nudge").mark(f"more-{name}").props["aria-label"] = (
                    f"More weight for {name}"
                )
                self._weight_text = Text(classes="weight-text").mark(f"weight-{name}")
            self._error = Text(classes="strategy-error", tag="p").mark(f"error-{name}")
            with box("offer") as self._offer:
                self._offer_text = Text(tag="p")
                Button("Enable this version …", lambda: self._enable(self._row), "resume").mark(f"enable-{name}")
            with box("more-facts", "details"):
                Text("More", "explained-head", "summary")
                self._facts = box("facts", "dl")
        self._shown: object = None
        self._show_own()

    def update(self, row: Row) -> None:
        self._row = row
        if row == self._shown:
            return
        self._shown = dict(row)
        title, name = str(row["title"]), str(row["name"])
        self._title.say(words.titled(name) if title in (name, name.replace("_", " ")) else title)
        word, tone = STATES.get(str(row["status"]), (str(row["status"]), ""))
        self._chips.clear()
        with self._chips:
            Text(word, f"chip {tone}").mark(f"state-{row['name']}")
            if row["reads_text"]:
                Text("reads text", "chip").props["title"] = (
                    "It is moved by text, so it never opens a position by itself"
                )
        self._error.say(str(row["error"] or ""))
        self._offer.set_visibility(bool(row["offered"]))
        self._offer_text.say(
            "A file that you have not enabled yet passed its proof: it loads, answers in time, gives the same answer "
            f"twice and does not look ahead. SHA-256 {row['sha256']}"
            if row["offered"]
            else ""
        )
        can = row["enabled"] or row["status"] not in ("not_configured", "failed", "offered")
        self._switch.set_visibility(can)
        self._weigh.set_visibility(can)
        self._facts.clear()
        with self._facts:
            for caption, text in facts(row):
                Text(caption, tag="dt")
                Text(text, "wrapping", "dd")

    def show_share(self, whole: Decimal) -> None:
        share = ""
        if self.enabled and not self._row["configured"]:
            share = " · outside the vote until it is set up"
        elif self.enabled and whole:
            share = f" · {pct_of(self.weight, whole):.0f} % of the vote"
        self._weight_text.say(f"weight {plain(self.weight)}{share}")

    @property
    def voting(self) -> Decimal:
        """Its weight in the sum: none while it is off or not set up."""
        return self.weight if self.enabled and self._row["configured"] else ZERO

    def _toggled(self) -> None:
        self.enabled = not self.enabled
        self._changed()

    def _slid(self, value: float) -> None:
        self.weight = Decimal(str(value)).normalize()
        self._changed()

    def _step(self, by: int) -> None:
        self._slider.set_value(max(0.0, min(float(self._slider._props["max"]), float(self.weight) + by)))

    def _changed(self) -> None:
        self._show_own()
        row = self._row
        self._wish(
            Wish(
                name=row["name"],
                enabled=self.enabled if self.enabled != row["enabled"] else None,
                weight=self.weight if self.weight != row["weight"] else None,
            ),
            row,
        )

    def _show_own(self) -> None:
        self._switch.say("On" if self.enabled else "Off", f"vote-switch {'on' if self.enabled else ''}".strip())
        self._switch.attribute("aria-checked", "true" if self.enabled else "false")


def facts(row: Row) -> list[tuple[str, str]]:
    """What is known of it beside how it stands."""
    asked = {"candle": "at each closed candle", "cycle": "in each cycle"}
    found = [("File", f"{row['name']}.py"), ("Asked", asked.get(str(row["ask"]), str(row["ask"])))]
    if row["sha256"]:
        found.append(("SHA-256 of the file", str(row["sha256"])))
    if row["enabled_sha256"] and row["enabled_sha256"] != row["sha256"]:
        found.append(("SHA-256 that votes", str(row["enabled_sha256"])))
    record: Mapping[str, Any] = row["performance"] or {}
    if record.get("signals_generated"):
        found.append(("Opinions on record", str(record["signals_generated"])))
        if record.get("accuracy_pct") is not None:
            found.append(("Right about the next 24 h", f"{record['accuracy_pct']:.0f} %"))
        if record.get("contribution_to_pnl") is not None:
            found.append(("Its part of the result", f"${Decimal(record['contribution_to_pnl']):,.2f}"))
    return found


class Threshold:
    """A number that the vote is held by."""

    def __init__(
        self, key: LimitKey, now: Decimal, shown: Decimal, changed: Callable[[str, Decimal | None, Decimal], None]
    ) -> None:
        self._key, self._now, self._changed = key, now, changed
        with box("limit-field"):
            field = ui.input(names.called(key.name), value=plain(shown), on_change=self._typed)
            field.props("inputmode=decimal outlined dense autocomplete=off").mark(f"limit-{key.name}")
            if unit := names.unit_of(key.name):
                field.props["suffix"] = unit
            self._note = Text(f"{key.low} to {key.high}; {key.meaning}", "soft")

    def _typed(self, event: events.ValueChangeEventArguments[Any]) -> None:
        value = number_in(str(event.value or ""), self._key)
        self._note.say(
            f"{self._key.low} to {self._key.high}; {self._key.meaning}"
            if value is not None
            else f"A number from {self._key.low} to {self._key.high}, please",
            "soft" if value is not None else "ask-error",
        )
        self._changed(self._key.name, value, self._now)


def number_in(text: str, key: LimitKey) -> Decimal | None:
    """A number within the key's bounds; a decimal comma is let pass. None where it is none."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    inside = value.is_finite() and Decimal(key.low) <= value <= Decimal(key.high)
    return value if inside and not (key.whole and value != value.to_integral_value()) else None
