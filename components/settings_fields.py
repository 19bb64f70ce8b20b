"""One configuration key on the settings page: its value to be changed, what it means and takes, and the change."""

from decimal import Decimal, InvalidOperation
from typing import Any

from nicegui import events, ui

from app.settings_ports import Counts, Edit, FieldKind, SettingRow
from components import settings_words as names
from components.parts import Choice, Text, box
from components.settings_draft import Draft
from components.settings_lists import ListEditor, entries_of

WHERE = {
    Counts.CONTROLS: "changed in Controls, while it trades",
    Counts.BACKTEST: "changed in a backtest's own settings only",
}


class SettingField:
    """Shows what was typed before and not saved, or the file's value; `draft` hears what is typed."""

    def __init__(self, row: SettingRow, draft: Draft) -> None:
        self.row, self._draft, text = row, draft, draft.text(row)
        self._now = text
        entries = entries_of(row, text or row.value)
        with box("setting limit-field").mark(f"field-{row.name}") as self.whole:
            if row.counts is not Counts.NEXT_START:
                self._build_fixed()
            elif row.kind in (FieldKind.CHOICE, FieldKind.SWITCH):
                self._build_choice(text)
            elif entries is not None:
                Text(names.label(row), "caption")
                ListEditor(row, entries, names.label(row), self._chosen, self._check)
            else:
                self._build_input(text or row.value)
            self.foot = box("setting-foot")
            self._note = Text("", "soft none")
            Text(self._help(), "soft limit-help")
            Text(row.name, "setting-key")
        self._say(text)

    def _build_fixed(self) -> None:
        Text(names.label(self.row), "caption")
        Text(names.said(self.row, self.row.value), "setting-value wrapping")

    def _build_choice(self, text: str) -> None:
        row = self.row
        Text(names.label(row), "caption")
        options = row.options or ("true", "false")
        Choice(names.label(row), {option: names.OPTIONS.get(option, option) for option in options}, text, self._chosen)

    def _build_input(self, text: str) -> None:
        field = ui.input(names.label(self.row), value=text, on_change=self._typed)
        field.props("outlined dense autocomplete=off").mark(f"setting-{self.row.name}")
        if self.row.kind in (FieldKind.NUMBER, FieldKind.WHOLE):
            field.props("inputmode=decimal")
        if unit := names.unit_of(self.row):
            field.props["suffix"] = unit

    def _help(self) -> str:
        row = self.row
        parts = [row.meaning]
        if row.low:
            parts.append(f"{row.low} to {row.high}")
        elif row.kind in (FieldKind.TEXT, FieldKind.VALUE) and row.cure:
            parts.append(row.cure)
        elif row.kind is FieldKind.WORDS:
            parts.append("an entry may hold commas; tap one to take it out")
        if row.default and row.default != row.value:
            parts.append(f"usual {names.said(row, row.default)}")
        elif row.optional and not row.default:
            parts.append("may be left empty")
        if where := WHERE.get(row.counts):
            parts.append(where)
        return "; ".join(parts)

    def again(self) -> None:
        """Counts as typed once more, after it was taken out."""
        wrong = wrong_with(self.row, self._now)
        self._say(self._now, wrong)
        self._draft.set(self.row, self._now, wrong)

    def take_out(self) -> None:
        self._note.say("removed after the next start", "limit-changed")

    async def _check(self, text: str) -> str:
        return await self._draft.check([Edit(name=self.row.name, was=self.row.value, text=text)])

    def _chosen(self, option: str) -> None:
        self._now = option
        self._say(option)
        self._draft.set(self.row, option)

    def _typed(self, event: events.ValueChangeEventArguments[Any]) -> None:
        text = str(event.value or "").strip()
        if self.row.kind in (FieldKind.NUMBER, FieldKind.WHOLE):
            text = text.replace(",", ".")
        self._now = text
        wrong = wrong_with(self.row, text)
        self._say(text, wrong)
        self._draft.set(self.row, text, wrong)

    def _say(self, text: str, wrong: str = "") -> None:
        row = self.row
        if wrong:
            self._note.say(wrong, "ask-error")
        elif text != row.value:
            self._note.say(f"now {changed_words(row, text)} · after the next start", "limit-changed")
        elif row.value != row.running and row.counts is Counts.NEXT_START:
            running = names.said(row, row.running)
            self._note.say(f"saved; it runs with {running} until the next start", "setting-waits")
        else:
            self._note.say("", "soft none")


def wrong_with(row: SettingRow, text: str) -> str:
    """What can be seen at once; the rest says the reader of the files before anything is saved."""
    if not text:
        return "" if row.optional or row.kind is FieldKind.WORDS else "It cannot be empty"
    if row.kind not in (FieldKind.NUMBER, FieldKind.WHOLE):
        return ""
    cure = f"A {'whole ' if row.kind is FieldKind.WHOLE else ''}number from {row.low} to {row.high}, please"
    try:
        value = Decimal(text)
    except InvalidOperation:
        return cure
    inside = value.is_finite() and Decimal(row.low) <= value <= Decimal(row.high)
    whole = row.kind is not FieldKind.WHOLE or (inside and value == value.to_integral_value())
    return "" if inside and whole else cure


def changed_words(row: SettingRow, text: str) -> str:
    """5 % → 7 %; of a list, what comes and goes."""
    before, after = entries_of(row, row.value), entries_of(row, text)
    if before is None or after is None:
        return f"{names.said(row, row.value)} → {names.said(row, text) if text else 'removed'}"
    new = [f"+ {word}" for word in after if word not in before]
    gone = [f"− {word}" for word in before if word not in after]
    told = [*new, *gone]
    more = f" and {len(told) - 6} more" if len(told) > 6 else ""
    return f"{names.said(row, row.value)} → {', '.join(told[:6]) or 'another order'}{more}"
