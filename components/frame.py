"""What every part of a page is given: the doors, who looks, and the way to other parts. It also holds the tabs.

A tab is built when it is first looked at, and told of changes only while it is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from nicegui import ui

from app.ports import Status
from components.controls import Controls, Person
from components.doors import Doors
from components.parts import Text, box
from components.receipt import Receipt


class Panel(Protocol):
    """What a tab shows."""

    def update(self, status: Status) -> None:
        """Something visible has changed, or the tab was opened again. Cheap: what must be waited for is a Loader's."""


@dataclass(frozen=True, slots=True)
class Tab:
    """`icon` is the inside of a 24 × 24 SVG, drawn in lines. Without one the tab is not in the navigation."""

    name: str
    title: str
    build: Callable[["Frame"], Panel]
    icon: str = ""


class Frame:
    def __init__(self, doors: Doors, person: Person, username: str, tabs: tuple[Tab, ...]) -> None:
        self.doors, self.person, self.username = doors, person, username
        self.controls = Controls(doors, person)
        self.shown = tabs[0].name
        self._tabs = {tab.name: tab for tab in tabs}
        self._panels: dict[str, Panel] = {}
        self._buttons: dict[str, Text] = {}
        self._places: dict[str, ui.element] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._receipt: Receipt | None = None

    def build(self, wanted: str) -> None:
        """The navigation and the place of each tab; `wanted` is shown."""
        shown_in_nav = [tab for tab in self._tabs.values() if tab.icon]
        with (
            box("nav", "nav").props('aria-label="Parts of the dashboard"') as nav,
            box("nav-row").props("role=tablist"),
        ):
            for tab in shown_in_nav:
                self._buttons[tab.name] = self._button(tab)
        nav.set_visibility(len(shown_in_nav) > 1)
        with box("tabs") as self._root:
            for tab in self._tabs.values():
                self._places[tab.name] = box(f"tab tab-{tab.name}").props(f"id=tab-{tab.name}")
        self.go(wanted if wanted in self._tabs else self.shown)

    def has(self, name: str) -> bool:
        """Whether there is such a place."""
        return name in self._tabs

    def on_go(self, told: Callable[[str], None]) -> None:
        """`told` hears the name of each tab that is shown from now on."""
        self._listeners.append(told)

    def go(self, name: str) -> None:
        """Show a tab. From code; a person's tap comes here too."""
        self.shown = name
        if name not in self._panels:
            with self._places[name]:
                self._panels[name] = self._tabs[name].build(self)
        for each, place in self._places.items():
            place.set_visibility(each == name)
        for each, button in self._buttons.items():
            button.attribute("aria-selected", "true" if each == name else "false")
            button.attribute("tabindex", "0" if each == name else "-1")
        for told in self._listeners:
            told(name)
        self.update(self.doors.view.status())

    def receipt(self, decision_id: str) -> None:
        """Everything about one decision, over whatever is shown."""
        if self._receipt is None:
            with self._root:
                self._receipt = Receipt(self.doors)
        self._receipt.open(decision_id)

    def update(self, status: Status) -> None:
        self._panels[self.shown].update(status)

    def _button(self, tab: Tab) -> Text:
        button = Text("", "nav-item", "button").mark(f"tab-{tab.name}")
        button.props(f"type=button role=tab data-tab={tab.name} aria-controls=tab-{tab.name}")
        with button:
            ui.html(drawn(tab.icon), sanitize=False)
            Text(tab.title)
        button.on("click", lambda: self.go(tab.name), [])
        return button


def drawn(lines: str, size: int = 22) -> str:
    """An icon of our own; never text from outside."""
    return (
        f'<svg viewBox="0 0 24 24" width="{size}" height="{size}" aria-hidden="true" fill="none" stroke="currentColor" '
        f'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">{lines}</svg>'
    )
