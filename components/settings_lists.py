"""A list on the settings page: its entries, each taken out (and back in) by a tap, and a field for new ones.

An entry may hold commas. What cannot be is said beside the field, and stays typed there.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from nicegui import ui

from app.settings_ports import FieldKind, SettingRow
from components.parts import Button, Text, box


def entries_of(row: SettingRow, text: str) -> list[str] | None:
    """None: it is no list."""
    if row.kind is FieldKind.WORDS:
        return [entry for entry in text.split("\n") if entry]
    if row.kind is not FieldKind.VALUE or not text.startswith("["):
        return None
    try:
        values = json.loads(text, parse_float=_Digits, parse_int=_Digits)
    except (ValueError, RecursionError):
        return None
    return None if any(isinstance(value, (list, dict, type(None))) for value in values) else [*map(_entry, values)]


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


def _entry(value: object) -> str:
    """A text needs no quotes unless it looks like something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if _is_json(text) and not isinstance(value, _Digits) else text


def text_of(row: SettingRow, entries: Sequence[str]) -> str:
    if row.kind is FieldKind.WORDS:
        return "\n".join(entries)
    written = [entry if _is_json(entry) else json.dumps(entry, ensure_ascii=False) for entry in entries]
    return f"[{','.join(written)}]"


def _is_json(entry: str) -> bool:
    """Whether it would be read as something else than the text that it is."""
    try:
        value = json.loads(entry)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, (bool, int, float, str))


class ListEditor:
    """`changed` hears the whole list; `check` says what is wrong with one, or ""."""

    def __init__(
        self,
        row: SettingRow,
        entries: Sequence[str],
        label: str,
        changed: Callable[[str], None],
        check: Callable[[str], Awaitable[str]],
    ) -> None:
        self._row, self._changed, self._check = row, changed, check
        self._before = entries_of(row, row.value) or []
        self._entries = list(entries)
        gone = [entry for entry in self._before if entry not in self._entries]
        self._chips: dict[str, Text] = {}
        with box("entries").props(f'role=group aria-label="{label}"') as self._place:
            for entry in [*self._entries, *gone]:
                self._chip(entry)
        with box("entry-add"):
            self._field = ui.input(f"Add to {label.lower()}").props("outlined dense autocomplete=off maxlength=500")
            self._field.mark(f"entry-of-{row.name}").on("keydown.enter", self._add, [])
            Button("Add", self._add, "quiet").mark(f"add-to-{row.name}")
        self._wrong = Text("", "ask-error", "p").props("role=alert").mark(f"wrong-with-{row.name}")

    @property
    def text(self) -> str:
        return text_of(self._row, self._entries)

    def _chip(self, entry: str) -> None:
        with self._place:
            chip = Text(entry, "list-entry", "button").props("type=button").mark(f"entry-{self._row.name}")
        chip.on("click", partial(self._tapped, entry), [])
        self._chips[entry] = chip
        self._show(entry)

    def _show(self, entry: str) -> None:
        chip, is_in = self._chips[entry], entry in self._entries
        kind = "" if is_in and entry in self._before else " new" if is_in else " gone"
        chip.say(entry, f"list-entry{kind}")
        chip.attribute("aria-label", f"{'Remove' if is_in else 'Keep'} {entry}")

    def _tapped(self, entry: str) -> None:
        """Out, or back to where it was."""
        if entry in self._entries:
            self._entries.remove(entry)
        elif entry in self._before:
            wanted = {*self._entries, entry}
            new = [each for each in self._entries if each not in self._before]
            self._entries = [*(each for each in self._before if each in wanted), *new]
        else:
            self._entries.append(entry)
        self._show(entry)
        self._changed(self.text)

    async def _add(self) -> None:
        entry = str(self._field.value or "").strip()
        if not entry:
            return
        if entry.lower() in (each.lower() for each in self._entries):
            self._wrong.say(f"“{entry}” is there already")
            return
        if wrong := await self._check(text_of(self._row, [*self._entries, entry])):
            self._wrong.say(wrong)
            return
        self._wrong.say("")
        self._field.set_value("")
        self._entries.append(entry)
        if entry in self._chips:
            self._show(entry)
        else:
            self._chip(entry)
        self._changed(self.text)
