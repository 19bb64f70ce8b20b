"""The small parts pages are made of: text, boxes, buttons, one question at a time. They know nothing of trading."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


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
            if waiting is not None:
                await waiting
        finally:
            self._busy = False

    def enable(self, possible: bool) -> None:
        if possible == ("disabled" in self.props):
            if possible:
                del self.props["disabled"]
            else:
                self.props["disabled"] = True


def box(classes: str = "", tag: str = "div") -> ui.element:
    element = ui.element(tag)
    return element.classes(classes) if classes else element


class Question:
    """One dialog of a page, used for each question in turn. The safe answer stands first."""

    def __init__(self) -> None:
        with ui.dialog() as self._dialog, box("ask"):
            self._title = Text(classes="ask-title", tag="h2")
            self._text = Text(tag="p")
            self._code = ui.input("Code from your authenticator app").props(
                "inputmode=numeric autocomplete=one-time-code maxlength=7 outlined"
            )
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
