"""How a web push goes over the wire: sealed for one browser (RFC 8291, 8188), signed as ours (RFC 8292).

Pure but for the random numbers in it. The push service in between learns neither title nor text.
"""

import base64
import binascii
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.push import Subscription
from app.seam import token

RECORD = 4096  # bytes that every browser takes
MOST = 3000  # bytes of a message; with all that is put around it, it stays below a record
SIGNED_FOR = timedelta(hours=12)  # services take up to 24 h
POINT, AUTH = 65, 16  # bytes
CURVE = ec.SECP256R1()


class BadKeys(Exception):
    """No browser has such keys."""


def unpacked(text: str) -> bytes:
    """base64url, with or without its padding."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKeys("it is no base64url") from None


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def keys_of(subscription: Subscription) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """The browser's public key and its shared secret. Raises BadKeys."""
    point, auth = unpacked(subscription.p256dh), unpacked(subscription.auth)
    if len(point) != POINT or len(auth) != AUTH:
        raise BadKeys(f"p256dh must be {POINT} bytes and auth {AUTH}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point), auth
    except (ValueError, UnsupportedAlgorithm):
        raise BadKeys("p256dh is no point of the curve") from None


def sealed(
    plain: bytes,
    subscription: Subscription,
    *,
    private: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body for this one browser, in one record. Key and salt are fresh each time; only a test gives them."""
    theirs, auth = keys_of(subscription)
    private = private or ec.generate_private_key(CURVE)
    salt = salt or unpacked(token(16))
    ours = point_of(private.public_key())
    shared = private.exchange(ec.ECDH(), theirs)
    secret = _derived(auth, shared, b"WebPush: info\x00" + point_of(theirs) + ours, 32)
    key = _derived(salt, secret, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(salt, secret, b"Content-Encoding: nonce\x00", 12)
    head = salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return head + AESGCM(key).encrypt(nonce, plain + b"\x02", None)  # \x02: the last record


def _derived(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)


def signature(private: ec.EllipticCurvePrivateKey, endpoint: str, subject: str, now: datetime) -> str:
    """What `Authorization` says: who sends, to this push service only, for half a day."""
    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int((now + SIGNED_FOR).timestamp()), "sub": subject}
    signed = jwt.encode(claims, private, algorithm="ES256")
    return f"vapid t={signed}, k={packed(point_of(private.public_key()))}"
