"""Administration: unlocking with the incident report at hand, the go-live list, and a test message by each channel."""

from app.ports import Status
from components.channels import Channels
from components.frame import Frame
from components.going_live import GoingLive
from components.parts import Button, Loader, Text, box
from components.unlock import LOCKS


class Admin:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        with box("admin"):
            self._build_lock()
            with box("admin-part"):
                Text("Channels for alerts", "group-title", "h3")
                self._channels = Channels(frame)
            self._going_live = GoingLive(frame.doors)
            with box("admin-part"):
                Text("Account", "group-title", "h3")
                with box("admin-links"):
                    Text("Your account", "button link", "a").props("href=/account")
                    Text("Change password", "button link", "a").props("href=/password")
                    if frame.has("settings"):
                        Button("Settings", lambda: frame.go("settings"), "quiet").props("data-tab=settings").mark(
                            "admin-settings"
                        )

    def _build_lock(self) -> None:
        with box("admin-part") as self._lock:
            self._locked = Text(classes="caution", tag="p").mark("admin-locked")
            self._unlock = self._frame.controls.unlock_button()
        self._report: Text | None = None
        with box("more-facts", "details") as self._whole:
            with box("explained-head", "summary"):
                self._report_name = Text("Incident report")
            self._report = Text(classes="report-text", tag="pre").mark("incident")
        self._whole.set_visibility(False)
        self._loader = Loader(self._frame.doors.tasks, self._load, "the incident report")
        self._loader.want()

    def update(self, status: Status) -> None:
        locked = status.reason in LOCKS
        self._lock.set_visibility(locked)
        if locked and self._locked.text == "":
            self._loader.want()  # the report of this lock may be new
        self._locked.say("Trading is locked. Read what happened, then unlock it." if locked else "")
        self._unlock.update(status)
        self._going_live.update()
        self._channels.update(status.channels)

    async def _load(self) -> None:
        found = await self._frame.doors.incident()
        self._whole.set_visibility(found is not None)
        if found is not None and self._report is not None:
            self._report_name.say(f"Incident report {found[0].removesuffix('.md')}")
            self._report.say(found[1])
