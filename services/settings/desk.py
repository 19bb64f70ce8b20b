"""What the settings page reads and changes: configuration files, secrets and the environment.

No secret is read here, not even to see whether it opens; what is set goes into the sealed store and nowhere else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from app.core.alerts import AlertLevel
from app.core.errors import ConfigError
from app.notices import CHANNELS
from app.ports import Who
from app.seam import Tasks
from app.settings_ports import Edit, EnvironmentRow, SecretRow, SettingsFace
from app.strategy_files import Unfit
from services.secrets.commands import SecretSettings
from services.secrets.vault import STORE
from services.settings.config_files import LoadedRules, assembled, load_rules, rules_of, text_of
from services.settings.environment import SECRETS, SETTINGS, Setting, vault_of
from services.settings.reading import read_file
from services.settings.rows import events, rows_of, tables_of
from services.settings.saving import changed_rules, save_rules
from services.settings.schema import FILES
from services.settings.sources import Raw, as_they_stand
from services.settings.wishes import Changes, changes_of

Done = Sequence[tuple[str, str]]
Guarded = Callable[[Who, str, Callable[[], Awaitable[Done]]], Awaitable[None]]
_LEVELS = (AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO)
_NOT_SHOWN = frozenset({"BINANCEUS_TRADE_ONLY_KEY"})  # the start of a secret


class FileDesk:
    """Implements app.settings_ports.SettingsDesk. `running` is what this process was started with; `door` asks for
    the second factor and writes the audit trail."""

    def __init__(
        self,
        config_dir: Path,
        running: LoadedRules,
        *,
        environ: Mapping[str, str],
        env_file: Path | None,
        door: Guarded,
        tasks: Tasks,
    ) -> None:
        self._dir, self._running = config_dir, running
        self._environ, self._env_file = environ, env_file
        self._door, self._tasks = door, tasks
        self._standard = rules_of(dict.fromkeys(FILES), config_dir, backtest=False)

    async def look(self) -> SettingsFace:
        return await self._tasks.in_thread(self._look)

    def _look(self) -> SettingsFace:
        given = as_they_stand(self._environ, self._env_file, {row.name for row in SETTINGS}, SECRETS)
        kept, loaded = vault_of(given).kept().values, load_rules(self._dir)
        return SettingsFace(
            rows=rows_of(loaded, self._running, self._standard),
            tables=tables_of(loaded),
            secrets=tuple(_secret(row, given, row.name in kept) for row in SETTINGS if row.secret),
            environment=tuple(_environment(row, given.get(row.name)) for row in SETTINGS if not row.secret),
            events=events(),
            levels=tuple(_LEVELS),
            channels=CHANNELS,
        )

    # ------------------------------------------------------------ files

    async def check(self, edits: Sequence[Edit]) -> None:
        await self._tasks.in_thread(lambda: self._check(edits))

    def _check(self, edits: Sequence[Edit]) -> None:
        try:
            changed_rules(self._dir, self._changes(edits)[0])
        except ConfigError as error:
            raise Unfit(str(error)) from None

    def _changes(self, edits: Sequence[Edit]) -> tuple[Changes, Done]:
        readings = {
            name: read_file(text_of(self._dir / name), keys, str(self._dir / name), backtest=False)
            for name, keys in FILES.items()
        }
        loaded = assembled(readings)
        rows = rows_of(loaded, self._running, self._standard)
        return changes_of(edits, rows, tables_of(loaded), {name: reading.values for name, reading in readings.items()})

    async def save(self, who: Who, edits: Sequence[Edit]) -> None:
        await self.check(edits)  # a code works once: it is not used up for nothing

        def write() -> Done:
            changes, done = self._changes(edits)
            save_rules(self._dir, changes)
            return done

        await self._door(who, "change_settings", lambda: self._tasks.in_thread(write))

    # ------------------------------------------------------------ secrets

    async def set_secret(self, who: Who, name: str, value: str) -> str:
        if not value:
            raise Unfit(f"{name[:60]}: type or paste the value")
        await self._tasks.in_thread(lambda: self._secrets().check(name, value))
        also = ""

        def write() -> Done:
            nonlocal also
            known = self._secrets()
            known.set(name, value)
            given = known.given().get(name)
            also = f"{given.place} gives {name} too, and that one counts: remove it there" if given else ""
            return [(name, "set")]

        await self._door(who, "set_secret", lambda: self._tasks.in_thread(write))
        return also

    async def remove_secret(self, who: Who, name: str) -> None:
        def write() -> Done:
            self._secrets().remove(name)
            return [(name, "removed")]

        await self._door(who, "remove_secret", lambda: self._tasks.in_thread(write))

    def _secrets(self) -> SecretSettings:
        return SecretSettings(self._environ, self._env_file)


def _secret(row: Setting, given: Mapping[str, Raw], kept: bool) -> SecretRow:
    raw, file = given.get(row.name), given.get(f"{row.name}_FILE")
    place = raw.place if raw else f"file that {file.name} names ({file.place})" if file else STORE if kept else ""
    return SecretRow(name=row.name, meaning=row.meaning, set=bool(place), source=place, kept=kept)


def _environment(row: Setting, raw: Raw | None) -> EnvironmentRow:
    default = row.default or ""
    value = raw.text if raw else default
    shown = value if value == default or not value else "given" if row.name in _NOT_SHOWN else _without_keys(value)
    return EnvironmentRow(
        name=row.name, meaning=row.meaning, value=shown, default=default, source=raw.place if raw else ""
    )


def _without_keys(text: str) -> str:
    """Of addresses only the host: what else is in them may let somebody in."""
    if "://" not in text:
        return text
    found = []
    for each in text.split(","):
        address = urlsplit(each.strip())
        host = address.netloc.rpartition("@")[2]
        more = "/…" if address.path.strip("/") or address.query or "@" in address.netloc else ""
        found.append(f"{address.scheme}://{host}{more}")
    return ", ".join(found)
