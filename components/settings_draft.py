"""What was changed on the settings page and is not saved: by key, with what is wrong, and keys that are new."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from app.core.errors import TraderError
from app.ports import Conflict
from app.settings_ports import Edit, SettingRow, SettingsDesk
from app.strategy_files import Unfit


class Draft:
    """`changed` hears of every change. A key whose text cannot be is counted, not kept."""

    def __init__(self, desk: SettingsDesk, changed: Callable[[], None]) -> None:
        self._desk, self._changed = desk, changed
        self.texts: dict[str, str] = {}
        self.wrong: set[str] = set()
        self.added: dict[str, SettingRow] = {}

    def text(self, row: SettingRow) -> str:
        return self.texts.get(row.name, row.value)

    def set(self, row: SettingRow, text: str, wrong: str = "") -> None:
        self.texts.pop(row.name, None)
        self.wrong.discard(row.name)
        if wrong:
            self.wrong.add(row.name)
        elif text != row.value:
            self.texts[row.name] = text
        self._changed()

    def add(self, row: SettingRow, text: str) -> None:
        self.added[row.name] = row
        self.set(row, text)

    def forget(self, rows: Iterable[SettingRow]) -> None:
        """As if they had never been typed."""
        for row in rows:
            self.added.pop(row.name, None)
            self.set(row, row.value)

    def clear(self) -> None:
        self.texts, self.wrong, self.added = {}, set(), {}
        self._changed()

    def edits(self, rows: Mapping[str, SettingRow]) -> list[Edit]:
        """`rows`: every key that there is, the new ones too."""
        return [Edit(name=name, was=rows[name].value, text=text) for name, text in self.texts.items()]

    async def check(self, edits: Sequence[Edit]) -> str:
        """What the reader of the files would refuse, or ""."""
        try:
            await self._desk.check(edits)
        except (Unfit, Conflict, TraderError) as refusal:
            return str(refusal)
        return ""
