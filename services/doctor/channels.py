"""Alert channels: which are set up, which only by half, and how the trader last found them."""

from app.core.errors import ConfigError, StoreError
from services import notifications
from services.database import looking, looking_at_books
from services.doctor.check import Check, note, ok, wrong
from services.doctor.installation import Installation

HEARD_OF = {  # channel → the settings that it needs, all of them
    "email": ("SMTP_URL", "ALERT_EMAIL_TO"),
    "sms": ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "ALERT_SMS_TO"),
    "apprise": ("APPRISE_URLS",),
    "ping": ("ALERT_PING_URL",),
}


def _given(here: Installation, channel: str) -> list[str]:
    """Which of a channel's settings are there. What cannot be read is there, too, and said to be wrong elsewhere."""
    names = HEARD_OF[channel]
    lost = here.salvaged.lost
    return [name for name in names if name in lost or getattr(here.settings, name.lower())]


def configured(here: Installation) -> list[Check]:
    whole, checks = [], []
    for channel, names in HEARD_OF.items():
        given = _given(here, channel)
        missing = [name for name in names if name not in given]
        if given and missing:
            cure = f"set {' and '.join(missing)}, or remove {' and '.join(given)}"
            checks.append(wrong("alerts", f"{channel} is set up by half: {' and '.join(given)} alone", cure))
        elif given:
            whole.append(channel)
    whole += ["push"] if _devices(here) else []
    if not checks and (refused := _refused(here)):
        return [refused]
    if any(channel != "ping" for channel in whole):
        return [ok("alerts", f"set up: {', '.join(whole)}"), *checks]
    if checks:
        return checks
    seen = "only the ping, which says nothing but that all is well" if whole else "no channel is set up"
    return [note("alerts", seen, "set SMTP_URL and ALERT_EMAIL_TO, or another channel, and learn of trouble in time")]


def _devices(here: Installation) -> int:
    try:
        with looking.looking(here.database_url) as connection:
            return looking_at_books.push_devices(connection)
    except StoreError:
        return 0  # said by `database`


def _refused(here: Installation) -> Check | None:
    """What the trader itself would refuse at its start. Nothing is sent."""
    try:
        notifications.channels(here.settings, here.tasks)
    except ConfigError as error:
        seen, _, cure = str(error).partition("; ")
        return wrong("alerts", seen, cure)
    return None


def states(here: Installation) -> list[Check]:
    """As the trader remembers them. A channel that is no longer set up is passed over."""
    try:
        with looking.looking(here.database_url) as connection:
            known = looking_at_books.channel_states(connection)
    except StoreError:
        return []  # said by `database`
    checks = []
    for state in known:
        subject = f"channel {state.name}"
        kind = state.name.partition("-")[0]  # sms-1, sms-2: one for each receiver
        if (kind in HEARD_OF and not _given(here, kind)) or (kind == "push" and not _devices(here)):
            continue
        since = f" since {state.changed_at:%Y-%m-%d %H:%M} UTC" if state.changed_at else ""
        why = f" ({state.error})" if state.error else ""
        test = f"main.py alert test {state.name}"
        if state.status == "failing":
            checks.append(wrong(subject, f"is failing{since}{why}", f"mend it, then try it: {test}"))
        elif state.status == "revoked":
            checks.append(wrong(subject, f"was taken away{since}{why}", f"allow it again, then try it: {test}"))
        elif state.status == "untested":
            checks.append(note(subject, "was never tried", f"try it: {test}"))
        else:
            checks.append(ok(subject, f"is {state.status}{since}"))
    return checks


def unseen(here: Installation) -> Check | None:
    try:
        with looking.looking(here.database_url) as connection:
            found = looking_at_books.unseen_alerts(connection)
    except StoreError:
        return None
    if found is None:
        return None
    many = f"{found.count} grave alerts, the newest" if found.count > 1 else "a grave alert,"
    seen = f"nobody has acknowledged {many} {found.event} of {found.at:%Y-%m-%d %H:%M} UTC"
    return note("unseen alerts", seen, "look at them: main.py alert list, then: main.py alert seen")
