"""What a drill found, for people and as a certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One scenario, or one alert channel: `seen` is a sentence, of what happened or of what went wrong."""

    name: str
    passed: bool
    seen: str
    seconds: float


def text(result: Result) -> str:
    return f"{'✓' if result.passed else '✗'} {result.name} ({result.seconds:.1f} s): {result.seen}"


def certificate(
    scenarios: Sequence[Result],
    channels: Sequence[Result],
    *,
    at: datetime,
    version: str,
    config_sha256: str,
    limits: Sequence[str],
) -> dict[str, Any]:
    """As it is stored. Passed means every scenario and every channel that is set up."""
    everything = [*scenarios, *channels]
    return {
        "at": utc(at),
        "version": version,
        "config_sha256": config_sha256,
        "passed": bool(scenarios) and all(result.passed for result in everything),
        "seconds": round(sum(result.seconds for result in everything), 1),
        "limits": list(limits),
        "scenarios": [_row(result) for result in scenarios],
        "channels": [_row(result) for result in channels],
    }


def _row(result: Result) -> dict[str, Any]:
    seconds = round(result.seconds, 1)
    return {"name": result.name, "passed": result.passed, "seen": result.seen, "seconds": seconds}


def utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def named(at: datetime) -> str:
    """A certificate's file name: they sort by time."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}.json"
