"""Bounds this process, then becomes the command it was started for. By path, isolated, before anything is imported.

Arguments: limits as JSON, the parent's process id, then the command. It ends with its parent, and gives way to it.
"""

import ctypes
import json
import os
import resource
import signal
import sys

NICE = 19
KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    limits, parent, command = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be told of
        sys.exit(1)
    os.setpgid(0, 0)  # but in the trader's session: elsewhere being nice would not count
    os.nice(NICE)
    for name, most in limits.items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))
    os.execv(sys.executable, [sys.executable, "-s", "-X", "utf8", *command])  # noqa: S606  # limits stay


if __name__ == "__main__":
    main()
