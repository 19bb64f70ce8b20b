"""The small parts pages are made of: text, boxes, buttons, one question at a time. They know nothing of trading."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from inspect import iscoroutine

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from app.seam import Tasks

log = logging.getLogger(__name__)


class Text(TextElement):
    """Text in any tag. Text that comes from outside is safe here: it is never read as HTML."""

    def __init__(self, text: str = "", classes: str = "", tag: str = "span") -> None:
        super().__init__(tag=tag, text=text)
        self._shown_as = classes
        if classes:
            self.classes(classes)

    def say(self, text: str, classes: str | None = None) -> None:
        """Sends only what has changed."""
        if text != self.text:
            self.text = text
        if classes is not None and classes != self._shown_as:
            self._shown_as = classes
            self.classes(replace=classes)

    def attribute(self, name: str, value: str) -> None:
        if self.props.get(name) != value:
            self.props[name] = value


class Button(Text):
    """A native button, thumb-sized by the stylesheet. Off while its work runs: a double tap is one order."""

    def __init__(self, text: str, work: Callable[[], Awaitable[None] | None], kind: str = "") -> None:
        super().__init__(text, f"button {kind}".strip(), "button")
        self._work = work
        self._busy = False
        self.props["type"] = "button"
        self.on("click", self._pressed, [])

    async def _pressed(self) -> None:
        if self._busy or self.props.get("disabled"):
            return
        self._busy = True
        try:
            waiting = self._work()
            if iscoroutine(waiting):  # closing a dialog gives the dialog back, and waiting for that opens it again
                await waiting
        finally:
            self._busy = False

    def enable(self, possible: bool) -> None:
        if possible == ("disabled" in self.props):
            if possible:
                del self.props["disabled"]
            else:
                self.props["disabled"] = True


class Moment(Text):
    """A time. The browser says it in its own zone, and in UTC when it is tapped."""

    def __init__(self, at: datetime | None = None, classes: str = "") -> None:
        super().__init__("", f"moment {classes}".strip(), "time")
        self.show(at)

    def show(self, at: datetime | None) -> None:
        at = at.astimezone(UTC) if at is not None else None
        self.attribute("datetime", at.isoformat() if at else "")
        self.say(f"{at.day} {at:%b %Y %H:%M} UTC" if at else "")


class Choice:
    """One of a few, all in sight: a row of buttons. `chosen` is told the key."""

    def __init__(self, label: str, options: Mapping[str, str], first: str, chosen: Callable[[str], None]) -> None:
        self.key, self._chosen = first, chosen
        self._buttons: dict[str, Text] = {}
        with box("choice").props(f'role=group aria-label="{label}"'):
            for key, text in options.items():
                self._buttons[key] = Text(text, "choice-item", "button").props("type=button").mark(f"choose-{key}")
                self._buttons[key].on("click", lambda key=key: self._choose(key), [])
        self._show()

    def _choose(self, key: str) -> None:
        if key != self.key:
            self.key = key
            self._show()
            self._chosen(key)

    def offer(self, key: str, offered: bool) -> None:
        """Whether there is anything to choose it for. What is chosen stays in sight."""
        self._buttons[key].set_visibility(offered or key == self.key)

    def _show(self) -> None:
        for key, button in self._buttons.items():
            button.attribute("aria-pressed", "true" if key == self.key else "false")


class Loader:
    """Brings what must be waited for, beside the page: one at a time, and the newest wish last. Says what went wrong.

    Made where its parts stand. `work` fills them in; it is not called any more once the page is gone.
    """

    def __init__(self, tasks: Tasks, work: Callable[[], Awaitable[None]], what: str) -> None:
        self._tasks, self._work, self._what = tasks, work, what
        self._client = ui.context.client
        self._wanted = self._running = False
        self._place = box("loading").props("role=status")
        with self._place:
            self._said = Text(f"Loading {what} …", "soft")

    def want(self) -> None:
        """Returns at once; wishes while one is on its way are one more."""
        self._wanted = True
        if not self._running:
            self._running = True
            self._tasks.start(self._run(), f"loading {self._what}")

    async def _run(self) -> None:
        try:
            while self._wanted and not self._client.is_deleted:
                self._wanted = False
                await self._once()
        finally:
            self._running = False

    async def _once(self) -> None:
        try:
            await self._work()
        except Exception:  # guard: observer
            if self._client.is_deleted:  # it went while it was being filled
                return
            log.exception("%s could not be shown", self._what)
            self._place.set_visibility(True)
            self._said.say(f"{self._what.capitalize()} could not be read. Try again in a moment.", "ask-error")
        else:
            self._place.set_visibility(False)


def box(classes: str = "", tag: str = "div") -> ui.element:
    element = ui.element(tag)
    return element.classes(classes) if classes else element


class Rows:
    """A list in which each row stays as it is while others come and go: what a person has opened stays open."""

    def __init__(self, place: ui.element) -> None:
        self._place = place
        self._shown: dict[str, ui.element] = {}

    def show(self, rows: Mapping[str, Callable[[], ui.element]]) -> None:
        """These alone, in this order; one that is not there yet is made. A name is never used for another row."""
        for name in [name for name in self._shown if name not in rows]:
            self._shown.pop(name).delete()
        for at, (name, make) in enumerate(rows.items()):
            if name in self._shown:
                continue
            with self._place:
                row = self._shown[name] = make()
            if at < len(self._shown) - 1:
                row.move(self._place, at)


def titled(dialog: ui.dialog, title: Text) -> Text:
    """A dialog is called by its title, for whoever cannot see it."""
    dialog.props["aria-labelledby"] = title.html_id
    return title


class Question:
    """One dialog of a page, used for each question in turn. The safe answer stands first."""

    def __init__(self) -> None:
        with ui.dialog() as self._dialog, box("ask"):
            self._title = titled(self._dialog, Text(classes="ask-title", tag="h2"))
            self._text = Text(tag="p")
            self._code = ui.input("Code from your authenticator app").props(
                "inputmode=numeric autocomplete=one-time-code maxlength=7 outlined"
            )
            self._code.mark("question-code")
            self._error = Text(classes="ask-error", tag="p").props("role=alert")
            with box("ask-buttons"):
                self._no = Button("Keep as it is", self._dialog.close, "quiet")
                self._yes = Button("Yes", self._agreed).mark("agree")
        self._work: Callable[[str | None], Awaitable[str | None]] | None = None
        self._wants_code = False

    def ask(
        self,
        title: str,
        text: str,
        *,
        yes: str,
        no: str,
        work: Callable[[str | None], Awaitable[str | None]],
        kind: str = "",
        code: bool = False,
    ) -> None:
        """`work` gets the code and returns None when done, else what went wrong, which is shown in the dialog."""
        self._title.say(title)
        self._text.say(text)
        self._error.say("")
        self._no.say(no)
        self._yes.say(yes, f"button {kind}".strip())
        self._work, self._wants_code = work, code
        self._code.set_value("")
        self._code.set_visibility(code)
        self._dialog.open()

    async def _agreed(self) -> None:
        if self._work is None:
            return
        if self._wants_code and not str(self._code.value or "").strip():
            self._error.say("Enter the six digits.")
            return
        wrong = await self._work(str(self._code.value).strip() if self._wants_code else None)
        if wrong is None:
            self._work = None  # a second tap on its way asks for nothing more
            self._dialog.close()
        else:
            self._error.say(wrong)
            self._code.set_value("")
