"""The key file: random 256-bit keys, newest first, each with a short id. Made at first need, read anew at each use.

Never guesses at a damaged line: a key's id is computed from the key, so a slip shows.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import ConfigError
from app.seam import token
from services.private_files import read_private, write_private

WHAT = "the key of the sealed secrets"
_HEAD = (
    "# Keys of the sealed secrets, newest first. Whoever has this file and the data can read them;\n"
    "# without this file nobody can. Keep a copy of it apart from the data.\n"
)
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """`id` names the key in what was sealed with it, and tells nothing about it."""

    id: str
    value: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"


def new_key() -> Key:
    return _key(base64.urlsafe_b64decode(token(_BYTES) + "="))


def _key(value: bytes) -> Key:
    return Key(hashlib.sha256(b"bitcoin-autotrader sealing key\n" + value).hexdigest()[:8], value)


class KeyFile:
    """Where the keys are. Another process may rotate them at any time, so nothing is remembered."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Key, ...]:
        """Newest first; none where there is no file. ConfigError for a file that is not as it must be."""
        data = read_private(self.path, WHAT)
        if data is None:
            return ()
        lines = data.decode("ascii", errors="replace").splitlines()
        keys = tuple(self._parsed(line, at) for at, line in enumerate(lines, 1) if line and not line.startswith("#"))
        if not keys:
            raise ConfigError(f"{self.path}: {WHAT} is empty; put back your copy of it, or delete it")
        return keys

    def made(self) -> tuple[Key, ...]:
        """As `read`, but a first key is made where there is none."""
        if found := self.read():
            return found
        self._write((new_key(),), only_new=True)
        return self.read()

    def write(self, keys: tuple[Key, ...]) -> None:
        self._write(keys, only_new=False)

    def _write(self, keys: tuple[Key, ...], *, only_new: bool) -> None:
        lines = (f"{key.id} {base64.urlsafe_b64encode(key.value).decode()}\n" for key in keys)
        write_private(self.path, f"{_HEAD}{''.join(lines)}".encode(), WHAT, only_new=only_new)

    def _parsed(self, line: str, at: int) -> Key:
        id, _, text = line.partition(" ")
        try:
            key = _key(base64.b64decode(text, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            raise self._damaged(at) from None
        if len(key.value) != _BYTES or key.id != id:
            raise self._damaged(at)
        return key

    def _damaged(self, at: int) -> ConfigError:
        return ConfigError(f"{self.path} line {at}: {WHAT} is damaged; put back your copy of the file")
