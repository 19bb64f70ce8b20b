"""Administration: unlocking with the incident report at hand, the go-live list, and a test message by each channel."""

from functools import partial

from app.backtest_ports import Busy
from app.channels import ChannelState
from app.ports import Status, Who
from components.frame import Frame
from components.going_live import GoingLive
from components.parts import Button, Loader, Moment, Text, box
from components.unlock import LOCKS

CHANNEL_WORDS = {
    "ok": "works",
    "untested": "not tried yet",
    "taken": "taken; whether it arrived shows in a moment",
    "failing": "does not work",
    "revoked": "refuses us",
}


class Admin:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._channels: tuple[ChannelState, ...] | None = None
        self._said: dict[str, Text] = {}
        with box("admin"):
            self._build_lock()
            with box("admin-part"):
                Text("Channels for alerts", "group-title", "h3")
                self._none = Text(
                    "No channel is set up, so nobody is told of trouble while this page is closed. Give the server "
                    "SMTP_URL and ALERT_EMAIL_TO, the TWILIO_ settings, or APPRISE_URLS.",
                    "caution",
                    "p",
                )
                self._list = box("channels-rows", "ul")
            self._going_live = GoingLive(frame.doors)
            with box("admin-part"):
                Text("Account", "group-title", "h3")
                with box("admin-links"):
                    Text("Your account", "button link", "a").props("href=/account")
                    Text("Change password", "button link", "a").props("href=/password")
                    if frame.has("settings"):
                        Button("Settings", lambda: frame.go("settings"), "quiet").mark("admin-settings")

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
        self._show_channels(status.channels)

    async def _load(self) -> None:
        found = await self._frame.doors.incident()
        self._whole.set_visibility(found is not None)
        if found is not None and self._report is not None:
            self._report_name.say(f"Incident report {found[0].removesuffix('.md')}")
            self._report.say(found[1])

    # ------------------------------------------------------------ channels

    def _show_channels(self, channels: tuple[ChannelState, ...]) -> None:
        if channels == self._channels:
            return
        self._channels = channels
        self._none.set_visibility(not channels)
        self._list.clear()
        with self._list:
            for channel in channels:
                with box("channel-row", "li").mark(f"channel-{channel.name}"):
                    with box("channel-words"):
                        Text(channel.name, "strategy-name")
                        self._said[channel.name] = Text(channel_words(channel), "soft")
                        if channel.sent_at:
                            with box("soft what-if-span"):
                                Text("last message")
                                Moment(channel.sent_at)
                    Button("Send a test", partial(self._test, channel.name), "quiet").mark(f"test-{channel.name}")

    async def _test(self, name: str) -> None:
        state: ChannelState | None = None

        async def work(who: Who) -> None:
            nonlocal state
            state = await self._frame.doors.control.test_channel(who, name)

        self._said[name].say("being sent …")
        try:
            wrong = await self._frame.person.order(work, gone="This channel is not set up any more.")
        except Busy as busy:
            wrong = str(busy)
        self._said[name].say(wrong or (channel_words(state) if state is not None else ""))


def channel_words(channel: ChannelState) -> str:
    return f"{CHANNEL_WORDS.get(channel.status, channel.status)}{f': {channel.error}' if channel.error else ''}"
