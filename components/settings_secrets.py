"""Secrets on the settings page: set or not, replaced, removed, never shown. What is typed goes when its dialog shuts.

Beside them the other settings of the environment, to be read.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nicegui import events, ui

from app.ports import Who
from app.settings_ports import EnvironmentRow, SecretRow, SettingsDesk
from components.controls import wants_code
from components.frame import Frame
from components.parts import Button, Text, box, titled

COUNTS = "It counts after the next start."


class Secrets:
    """`done` is called when one was set or removed."""

    def __init__(self, frame: Frame, desk: SettingsDesk, rows: Sequence[SecretRow], done: Callable[[], None]) -> None:
        self._frame, self._desk, self._done = frame, desk, done
        self.elements: dict[str, ui.element] = {}
        self._dialog = SecretDialog(frame, desk, done)
        Text(
            "A secret goes in and never comes out: it is sealed with this server's key file. What the environment or "
            f".env gives counts before what is sealed here. {COUNTS}",
            "soft",
            "p",
        )
        with box("secret-rows", "ul"):
            for row in rows:
                self._build_row(row)

    def _build_row(self, row: SecretRow) -> None:
        with box("secret-row", "li").mark(f"secret-{row.name}") as whole:
            with box("secret-words"):
                Text(row.name, "setting-key strong")
                Text(plainly(row.meaning), "soft")
                state = f"✓ set: {row.source}" if row.set else "not set"
                Text(state, f"secret-state {'good' if row.set else ''}").mark(f"state-{row.name}")
            with box("secret-buttons"):
                ask = partial(self._dialog.ask, row)
                Button("Replace …" if row.set else "Set …", ask, "quiet").mark(f"set-{row.name}")
                if row.kept:
                    Button("Remove …", partial(self._remove, row), "quiet").mark(f"remove-{row.name}")
        self.elements[row.name] = whole

    def _remove(self, row: SecretRow) -> None:
        async def remove(otp: str | None) -> str | None:
            wrong = await self._frame.person.order(lambda who: self._desk.remove_secret(who, row.name), otp)
            if wrong is None:
                ui.notify(f"{row.name} is removed. {COUNTS}", position="top")
                self._done()
            return wrong

        self._frame.controls.question.ask(
            f"Remove {row.name}?",
            f"{plainly(row.meaning)}. The running trader keeps it until the next start. It cannot be brought back.",
            yes="Remove",
            no="Keep it",
            work=remove,
            code=wants_code(self._frame.doors.view.status()),
            kind="danger",
        )


class SecretDialog:
    """Takes one secret. The field is emptied whenever the dialog shuts."""

    def __init__(self, frame: Frame, desk: SettingsDesk, done: Callable[[], None]) -> None:
        self._frame, self._desk, self._done = frame, desk, done
        self._name = ""
        with ui.dialog() as self._dialog, box("ask"):
            self._title = titled(self._dialog, Text(classes="ask-title", tag="h2"))
            self._text = Text(tag="p")
            self._value = ui.input("Value", password=True).props("autocomplete=new-password outlined maxlength=8192")
            self._value.mark("secret-value")
            self._code = ui.input("Code from your authenticator app").props(
                "inputmode=numeric autocomplete=one-time-code maxlength=7 outlined"
            )
            self._code.mark("secret-code")
            self._error = Text(classes="ask-error", tag="p").props("role=alert").mark("secret-error")
            with box("ask-buttons"):
                Button("Leave it", self._dialog.close, "quiet")
                Button("Save", self._save, "resume").mark("secret-save")
        self._dialog.on_value_change(self._shut)

    def ask(self, row: SecretRow) -> None:
        self._name = row.name
        self._title.say(f"{'Replace' if row.set else 'Set'} {row.name}")
        self._text.say(f"{plainly(row.meaning)}. {COUNTS} It is not shown again.")
        self._empty()
        self._code.set_visibility(wants_code(self._frame.doors.view.status()))
        self._dialog.open()

    def _shut(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if not event.value:
            self._empty()

    def _empty(self) -> None:
        self._value.set_value("")
        self._code.set_value("")
        self._error.say("")

    async def _save(self) -> None:
        name, value, code = self._name, str(self._value.value or ""), str(self._code.value or "").strip()
        wants = self._code.visible
        if not value or (wants and not code):
            self._error.say("Enter the six digits." if value else "Type or paste the value.")
            return
        also = ""

        async def work(who: Who) -> None:
            nonlocal also
            also = await self._desk.set_secret(who, name, value)

        wrong = await self._frame.person.order(work, code if wants else None)
        if wrong is not None:
            self._error.say(wrong)
            self._code.set_value("")
            return
        self._dialog.close()
        self._empty()
        ui.notify(f"{name} is sealed. {also or COUNTS}", position="top")
        self._done()


class Environment:
    def __init__(self, rows: Sequence[EnvironmentRow]) -> None:
        self.elements: dict[str, ui.element] = {}
        Text(
            "These come from the server's environment or its .env file and are changed there; a change counts after "
            "the next start. Of addresses only the host is shown.",
            "soft",
            "p",
        )
        with box("secret-rows", "ul"):
            for row in rows:
                with box("environment-row", "li").mark(f"environment-{row.name}") as whole:
                    Text(row.name, "setting-key strong")
                    Text(row.value or "not set", "setting-value wrapping")
                    Text(plainly(row.meaning), "soft")
                    Text(row.source or ("as it comes" if row.value else ""), "soft setting-source")
                self.elements[row.name] = whole


def plainly(meaning: str) -> str:
    """Without the marks of the written page."""
    text = meaning.replace("`", "")
    return text[:1].upper() + text[1:]
