"""What `main.py alert` does: try the channels for real, list what people were told, acknowledge it."""

from collections.abc import Sequence
from datetime import timedelta

from app.channels import Channel, ChannelDown, ChannelRevoked, ChannelState, MessageRefused, Outbox
from app.core.alerts import AlertEvent
from app.core.errors import ConfigError
from app.notices import FIRST, Letter, Sender, Told
from app.ports import Row
from app.seam import Clock

ASK_EVERY = 2.0
DELIVERED_WITHIN = timedelta(seconds=60)


async def test(
    channels: Sequence[Channel], name: str | None, outbox: Outbox, sender: Sender, clock: Clock
) -> tuple[list[str], bool]:
    """Send one message by each channel (or by the named one), wait for its delivery, and remember how it went."""
    chosen = [each for each in channels if name in (None, each.name, each.kind)]
    if name is not None and not chosen:
        known = ", ".join(each.name for each in channels) or "none"
        raise ConfigError(f"alert test: there is no channel {name[:40]!r}; set up are: {known}")
    if not chosen:
        return [
            "no channel for alerts is set up; give SMTP_URL and ALERT_EMAIL_TO, the TWILIO_ settings and ALERT_SMS_TO, "
            "or APPRISE_URLS"
        ], False
    lines, good = [], True
    for channel in chosen:
        state = await _try(channel, sender, clock)
        outbox.remember(state)
        good = good and state.status == "ok"
        lines.append(f"{channel.name}: {'arrived' if not state.error else state.error}")
    return lines, good


async def _try(channel: Channel, sender: Sender, clock: Clock) -> ChannelState:
    now = clock.now()
    told = Told(id=0, event=AlertEvent.TEST, text="this channel works", at=now)
    letter = Letter(id=0, told=told, channel=channel.name, round=FIRST, silent=False, due_at=now)
    try:
        sent = await channel.send(sender.compose([letter]))
        if sent.id and not await _arrived(channel, sent.id, clock):
            text = "taken, but its delivery was not confirmed within a minute"
            return ChannelState(name=channel.name, status="untested", error=text, changed_at=now, sent_at=now)
    except ChannelDown as error:
        return ChannelState(name=channel.name, status="failing", error=sender.clean(str(error)), changed_at=now)
    except (ChannelRevoked, MessageRefused) as error:
        return ChannelState(name=channel.name, status="revoked", error=sender.clean(str(error)), changed_at=now)
    warning = sender.clean(sent.warning)
    return ChannelState(name=channel.name, status="ok", error=warning, changed_at=now, sent_at=now)


async def _arrived(channel: Channel, id: str, clock: Clock) -> bool:
    until = clock.monotonic() + DELIVERED_WITHIN.total_seconds()
    while clock.monotonic() < until:
        if await channel.delivered(id):
            return True
        await clock.sleep(ASK_EVERY)
    return False


def listed(rows: Sequence[Row], states: Sequence[ChannelState]) -> list[str]:
    """How the channels stand, then the newest alerts, the newest last."""
    lines = [f"{each.name}: {each.status}{f', {each.error}' if each.error else ''}" for each in states]
    lines += ["no alert yet"] if not rows else []
    for row in reversed(rows):
        went = ", ".join(f"{each['channel']} {each['status']}" for each in row["letters"]) or "no channel"
        seen = f", seen by {row['acknowledged_by']}" if row["acknowledged_by"] else ""
        lines.append(f"{row['id']}  {row['at']}  {row['level']}  {row['title']}: {row['text']}  [{went}{seen}]")
    return lines
