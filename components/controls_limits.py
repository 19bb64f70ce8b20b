"""Risk on the Controls tab: every limit that can be changed while it trades, with its bounds, meaning and default.

Safer values count at once and need no code; riskier ones ask for it and come at 00:00 UTC, if not taken back before.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from nicegui import events, ui

from app.core.limits import Limit, is_safer
from app.core.rules import EntryOrder
from app.faces import LimitKey, LimitsFace, Proposal
from app.ports import Status
from components import controls_words as names
from components import format as words
from components.controls import wants_code
from components.controls_section import explained
from components.controls_votes import number_in
from components.controls_what_if import WhatIfBox
from components.frame import Frame
from components.parts import Button, Choice, Moment, Text, box

EXPLAINED = (
    "Whatever makes less happen (a smaller size, a tighter limit, a longer rest) counts at once. Everything else waits "
    "for the next 00:00 UTC, so that nobody raises the stakes in the heat of a losing day. Distances of stops wait, "
    "too: a nearer stop sells earlier, which is not always safer."
)


class Limits:
    """The panel. `draft` is what was changed and not saved; `wrong` holds names of fields that hold no value."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._question = frame, frame.controls.question
        self.draft: dict[str, Limit] = {}
        self._wrong: set[str] = set()
        self._fields: dict[str, LimitField] = {}
        self._base: object = None
        with box("limits"):
            self._used = Text(classes="soft", tag="p").mark("limits-used")
            self._waiting = box("waiting", "ul")
            self._groups = box("limit-groups")
            with box("save-bar") as self._bar:
                self._told = Text(classes="save-told").props("role=status").mark("limits-told")
                brief = Text(classes="soft brief").mark("limits-brief")
                Button("Discard", self._discard, "quiet").mark("limits-discard")
                self._try = Button("What if?", self._what_if_start, "quiet").mark("limits-what-if")
                self._save_button = Button("Save …", self._save, "resume").mark("limits-save")
            self._what_if = WhatIfBox(frame, "limits", self.proposal, brief)
            explained("What counts when?", EXPLAINED)

    def proposal(self) -> Proposal:
        return Proposal(place="limits", limits=dict(self.draft))

    def update(self, status: Status) -> None:
        face = self._frame.doors.view.limits()
        base = dict(face.values), [(each.id, each.name) for each in face.pending]
        if base != self._base:  # first look, saved or discarded, or a limit came into force: then what was typed stays
            kept = {} if self._base is None else self.draft
            self._base = base
            self._build(face, kept)
        self._used.say(used_words(face))
        self._show()

    def _build(self, face: LimitsFace, kept: dict[str, Limit]) -> None:
        self.draft = {name: value for name, value in kept.items() if value != face.values[name]}
        self._wrong, self._fields = set(), {}
        self._groups.clear()
        with self._groups:
            for name, (title, meaning) in names.GROUPS.items():
                keys = [key for key in face.keys if names.LIMITS.get(key.name, ("", "", ""))[0] == name]
                if keys:
                    self._build_group(name, title, meaning, keys, face)
        self._waiting.clear()
        self._waiting.set_visibility(bool(face.pending))
        with self._waiting:
            for each in face.pending:
                with box("limit-waits", "li").mark(f"waits-{each.name}"):
                    with box("limit-waits-words"):
                        Text(
                            f"{names.called(each.name)}: {names.with_unit(each.name, each.value)} from", "strategy-name"
                        )
                        Moment(each.effective_at, "strategy-name")
                        Text("instead of " + names.said(each.name, face.values[each.name]), "soft")
                    Button("Take back", partial(self._take_back, each.id), "quiet").mark(f"take-back-{each.name}")

    def _build_group(self, name: str, title: str, meaning: str, keys: Sequence[LimitKey], face: LimitsFace) -> None:
        with box("limit-group", "details").mark(f"group-{name}") as group:
            if name in ("size", "loss"):
                group.props["open"] = True
            with box("limit-group-head", "summary"):
                Text(title, "group-title", "h3")
            Text(meaning, "soft", "p")
            with box("limit-fields"):
                for key in keys:
                    now = face.values[key.name]
                    self._fields[key.name] = LimitField(key, now, self.draft.get(key.name, now), self._set)

    # ------------------------------------------------------------ what was changed

    def _set(self, key: LimitKey, value: Limit, *, good: bool) -> None:
        self.draft.pop(key.name, None)
        self._wrong.discard(key.name)
        if not good:
            self._wrong.add(key.name)
        elif value != self._frame.doors.view.limits().values[key.name]:
            self.draft[key.name] = value
        self._show()

    def _riskier(self) -> list[str]:
        values = self._frame.doors.view.limits().values
        return [name for name, value in self.draft.items() if not is_safer(name, values[name], value)]

    def _show(self) -> None:
        later = len(self._riskier())
        now = len(self.draft) - later
        self._bar.set_visibility(bool(self.draft or self._wrong))
        told = [f"{now} at once"] if now else []
        told += [f"{later} from 00:00 UTC on"] if later else []
        told += [f"{len(self._wrong)} to correct"] if self._wrong else []
        self._told.say(f"Not saved: {', '.join(told)}")
        ready = bool(self.draft) and not self._wrong
        self._save_button.set_visibility(ready)
        self._try.set_visibility(ready and self._what_if.possible)
        self._what_if.update()

    def _discard(self) -> None:
        self._base = None
        self.update(self._frame.doors.view.status())

    async def _what_if_start(self) -> None:
        await self._what_if.start()

    # ------------------------------------------------------------ saving

    def _save(self) -> None:
        face, status, wanted = self._frame.doors.view.limits(), self._frame.doors.view.status(), dict(self.draft)
        riskier = self._riskier()
        lines = [
            f"{names.called(name)} {names.said(name, face.values[name])} → {names.said(name, value)} "
            f"({'from 00:00 UTC on' if name in riskier else 'at once'})"
            for name, value in wanted.items()
        ]
        text = f"{'; '.join(lines)}."
        if warning := warned(face, wanted, riskier):
            text = f"{warning} {text}"

        async def save(otp: str | None) -> str | None:
            control = self._frame.doors.control
            wrong = await self._frame.person.order(lambda who: control.change_limits(who, wanted), otp)
            if wrong is None:
                self._base = None
                ui.notify("Saved", position="top")
            self.update(self._frame.doors.view.status())
            return wrong

        code = bool(riskier) and wants_code(status)
        self._question.ask(
            "Change the limits?",
            text,
            yes="Save",
            no="Leave them",
            work=save,
            code=code,
            kind="danger" if warning else "",
        )

    async def _take_back(self, id: str) -> None:
        control = self._frame.doors.control
        wrong = await self._frame.person.order(lambda who: control.take_back(who, id), gone="It waits no more.")
        ui.notify(wrong or "Taken back: the limit stays as it is", type="negative" if wrong else None, position="top")
        self.update(self._frame.doors.view.status())


def used_words(face: LimitsFace) -> str:
    """How much of the limits is used now."""
    if not face.used:
        return ""
    used = face.used
    return (
        f"Now: {words.pct(used['exposure_pct'], 1)} of equity in {used['open_positions']} positions, "
        f"{used['entries_today']} purchases today, down {words.pct(used['day_loss_pct'], 1)} today and "
        f"{words.pct(used['total_loss_pct'], 1)} in all."
    )


def warned(face: LimitsFace, wanted: dict[str, Limit], riskier: Sequence[str]) -> str:
    """What a tighter loss limit does at this very moment."""
    for name, used, effect in (
        ("kill_switch_loss_pct", "total_loss_pct", "this closes everything at once and stops trading"),
        ("daily_loss_limit_pct", "day_loss_pct", "nothing is bought any more before 00:00 UTC"),
    ):
        value, loss = wanted.get(name), face.used.get(used)
        if isinstance(value, Decimal) and isinstance(loss, Decimal) and name not in riskier and loss >= value:
            return f"You are down {words.pct(loss, 1)} already: {effect}."
    return ""


class LimitField:
    """One limit: its value to be changed, and below it what it means, its bounds, its default, and the change."""

    def __init__(self, key: LimitKey, now: Limit, shown: Limit, changed: Callable[..., None]) -> None:
        self._key, self._now, self._changed = key, now, changed
        with box("limit-field"):
            if key.options:
                Text(names.called(key.name), "caption")
                first = shown.value if isinstance(shown, EntryOrder) else str(shown)
                options = {option: names.ORDERS.get(option, option) for option in key.options}
                Choice(names.called(key.name), options, first, self._chosen)
            else:
                self._build_input(shown)
            self._note = Text("", "soft")
            Text(self._help(), "soft limit-help")
        self._say(shown, good=True)

    def _build_input(self, shown: Limit) -> None:
        value = names.said(self._key.name, shown).partition("\u00a0")[0]
        field = ui.input(names.LIMITS[self._key.name][1], value=value, on_change=self._typed)
        field.props("inputmode=decimal outlined dense autocomplete=off").mark(f"limit-{self._key.name}")
        if unit := names.unit_of(self._key.name):
            field.props["suffix"] = unit

    def _help(self) -> str:
        default = names.said(self._key.name, self._key.default)
        span = f"{self._key.low} to {self._key.high}; " if self._key.low else ""
        return f"{self._key.meaning}. {span}usual {default}"

    def _chosen(self, option: str) -> None:
        self._say(EntryOrder(option), good=True)
        self._changed(self._key, EntryOrder(option), good=True)

    def _typed(self, event: events.ValueChangeEventArguments[Any]) -> None:
        found: Any = number_in(str(event.value or ""), self._key)
        value = int(found) if found is not None and self._key.whole else found
        self._say(value, good=value is not None)
        self._changed(self._key, value, good=value is not None)

    def _say(self, value: Limit, *, good: bool) -> None:
        if not good:
            self._note.say(f"A number from {self._key.low} to {self._key.high}, please", "ask-error")
        elif value == self._now:
            self._note.say("", "soft none")
        else:
            now = names.said(self._key.name, self._now)
            safer = is_safer(self._key.name, self._now, value)
            when = "safer: at once" if safer else "waits for 00:00 UTC"
            self._note.say(f"now {now} → {names.said(self._key.name, value)} · {when}", "limit-changed")
