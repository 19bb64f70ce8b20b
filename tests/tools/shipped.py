"""Writes strategies/shipped.json anew: `python -m tests.tools.shipped`. To be run when a shipped strategy has changed.

What the program brings along is known by name and SHA-256, so nobody has to approve it.
"""

import hashlib
import json
from pathlib import Path

STRATEGIES = Path(__file__).parents[2] / "strategies"
MANIFEST = STRATEGIES / "shipped.json"
MODULES = (
    "__init__",
    "answers",
    "base_strategy",
    "confined",
    "long_history",
    "proof",
    "runtime",
    "truncation",
    "window_frame",
    "worker",
)  # parts of the program


def manifest() -> dict[str, object]:
    files = {path.stem: path for path in sorted(STRATEGIES.glob("*.py"))}
    hashes = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if name not in MODULES
    }
    return {"modules": [name for name in MODULES if name in files], "strategies": hashes}


def text() -> str:
    return json.dumps(manifest(), indent=2) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(text(), encoding="utf-8")
