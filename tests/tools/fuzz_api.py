"""Schemathesis against the running API: does it keep to its description, whatever it is sent?

    python -m tests.tools.fuzz_api [EXAMPLES]

A process of its own, with a real store behind it and a fake trader. Exit code 0: nothing was found.
"""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.fakes_ui import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
# What is not a fault here: a code, a state and an id decide whether well-formed input is taken.
LEFT_OUT = ("positive_data_acceptance",)


def clean_environ() -> dict[str, str]:
    """Without what tells a dashboard that it is only a test's."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "NICEGUI", "COV_"))}


def main(examples: int = 100, phases: str = "coverage,fuzzing") -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.e2e.fake_app", str(port), "api"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=clean_environ(), **pipes) as server:
        try:
            server.stdout.readline()
            return fuzz(f"{url}/api/openapi.json", token_of(url), examples, phases)
        finally:
            server.kill()


def token_of(url: str) -> str:
    body = {"username": "admin", "password": PASSWORD}
    with httpx.Client(transport=httpx.HTTPTransport(retries=20), timeout=30) as client:
        return str(client.post(f"{url}/api/v1/token", json=body).json()["access_token"])


def fuzz(address: str, token: str, examples: int, phases: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", address),
                *("--header", f"Authorization: Bearer {token}", "--no-color"),
                *("--phases", phases, "--max-examples", str(examples), "--seed", "1"),
                *("--exclude-checks", ",".join(LEFT_OUT), "--request-timeout", "20", "--warnings", "off"),
            ],
            check=False,
            cwd=folder,
            env=clean_environ(),
        )
    return said.returncode


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
