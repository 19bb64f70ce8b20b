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


def main(examples: int = 100) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.fake_app", str(port), "api"],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        server.stdout.readline()
        body = {"username": "admin", "password": PASSWORD}
        transport = httpx.HTTPTransport(retries=20)
        with httpx.Client(transport=transport, timeout=30) as client:
            token = client.post(f"{url}/api/v1/token", json=body).json()["access_token"]
        return fuzz(f"{url}/api/openapi.json", token, examples)
    finally:
        server.kill()
        server.wait()


def fuzz(address: str, token: str, examples: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
        said = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", address),
                *("--header", f"Authorization: Bearer {token}", "--no-color"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", "1"),
                *("--exclude-checks", ",".join(LEFT_OUT), "--request-timeout", "20"),
            ],
            check=False,
            cwd=folder,
            env=environ,
        )
    return said.returncode


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
