"""A card of the Controls tab that opens by a tap. Its inside is built when it is first opened, and told of changes only
while it is open.
"""

from collections.abc import Callable
from typing import Any

from nicegui import events, ui

from app.ports import Status
from components.frame import Panel
from components.parts import Text, box


class Section:
    """`build` makes the inside; `summary` says in a line how it stands, also while it is shut."""

    def __init__(
        self,
        name: str,
        title: str,
        build: Callable[[], Panel],
        *,
        summary: Callable[[Status], str] = lambda status: "",
        opened: bool = False,
    ) -> None:
        self._build, self._summary = build, summary
        self._panel: Panel | None = None
        self._open = False
        self._status: Status | None = None
        with box(f"section section-{name}", "details").mark(f"section-{name}") as self._whole:
            with box("section-head", "summary"):
                Text(title, "section-title", "h2")
                self._said = Text(classes="section-said")
            self._place = box("section-body")
        self._whole.on("toggle", self._toggled, js_handler="(event) => emit(event.target.open)")
        if opened:
            self._whole.props["open"] = True
            self._show(True)

    def update(self, status: Status) -> None:
        self._status = status
        self._said.say(self._summary(status))
        if self._open and self._panel is not None:
            self._panel.update(status)

    def _toggled(self, event: events.GenericEventArguments) -> None:
        wanted = event.args if isinstance(event.args, bool) else True
        if wanted:
            self._whole.props["open"] = True
        else:
            self._whole.props.pop("open", None)
        self._show(wanted)

    def _show(self, opened: bool) -> None:
        self._open = opened
        if not opened:
            return
        if self._panel is None:
            with self._place:
                self._panel = self._build()
        if self._status is not None:
            self._panel.update(self._status)


def explained(question: str, answer: str) -> None:
    """A word of explanation at hand, folded away."""
    with box("explained", "details"):
        Text(question, "explained-head", "summary")
        Text(answer, "soft", "p")


class Range(ui.slider):
    """Moves under the thumb at once: a value that went to the server and back would come too late on a slow line."""

    LOOPBACK = False


def slider_of(value: float, most: float, label: str, changed: Callable[[float], None]) -> Range:
    def moved(event: events.ValueChangeEventArguments[Any]) -> None:
        changed(float(event.value or 0))

    slider = Range(min=0, max=most, step=1, value=value, on_change=moved).classes("weight-range")
    slider.props["aria-label"] = label
    return slider
