"""Strategies dropped, enabled, broken and deleted while the real program trades; then the journal is replayed."""

import hashlib
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.trader_process import ROOT, TraderProcess, write_market

pytestmark = pytest.mark.xdist_group("sigkill")

MINE = """
from strategies.base_strategy import BaseStrategy, Signal

class Mine(BaseStrategy):
    title = "Always up"
    startup_candles = 20

    def analyze(self, market_data, news_events):
        return Signal("BUY", 80, "it can only go up")
"""
PATIENCE = 4  # the promise is 5 s; here other tests share the machine, and a proof starts two processes
SHA256 = hashlib.sha256(MINE.encode()).hexdigest()
YML = (
    "# mine, do not lose this\ntimeframe: 5m\nstrategies:\n  custom_strategy: {enabled: true, weight: 30}  # breakout\n"
)


@pytest.fixture
def trader(tmp_path: Path) -> TraderProcess:
    folder = tmp_path / "strategies"
    folder.mkdir()
    shutil.copy(ROOT / "strategies/custom_strategy.py", folder)
    market = write_market(tmp_path / "market.csv", days=20)
    settings = {"TRADER_STRATEGIES_DIR": str(folder)}
    trader = TraderProcess(tmp_path, f"replay:{market}", speed="3000", settings=settings)
    (tmp_path / "config/strategies.yml").write_text(YML)
    return trader


class Watch:
    """What the API says of `mine`."""

    def __init__(self, trader: TraderProcess, api: httpx.Client) -> None:
        self.trader, self.api = trader, api

    def row(self, name: str = "mine") -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/api/v1/strategies/{name}").json()
        return found

    def until(self, what: str, seconds: float = 60, **values: Any) -> dict[str, Any]:
        def there() -> Any:
            row = self.row()
            return row if all(row.get(name) == value for name, value in values.items()) else None

        found: dict[str, Any] = self.trader.until(there, what, seconds)
        return found

    def change(self, **body: Any) -> httpx.Response:
        return self.api.post("/api/v1/strategies/mine", json=body)

    def voters(self) -> tuple[str, list[str]]:
        """The newest decision and whose opinions it rests on."""
        newest = self.api.get("/api/v1/decisions?limit=1").json()["items"][0]
        decision = self.api.get(f"/api/v1/decisions/{newest['id']}").json()
        return decision["id"], [term["strategy"] for term in decision["vote"]["terms"] if term["status"] == "ok"]

    def until_voters(self, *names: str) -> str:
        def they() -> str | None:
            id, voters = self.voters()
            return id if voters == list(names) else None

        found: str = self.trader.until(they, f"a vote of {names}", 60)
        return found


def test_a_strategy_comes_and_goes_while_it_trades(trader: TraderProcess) -> None:
    file, config = trader.folder / "strategies/mine.py", trader.folder / "config/strategies.yml"
    with trader.running(), trader.signed_in() as api:
        watch = Watch(trader, api)
        watch.until_voters("custom_strategy")
        shipped = watch.row("custom_strategy")
        assert (shipped["status"], shipped["enabled_sha256"]) == ("running", shipped["sha256"])
        assert watch.row()["status"] == 404

        dropped = time.monotonic()
        file.write_text(MINE)
        offered = watch.until("the offer", status="offered")
        took = time.monotonic() - dropped
        print(f"offered after {took:.1f} s")
        assert took < 5 * PATIENCE
        assert (offered["title"], offered["enabled"], offered["weight"], offered["sha256"]) == (
            *("Always up", False, 0),
            SHA256,
        )
        assert "mine" not in watch.voters()[1]

        assert watch.change(enabled=True).status_code == 422
        assert watch.change(enabled=True, sha256="0" * 64).status_code == 409
        assert watch.change(enabled=True, weight=-1).status_code == 422
        assert config.read_text() == YML
        answer = watch.change(enabled=True, weight=70, sha256=SHA256)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["enabled_sha256"]) == ("running", SHA256)
        assert "# mine, do not lose this" in config.read_text()
        assert f"mine:\n    enabled: true\n    weight: 70\n    sha256: {SHA256}" in config.read_text()
        decided = watch.until_voters("custom_strategy", "mine")

        file.write_text("def broken(:\n")
        broken = watch.until("the broken file", sha256=hashlib.sha256(b"def broken(:\n").hexdigest(), offered=False)
        trader.until(lambda: "SyntaxError" in watch.row()["error"], "the error")
        assert (broken["status"], broken["enabled_sha256"]) == ("running", SHA256)
        still_votes(watch)
        day = api.get("/api/v1/status").json()["market_at"][:10]

    with trader.running(), trader.signed_in() as api:  # beside the broken file
        watch = Watch(trader, api)
        still_votes(watch)
        assert watch.until("the start", status="running")["enabled_sha256"] == SHA256

        file.unlink()
        gone = watch.until("the file to be missed", status="not_configured")
        assert (gone["configured"], gone["enabled"]) == (False, True)
        watch.until_voters("custom_strategy")
        old = api.get(f"/api/v1/decisions/{decided}").json()
        assert [signal["strategy"] for signal in old["signals"]] == ["custom_strategy", "mine"]
        told = [alert["text"] for alert in api.get("/api/v1/alerts").json()["items"]]
        assert any("mine: its file is gone" in text for text in told)
    replayed = trader.command("replay", day)
    assert replayed.returncode == 0, replayed.stdout


def still_votes(watch: Watch) -> None:
    """A decision newer than now has the last good version in it."""
    before = watch.voters()[0]
    id = watch.trader.until(lambda: (now := watch.voters())[0] != before and "mine" in now[1] and now[0], "a vote")
    decision = watch.api.get(f"/api/v1/decisions/{id}").json()
    (signal,) = [signal for signal in decision["signals"] if signal["strategy"] == "mine"]
    assert (signal["status"], signal["sha256"]) == ("ok", SHA256)
