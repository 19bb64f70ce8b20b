"""What the strategy process gives up before it runs a strategy: network, other processes, writing, most of our code.

The owner's code is kept from accidents and from easy mischief. It is no sandbox for strangers: it may read files.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

FILES = 64  # open at once
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
OURS = ("app", "backtest", "components", "main", "services", "tests")
NOT_HERE = "a strategy may not do this: it only gives opinions"

# ---------------------------------------------------------------- what Python itself tells us of

REFUSED = (
    *("socket.", "subprocess.", "ftplib.", "smtplib.", "urllib.", "pty.spawn", "signal.pthread_kill"),
    *("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile", "os.kill"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "os.utime", "os.setxattr", "os.removexattr", "resource.prlimit"),
)


def confine(allowed: Sequence[str]) -> None:
    """From now on, and for ever. `allowed`: modules of `strategies` that a strategy may import, with all in them."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    _filter_system_calls()
    sys.meta_path.insert(0, _OnlyStrategies(allowed))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        flags = arguments[2] if len(arguments) > 2 else 0
        if isinstance(flags, int) and flags & WRITING:
            raise PermissionError(errno.EPERM, NOT_HERE, str(arguments[0])[:200])
    elif event.startswith(REFUSED):
        raise PermissionError(errno.EPERM, f"{NOT_HERE} ({event})")


class _OnlyStrategies:
    """Of our own code a strategy may take what is loaded already, and the modules meant for it: no other strategy,
    whose file nobody has approved, and nothing of the trader."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = tuple(f"strategies.{name}." for name in allowed)

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top in OURS or (top == "strategies" and not f"{name}.".startswith(self._allowed)):
            raise ImportError(f"a strategy may not import {name}; it may take strategies.base_strategy and libraries")
        return None


# ---------------------------------------------------------------- what the kernel refuses, whatever library asks

X86_64, AARCH64 = 0xC000003E, 0xC00000B7
# open, openat, clone, clone3, openat2, prlimit64, and what is refused outright
SYSTEM_CALLS: dict[int, tuple[int | None, int, int, int, int, int, tuple[int, ...]]] = {
    X86_64: (
        *(2, 257, 56, 435, 437, 302),
        (
            *(41, 42, 43, 49, 50, 53, 288),  # socket connect accept bind listen socketpair accept4
            *(57, 58, 59, 322),  # fork vfork execve execveat
            *(62, 200, 234, 424, 434, 129, 297),  # kill tkill tgkill pidfd_send_signal pidfd_open *sigqueueinfo
            *(141, 142, 144, 203, 314, 251),  # setpriority sched_setparam/scheduler/affinity/attr ioprio_set
            *(101, 310, 311, 425, 298, 321),  # ptrace process_vm_readv/writev io_uring_setup perf_event_open bpf
            *(76, 82, 264, 316, 83, 258, 84, 87, 263, 85, 86, 265, 88, 266),  # truncate rename* mkdir* rmdir unlink*
            *(90, 91, 268, 92, 93, 94, 260, 132, 235, 261, 280, 133, 259),  # chmod* chown* utime* mknod*
        ),
    ),
    AARCH64: (
        *(None, 56, 220, 435, 437, 261),
        (
            *(198, 203, 202, 200, 201, 199, 242),
            *(221, 281),
            *(129, 130, 131, 424, 434, 138, 240),
            *(140, 118, 119, 122, 274, 30),
            *(117, 270, 271, 425, 241, 280),
            *(45, 38, 276, 34, 35, 37, 36),
            *(52, 53, 54, 55, 88, 33),
        ),
    ),
}
CLONE_THREAD = 0x10000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _filter_system_calls() -> None:
    """A seccomp filter, which needs no root. Where there is none (no Linux, another processor) Python's word stands
    alone."""
    machine = {"x86_64": X86_64, "aarch64": AARCH64}.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def _filter(machine: int) -> bytes:
    """Classic BPF over (number, architecture, instruction pointer, six arguments of 8 bytes, low half first)."""
    opening, opening_at, clone, clone3, opening2, limit, refused = SYSTEM_CALLS[machine]
    eperm, enosys = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
    steps = [
        *((LOAD, 0, 0, 4), (EQUAL, 1, 0, machine), (RETURN, 0, 0, KILL)),
        *((LOAD, 0, 0, 0), (AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, eperm)),
    ]
    for number, flags in ((opening, 24), (opening_at, 32)):
        if number is not None:
            steps += [(EQUAL, 0, 4, number), (LOAD, 0, 0, flags), (ANY_BIT, 0, 1, WRITING)]
            steps += [(RETURN, 0, 0, eperm), (RETURN, 0, 0, ALLOW)]
    steps += [(EQUAL, 0, 4, clone), (LOAD, 0, 0, 16), (ANY_BIT, 1, 0, CLONE_THREAD)]
    steps += [(RETURN, 0, 0, eperm), (RETURN, 0, 0, ALLOW)]
    # limits of its own it may set (its first argument is then 0), never those of the process that it serves
    steps += [(EQUAL, 0, 4, limit), (LOAD, 0, 0, 16), (EQUAL, 1, 0, 0)]
    steps += [(RETURN, 0, 0, eperm), (RETURN, 0, 0, ALLOW)]
    for number in (clone3, opening2):  # their flags are out of sight; what calls them knows the older form
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, enosys)]
    for number in refused:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, eperm)]
    steps.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
