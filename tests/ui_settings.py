"""Settings to look at: the shipped configuration files, a few secrets, and who changed what."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from app.channels import ChannelState
from app.core.alerts import AlertLevel
from app.core.errors import SecondFactorNeeded
from app.notices import CHANNELS
from app.ports import Who
from app.settings_ports import Edit, EnvironmentRow, SecretRow, SettingRow, SettingsFace, SettingTable
from app.strategy_files import Unfit
from services.settings import SETTINGS, load_rules
from services.settings.config_files import rules_of
from services.settings.rows import events, rows_of, tables_of
from services.settings.schema import FILES
from services.settings.wishes import changes_of
from tests.fakes_ui import NOW, Desk

CONFIG = Path(__file__).parents[1] / "config"
GIVEN = {"SMTP_URL": ".env line 4", "DEEPSEEK_API_KEY": "sealed store", "BINANCEUS_API_KEY": "environment"}


@cache
def shipped() -> tuple[SettingRow, ...]:
    loaded = load_rules(CONFIG)
    return rows_of(loaded, loaded, rules_of(dict.fromkeys(FILES), CONFIG, backtest=False))


@cache
def tables() -> tuple[SettingTable, ...]:
    return tables_of(load_rules(CONFIG))


class FakeSettings:
    """app.settings_ports.SettingsDesk in memory. `code`: the second factor's one good code, where one is enrolled."""

    def __init__(self) -> None:
        self.rows = {row.name: row for row in shipped()}
        self.secrets = dict(GIVEN)
        self.orders: list[tuple[str, str, str]] = []
        self.refusal, self.code = "", ""

    async def look(self) -> SettingsFace:
        return SettingsFace(
            rows=tuple(self.rows.values()),
            tables=tables(),
            secrets=tuple(
                SecretRow(
                    name=row.name,
                    meaning=row.meaning,
                    set=row.name in self.secrets,
                    source=self.secrets.get(row.name, ""),
                    kept=self.secrets.get(row.name) == "sealed store",
                )
                for row in SETTINGS
                if row.secret
            ),
            environment=tuple(
                EnvironmentRow(
                    name=row.name,
                    meaning=row.meaning,
                    value="9000" if row.name == "TRADER_PORT" else row.default or "",
                    default=row.default or "",
                    source=".env line 1" if row.name == "TRADER_PORT" else "",
                )
                for row in SETTINGS
                if not row.secret
            ),
            events=events(),
            levels=(AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO),
            channels=CHANNELS,
        )

    async def check(self, edits: Sequence[Edit]) -> None:
        """By the writer's own reading of what was typed; not by the reader of whole files."""
        if self.refusal:
            raise Unfit(self.refusal)
        changes_of(edits, tuple(self.rows.values()), tables(), {})

    def _check_code(self, who: Who) -> None:
        if self.code and who.otp != self.code:
            raise SecondFactorNeeded("a fresh code of your second factor is needed")

    async def save(self, who: Who, edits: Sequence[Edit]) -> None:
        self._check_code(who)
        for edit in edits:
            column = next((each for table in tables() if table.entry_of(edit.name) for each in table.columns), None)
            row = self.rows.get(edit.name) or column
            assert row is not None
            self.rows[edit.name] = replace(row, name=edit.name, value=edit.text)
            self.orders.append((who.username, edit.name, f"{edit.was} → {edit.text}"))

    async def set_secret(self, who: Who, name: str, value: str) -> str:
        self._check_code(who)
        self.orders.append((who.username, name, f"set to {len(value)} characters"))
        also = f"{self.secrets[name]} gives {name} too, and that one counts" if name in self.secrets else ""
        self.secrets.setdefault(name, "sealed store")
        return also

    async def remove_secret(self, who: Who, name: str) -> None:
        self._check_code(who)
        self.orders.append((who.username, name, "removed"))
        del self.secrets[name]


def with_settings(desk: Desk) -> FakeSettings:
    """Two channels, and settings of which one waits for the next start."""
    desk.view.set(
        channels=(
            ChannelState(name="email", status="ok", sent_at=NOW),
            ChannelState(name="sms-1", status="failing", error="Twilio answers 401"),
        )
    )
    fake = FakeSettings()
    fake.rows["cycle_seconds"] = replace(fake.rows["cycle_seconds"], value="90")
    return fake
