"""Unlocking after a kill switch, a tripwire or a refused key: what a person must type before it may trade again."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from nicegui import ui

from app.ports import Status, Who
from components.doors import Doors
from components.parts import Button, Text, box, titled

LOCKS = ("kill_switch", "runaway", "exchange_refuses")
PHRASE = "UNLOCK TRADING"


class Order(Protocol):
    """Does something in the name of whoever looks at the page. None when done, else what went wrong in words."""

    async def __call__(self, work: Callable[[Who], Awaitable[object]], otp: str | None = None) -> str | None: ...


class UnlockButton:
    """Shown while something is locked."""

    def __init__(self, doors: Doors, order: Order) -> None:
        self._doors, self._order = doors, order
        with ui.dialog() as self._dialog, box("ask"):
            titled(self._dialog, Text("Unlock trading?", "ask-title", "h2"))
            Text(
                "Read first what happened. It may buy again from the next vote on, and every limit counts from "
                "where the account stands now.",
                tag="p",
            )
            self._password = ui.input("Your password", password=True).props("outlined autocomplete=current-password")
            self._code = ui.input("Code from your authenticator app").props(
                "inputmode=numeric autocomplete=one-time-code maxlength=7 outlined"
            )
            self._phrase = ui.input(f"Type {PHRASE}").props("outlined autocomplete=off autocapitalize=characters")
            self._error = Text(classes="ask-error", tag="p").props("role=alert")
            with box("ask-buttons"):
                Button("Stay stopped", self._dialog.close, "quiet")
                Button("Unlock", self._agreed, "danger").mark("unlock-agree")
        self._button = Button("Unlock …", self._ask, "unlock")

    def update(self, status: Status) -> None:
        self._button.set_visibility(status.reason in LOCKS)

    def _ask(self) -> None:
        status = self._doors.view.status()
        for field in (self._password, self._code, self._phrase):
            field.set_value("")
        self._code.set_visibility(status.two_factor)
        self._error.say("")
        self._dialog.open()

    async def _agreed(self) -> None:
        password, phrase = str(self._password.value or ""), str(self._phrase.value or "").strip()
        if not password or phrase != PHRASE:
            self._error.say(f"Enter your password, and type {PHRASE} exactly.")
            return
        code = str(self._code.value or "").strip() or None
        wrong = await self._order(lambda who: self._doors.control.unlock(who, password, phrase), code)
        self._password.set_value("")
        self._code.set_value("")
        if wrong is None:
            self._dialog.close()
            ui.notify("Unlocked", position="top")
        else:
            self._error.say(wrong)
