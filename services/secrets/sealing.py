"""One sealed text: AES-256-GCM under a key, bound to a name. `sealed:v1:<key id>:<base64url of nonce and cipher>`.

A text cannot be moved under another name. Nothing here knows where texts are kept.
"""

import base64
import binascii
import re

from app.seam import token
from services.secrets.keys import Key

PREFIX = "sealed:"
_FORM = re.compile(r"sealed:v1:([0-9a-f]{8}):([A-Za-z0-9_-]{38,})")
_NONCE = 12


class CannotOpen(Exception):
    """Why, in words that fit after "NAME"."""


def is_sealed(text: str) -> bool:
    return text.startswith(PREFIX)


def key_id(text: str) -> str:
    """Of the key that a text was sealed with, or "" where it is no whole sealed text."""
    form = _FORM.fullmatch(text)
    return form.group(1) if form else ""


def sealed(key: Key, name: str, text: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = base64.urlsafe_b64decode(token(_NONCE))
    cipher = AESGCM(key.value).encrypt(nonce, text.encode(), _bound(name))
    return f"sealed:v1:{key.id}:{base64.urlsafe_b64encode(nonce + cipher).decode().rstrip('=')}"


def opened(keys: tuple[Key, ...], name: str, text: str) -> str:
    """Raises CannotOpen, which says why and never what is inside."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    form = _FORM.fullmatch(text)
    if form is None:
        raise CannotOpen("is no whole sealed value of this version")
    key = next((each for each in keys if each.id == form.group(1)), None)
    if key is None:
        raise CannotOpen(f"was sealed with key {form.group(1)}, which is not in the key file")
    try:
        data = base64.urlsafe_b64decode(form.group(2) + "=" * (-len(form.group(2)) % 4))
        return AESGCM(key.value).decrypt(data[:_NONCE], data[_NONCE:], _bound(name)).decode()
    except (InvalidTag, binascii.Error, ValueError):
        raise CannotOpen("was changed, or sealed under another name") from None


def _bound(name: str) -> bytes:
    return f"bitcoin-autotrader v1\n{name}".encode()
