"""What a strategy's process, of the same user, may see of the one with the key: no environment, no memory, no core."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.trader_process import ROOT, TraderProcess, write_market

CANARY = "closed-canary-0123456789abcdef"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="closed on Linux only")

# As nobody where root runs the tests. A process that changed its user is closed by that alone: opened again first.
STRANGER = f"""
import ctypes, os, resource, subprocess, sys
from services.closed_process import close
if os.getuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
    assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0
def look(name):
    seen = subprocess.run(["cat", f"/proc/{{os.getpid()}}/{{name}}"], capture_output=True)
    return "seen" if b"{CANARY}" in seen.stdout else seen.stderr.decode().strip().rpartition(": ")[2]
before = look("environ")
close()
print(os.getuid(), before, look("environ"), *resource.getrlimit(resource.RLIMIT_CORE), sep="|")
"""


def test_the_environment_can_be_read_by_a_process_of_the_same_user_until_it_is_closed() -> None:
    found = subprocess.run(
        [sys.executable, "-c", STRANGER],
        env={**os.environ, "CANARY": CANARY, "LC_ALL": "C"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    user, before, *after = found.stdout.strip().split("|")
    assert int(user) == (os.getuid() or 65534)
    if before != "seen":
        pytest.skip(f"this machine shows nobody the environment of another process: {before}")
    assert after == ["Permission denied", "0", "0"]


def test_a_closed_process_dies_without_a_core_and_still_says_where(tmp_path: Path) -> None:
    program = (
        "import faulthandler, os, signal; from services.closed_process import close; close(); faulthandler.enable(); "
        f"os.chdir({str(tmp_path)!r}); os.kill(os.getpid(), signal.SIGSEGV)"
    )
    died = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in died.stderr
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- the real commands


# Root sees all. Without the rights to trace, to administer and to measure it sees what anybody sees of their own.
ANYBODY = """
import ctypes, os, sys
for right in (19, 21, 38):
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def as_anybody(*command: object) -> list[str]:
    return [sys.executable, "-c", ANYBODY, *map(str, command)]


def seen(pid: int) -> str:
    """What another process of the same user finds."""
    looked = subprocess.run(as_anybody("cat", f"/proc/{pid}/environ"), capture_output=True, check=False)
    return "the canary" if CANARY.encode() in looked.stdout else looked.stderr.decode().strip().rpartition(": ")[2]


def runs(pid: int, program: str) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return words[1:] != [] and words[1].endswith(program)


@pytest.mark.parametrize("command", [["secrets", "set", "NEWSAPI_API_KEY"], ["run"]])
def test_commands_that_open_a_key_are_closed(tmp_path: Path, command: list[str]) -> None:
    market, waits = write_market(tmp_path / "market.csv", 4), tmp_path / "waits.py"
    waits.write_text("input()")
    trader = TraderProcess(tmp_path, f"replay:{market}", speed="60")
    with started(trader, waits) as process:
        trader.until(lambda: runs(process.pid, "waits.py"), "the program to run")
        if (found := seen(process.pid)) != "the canary":
            pytest.skip(f"this machine shows nobody the environment of another process: {found}")
    with started(trader, ROOT / "main.py", *command) as process:
        trader.until(lambda: runs(process.pid, "main.py") and seen(process.pid) != "the canary", "it to be closed", 20)
        assert seen(process.pid) == "Permission denied"
        assert process.poll() is None


@contextmanager
def started(trader: TraderProcess, *program: object) -> "Iterator[subprocess.Popen[bytes]]":
    """It waits at its input."""
    environment = {**trader.environment, "CANARY": CANARY, "LC_ALL": "C"}
    command = as_anybody(sys.executable, *program)
    with (trader.folder / "output.txt").open("a") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=trader.folder, stdin=subprocess.PIPE, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
