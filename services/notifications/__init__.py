"""Channels for alerts: e-mail, text messages, web push, whatever Apprise knows, and the ping that is missed elsewhere.

A channel only carries; which alert goes where, and when again, is decided in app. Nothing is imported for a channel
that is not set up.
"""

from collections.abc import Mapping

from app.channels import Channel
from app.core.errors import ConfigError
from app.seam import Tasks
from services.settings import Settings


def channels(settings: Settings, tasks: Tasks) -> list[Channel]:
    """Those that are set up. ConfigError where one is only half set up, or where an address cannot be one."""
    found: list[Channel] = []
    url, to = settings.smtp_url, settings.alert_email_to
    if whole({"SMTP_URL": url, "ALERT_EMAIL_TO": to}) and url:
        from services.notifications.email import Email

        found.append(Email(url, settings.alert_email_from, to))
    sid, token, sender = settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from
    numbers = settings.alert_sms_to
    named = {"TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": token, "TWILIO_FROM": sender, "ALERT_SMS_TO": numbers}
    if whole(named) and sid and token and sender:
        from services.notifications.sms import Account, Sms

        account = Account(sid=sid, token=token, sender=sender, base_url=settings.twilio_base_url)
        found += [Sms(f"sms-{number}", account, phone) for number, phone in enumerate(numbers, start=1)]
    if settings.apprise_urls:
        from services.notifications.apprise import apprise_channels

        found += apprise_channels(settings.apprise_urls, tasks)
    return found


def push_subject(settings: Settings) -> str:
    """Whom a push service may ask about us: RFC 8292 wants a name, Apple refuses without one."""
    if settings.vapid_subject:
        return settings.vapid_subject
    if settings.public_url and settings.public_url.startswith("https://"):
        return settings.public_url
    return f"mailto:{settings.alert_email_to[0]}" if settings.alert_email_to else "mailto:owner@example.com"


def whole(parts: Mapping[str, object]) -> bool:
    """Whether all of a channel's settings are given; ConfigError where only some are."""
    there = [name for name, value in parts.items() if value]
    missing = [name for name, value in parts.items() if not value]
    if there and missing:
        raise ConfigError(f"{there[0]} is of no use without {' and '.join(missing)}; add what is missing, or remove it")
    return not missing
