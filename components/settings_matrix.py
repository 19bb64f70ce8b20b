"""The notification matrix: how each level and each single event arrives by each channel. A tap goes to the next way.

A single event follows its level until it is given a way of its own.
"""

from collections.abc import Callable, Mapping
from functools import partial

from nicegui import ui

from app.settings_ports import AlertRow, SettingRow, SettingsFace
from components import settings_words as names
from components.parts import Text, box

Changed = Callable[[SettingRow, str, str], None]  # row, text, what is wrong with it or ""


class Matrix:
    """`draft` holds what was tapped and not saved, by the key's name."""

    def __init__(self, face: SettingsFace, draft: Mapping[str, str], changed: Changed) -> None:
        self._face, self._changed = face, changed
        self._rows = {row.name: row for row in face.rows}
        self._texts = {name: draft.get(name, row.value) for name, row in self._rows.items()}
        self._cells: dict[str, Text] = {}
        self._titles: dict[str, str] = {}
        self._levels: dict[str, str] = {}
        self._folded: list[ui.element] = []
        self.elements: dict[str, ui.element] = {}
        with box("matrix"):
            Text(
                "Tap to change: on comes with a sound, silent without one where the channel can, off not at all. "
                "A pale word means that the event follows its level. Other: Telegram, Discord, ntfy and the like, by "
                "APPRISE_URLS.",
                "soft",
                "p",
            )
            for level in face.levels:
                self._build_level(level)

    def unfold(self, wanted: bool) -> None:
        """Single events in sight, for a search."""
        for each in self._folded:
            if wanted:
                each.props["open"] = True
            else:
                each.props.pop("open", None)

    def _build_level(self, level: str) -> None:
        title, meaning = names.LEVELS.get(level, (level, ""))
        mine = [event for event in self._face.events if event.level == level]
        with box("matrix-level"):
            self._build_row(f"alerts.levels.{level}", title, meaning, level, "matrix-head")
            with box("more-facts", "details").mark(f"matrix-events-{level}") as folded:
                Text(f"{len(mine)} single events", "explained-head", "summary")
                for event in mine:
                    self._build_row(f"alerts.events.{event.name}", event.title, event.meaning, level)
        self._folded.append(folded)

    def _build_row(self, start: str, title: str, meaning: str, level: str, classes: str = "") -> None:
        with box(f"matrix-row {classes}").props(f'role=group aria-label="{title}"') as row:
            with box("matrix-words"):
                Text(title, "matrix-title")
                Text(meaning, "soft")
            with box("matrix-cells"):
                for channel in self._face.channels:
                    name = f"{start}.{channel}"
                    self._titles[name], self._levels[name] = title, level
                    cell = Text("", "matrix-cell", "button").props("type=button").mark(f"cell-{name}")
                    cell.props["data-channel"] = names.CHANNELS.get(channel, channel)
                    cell.on("click", partial(self._tapped, name, channel), [])
                    self._cells[name] = cell
                    self._show(name, channel)
        self.elements[start] = row

    def _tapped(self, name: str, channel: str) -> None:
        row = self._rows[name]
        ways = [*(("",) if row.optional and not row.default else ()), *row.options]
        at = ways.index(self._texts[name]) if self._texts[name] in ways else -1
        self._texts[name] = ways[(at + 1) % len(ways)]
        self._show(name, channel)
        if name.startswith("alerts.levels."):
            for event in self._face.events:
                if event.level == self._levels[name]:
                    self._show(f"alerts.events.{event.name}.{channel}", channel)
        self._changed(row, self._texts[name], "")

    def _show(self, name: str, channel: str) -> None:
        if name not in self._cells:
            return
        cell, text = self._cells[name], self._texts[name]
        way = text or self._texts.get(f"alerts.levels.{self._levels[name]}.{channel}", "")
        changed = " changed" if text != self._rows[name].value else ""
        cell.say(names.LOUD.get(way, way), f"matrix-cell {way}{'' if text else ' follows'}{changed}")
        follows = "" if text else ", as its level"
        called = names.CHANNELS.get(channel, channel)
        cell.attribute("aria-label", f"{self._titles[name]} by {called}: {way}{follows}")


def matrix_words(row: SettingRow, text: str, events: Mapping[str, AlertRow]) -> str:
    """Kill switch by Email: on → off."""
    _, kind, name, channel = row.name.split(".")
    title = names.LEVELS.get(name, (name, ""))[0] if kind == "levels" else events[name].title
    return f"{title} by {names.CHANNELS.get(channel, channel)} {row.value or 'as its level'} → {text or 'as its level'}"


def matrix_items(face: SettingsFace) -> dict[str, str]:
    """What a search looks through, by row."""
    found = {
        f"alerts.levels.{level}": " ".join(("alerts level", level, *names.LEVELS.get(level, ()))).lower()
        for level in face.levels
    }
    return found | {
        f"alerts.events.{event.name}": f"alerts event {event.name} {event.title} {event.meaning}".lower()
        for event in face.events
    }
