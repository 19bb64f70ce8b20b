"""The channels that carry alerts: how each stands, and a test message by each."""

from functools import partial

from app.backtest_ports import Busy
from app.channels import ChannelState
from app.ports import Who
from components.frame import Frame
from components.parts import Button, Moment, Text, box

CHANNEL_WORDS = {
    "ok": "works",
    "untested": "not tried yet",
    "taken": "taken; whether it arrived shows in a moment",
    "failing": "does not work",
    "revoked": "refuses us",
}


class Channels:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._shown: tuple[ChannelState, ...] | None = None
        self._said: dict[str, Text] = {}
        self._none = Text(
            "No channel is set up, so nobody is told of trouble while this page is closed. Give the server "
            "SMTP_URL and ALERT_EMAIL_TO, the TWILIO_ settings, or APPRISE_URLS.",
            "caution",
            "p",
        )
        self._list = box("channels-rows", "ul")

    def update(self, channels: tuple[ChannelState, ...]) -> None:
        if channels == self._shown:
            return
        self._shown = channels
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
