"""Bounds this process, then becomes the command it was started for. By path, isolated, before anything is imported.

Arguments: limits and niceness as JSON, the parent's process id, then the command. It ends with its parent, to which it
gives way.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys

TRIES = 10
KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    limits, parent, command = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be told of
        sys.exit(1)
    os.setsid()
    give_way(limits.pop("nice"))
    for name, most in limits.items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))
    os.execv(sys.executable, [sys.executable, "-s", "-X", "utf8", *command])  # noqa: S606  # limits stay


def give_way(nice: int) -> None:
    """To everybody else on this machine. Where Linux shares processors out by session first, among which a process's
    own niceness does not count, the session gives way as well; in the trader's session it would use up its share."""
    os.nice(nice)
    for _ in range(TRIES):
        try:
            with open("/proc/self/autogroup", "w") as file:
                file.write(str(nice))
        except BlockingIOError:  # somebody else's was changed within the last tenth of a second
            select.select((), (), (), 0.1)  # a rest; nothing of ours, such as its clock, is imported here
        except OSError:  # no Linux, or none that has it
            return
        else:
            return


if __name__ == "__main__":
    main()
