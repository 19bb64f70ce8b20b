"""Fails when branch coverage of `app/core` is below 100 % or of the rest below 90 %. Run by `make test`."""

import sys
from pathlib import Path

from coverage import Coverage

CORE, REST = 100.0, 90.0


def main() -> int:
    coverage = Coverage()
    coverage.load()  # the test run has combined its workers' parts already
    data = coverage.get_data()
    root = Path.cwd()
    files = [Path(name) for name in data.measured_files()]
    core = [str(file) for file in files if (root / "app/core") in file.parents]
    rest = [str(file) for file in files if str(file) not in core]
    failed = False
    for name, group, needed in (("app/core", core, CORE), ("everything else", rest, REST)):
        reached = coverage.report(include=group, show_missing=True, skip_covered=True)
        print(f"branch coverage of {name}: {reached:.2f} % (needed: {needed:.0f} %)")
        failed = failed or round(reached, 2) < needed
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
