"""The real program as a process on books of its own, with a lively market in a file, spoken to over HTTP."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port
from tests.trading_day import random_candles

ROOT = Path(__file__).resolve().parents[1]
COMPILED = ROOT / "backtest/kernels/__pycache__"
PASSWORD = "correct-horse-battery"
STRATEGIES = "timeframe: 5m\nstrategies:\n  custom_strategy: {enabled: true, weight: 30}\n"
RISK = (
    "stop_loss_pct: 1\ntrailing: {activate_pct: 0.5, distance_pct: 0.5}\n"
    "entry: {max_entries_per_day: 60}\ntripwires: {stop_outs_in_a_row: 50, orders_per_hour: 1000}\n"
)


def write_market(path: Path, days: int, seed: int = 11) -> Path:
    lines = ["date,open,high,low,close,volume"]
    for candle in random_candles(seed, days * 1440, datetime(2023, 3, 1, tzinfo=UTC)):
        values = ",".join(map(str, (candle.open, candle.high, candle.low, candle.close, candle.volume)))
        lines.append(f"{candle.opened_at:%Y-%m-%d %H:%M:%S},{values}")
    path.write_text("\n".join(lines) + "\n")
    return path


def share_compiled(data_dir: Path) -> None:
    """What children compile is kept from test to test: to compile takes longer than to trade."""
    COMPILED.mkdir(exist_ok=True)
    data_dir.mkdir(exist_ok=True)
    (data_dir / "compiled").symlink_to(COMPILED)


@dataclass
class TraderProcess:
    """Settings of one trader whose process may be started again and again on the same books."""

    folder: Path
    market: str
    speed: str = "100000"
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "config/strategies.yml").write_text(STRATEGIES)
        (self.folder / "config/risk.yml").write_text(RISK)
        self.port = free_port()

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: text for name, text in os.environ.items() if not name.startswith(("NICEGUI", "PYTEST", "COV_"))}
        return {
            **clean,
            "TRADER_DATA_DIR": str(self.folder / "data"),
            "TRADER_CONFIG_DIR": str(self.folder / "config"),
            "TRADER_STRATEGIES_DIR": str(ROOT / "strategies"),
            "TRADER_MARKET": self.market,
            "TRADER_MARKET_SPEED": self.speed,
            "TRADER_PORT": str(self.port),
            "TRADER_ADMIN_PASSWORD": PASSWORD,
            "NICEGUI_STORAGE_PATH": str(self.folder / "nicegui"),
            **self.settings,
        }

    def command(self, *arguments: object, program: Path = ROOT / "main.py") -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, str(program), *map(str, arguments)],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def start(self) -> subprocess.Popen[str]:
        with (self.folder / "output.txt").open("a") as output:
            return subprocess.Popen(
                [sys.executable, str(ROOT / "main.py"), "run"],
                env=self.environment,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                text=True,
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Started for the time of this block, and told to end after it; it never outlives its test."""
        process = self.start()
        try:
            yield
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()

    def signed_in(self) -> httpx.Client:
        """A client with a token, once the trader trades."""
        url = f"http://127.0.0.1:{self.port}"
        self.until(lambda: httpx.get(f"{url}/health").status_code == 200, "the trader to answer")
        answer = httpx.post(f"{url}/api/v1/token", json={"username": "admin", "password": PASSWORD}, timeout=30)
        token = answer.json()["access_token"]
        return httpx.Client(base_url=url, timeout=30, headers={"authorization": f"Bearer {token}"})

    def until(self, true: Any, what: str, seconds: float = 60) -> Any:
        """Ask again and again; what it said in the end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if found := true():
                    return found
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds} s for {what}: {(self.folder / 'output.txt').read_text()[-3000:]}")
