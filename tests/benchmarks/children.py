"""Every measurement in a process of its own, which tells what it found in one line of JSON."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.environments import ROOT

LONGEST = 900  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Seconds are the median of `runs`; `cold` is the first run. `stops` is None where a program does not say."""

    trades: int
    stops: int | None
    final_equity: float
    seconds: float
    cold: float
    runs: int
    peak_rss_mb: float
    version: str = ""


def tell(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Told | str:
    """What the command's last line says, or why there is none."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {LONGEST} s"
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return f"ended with exit code {done.returncode}: {lines[-1] if lines else 'no word'}"
    return Told(**json.loads(done.stdout.strip().splitlines()[-1]))
