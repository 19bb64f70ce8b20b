"""One configuration key on the settings page: its value to be changed, what it means and takes, and the change."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from nicegui import events, ui

from app.settings_ports import Counts, FieldKind, SettingRow
from components import settings_words as names
from components.parts import Choice, Text, box

Changed = Callable[[SettingRow, str, str], None]  # row, text, what is wrong with it or ""
WHERE = {
    Counts.CONTROLS: "changed in Controls, while it trades",
    Counts.BACKTEST: "changed in a backtest's own settings only",
}


class SettingField:
    """`text`: what was typed before and not saved, or the file's value."""

    def __init__(self, row: SettingRow, text: str, changed: Changed) -> None:
        self._row, self._changed = row, changed
        with box("setting limit-field").mark(f"field-{row.name}") as self.whole:
            if row.counts is not Counts.NEXT_START:
                self._build_fixed()
            elif row.kind in (FieldKind.CHOICE, FieldKind.SWITCH):
                self._build_choice(text)
            elif row.kind is FieldKind.WORDS:
                field = ui.textarea(names.label(row), value=text, on_change=self._typed)
                field.props("outlined dense autogrow autocomplete=off").mark(f"setting-{row.name}")
            else:
                self._build_input(text)
            self._note = Text("", "soft none")
            Text(self._help(), "soft limit-help")
            Text(row.name, "setting-key")
        self._say(text)

    def _build_fixed(self) -> None:
        Text(names.label(self._row), "caption")
        Text(names.said(self._row, self._row.value), "setting-value wrapping")

    def _build_choice(self, text: str) -> None:
        row = self._row
        Text(names.label(row), "caption")
        options = row.options or ("true", "false")
        Choice(names.label(row), {option: names.OPTIONS.get(option, option) for option in options}, text, self._chosen)

    def _build_input(self, text: str) -> None:
        field = ui.input(names.label(self._row), value=text, on_change=self._typed)
        field.props("outlined dense autocomplete=off").mark(f"setting-{self._row.name}")
        if self._row.kind in (FieldKind.NUMBER, FieldKind.WHOLE):
            field.props("inputmode=decimal")
        if unit := names.unit_of(self._row):
            field.props["suffix"] = unit

    def _help(self) -> str:
        row = self._row
        parts = [row.meaning]
        if row.low:
            parts.append(f"{row.low} to {row.high}")
        elif row.kind is FieldKind.TEXT and row.cure:
            parts.append(row.cure)
        elif row.kind is FieldKind.WORDS:
            parts.append("separated by commas")
        if row.default and row.default != row.value:
            parts.append(f"usual {names.said(row, row.default)}")
        elif row.optional and not row.default:
            parts.append("may be left empty")
        if where := WHERE.get(row.counts):
            parts.append(where)
        return "; ".join(parts)

    def _chosen(self, option: str) -> None:
        self._say(option)
        self._changed(self._row, option, "")

    def _typed(self, event: events.ValueChangeEventArguments[Any]) -> None:
        text = str(event.value or "").strip()
        if self._row.kind in (FieldKind.NUMBER, FieldKind.WHOLE):
            text = text.replace(",", ".")
        wrong = wrong_with(self._row, text)
        self._say(text, wrong)
        self._changed(self._row, text, wrong)

    def _say(self, text: str, wrong: str = "") -> None:
        row = self._row
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
        return "" if row.optional else "It cannot be empty"
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
    if row.kind is not FieldKind.WORDS:
        return f"{names.said(row, row.value)} → {names.said(row, text)}"
    before, after = ([word.strip() for word in each.split(",")] for each in (row.value, text))
    new = [f"+ {word}" for word in after if word and word not in before]
    gone = [f"− {word}" for word in before if word not in after]
    told = [*new, *gone]
    more = f" and {len(told) - 6} more" if len(told) > 6 else ""
    return f"{names.said(row, row.value)} → {', '.join(told[:6]) or 'another order'}{more}"
