"""System health: what works and what does not, the jobs with their last and next run, memory, version and uptime."""

from datetime import timedelta

from app.ports import Row, Status
from components import format as words
from components.frame import Frame
from components.parts import Loader, Moment, Text, box

MARKS = {"ok": ("✓", "good"), "warning": ("!", "warn"), "failed": ("✗", "bad"), "not_set_up": ("–", "")}
WORDS = {"ok": "works", "warning": "look at it", "failed": "does not work", "not_set_up": "not set up"}
WORST_FIRST = ("failed", "warning", "ok", "not_set_up")
LOOK_SECONDS = 5.0


class Health:
    """The panel. It looks every few seconds, and only while it is open."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._looked_at = float("-inf")
        self._shown: list[Row] = []
        with box("health"):
            self._loader = Loader(frame.doors.tasks, self._load, "system health")
            self._rows = box("health-rows", "ul")
            with box("admin-part") as self._about:
                self._words = Text(classes="soft", tag="p").mark("health-about")
                with box("soft what-if-span"):
                    Text("Running since")
                    self._since = Moment(None)
            with box("more-facts", "details") as self._more:
                Text("Jobs", "explained-head", "summary")
                with box("jobs-table", "table"):
                    with box("", "thead"), box("", "tr"):
                        for head in ("Job", "Last run", "Next run"):
                            Text(head, tag="th").props("scope=col")
                    self._jobs = box("", "tbody")
        self._about.set_visibility(False)
        self._more.set_visibility(False)

    def update(self, status: Status) -> None:
        now = self._frame.doors.clock.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._loader.want()

    async def _load(self) -> None:
        found = await self._frame.doors.vital_signs()
        if not found:
            return
        self._about.set_visibility(True)
        self._words.say(
            f"Version {found['version']}, {found['memory_mb']:.0f} MB of memory, up for "
            f"{words.duration(timedelta(seconds=found['uptime_seconds']))}"
        )
        self._since.show(found["started_at"])
        if found["items"] != self._shown:
            self._shown = list(found["items"])
            self._rows.clear()
            with self._rows:
                for item in sorted(self._shown, key=lambda each: WORST_FIRST.index(each["status"])):
                    health_row(item)
        self._more.set_visibility(bool(found["jobs"]))
        self._jobs.clear()
        with self._jobs:
            for job in found["jobs"]:
                job_row(job)


def health_row(item: Row) -> None:
    mark, tone = MARKS[item["status"]]
    with box(f"health-row {tone}".strip(), "li").mark(f"health-{item['name']}"):
        sign = Text(mark, "health-mark").props("role=img")
        sign.props["aria-label"] = WORDS[item["status"]]
        Text(str(item["name"]).capitalize(), "health-name")
        Text(str(item["text"]), "health-seen")


def job_row(job: Row) -> None:
    with box("", "tr").mark(f"job-{job['name']}"):
        with box("", "td"):
            Text(job["name"])
            Text(f" {job['every']}", "soft")
        with box("failed" if job["outcome"] == "failed" else "", "td"):
            if job["last_at"]:
                Moment(job["last_at"])
                Text(f" {': '.join(filter(None, (job['outcome'], job['error'])))}")
            else:
                Text("not yet", "soft")
        with box("", "td"):
            Moment(job["next_at"])
