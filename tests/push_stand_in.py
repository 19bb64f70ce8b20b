"""A push service on loopback, and the browser behind it: it checks who sends, opens what was sealed, and may refuse.

Opens by RFC 8291 in its own words, so that what we seal is read by somebody who did not write it.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.push import Subscription

AUTH = b"sixteen bytes it"


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def mac(key: bytes, data: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(data)
    return made.finalize()


class Browser:
    """One that has subscribed: only it can open what comes."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self.point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, endpoint: str) -> Subscription:
        return Subscription(endpoint=endpoint, p256dh=packed(self.point), auth=packed(AUTH))

    def opened(self, body: bytes) -> bytes:
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert len(record) <= size
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self._private.exchange(ec.ECDH(), theirs)
        material = mac(mac(AUTH, shared), b"WebPush: info\0" + self.point + sender + b"\x01")
        pseudo = mac(salt, material)
        key = mac(pseudo, b"Content-Encoding: aes128gcm\0\x01")[:16]
        nonce = mac(pseudo, b"Content-Encoding: nonce\0\x01")[:12]
        plain = AESGCM(key).decrypt(nonce, record, None)
        assert plain.rstrip(b"\0")[-1:] == b"\x02", "the one record is the last"
        return plain.rstrip(b"\0")[:-1]


@dataclass
class Pushed:
    """One message as it came, opened."""

    path: str
    headers: dict[str, str]
    claims: dict[str, Any]  # of the signature, which was checked
    key: str  # whose signature it is
    content: dict[str, Any]


@dataclass
class PushService:
    url: str
    browsers: dict[str, Browser] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)  # by path; else 201
    got: list[Pushed] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def subscribed(self, path: str = "/a") -> Subscription:
        self.browsers[path] = Browser()
        return self.browsers[path].subscription(self.url + path)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        token, _, key = headers["authorization"].removeprefix("vapid t=").partition(", k=")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unpacked(key))
        claims = jwt.decode(token, public, algorithms=["ES256"], audience=self.url, options={"verify_exp": False})
        content = json.loads(self.browsers[path].opened(body))
        if (status := self.status.get(path, 201)) == 201:
            self.got.append(Pushed(path, headers, claims, key, content))
        return status


@contextmanager
def push_service() -> Iterator[PushService]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that the server looks for
            body = self.rfile.read(int(self.headers["content-length"]))
            status = service.take(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = PushService(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
