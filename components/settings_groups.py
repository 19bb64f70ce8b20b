"""The fields of one card on the settings page, those of one strategy or model together, with names that come and go.

What is taken out stays in sight until it is saved, to be kept after all.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from nicegui import ui

from app.settings_ports import Counts, Edit, FieldKind, SettingRow, SettingTable
from components import settings_words as names
from components.parts import Button, Text, box
from components.settings_draft import Draft
from components.settings_fields import SettingField, wrong_with


class Fields:
    """Those that are changed here, then those that are changed elsewhere."""

    def __init__(
        self,
        rows: Sequence[SettingRow],
        tables: Sequence[SettingTable],
        meaning: str,
        draft: Draft,
        to_controls: Callable[[], None],
    ) -> None:
        """`tables`: those that may get new names in this card."""
        self.elements: dict[str, ui.element] = {}
        self._tables, self._draft = tables, draft
        self._there = frozenset(row.name for row in rows)
        Text(meaning, "soft", "p")
        in_order = sorted(rows, key=names.owner)  # those of one strategy together
        fixed = [row for row in in_order if row.counts is not Counts.NEXT_START]
        off = {names.owner(row): row for row in fixed if row.name.endswith(".enabled") and row.value == "false"}
        with box("setting-groups") as self._groups:
            for owner, mine in groupby([row for row in in_order if row.counts is Counts.NEXT_START], names.owner):
                self._group(owner, list(mine), off.get(owner))
        for table in tables:
            if not table.name.startswith("strategies."):
                AddEntry(table, draft, self._there, partial(self._new, None))
        if any(row.counts is Counts.CONTROLS for row in fixed):
            with box("admin-links"):
                Button("Change these in Controls", to_controls, "quiet").props("data-tab=controls")
        for owner, mine in groupby(fixed, names.owner):
            self._group(owner, list(mine), None)

    def _group(self, owner: str, rows: Sequence[SettingRow], off: SettingRow | None) -> None:
        """`off`: the switch of a strategy that does not vote and may be taken out of the list."""
        with box("setting-group") as whole:
            with box("setting-group-head") as head:
                if owner:
                    Text(owner, "group-title", "h3")
            with box("limit-fields") as place:
                fields = [self._field(row) for row in rows]
            if any(len(table.columns) > 1 and table.entry_of(rows[0].name) for table in self._tables):
                Removal(rows, fields, whole, head, self._draft, owner)
            elif off is not None:
                Removal([off], fields, whole, head, self._draft, owner)
            for table in self._tables:
                if rows[0].counts is Counts.NEXT_START and table.name == f"strategies.{owner}.settings":
                    AddEntry(table, self._draft, self._there, partial(self._new, place))

    def _field(self, row: SettingRow) -> SettingField:
        """With a way out where it is an entry by itself."""
        field = SettingField(row, self._draft)
        self.elements[row.name] = field.whole
        for table in self._tables:
            if len(table.columns) == 1 and (entry := table.entry_of(row.name)):
                Removal([row], [field], field.whole, field.foot, self._draft, entry)
        return field

    def _new(self, place: ui.element | None, rows: Sequence[SettingRow]) -> None:
        """In sight at once: beside its like, or in a group of its own."""
        if place is not None:
            with place:
                for row in rows:
                    self._field(row)
        else:
            with self._groups:
                self._group(names.owner(rows[0]), rows, None)
        for row in rows:  # a search knows only what it was told at first
            self.elements.pop(row.name, None)


class Removal:
    """Takes `rows` out, and in again. `head`: where its button stands."""

    def __init__(
        self,
        rows: Sequence[SettingRow],
        fields: Sequence[SettingField],
        whole: ui.element,
        head: ui.element,
        draft: Draft,
        name: str,
    ) -> None:
        self._rows, self._fields, self._whole, self._draft, self._name = rows, fields, whole, draft, name
        self._gone = any(draft.texts.get(row.name) == "" for row in rows)
        with head:
            self._button = Button("", self._pressed, "quiet small").mark(f"remove-{rows[0].name}")
        self._show()

    def _pressed(self) -> None:
        if all(row.name in self._draft.added for row in self._rows):
            self._draft.forget(self._rows)
            self._whole.delete()
            return
        self._gone = not self._gone
        if self._gone:
            self._draft.forget(field.row for field in self._fields)
            for row in self._rows:
                self._draft.set(row, "")
        else:
            self._draft.forget(self._rows)
            for field in self._fields:
                field.again()
        self._show()

    def _show(self) -> None:
        self._button.say("Keep it" if self._gone else "Remove")
        self._button.attribute("aria-label", f"{'Keep' if self._gone else 'Remove'} {self._name}")
        self._whole.classes(add="goes") if self._gone else self._whole.classes(remove="goes")
        if self._gone:
            for field in self._fields:
                field.take_out()


class AddEntry:
    """A form for a new name and all that it holds. Checked as the start would, alone, before it is shown as added."""

    def __init__(
        self,
        table: SettingTable,
        draft: Draft,
        there: frozenset[str],
        added: Callable[[Sequence[SettingRow]], None],
    ) -> None:
        """`there`: names of all keys that stand in the files."""
        self._table, self._draft, self._there, self._added = table, draft, there, added
        what, called = names.NEW_NAMES[table.name.rpartition(".")[2]]
        with box("more-facts add-entry", "details").mark(f"new-in-{table.name}") as self._whole:
            Text(f"Add {what}", "explained-head", "summary")
            with box("limit-fields"):
                with box("setting limit-field"):
                    self._name = ui.input(called).props("outlined dense autocomplete=off maxlength=100")
                    self._name.props("autocapitalize=none spellcheck=false").mark(f"new-name-{table.name}")
                    Text(table.takes, "soft limit-help")
                self._fields = [self._field(row) for row in table.columns]
            self._wrong = Text("", "ask-error", "p").props("role=alert").mark(f"new-wrong-{table.name}")
            Button("Add", self._add, "quiet").mark(f"new-add-{table.name}")

    def _field(self, row: SettingRow) -> ui.input:
        with box("setting limit-field"):
            field = ui.input(names.column(row)).props("outlined dense autocomplete=off maxlength=500")
            field.mark(f"new-value-{row.name}")
            if row.kind in (FieldKind.NUMBER, FieldKind.WHOLE):
                field.props("inputmode=decimal")
            if unit := names.unit_of(row):
                field.props["suffix"] = unit
            Text(f"{row.meaning}; {f'{row.low} to {row.high}' if row.low else row.cure}", "soft limit-help")
        return field

    async def _add(self) -> None:
        """What is wrong is said by name; what was typed stays."""
        name = str(self._name.value or "").strip()
        if not name:
            self._wrong.say("Give it a name")
            return
        texts: dict[SettingRow, str] = {}
        for row, field in zip(self._table.columns, self._fields, strict=True):
            text = str(field.value or "").strip()
            new = replace(row, name=row.name.replace("*", name))
            if row.kind in (FieldKind.NUMBER, FieldKind.WHOLE):
                text = text.replace(",", ".")
            if wrong := wrong_with(row, text):
                self._wrong.say(f"{name}, {names.column(row)}: {wrong}")
                return
            texts[new] = text
        if any(row.name in self._draft.added or row.name in self._there for row in texts):
            self._wrong.say(f"{name} is there already")
            return
        wrong = await self._draft.check([Edit(name=row.name, was="", text=text) for row, text in texts.items()])
        if wrong:
            self._wrong.say(wrong)
            return
        for row, text in texts.items():
            self._draft.add(row, text)
        self._wrong.say("")
        for each in (self._name, *self._fields):
            each.set_value("")
        self._added(list(texts))
