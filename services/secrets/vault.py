"""Key file and store of sealed values together: what seals and opens. Holds no key and no value longer than a call."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from app.core.errors import ConfigError
from services.private_files import locked, read_private, write_private
from services.secrets.keys import KeyFile
from services.secrets.sealing import CannotOpen, opened, sealed

T = TypeVar("T")
STORE_NAME = "secrets.sealed"
STORE = "sealed store"
_WHAT = "the store of sealed secrets"
_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds: sealed texts by name, and the keys of texts outside of it that may still be in use.

    `given_out`: of texts that were printed; `in_env_file`: of those that a rotation wrote into `.env`.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    given_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_env_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def without(self, name: str) -> "Kept":
        def rest(part: Mapping[str, T]) -> dict[str, T]:
            return {each: value for each, value in part.items() if each != name}

        return Kept(rest(self.values), rest(self.given_out), rest(self.in_env_file))


class Vault:
    """Implements services.auth.Seals, too."""

    def __init__(self, key_file: Path, data_dir: Path) -> None:
        self.keys = KeyFile(key_file)
        self.folder = data_dir
        self.store = data_dir / STORE_NAME

    # ------------------------------------------------------------ one value

    def seal(self, name: str, text: str) -> str:
        """With the newest key, which is made if nothing was ever sealed."""
        if not self.keys.read() and (lost := [each for each in self.kept().values if each != name]):
            raise ConfigError(
                f"{self._missing()}: put it back, or remove each value that was sealed with it "
                f"({', '.join(lost)}) with: main.py secrets set NAME --remove"
            )
        return sealed(self.keys.made()[0], name, text)

    def open(self, name: str, text: str, place: str = STORE, again: str = "") -> str:
        """ConfigError names place, setting and cure. `again`: how the value is made anew."""
        again = again or f"set it again with: main.py secrets set {name}"
        cure = f"put back your copy of {self.keys.path}, or {again}"
        keys = self.keys.read()
        if not keys:
            raise ConfigError(f"{place}: {name} cannot be opened: {self._missing()}; {cure}")
        try:
            return opened(keys, name, text)
        except CannotOpen as error:
            raise ConfigError(f"{place}: {name} {error}; {cure}") from None

    def _missing(self) -> str:
        return f"the key file {self.keys.path} is not there, and without it sealed values stay shut"

    # ------------------------------------------------------------ the store

    def kept(self) -> Kept:
        """Everything in the store; empty where there is none."""
        data = read_private(self.store, _WHAT, _MOST)
        if data is None:
            return Kept()
        try:
            whole = json.loads(data)
            if whole["format"] != 1:
                raise ConfigError(f"{self.store}: was written by a newer version; use that one")
            values = {str(name): _text(text) for name, text in whole["values"].items()}
            given_out, in_env_file = (
                {str(name): tuple(map(_text, ids)) for name, ids in whole[part].items()}
                for part in ("given_out", "in_env_file")
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigError(
                f"{self.store}: {_WHAT} is damaged; put back your copy of it, or delete it and set each value again"
            ) from None
        return Kept(values, given_out, in_env_file)

    def keep(self, kept: Kept) -> None:
        whole = {
            "format": 1,
            "values": dict(sorted(kept.values.items())),
            "given_out": {name: list(ids) for name, ids in sorted(kept.given_out.items()) if ids},
            "in_env_file": {name: list(ids) for name, ids in sorted(kept.in_env_file.items()) if ids},
        }
        write_private(self.store, f"{json.dumps(whole, indent=2)}\n".encode(), _WHAT)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While several parts change together. Not to be entered twice."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While several parts are read that belong together."""
        with locked(self.folder, shared=True):
            yield


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
