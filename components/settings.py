"""The settings page: every key of the configuration files, secrets and environment, searched, explained and changed.

Nothing is written before it was checked as at a start and seen as "was → will be".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nicegui import events, ui

from app.core.errors import TraderError
from app.ports import Status
from app.settings_ports import Counts, SettingRow, SettingsDesk, SettingsFace
from components import settings_words as names
from components.channels import Channels
from components.controls import wants_code
from components.frame import Frame
from components.parts import Button, Loader, Text, box
from components.push_switch import PushSwitch
from components.settings_draft import Draft
from components.settings_fields import changed_words
from components.settings_groups import Fields
from components.settings_matrix import Matrix, matrix_items, matrix_words
from components.settings_secrets import Environment, Secrets

EXPLAINED = (
    "What is changed here stands in the configuration files and counts after the next start. Risk limits, weights and "
    "thresholds are changed in Controls, where they count while it trades."
)


class Content(Protocol):
    """The inside of a fold: its parts by name, to be found by a search."""

    elements: dict[str, ui.element]


class Fold:
    """A card that opens by a tap and is built then. `items`: what a search looks through, by part."""

    def __init__(
        self, name: str, title: str, said: str, items: Mapping[str, str], build: Callable[[], Content]
    ) -> None:
        self._items, self._build = items, build
        self._content: Content | None = None
        self.opened = False  # by hand, not by a search
        self._is_open = False
        with box(f"section section-{name}", "details").mark(f"settings-{name}") as self._whole:
            with box("section-head", "summary"):
                Text(title, "section-title", "h2")
                Text(said, "section-said")
            self._place = box("section-body")
        self._whole.on("toggle", self._toggled, js_handler="(event) => emit(event.target.open)")

    def open(self, wanted: bool) -> None:
        if wanted:
            self._whole.props["open"] = True
        else:
            self._whole.props.pop("open", None)
        self._is_open = wanted
        if wanted and self._content is None:
            with self._place:
                self._content = self._build()

    def search(self, words: Sequence[str]) -> int:
        """How many parts hold all of these words; none: everything is there again, as it was."""
        found = {key for key, text in self._items.items() if all(word in text for word in words)}
        self._whole.set_visibility(bool(found))
        if not words:
            self.open(self.opened)
        elif found:
            self.open(True)
        for key, element in (self._content.elements if self._content else {}).items():
            element.set_visibility(key in found)
        if isinstance(self._content, Matrix):
            self._content.unfold(bool(words))
        return len(found)

    def _toggled(self, event: events.GenericEventArguments) -> None:
        wanted = event.args if isinstance(event.args, bool) else True
        if wanted != self._is_open:  # else the browser says what it was told
            self.opened = wanted
            self.open(wanted)


class SettingsPage:
    """The panel."""

    def __init__(self, frame: Frame) -> None:
        self.frame, self._desk = frame, frame.doors.settings
        self._face: SettingsFace | None = None
        self._folds: dict[str, Fold] = {}
        self._channels: Channels | None = None
        with box("settings"):
            Text("Settings", "settings-title", "h1")
            Text(EXPLAINED, "soft", "p")
            if self._desk is None:
                Text("Settings cannot be changed from here.", "caution", "p")
                return
            self.draft = Draft(self._desk, self._drafted)
            self._search = ui.input("Search", on_change=self._searched).mark("settings-search")
            self._search.props("outlined dense clearable type=search autocomplete=off debounce=200 maxlength=100")
            self._found = Text(classes="soft none", tag="p").props("role=status").mark("settings-found")
            self._trouble = Text(classes="caution", tag="p").mark("settings-trouble")
            self._place = box("settings-folds")
            with box("save-bar") as self._bar:
                self._told = Text(classes="save-told").props("role=status").mark("settings-told")
                self._problem = Text(classes="save-told ask-error").props("role=alert").mark("settings-problem")
                Button("Discard", self._discard, "quiet").mark("settings-discard")
                self._save_button = Button("Save …", self._save, "resume").mark("settings-save")
            self._show()
            self._loader = Loader(frame.doors.tasks, self._load, "the settings")
            self._loader.want()
            frame.on_go(self._went)

    def update(self, status: Status) -> None:
        if self._channels is not None:
            self._channels.update(status.channels)

    def _went(self, name: str) -> None:
        """What Controls or somebody else has changed meanwhile is seen when one comes back; what was typed stays."""
        if name == "settings" and not self.draft.texts and not self.draft.wrong:
            self._loader.want()

    # ------------------------------------------------------------ what there is

    async def _load(self) -> None:
        if self._desk is None:
            return
        try:
            face = await self._desk.look()
        except TraderError as error:
            self._trouble.say(f"The settings cannot be read: {error}")
            return
        self._trouble.say("")
        if face != self._face:
            self._face = face
            self._build(self._desk, face)

    def _build(self, desk: SettingsDesk, face: SettingsFace) -> None:
        opened = [name for name, fold in self._folds.items() if fold.opened]
        self._folds, self._channels = {}, None
        self.draft.wrong.clear()
        self._place.clear()
        with self._place:
            self._fold("alerts", "Notifications", self._alert_words(face), self._alert_items(face), self._build_alerts)
            for name in names.GROUPS:
                rows = [row for row in (*face.rows, *self.draft.added.values()) if names.group_of(row) == name]
                self._fold_of_group(face, name, rows)
            secrets = {row.name: f"{row.name} {row.meaning} secret key".lower() for row in face.secrets}
            count = sum(row.set for row in face.secrets)
            self._fold(
                "secrets",
                "Secrets",
                f"{count} of {len(face.secrets)} set",
                secrets,
                lambda: Secrets(self.frame, desk, face.secrets, self._loader.want),
            )
            environment = {row.name: f"{row.name} {row.meaning} environment".lower() for row in face.environment}
            self._fold("environment", "Environment", "to be read", environment, lambda: Environment(face.environment))
        for name in opened:
            self._folds[name].opened = True
        self._searched()
        self._show()

    def _fold(self, name: str, title: str, said: str, items: Mapping[str, str], build: Callable[[], Content]) -> None:
        self._folds[name] = Fold(name, title, said, items, build)

    def _fold_of_group(self, face: SettingsFace, name: str, rows: Sequence[SettingRow]) -> None:
        title, meaning = names.GROUPS[name]
        waiting = sum(row.value != row.running and row.counts is Counts.NEXT_START for row in rows)
        said = f"{waiting} from the next start on" if waiting else f"{len(rows)} setting{'s' if len(rows) > 1 else ''}"
        items = {row.name: names.searched(row) for row in rows}
        tables = [table for table in face.tables if names.group_of(table.columns[0]) == name]
        if rows or tables:
            self._fold(name, title, said, items, lambda: Fields(rows, tables, meaning, self.draft, self._controls))

    def _alert_rows(self, face: SettingsFace) -> list[SettingRow]:
        return [row for row in face.rows if names.group_of(row) == "alerts"]

    def _alert_items(self, face: SettingsFace) -> dict[str, str]:
        return {row.name: names.searched(row) for row in self._alert_rows(face)} | matrix_items(face)

    def _alert_words(self, face: SettingsFace) -> str:
        value = {row.name: row.value for row in face.rows}
        start, end = value.get("alerts.quiet_hours.start"), value.get("alerts.quiet_hours.end")
        return f"quiet {start}–{end}" if start and end else "no quiet hours"

    def _build_alerts(self) -> Content:
        face = self._face
        if face is None:
            raise RuntimeError("a fold is built when the settings were read")
        if self.frame.doors.push is not None:
            PushSwitch(self.frame.doors, self.frame.person, self.frame.username)
        Text("Your channels", "group-title", "h3")
        self._channels = Channels(self.frame)
        self._channels.update(self.frame.doors.view.status().channels)
        Text("What arrives where", "group-title", "h3")
        matrix = Matrix(face, self.draft.texts, self.draft.set)
        Text("When and how often", "group-title", "h3")
        meaning = "Times are meant in the time zone that is set here."
        fields = Fields(self._alert_rows(face), (), meaning, self.draft, self._controls)
        matrix.elements |= fields.elements
        return matrix

    # ------------------------------------------------------------ search

    def _searched(self, event: events.ValueChangeEventArguments[Any] | None = None) -> None:
        text = str(self._search.value or "").lower().strip()
        words = text.split() if len(text) > 1 else []
        count = sum([fold.search(words) for fold in self._folds.values()])
        said = (
            f"{count} setting{'s' if count > 1 else ''} found" if count else "Nothing is called so. Try another word."
        )
        self._found.say(said if words else "", "soft" if words else "soft none")

    # ------------------------------------------------------------ what was changed

    def _drafted(self) -> None:
        self._problem.say("")
        self._show()

    def _show(self) -> None:
        count, wrong = len(self.draft.texts), len(self.draft.wrong)
        self._bar.set_visibility(bool(count or wrong))
        told = [f"{count} change{'s' if count > 1 else ''}"] if count else []
        self._told.say(f"Not saved: {', '.join([*told, *([f'{wrong} to correct'] if wrong else [])])}")
        self._save_button.set_visibility(bool(count) and not wrong)

    def _discard(self) -> None:
        self._face = None
        self.draft.clear()
        self._loader.want()

    def _controls(self) -> None:
        self.frame.go("controls")

    async def _save(self) -> None:
        desk, face = self._desk, self._face
        if desk is None or face is None:
            return
        rows = {row.name: row for row in face.rows} | self.draft.added
        edits = self.draft.edits(rows)
        if refusal := await self.draft.check(edits):
            self._problem.say(f"Not saved: {refusal}")
            return

        async def save(otp: str | None) -> str | None:
            wrong = await self.frame.person.order(lambda who: desk.save(who, edits), otp)
            if wrong is None:
                ui.notify("Saved: it counts after the next start", position="top")
                self._discard()
            return wrong

        self.frame.controls.question.ask(
            "Save these settings?",
            f"{'; '.join(self._line(rows[edit.name], edit.text) for edit in edits)}. It counts after the next start.",
            yes="Save",
            no="Not yet",
            work=save,
            code=wants_code(self.frame.doors.view.status()),
        )

    def _line(self, row: SettingRow, text: str) -> str:
        if names.group_of(row) == "matrix" and self._face is not None:
            return matrix_words(row, text, {event.name: event for event in self._face.events})
        return f"{names.called(row)}: {changed_words(row, text)}"
