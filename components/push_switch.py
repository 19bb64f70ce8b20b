"""Alerts on this phone, and the app on its home screen. Whether they can be had only the browser knows: all the words
stand on the page, and the script says which of them are shown.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from nicegui import ui

from app.ports import Who
from app.push import Device
from components.api_push import digest
from components.controls import Person
from components.doors import Doors
from components.parts import Button, Moment, Text, box

GONE = "This device was removed already."
WORDS = (  # what the browser may find, and what is said then
    ("off", "Trades, limits and everything grave, as messages on this device: also while the page is closed."),
    ("on", "This device gets alerts. Which ones, and when it is quiet, stands in the settings."),
    ("busy", "One moment …"),
    ("install", "On an iPhone or iPad alerts need the app on the home screen: tap Share, then “Add to Home Screen”, "
                "and open it from there."),
    ("denied", "This browser refuses: messages of this site were blocked. Allow them in the browser's settings for "
               "this site, then look again."),
    ("insecure", "Browsers take alerts only over https. Give the trader an address with a certificate "
                 "(TRADER_PUBLIC_URL), and open it there."),
    ("unsupported", "This browser has no push messages, or they are off, as in a private window."),
)  # fmt: skip


class PushSwitch:
    """A switch for this device, and all devices of this person, each with a test and a way out."""

    def __init__(self, doors: Doors, person: Person, username: str) -> None:
        self._doors, self._person, self._username = doors, person, username
        with box("push", "section").props('aria-label="Alerts on this device"').mark("push"):
            Text("Alerts on this device", "push-title", "h3")
            with box("push-words").props("role=status"):
                for word, text in WORDS:
                    Text(text, f"push-word {word}", "p")
                with box("push-word failed", "p"):
                    Text("That did not work: ")
                    Text(classes="push-why")
            with box("push-buttons"):
                for action, word, text in (
                    ("push-on", "off", "Get alerts on this device"),
                    ("push-off", "on", "Stop alerts here"),
                    ("push-look", "denied", "Look again"),
                    ("push-on", "failed", "Try again"),
                ):
                    kind = f"button push-word {word}{' resume' if action == 'push-on' else ''}"
                    Text(text, kind, "button").props(f"type=button data-app={action}")
            self._devices = box("devices", "ul").props('aria-label="Devices that get alerts"')
        self._rows: dict[int, DeviceRow] = {}
        self._show()
        if doors.push is not None:
            self._leave = doors.push.subscribe(self._show)
            ui.context.client.on_delete(self._leave)

    def _show(self) -> None:
        """Rows stay where they are, so that a finger or the keyboard keeps its place."""
        if self._devices.is_deleted:  # the page goes on without this part of it
            self._leave()
            return
        devices = {each.id: each for each in self._doors.push.devices(self._username)} if self._doors.push else {}
        self._devices.set_visibility(bool(devices))
        for id in self._rows.keys() - devices.keys():
            self._rows.pop(id).whole.delete()
        for id, device in devices.items():
            if id not in self._rows:
                with self._devices:
                    self._rows[id] = DeviceRow(device, self._test, self._remove)
            self._rows[id].update(device)

    async def _test(self, id: int) -> None:
        said = GONE

        async def work(who: Who) -> None:
            nonlocal said
            if self._doors.push is not None:
                with suppress(KeyError):
                    said = await self._doors.push.test(who, id)

        wrong = await self._person.order(work) or said
        with self._devices:
            ui.notify(wrong or "Sent: it should ring now", type="negative" if wrong else None, position="top")

    async def _remove(self, id: int) -> None:
        async def work(who: Who) -> None:
            if self._doors.push is not None:
                with suppress(KeyError):  # somebody was quicker
                    await self._doors.push.remove(who, id)

        wrong = await self._person.order(work)
        if wrong:
            with self._devices:
                ui.notify(wrong, type="negative", position="top")


class DeviceRow:
    """One device: how it does, a test, and the way out."""

    def __init__(
        self, device: Device, test: Callable[[int], Awaitable[None]], remove: Callable[[int], Awaitable[None]]
    ) -> None:
        with box("device", "li").props(f"data-endpoint={digest(device)}") as self.whole:
            with box("device-words"):
                with box("device-name"):
                    Text(device.name)
                    Text("this device", "this-device chip")
                with box("soft"):
                    self._what = Text()
                    self._when = Moment()
            Button("Send a test", lambda: test(device.id), "quiet small")
            Button("Remove", lambda: remove(device.id), "quiet small").props("data-app=push-removed")

    def update(self, device: Device) -> None:
        if device.error:
            self._what.say(f"The last message did not arrive: {device.error}", "device-error")
        else:
            self._what.say("Last message " if device.sent_at else "Since ", "")
        self._when.set_visibility(not device.error)
        self._when.show(device.sent_at or device.created_at)


class PushFold:
    """The switch, folded away behind one line that says how it stands."""

    def __init__(self, doors: Doors, person: Person, username: str) -> None:
        with box("push-fold", "details").mark("push-fold"):
            with box("", "summary"):
                Text("Alerts on this device")
                for word in ("on", "off"):
                    Text(word, f"chip push-word {word}")
                for word in ("install", "denied", "insecure", "unsupported", "failed"):
                    Text("not yet" if word == "install" else "not possible", f"chip push-word {word}")
            PushSwitch(doors, person, username)


class InstallHint:
    """How the dashboard becomes an app: shown where the browser can do it and it is not done, until sent away."""

    def __init__(self) -> None:
        with box("install-hint", "aside").props('aria-label="Install the app"').mark("install-hint"):
            with box("install-words"):
                Text("Keep it at hand", "install-title")
                Text("Install it as an app: its own icon, the whole screen, and alerts.", "install-word ask soft")
                Text(
                    "Tap Share, then “Add to Home Screen”: its own icon, the whole screen, and alerts.",
                    "install-word apple soft",
                )
            Text("Install", "button resume install-word ask", "button").props("type=button data-app=install")
            later = Text("×", "install-later", "button")
            later.props('type=button data-app=install-later aria-label="Not now"')
