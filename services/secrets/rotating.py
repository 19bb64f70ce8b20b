"""The command `secrets rotate`: a new key, and everything that is sealed sealed again with it.

After each step, also one that fails, everything can still be opened: the new key is written before anything uses it,
and an old one goes only when nothing uses it any more.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from app.core.errors import ConfigError
from services.private_files import write_private
from services.secrets.commands import SecretSettings
from services.secrets.keys import Key, new_key
from services.secrets.sealing import is_sealed, key_id, sealed
from services.secrets.vault import STORE
from services.settings.sources import MAX_FILE, Raw, file_text


class Rows(Protocol):
    """Texts that a database keeps sealed, each under the name it is bound to."""

    def texts(self) -> Mapping[str, str]: ...

    def exchange(self, name: str, change: Callable[[str], str]) -> None:
        """Read, change and save as one step."""


class Together:
    """Sealed texts of several places, which never share a name."""

    def __init__(self, *places: Rows) -> None:
        self._places = places

    def texts(self) -> Mapping[str, str]:
        return {name: text for place in self._places for name, text in place.texts().items()}

    def exchange(self, name: str, change: Callable[[str], str]) -> None:
        for place in self._places:
            if name in place.texts():
                place.exchange(name, change)


class Rotation:
    def __init__(self, settings: SecretSettings, rows: Rows) -> None:
        self._settings, self._vault, self._rows = settings, settings.vault, rows

    def run(self) -> list[str]:
        """ConfigError where something cannot be opened (nothing was changed) or written (run it again)."""
        with self._vault.changing():
            self._see_that_all_opens()
            old, new = self._vault.keys.read(), new_key()
            self._vault.keys.write((new, *old))
            counts = self._renew_store(new), self._renew_env_file(new), self._renew_rows(new)
            self._see_that_all_opens()
            users = self._users_of(old)
            if gone := [key for key in old if key.id not in users]:
                self._vault.keys.write((new, *(key for key in old if key.id in users)))
        return [*self._told(new, counts), *(f"key {key.id} is gone" for key in gone), *_kept(users)]

    # ------------------------------------------------------------ looking

    def _raws(self) -> list[Raw]:
        """Everything sealed that can be seen from here."""
        file, environment = self._settings.layers()
        kept = [Raw(name, text, STORE) for name, text in self._vault.kept().values.items()]
        rows = [Raw(name, text, "database") for name, text in self._rows.texts().items()]
        return [raw for raw in (*file.values(), *environment.values(), *kept, *rows) if is_sealed(raw.text)]

    def _see_that_all_opens(self) -> None:
        for raw in self._raws():
            self._vault.open(raw.name, raw.text, raw.place)

    def _users_of(self, keys: Iterable[Key]) -> dict[str, str]:
        """Key id → why it must stay."""
        old = {key.id for key in keys}
        kept = self._vault.kept()
        why = {
            id: f"{name} was sealed with it for use elsewhere (where that is over: main.py secrets set {name} --remove)"
            for name, ids in (*kept.given_out.items(), *kept.in_env_file.items())
            for id in ids
        }
        why |= {key_id(raw.text): f"{raw.place} uses it for {raw.name}; seal that anew" for raw in self._raws()}
        return {id: text for id, text in why.items() if id in old}

    # ------------------------------------------------------------ sealing anew

    def _again(self, new: Key, name: str, text: str) -> str:
        return sealed(new, name, self._vault.open(name, text) if is_sealed(text) else text)

    def _renew_store(self, new: Key) -> int:
        kept = self._vault.kept()
        if kept.values:
            self._vault.keep(replace(kept, values={n: self._again(new, n, text) for n, text in kept.values.items()}))
        return len(kept.values)

    def _renew_env_file(self, new: Key) -> int:
        """Only the sealed texts themselves change. That they are outside the store is remembered first."""
        path, (file, _) = self._settings.env_file, self._settings.layers()
        raws = [raw for raw in file.values() if is_sealed(raw.text) and not raw.from_file]
        if path is None or not raws:
            return 0
        self._remember({raw.name: (key_id(raw.text), new.id) for raw in raws})
        text = file_text(path, str(path), MAX_FILE)
        for raw in raws:
            text = text.replace(raw.text, self._again(new, raw.name, raw.text))
        target = path.resolve()
        write_private(target, text.encode(), "the settings file", mode=target.stat().st_mode & 0o777)
        self._remember({raw.name: (new.id,) for raw in raws})
        return len(raws)

    def _remember(self, in_env_file: Mapping[str, tuple[str, ...]]) -> None:
        """A text that was printed and is in `.env` now is no longer somewhere else."""
        kept = self._vault.kept()
        printed = {
            name: tuple(id for id in ids if id not in in_env_file.get(name, ())) for name, ids in kept.given_out.items()
        }
        self._vault.keep(replace(kept, given_out=printed, in_env_file={**kept.in_env_file, **in_env_file}))

    def _renew_rows(self, new: Key) -> int:
        texts = self._rows.texts()
        for name in texts:
            self._rows.exchange(name, lambda text, name=name: self._again(new, name, text))  # type: ignore[misc]
        return len(texts)

    def _told(self, new: Key, counts: tuple[int, int, int]) -> list[str]:
        places = zip(counts, (f"in the {STORE}", f"in {self._settings.env_file}", "in the database"), strict=True)
        done = ", ".join(f"{count} {where}" for count, where in places if count) or "nothing"
        return [f"key {new.id} is new; sealed again with it: {done}"]


def _kept(users: Mapping[str, str]) -> list[str]:
    return [f"key {id} is kept: {why}" for id, why in users.items()]


def run(settings: SecretSettings, rows: Rows) -> list[str]:
    try:
        return Rotation(settings, rows).run()
    except ConfigError as error:
        raise ConfigError(f"{error}. Everything that could be opened still can; then run this again") from None
