"""How a service stands, by what came of the questions to it: failing, refused, in safe mode, asked to be quiet.

It decides only whether to ask now.
"""

from dataclasses import dataclass

from app.seam import Clock

FAILURES = 5  # questions in a row without an answer: safe mode
PROBE_SECONDS = 15 * 60
REFUSED_SECONDS = 60 * 60
LONGEST_QUIET = 60 * 60


@dataclass(frozen=True, slots=True)
class Rest:
    """Why it is not asked now. `abstains`: it has no opinion, rather than failing to give one."""

    text: str
    abstains: bool


class Standing:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._refused = ""
        self._error = ""
        self._asked_at = 0.0
        self._quiet_until = 0.0

    @property
    def safe_mode(self) -> bool:
        return self._failures >= FAILURES

    @property
    def status(self) -> str:
        if self._refused:
            return "refused"
        if self.safe_mode:
            return "safe_mode"
        return "failing" if self._failures else "ok"

    @property
    def error(self) -> str:
        return self._refused or self._error

    def rest(self) -> Rest | None:
        """None: it may be asked, and from now on counts as asked."""
        now = self._clock.monotonic()
        since = now - self._asked_at
        if self._refused and since < REFUSED_SECONDS:
            return Rest(f"{self._refused}; asked again in {_minutes(REFUSED_SECONDS - since)}", abstains=False)
        if self.safe_mode and since < PROBE_SECONDS:
            text = f"safe mode after {self._failures} failures in a row, the last: {self._error}; "
            return Rest(text + f"tried again in {_minutes(PROBE_SECONDS - since)}", abstains=True)
        if now < self._quiet_until:
            text = f"the server asks to be left alone for another {_minutes(self._quiet_until - now)}"
            return Rest(text, abstains=self.safe_mode)
        self._asked_at = now
        return None

    def answered(self) -> None:
        self._failures, self._refused, self._error = 0, "", ""

    def failed(self, text: str) -> bool:
        """True where this was the failure that began the safe mode."""
        self._failures += 1
        self._error, self._refused = text, ""
        return self._failures == FAILURES

    def refuse(self, text: str) -> bool:
        """True where this is news."""
        news = text != self._refused
        self._refused = text
        return news

    def be_quiet(self, seconds: float) -> None:
        self._quiet_until = self._clock.monotonic() + min(seconds, LONGEST_QUIET)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
