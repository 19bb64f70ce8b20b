"""The first steps of a new owner, ticked as they are done: from watching it on paper to real money. Can be put away.

Each step says what it is good for and where to do it. That it was put away is the browser's to remember.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.ports import Row, Status
from components.doors import Doors
from components.frame import Frame
from components.parts import Loader, Text, box


@dataclass(frozen=True, slots=True)
class Known:
    """What the steps are judged by."""

    status: Status
    strategies: dict[str, Row]
    backtests_done: bool


@dataclass(frozen=True, slots=True)
class Step:
    """`where` is a tab's name or an address; "" where it is not done here."""

    title: str
    text: str
    done: Callable[[Known], bool]
    where: str = ""


STEPS = (
    Step(
        "Watch it trade with pretend money",
        "It decides at each closed candle; the first trade may take a while. Nothing here costs anything.",
        lambda known: known.status.open_positions > 0 or known.status.trades_today > 0 or known.status.total_pnl != 0,
    ),
    Step(
        "Let DeepSeek give its opinion",
        "Put DEEPSEEK_API_KEY into the settings, under Secrets; without it only indicators and news vote.",
        lambda known: _configured(known, "deepseek_analyzer"),
        "/?tab=settings",
    ),
    Step(
        "Be told when something happens",
        "By this phone (tap the bell), or by mail and others (.env on the server): else a kill switch is silent.",
        lambda known: bool(known.status.channels),
        "settings",
    ),
    Step(
        "Protect what risks money with a second factor",
        "An app on your phone makes codes; resuming, loosening limits and real money ask for one.",
        lambda known: known.status.two_factor,
        "/second-factor",
    ),
    Step(
        "Try your settings on the past",
        "A backtest trades two years in seconds, fees and stops included, and says how far to trust it.",
        lambda known: known.backtests_done,
        "backtest",
    ),
    Step(
        "Only then: real money",
        "At least a day on paper, every item of the go-live list passed, and as little as you could lose.",
        lambda known: known.status.market == "binanceus" and bool(known.status.user_data),
    ),
)


class FirstSteps:
    """Hidden once all are done, or put away."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._doors = frame, frame.doors
        self._shown: tuple[bool, ...] | None = None
        self._backtests_done: bool | None = None  # not looked yet
        with box("first-steps", "section").props('aria-label="First steps" data-put-away=first-steps') as self.root:
            with box("outlook-head"):
                self._head = Text("First steps", "panel-title", "h2").mark("first-steps")
                away = Text("Put away", "button quiet small", "button").props("type=button data-away")
                away.mark("put-away")
            self._list = box("steps", "ol")
            self._loader = Loader(self._doors.tasks, self._look, "first steps")
        self.root.set_visibility(False)
        self._loader.want()

    async def _look(self) -> None:
        self._backtests_done = await _has_backtest(self._doors)
        self.update(self._doors.view.status())

    def update(self, status: Status) -> None:
        if self._backtests_done is None:
            return
        rows = {str(row["name"]): row for row in self._doors.view.strategies()}
        known = Known(status, rows, self._backtests_done)
        done = tuple(step.done(known) for step in STEPS)
        if done == self._shown:
            return
        self._shown = done
        self.root.set_visibility(not all(done))
        self._head.say(f"First steps: {sum(done)} of {len(STEPS)} done")
        self._list.clear()
        with self._list:
            for step, is_done in zip(STEPS, done, strict=True):
                self._step(step, is_done)

    def _step(self, step: Step, done: bool) -> None:
        with box("step done" if done else "step", "li"):
            Text("✓" if done else "○", "step-mark").props("aria-hidden=true")
            with box("step-words"):
                with Text(step.title, "step-title"):
                    if done:
                        Text(" (done)", "heard")
                if not done:
                    Text(step.text, "soft", "p")
            if step.where and not done:
                self._way(step)

    def _way(self, step: Step) -> None:
        says = f'aria-label="Go there: {step.title}"'
        if step.where.startswith("/"):
            Text("Go there", "button quiet small link", "a").props(f"href={step.where} {says}").mark(f"go{step.where}")
        else:
            way = Text("Go there", "button quiet small", "button").props(f"type=button {says}")
            way.mark(f"go-{step.where}").on("click", lambda: self._frame.go(step.where), [])


def _configured(known: Known, name: str) -> bool:
    return bool(known.strategies.get(name, {}).get("configured"))


async def _has_backtest(doors: Doors) -> bool:
    if doors.backtests is None:
        return False
    rows, _ = await doors.backtests.list(10, 0)
    return any(row["status"] == "done" for row in rows)
