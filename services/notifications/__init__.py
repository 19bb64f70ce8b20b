"""Channels for alerts: e-mail, text messages, whatever Apprise knows, and the ping that is missed elsewhere.

A channel only carries; which alert goes where, and when again, is decided in app. Nothing is imported for a channel
that is not set up.
"""

from app.ports import Channel
from app.seam import Tasks
from services.settings import Settings


def channels(settings: Settings, tasks: Tasks) -> list[Channel]:
    """Those that are set up. ConfigError where an address cannot be one."""
    found: list[Channel] = []
    if settings.smtp_url and settings.alert_email_to:
        from services.notifications.email import Email

        found.append(Email(settings.smtp_url, settings.alert_email_from, settings.alert_email_to))
    if settings.twilio_account_sid and settings.twilio_auth_token and settings.twilio_from:
        from services.notifications.sms import Account, Sms

        account = Account(
            sid=settings.twilio_account_sid,
            token=settings.twilio_auth_token,
            sender=settings.twilio_from,
            base_url=settings.twilio_base_url,
        )
        found += [Sms(f"sms-{number}", account, to) for number, to in enumerate(settings.alert_sms_to, start=1)]
    if settings.apprise_urls:
        from services.notifications.apprise import apprise_channels

        found += apprise_channels(settings.apprise_urls, tasks)
    return found
