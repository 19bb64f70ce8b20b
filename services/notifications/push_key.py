"""The key pair that browsers subscribe to: made once, kept in the database, sealed. Never shown, never changed
without need: every device would have to subscribe anew.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from app.core.errors import ConfigError
from services.notifications.push_wire import CURVE, packed, unpacked

log = logging.getLogger(__name__)
NAME = "push_key"


class Seals(Protocol):
    def seal(self, name: str, text: str) -> str: ...

    def open(self, name: str, text: str, place: str = "", again: str = "") -> str: ...


class Kept(Protocol):
    """Where the sealed text stands."""

    def kept(self, name: str) -> str | None: ...

    def keep(self, name: str, value: str) -> None: ...


def load(kept: Kept, seals: Seals) -> ec.EllipticCurvePrivateKey:
    """Blocking. A pair that can no longer be opened is replaced; ConfigError where a new one cannot be sealed."""
    text = kept.kept(NAME)
    if text is not None:
        try:
            return _private(seals.open(NAME, text, "database", "devices must then turn alerts on again"))
        except ConfigError as error:
            log.error("a new key for web push is made, and every device must turn alerts on again: %s", error)
    private = ec.generate_private_key(CURVE)
    number = private.private_numbers().private_value.to_bytes(32, "big")
    kept.keep(NAME, seals.seal(NAME, packed(number)))
    return private


def _private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(unpacked(text), "big"), CURVE)


class PushKeyRow:
    """Implements services.secrets.rotating.Rows: the one sealed text that is kept here."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def texts(self) -> Mapping[str, str]:
        text = self._kept.kept(NAME)
        return {NAME: text} if text else {}

    def exchange(self, name: str, change: Callable[[str], str]) -> None:
        """Only the making of a first key could come in between, and there is one already."""
        text = self._kept.kept(name)
        if text:
            self._kept.keep(name, change(text))
