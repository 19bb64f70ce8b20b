"""A virtual environment for each peer of the bench, from a lock file with hashes; never the product's own.

A peer that cannot be installed is told of with the reason; whether the bench goes on without it is the caller's word.
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNERS = Path(__file__).resolve().parent / "peers"
LONGEST_INSTALL = 600  # seconds


@dataclass(frozen=True, slots=True)
class Environment:
    """`name` of the folder `.venv-<name>`, and the lock file that fills it."""

    name: str
    lock: Path

    @property
    def python(self) -> Path:
        return ROOT / f".venv-{self.name}" / "bin" / "python"


SHARED = Environment("bench", ROOT / "requirements-bench.txt")


def alone(name: str) -> Environment:
    """Of a peer whose requirements suit nobody else."""
    return Environment(f"bench-{name}", ROOT / "benchmarks" / "peers" / f"{name}.txt")


def missing(environment: Environment) -> str:
    """Make or renew the environment. Nothing to say where that worked, else the reason."""
    folder = environment.python.parents[1]
    digest = hashlib.sha256(environment.lock.read_bytes()).hexdigest()
    stamp = folder / "lock.sha256"
    if stamp.is_file() and stamp.read_text() == digest:
        return ""
    print(f"installing what the bench compares with into {folder.name}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(environment.python), "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "--require-hashes", "-r", str(environment.lock)])
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")] or error.stderr.splitlines()
        return f"could not be installed: {lines[-1] if lines else f'exit code {error.returncode}'}"
    except subprocess.TimeoutExpired:
        return f"could not be installed: it took more than {LONGEST_INSTALL} s"
    stamp.write_text(digest)
    return ""


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST_INSTALL)
