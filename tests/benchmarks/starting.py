"""The whole process: how soon it answers, and what it weighs when idle."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.benchmarks.rows import Row

ROOT = Path(__file__).resolve().parents[2]


def whole_process() -> list[Row]:
    """`main.py run` on the simulated market: until /health says ok, and its memory half a minute later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "TRADER_DATA_DIR": f"{folder}/data",
            "TRADER_PORT": str(port),
            "TRADER_ADMIN_PASSWORD": "correct-horse-battery",
            "NICEGUI_STORAGE_PATH": f"{folder}/nicegui",
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "main.py", "run"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            answering = _until(f"http://127.0.0.1:{port}/health", began, 200, 503)
            trading = _until(f"http://127.0.0.1:{port}/health", began, 200)
            time.sleep(30)
            own, worker = _memory(process.pid)
        finally:
            process.terminate()
            began = time.perf_counter()
            code = process.wait(30)
            stopping = time.perf_counter() - began
    how = f"simulated market; ended with exit code {code}"
    return [
        Row(what="start → /health answers", value=answering, unit="s", target=4, how=how),
        Row(what="start → trading", value=trading, unit="s", target=10, how=how),
        Row(what="SIGTERM → ended", value=stopping, unit="s", target=10, how=how),
        Row(what="memory of the trader, idle", value=own, unit="MB", target=220, how="RSS after 30 s"),
        Row(what="memory of the strategy process", value=worker, unit="MB", target=180, how="RSS after 30 s"),
    ]


def _until(url: str, began: float, *statuses: int) -> float:
    while time.perf_counter() - began < 60:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        if status in statuses:
            return time.perf_counter() - began
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer with {statuses} within a minute")


def _memory(pid: int) -> tuple[float, float]:
    """RSS in MB of the process and of its children together."""

    def rss(of: int) -> float:
        text = Path(f"/proc/{of}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return rss(pid), sum(rss(int(child)) for child in children)
