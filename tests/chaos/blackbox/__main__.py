"""`python -m tests.chaos.blackbox --aimed 60 --random 100 --worlds 2`; exit 1 when anything was wrong."""

import argparse
import sys

from tests.chaos.blackbox.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.blackbox", description=__doc__)
    parser.add_argument("--aimed", type=int, default=60, help="kills inside the order path")
    parser.add_argument("--random", type=int, default=100, help="kills at any moment")
    parser.add_argument("--worlds", type=int, default=2, help="exchanges with a trader each, side by side")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tally = run(given.aimed, given.random, given.worlds, given.seed)
    print("\n".join(tally.lines()), flush=True)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
