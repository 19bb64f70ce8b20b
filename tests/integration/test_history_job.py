"""The nightly download: a process of its own that knows no secret, and a word to people only where failing lasts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.alerts import AlertEvent
from app.jobs import keep_history
from backtest import history
from services import history_child
from services.history_child import HistoryChild
from tests.exchange_process import ExchangeProcess

ROOT = Path(__file__).parents[2]


async def test_the_night_brings_candles_and_a_dead_exchange_a_line(tmp_path: Path) -> None:
    with ExchangeProcess(past=1_500, behind=1) as exchange:
        environment = {"PATH": "", **exchange.settings}
        child = HistoryChild(environment, ROOT, symbol="BTC/USD", data_dir=tmp_path)
        assert await child.update() == ""
        assert history.load("BTC/USD", tmp_path).missing == 0
        assert all("signature" not in asked["path"] for asked in exchange.requests())
        unknown = HistoryChild(environment, ROOT, symbol="DOGE/USD", data_dir=tmp_path)
        assert "Binance.US does not list it" in await unknown.update()


async def test_no_secret_enters_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "main.py"
    fake.write_text("import json, os, sys; print(json.dumps(dict(os.environ)), file=sys.stderr); sys.exit(3)")
    monkeypatch.setattr(history_child, "MAIN", fake)
    monkeypatch.setattr(history_child, "MOST_WORDS", 10_000)
    given = {
        "BINANCEUS_API_SECRET": "s",
        "DEEPSEEK_API_KEY_FILE": "f",
        "TRADER_MODE": "live",
        "TRADER_SYMBOL": "BTC/USDT",
        "PATH": os.environ["PATH"],
    }
    told = json.loads(await HistoryChild(given, tmp_path, symbol="BTC/USD", data_dir=tmp_path).update())
    assert {name for name in told if name in given} == {"TRADER_MODE", "TRADER_SYMBOL", "PATH"}
    assert (told["TRADER_MODE"], told["TRADER_DATA_DIR"]) == ("paper", str(tmp_path))


async def test_a_download_without_an_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "main.py"
    fake.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(history_child, "MAIN", fake)
    monkeypatch.setattr(history_child, "LONGEST_SECONDS", 0.3)
    assert "no end after" in await HistoryChild({}, tmp_path, symbol="BTC/USD", data_dir=tmp_path).update()


async def test_only_a_failure_that_lasts_is_told_and_once() -> None:
    told: list[tuple[AlertEvent, str]] = []
    nights = iter(["away", "away", "", "away", "still away", "gone", "gone", "", "x", "y", "back never"])

    async def update() -> str:
        return next(nights)

    job = keep_history(update, lambda event, text: told.append((event, text)))
    for _ in range(11):
        await job()
    assert told == [(AlertEvent.HISTORY, "gone"), (AlertEvent.HISTORY, "back never")]


def test_the_trading_process_needs_no_arrays_for_it() -> None:
    code = "import services.history_child, app.jobs, sys; print({'numpy', 'pandas', 'pyarrow'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
