"""What the cards of the Insights tab are made of: a card that is redrawn only when it would say something else, a
scale with zones, an explanation at hand, and how strategies and times are called. They never ask anybody."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui

from components.parts import Moment, Text, box


class Drawn:
    """A place whose content is made again when `key` is another one, and only then."""

    def __init__(self, classes: str) -> None:
        self._key: Any = object()
        self._place = box(classes)

    def draw(self, key: Any, build: Callable[[], object]) -> None:
        if key != self._key:
            self._key = key
            self._place.clear()
            with self._place:
                build()


class Card(Drawn):
    """A titled part of the tab. Its question is answered at its end, folded away until somebody asks."""

    def __init__(self, title: str, name: str, question: str = "", answers: Sequence[str] = ()) -> None:
        with box(f"insight insight-{name}", "section").props(f'aria-label="{title}"').mark(f"insight-{name}"):
            with box("insight-head") as self.head:
                Text(title, "caption", "h2")
            super().__init__("insight-body")
            if question:
                with box("what", "details"):
                    Text(question, tag="summary")
                    for answer in answers:
                        Text(answer, "soft", "p")


class Reading(Drawn):
    """A value with its name, told in a line; a tap says what it means, and it stays open while values change."""

    def __init__(self, label: str, explanation: str) -> None:
        with box("reading"):
            with box("reading-head", "details"):
                with box("", "summary"):
                    Text(label, "reading-name")
                    self._value = Text(classes="reading-value")
                Text(explanation, "soft", "p")
            super().__init__("reading-body")

    def say(self, value: str, tone: str = "") -> None:
        self._value.say(value, f"reading-value {tone}".strip())


class Scale:
    """A value on a line from `low` to `high`, with a zone at each end. Words stand beside it: it is only drawn."""

    def __init__(
        self, low: float, high: float, value: float, ends: tuple[float, float], kinds: tuple[str, str]
    ) -> None:
        def at(number: float) -> float:
            return round(100 * (min(max(number, low), high) - low) / (high - low), 2)

        with box("scale").props("aria-hidden=true"):
            box(f"scale-zone {kinds[0]}").style(f"left:0;width:{at(ends[0])}%")
            box(f"scale-zone {kinds[1]}").style(f"left:{at(ends[1])}%;right:0")
            for end in ends:
                Text(shown(end, 1), "scale-mark").style(f"left:{at(end)}%")
            box("scale-value").style(f"left:{at(value)}%")


def moment_line(*parts: str | datetime | None, classes: str = "soft") -> None:
    """Words and times in one line; times are the viewer's."""
    with box(classes, "p"):
        for part in parts:
            if isinstance(part, datetime):
                Moment(part)
            elif part:
                Text(part)


def next_candle(closes_at: datetime | None) -> None:
    """When there may be more to see; before anything has started that is not known."""
    if closes_at is not None:
        moment_line("The candle that is forming closes at ", closes_at, ".")


def drawing(svg: str, words: str) -> None:
    """An SVG of ours, made from numbers. `words` say the same to who cannot see it."""
    ui.html(svg, sanitize=False).classes("drawing").props(f'role=img aria-label="{words}"')


def shown(number: float, places: int = 0) -> str:
    """−12.5, and 70 rather than 70.0."""
    text = f"{abs(number):,.{places}f}"
    if places and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if number < 0 and text.strip("0.,") else text


def signed(number: float, places: int = 1) -> str:
    return f"+{shown(number, places)}" if number > 0 else shown(number, places)


def first_sentence(text: str) -> str:
    end = text.find(". ")
    return text if end < 0 else text[:end]


def at_of(value: Any) -> datetime | None:
    """A time of a row: the engine's are times, the store's are texts."""
    return datetime.fromisoformat(value) if isinstance(value, str) and value else value or None


def bars(values: Sequence[float | None], width: int = 300, height: int = 64) -> str:
    """Values above and below a line, as bars."""
    known = [value for value in values if value is not None]
    most = max((abs(value) for value in known), default=0) or 1
    step, middle = width / max(len(values), 1), height / 2
    drawn = []
    for place, value in enumerate(values):
        if value is None:
            continue
        tall = round(abs(value) / most * (middle - 1), 1)
        top = round(middle - tall if value > 0 else middle, 1)
        kind = "bar-up" if value > 0 else "bar-down"
        size = f'width="{step * 0.72:.1f}" height="{max(tall, 0.5)}"'
        drawn.append(f'<rect class="{kind}" x="{place * step:.1f}" y="{top}" {size}/>')
    line = f'<line class="zero" x1="0" x2="{width}" y1="{middle}" y2="{middle}"/>'
    return f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" class="bars">{line}{"".join(drawn)}</svg>'
