"""E-mail over SMTP: one message to all receivers, over TLS unless the server is this machine.

A message has the same Message-ID however often it is tried, so that a mailbox can tell a copy.
"""

import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.channels import ChannelDown, ChannelRevoked, MessageRefused, Sent
from app.notices import Message
from services.settings import Secret, is_loopback

TIMEOUT = 20
PORTS = {"smtp": 587, "smtps": 465}
ONE_LINE = SMTP.clone(max_line_length=200)  # a folded subject begins with a blank in some mail programs
NOT_NOW = (421, 450, 451, 452, 454)
ABOUT_THE_MESSAGE = (552, 554)


class Email:
    """Implements app.ports.Channel."""

    name = kind = "email"

    def __init__(self, url: Secret, sender: str | None, receivers: Sequence[str]) -> None:
        parts = urlsplit(url.reveal())
        self._host, self._port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = Secret(unquote(parts.password)) if parts.password else None
        self._tls = parts.scheme == "smtps"
        self._receivers = list(receivers)
        self.reaches = len(self._receivers)
        self._sender = sender or (self._user if self._user and "@" in self._user else self._receivers[0])

    async def send(self, message: Message) -> Sent:
        """Accepted by the mail server for at least one receiver."""
        try:
            refused, _ = await aiosmtplib.send(
                self._mail(message).as_bytes(),
                sender=self._sender,
                recipients=self._receivers,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password.reveal() if self._password else None,
                use_tls=self._tls,
                start_tls=not (self._tls or is_loopback(self._host)),
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPException as error:
            raise self._sorted(error) from error
        except ssl.SSLError as error:
            raise ChannelDown(f"no secure connection to {self._host}: {error.reason or error}") from error
        except (OSError, ValueError) as error:
            raise ChannelDown(f"{self._host}:{self._port} cannot be reached ({error})") from error
        return Sent(warning=f"refused for {', '.join(sorted(refused))}; the others have it" if refused else "")

    async def find(self, message: Message) -> Sent | None:
        """Nobody can ask a mail server; a copy carries the same Message-ID."""
        return None

    async def delivered(self, id: str) -> bool:
        return True

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=ONE_LINE)
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._receivers)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.reference}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        if message.grave:
            mail["Importance"], mail["X-Priority"] = "high", "1"
        elif message.silent:
            mail["Importance"], mail["X-Priority"] = "low", "5"
        mail.set_content(message.text)
        return mail

    def _sorted(self, error: aiosmtplib.SMTPException) -> Exception:
        """By the server's code: 4xx is not now; of 5xx some are about the message, all others about us."""
        place = f"{self._host}:{self._port}"
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            first = error.recipients[0]
            return self._by_code(first.code, f"{place} refuses {first.recipient}: {first.code} {first.message}")
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._by_code(error.code, f"{place} answers {error.code} {error.message}")
        if type(error) is aiosmtplib.SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported):
            return ChannelRevoked(f"{place}: {error}")  # no TLS, or no way to sign in
        if isinstance(error, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPConnectTimeoutError):
            return ChannelDown(f"{place} cannot be reached")
        return ChannelDown(f"{place}: {error or type(error).__name__}", doubtful=True)

    @staticmethod
    def _by_code(code: int, text: str) -> Exception:
        text = " ".join(text.split())
        if code < 500 or code in NOT_NOW:
            return ChannelDown(text)
        return MessageRefused(text) if code in ABOUT_THE_MESSAGE else ChannelRevoked(text)
