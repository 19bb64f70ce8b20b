"""Real servers on loopback for alerts: a mail server with sign-in, and a web service that writes down requests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from tests.ports import free_port

USER, PASSWORD = "trader", "correct horse battery"


class MailServer:
    """Keeps its port while it is down, so that it can come back at the same address."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self._host = host
        self.mails: list[Mail] = []
        self.receivers: list[list[str]] = []
        self.refuse_data = ""  # an answer such as "451 try again later"
        self.refuse_receivers: dict[str, str] = {}
        self.revoked = False
        self._controller: Controller | None = None
        self.port = port or free_port()

    def start(self) -> "MailServer":
        self._controller = Controller(
            self,
            hostname=self._host,
            port=self.port,
            authenticator=self._sign_in,
            auth_require_tls=False,
            auth_required=True,
        )
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    @property
    def url(self) -> str:
        return f"smtp://{USER}:{PASSWORD.replace(' ', '%20')}@{self._host}:{self.port}"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]

    def _sign_in(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode()) and not self.revoked
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(  # noqa: N802  # the name that the server looks for
        self, _server: Any, _session: SmtpSession, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse_receivers:
            return self.refuse_receivers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse_data:
            return self.refuse_data
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=default))  # type: ignore[arg-type]
        self.receivers.append(list(envelope.rcpt_tos))
        return "250 taken"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}


Answering = Callable[[Asked], tuple[int, Any] | None]  # None: the connection is cut without an answer


@dataclass
class WebService:
    """Answers as `answer` says."""

    url: str
    answer: Answering
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def web_service(answer: Answering = lambda _: (200, {})) -> Iterator[WebService]:
    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            query = parse_qs(parts.query)
            asked = Asked(self.command, parts.path, query, {k.lower(): v for k, v in self.headers.items()}, body)
            service.asked.append(asked)
            found = service.answer(asked)
            if found is None:
                self.close_connection = True
                self.connection.close()
                return
            status, content = found
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815  # the names that the server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = WebService(url=f"http://127.0.0.1:{server.server_address[1]}", answer=answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
