"""The go-live list on the dashboard: open while it keeps real money from being traded, folded away when it does not."""

from app.checklist import Checklist, Item, Verdict
from components import format as words
from components.doors import Doors
from components.parts import Text, box

MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.WAIVED: "–", Verdict.WARNING: "!"}


class GoingLive:
    """Nothing is shown where no real money is to be traded."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._shown: Checklist | None = None
        with box("checklist", "details").mark("going-live") as self._whole:
            self._head = Text(classes="checklist-head", tag="summary").props("role=status")
            self._rows = box("checklist-rows", "ul")
        self._whole.set_visibility(False)

    def update(self) -> None:
        found = self._doors.going_live()
        if found is None or found == self._shown:
            return
        if self._shown is None or found.passed != self._shown.passed:
            self._open(not found.passed)
        self._shown = found
        self._whole.set_visibility(True)
        count = len(found.failing)
        what = "item of the go-live list fails" if count == 1 else "items of the go-live list fail"
        head = f"Real money is not traded: {count} {what}" if count else "Go-live list passed"
        self._head.say(f"{head} · {words.moment(found.at)}")
        self._rows.clear()
        with self._rows:
            for item in sorted(found.items, key=lambda each: each.verdict is not Verdict.FAILED):
                row(item)

    def _open(self, wanted: bool) -> None:
        if wanted:
            self._whole.props["open"] = True
        elif "open" in self._whole.props:
            del self._whole.props["open"]


def row(item: Item) -> None:
    with box(f"checklist-row {item.verdict.value}", "li"):
        Text(f"{MARKS[item.verdict]} {item.name}", "checklist-name")
        Text(f"{item.seen}{f'. {_sentence(item.cure)}' if item.cure else ''}", "checklist-seen")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
