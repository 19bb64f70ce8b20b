"""What a person can do from a page. Every order re-checks the session on the server and names who gave it."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from nicegui import ui

from app.core.errors import NotAuthorized, TraderError
from app.core.model import Position
from app.ports import Conflict, Status, Who
from app.strategy_files import Unfit
from components import format as words
from components.doors import Doors
from components.parts import Button, Question
from components.unlock import UnlockButton

SIGNED_OUT = "You are signed out; please sign in again."
WRONG_CODE = "That code is not right or was used before. Wait for the next one."


def wants_code(status: Status) -> bool:
    """Whether what raises risk asks for the second factor."""
    return status.two_factor or status.mode == "live"


class Person:
    """Who looks at this page, by the session it was opened with."""

    def __init__(self, doors: Doors, secret: str, address: str) -> None:
        self._doors, self._secret, self._address = doors, secret, address

    async def order(
        self,
        work: Callable[[Who], Awaitable[object]],
        otp: str | None = None,
        *,
        gone: str = "This position is closed already.",
    ) -> str | None:
        """Do it in this person's name. None when done, else what went wrong in words; `gone` where it is not there."""
        signed_in = await self._doors.auth.session(self._secret)
        if signed_in is None or signed_in.must_change:
            ui.navigate.to("/login")
            return SIGNED_OUT
        try:
            await work(Who(username=signed_in.username, address=self._address, otp=otp))
        except NotAuthorized as refusal:
            return WRONG_CODE if "code" in str(refusal) else f"Not done: {refusal}"
        except KeyError:
            return gone
        except (Conflict, TraderError, Unfit) as refusal:
            return f"Not done: {refusal}"
        return None


class Controls:
    """Pause, resume and close, with their questions."""

    def __init__(self, doors: Doors, person: Person) -> None:
        self._doors, self._person = doors, person
        self.question = Question()  # one for the whole page

    def pause_button(self) -> "PauseButton":
        return PauseButton(self._doors, self._person, self.question)

    def unlock_button(self) -> UnlockButton:
        return UnlockButton(self._doors, self._person.order)

    def seen_button(self) -> None:
        """Grave alerts are not repeated once somebody has pressed it."""

        async def seen() -> None:
            wrong = await self._person.order(lambda who: self._doors.control.acknowledge(who, None))
            ui.notify(wrong or "Noted: it is not repeated", type="negative" if wrong else None, position="top")

        Button("I have seen it", seen, "seen")

    def ask_to_close(self, position: Position, worth: Decimal, result: Decimal) -> None:
        async def close(_: str | None) -> str | None:
            wrong = await self._person.order(lambda who: self._doors.control.close(who, position.id))
            if wrong is None:
                ui.notify("Closing: the sell order is on its way", position="top")
            return wrong

        amount = words.quantity(position.remaining, position.symbol)
        self.question.ask(
            "Close this position?",
            f"Sells {amount} at the market price, about {words.money(worth)}. "
            f"Result so far: {words.signed_money(result)}. This cannot be undone.",
            yes="Close position",
            no="Keep it",
            work=close,
            kind="danger",
        )

    def ask_to_close_all(self, count: int, worth: Decimal, result: Decimal) -> None:
        async def close(_: str | None) -> str | None:
            wrong = await self._person.order(self._doors.control.close_all)
            if wrong is None:
                ui.notify("Closing: the sell orders are on their way", position="top")
            return wrong

        what = f"all {count} positions" if count > 1 else "the position"
        self.question.ask(
            "Close everything?",
            f"Sells {what} at the market price, about {words.money(worth)}. Result so far: "
            f"{words.signed_money(result)}. This cannot be undone. It may buy again: pause first if it should not.",
            yes="Close all",
            no="Keep them",
            work=close,
            kind="danger",
        )


class PauseButton:
    """One button with two faces. Pausing is instant; resuming asks for the second factor where there is one."""

    def __init__(self, doors: Doors, person: Person, question: Question) -> None:
        self._doors, self._person, self._question = doors, person, question
        self._button = Button("Pause", self._pressed, "pause")

    def update(self, status: Status) -> None:
        by_hand = status.reason == "manual"
        rests = status.state in ("PAUSED", "STOPPED")  # it may go on by itself, or once it is unlocked
        pause = "Stay paused" if rests else "Pause"
        self._button.say("Resume" if by_hand else pause, f"button {'resume' if by_hand else 'pause'}")
        self._button.attribute("title", "Let it buy again" if by_hand else "Stop buying; stops and closes go on")

    async def _pressed(self) -> None:
        status = self._doors.view.status()
        if status.reason != "manual":
            self._said(await self._person.order(self._doors.control.pause), "Paused: nothing is bought")
        elif wants_code(status):
            self._question.ask(
                "Resume trading?",
                "It may buy again from the next vote on.",
                yes="Resume",
                no="Stay paused",
                work=self._resume,
                code=True,
            )
        else:
            self._said(await self._resume(None), "Resumed")

    async def _resume(self, otp: str | None) -> str | None:
        return await self._person.order(self._doors.control.resume, otp)

    def _said(self, wrong: str | None, done: str) -> None:
        ui.notify(wrong or done, type="negative" if wrong else None, position="top")
