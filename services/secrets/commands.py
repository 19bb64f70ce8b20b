"""The commands `secrets set` and `secrets list`: where secrets are, and putting them into the store.

Never shows a value, nor how long it is. Nothing is written unless the setting's own kind takes the value.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.core.errors import ConfigError
from services.secrets.sealing import is_sealed, key_id
from services.secrets.vault import STORE, Vault
from services.settings.environment import SECRETS, SETTINGS, Setting, vault_of
from services.settings.kinds import Wrong
from services.settings.sources import Raw, flaw, nearest, read_layers

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,59}", re.ASCII)
_ROWS = {row.name: row for row in SETTINGS if row.secret}
_EVERYTHING = {row.name for row in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one secret is. Field names are what `secrets list --json` promises."""

    name: str
    set: bool
    source: str = ""
    sealed: bool = False
    key_id: str = ""
    fault: str = ""


class SecretSettings:
    """The secrets as environment, `.env` and store give them, values never opened without need."""

    def __init__(self, environ: Mapping[str, str], env_file: Path | None) -> None:
        self._environ, self.env_file = environ, env_file
        self.vault: Vault = vault_of(self.given())

    def layers(self) -> tuple[dict[str, Raw], dict[str, Raw]]:
        """As `.env` and the environment give them now; not those of the store."""
        return read_layers(self._environ, self.env_file, _EVERYTHING, SECRETS)

    def given(self) -> dict[str, Raw]:
        file, environment = self.layers()
        return {**file, **environment}

    # ------------------------------------------------------------ list

    def places(self) -> list[Place]:
        given, kept = self.given(), self.vault.kept().values
        raws = {**{name: Raw(name, text, STORE) for name, text in kept.items()}, **given}
        names = [*_ROWS, *(name for name in kept if name not in _ROWS)]
        return [self._place(name, raws.get(name)) for name in names]

    def _place(self, name: str, raw: Raw | None) -> Place:
        if raw is None:
            return Place(name=name, set=False)
        fault = "" if name in _ROWS else f"is no secret setting; run: main.py secrets set {name} --remove"
        if is_sealed(raw.text) and not fault:
            try:
                self.vault.open(name, raw.text, raw.place)
            except ConfigError as error:
                fault = str(error)
        return Place(
            name=name, set=True, source=raw.place, sealed=is_sealed(raw.text), key_id=key_id(raw.text), fault=fault
        )

    def listed(self, as_json: bool) -> list[str]:
        places = self.places()
        if as_json:
            return [json.dumps([asdict(place) for place in places], indent=2)]
        return [_line(place) for place in places]

    # ------------------------------------------------------------ set

    def setting(self, name: str) -> Setting:
        """ConfigError for a name that is no secret setting; what may be a value is not repeated."""
        if found := _ROWS.get(name):
            return found
        if not _NAME.fullmatch(name):
            raise ConfigError(
                "that is not the name of a setting; write: main.py secrets set NAME, and give the value when asked"
            )
        if name in _EVERYTHING:
            raise ConfigError(f"{name} is no secret; write it into .env")
        meant = nearest(name, _ROWS)
        raise ConfigError(
            f"{name} is no secret setting; {f'did you mean {meant}?' if meant else 'secrets list shows all'}"
        )

    def check(self, name: str, text: str) -> None:
        """ConfigError: it would be refused."""
        self._checked(self.setting(name), text)

    def set(self, name: str, text: str) -> list[str]:
        """Seal into the store."""
        value = self._checked(self.setting(name), text)
        with self.vault.changing():
            given, kept = self.given(), self.vault.kept()
            self._refuse_a_second_key(name)
            sealed = self.vault.seal(name, value)
            kept = kept if name in given else kept.without(name)  # what was given out before is over
            self.vault.keep(replace(kept, values={**kept.values, name: sealed}))
        lines = [f"{name} is sealed in {self.vault.store} (key {key_id(sealed)}); it counts from the next start on"]
        if name in given:
            lines.append(f"but {given[name].place} gives {name} too, and that one counts: remove it there")
        return lines

    def seal_only(self, name: str, text: str) -> list[str]:
        """The sealed text, for a `.env` or an environment. That it was given out is remembered: its key stays."""
        value = self._checked(self.setting(name), text)
        with self.vault.changing():
            self._refuse_a_second_key(name)
            sealed = self.vault.seal(name, value)
            kept = self.vault.kept()
            ids = dict.fromkeys((*kept.given_out.get(name, ()), key_id(sealed)))
            self.vault.keep(replace(kept, given_out={**kept.given_out, name: tuple(ids)}))
        return [sealed]

    def remove(self, name: str) -> list[str]:
        with self.vault.changing():
            kept = self.vault.kept()
            if kept == kept.without(name):
                self.setting(name)
                given = self.given().get(name)
                raise ConfigError(f"{name} is not in the {STORE}" + (f"; {given.place} gives it" if given else ""))
            self.vault.keep(kept.without(name))
        return [f"{name} is no longer in the {STORE}"]

    def _checked(self, row: Setting, text: str) -> str:
        """What may be sealed already, opened; refused as the start would refuse it."""
        value = self.vault.open(row.name, text, "given") if is_sealed(text) else text
        if wrong := flaw(value):
            raise ConfigError(f"{row.name} {wrong}; nothing was changed")
        try:
            row.kind.read(value)
        except Wrong as error:
            raise ConfigError(f"{row.name} is not right; {error}; nothing was changed") from None
        return value

    def _refuse_a_second_key(self, name: str) -> None:
        """Where the key file is lost, a new one must not be made while values elsewhere wait for the old."""
        waiting = [raw for raw in self.given().values() if is_sealed(raw.text) and raw.name != name]
        if waiting and not self.vault.keys.read():
            raw = waiting[0]
            self.vault.open(raw.name, raw.text, raw.place)


def _line(place: Place) -> str:
    if not place.set:
        return f"{place.name:<26} not set"
    how = f"sealed, key {place.key_id or '?'}" if place.sealed else "in clear"
    text = f"{place.name:<26} {place.source} ({how})"
    return f"{text}: {place.fault}" if place.fault else text
