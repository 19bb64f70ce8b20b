"""The real program with real money's settings against the double: bought, protected, steered, stopped, started again;
and whatever goes wrong meanwhile, no key, signature or listenKey is heard of it.
"""

import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.exchange_process import ExchangeProcess
from tests.live_process import BUY, TOTP, LiveTrader
from tests.trader_process import PASSWORD

pytestmark = pytest.mark.xdist_group("sigkill")

KEY = "CanaryKey0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
SECRET = "CanarySecret0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
PATIENCE = 4  # in truth it is a part of a second; here other tests share the machine
SIGNATURE = re.compile(r"signature[^0-9a-z]{1,9}[0-9a-f]{64}")


class Day:
    """A trader, its exchange, and everything that the trader's API said."""

    def __init__(self, folder: Path, exchange: ExchangeProcess) -> None:
        self.exchange = exchange
        self.trader = LiveTrader(folder, exchange=exchange, settings={"TRADER_LOG_LEVEL": "DEBUG"})
        self.said: list[str] = []

    def start(self) -> None:
        self.process = self.trader.start()
        self.api = httpx.Client(base_url=self.trader.url, timeout=30, verify=False)
        self.trader.until(lambda: self.api.get("/health").status_code == 200, "RECONCILED")

    def stop(self) -> int:
        """Told to stop in good order; its exit code."""
        self.api.close()
        self.process.terminate()
        return int(self.process.wait(60))

    def sign_in(self) -> None:
        body = {"username": "admin", "password": PASSWORD, "otp": self.trader.codes.next()}
        answer = self.api.post("/api/v1/token", json=body)
        assert answer.status_code == 200, answer.text
        self.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}

    def get(self, path: str) -> Any:
        answer = self.api.get(f"/api/v1/{path}", headers=self.headers)
        self.said.append(answer.text)
        return answer.json()

    def post(self, path: str, **body: Any) -> httpx.Response:
        answer = self.api.post(f"/api/v1/{path}", json=body, headers=self.headers)
        self.said.append(answer.text)
        return answer

    def standing_stops(self) -> list[dict[str, Any]]:
        return [each for each in self.exchange.truth()["orders"] if each["status"] == "NEW" and each["side"] == "SELL"]

    def is_protected(self) -> bool:
        status = self.get("status")
        return bool(status["open_positions"] == 1 and status["protected_pct"] == 100 and self.standing_stops())


def test_a_day_with_real_money(tmp_path: Path) -> None:
    with ExchangeProcess(past=10, more=("--key", KEY, "--secret", SECRET)) as exchange:
        day = Day(tmp_path, exchange)
        day.start()
        try:
            day.sign_in()
            status = day.get("status")
            assert (status["mode"], status["state"], status["reason"]) == ("live", "TRADING", None)
            buys(day)
            puts_a_cancelled_stop_back(day)
            pauses_and_resumes(day)
            everything_goes_wrong(day)
            before = day.standing_stops()
            assert day.stop() == 0
            assert day.standing_stops() == before, "stops stay on the exchange"

            day.start()
            assert day.is_protected()
            assert day.standing_stops() == before
            closes(day)
            keeps_its_secrets(day)
            assert day.stop() == 0
        finally:
            day.api.close()
            day.process.kill()
            day.process.wait()
        assert "the chain is whole" in day.trader.command("audit", "verify").stdout
        keeps_its_secrets(day)


def buys(day: Day) -> None:
    """One candle, one entry, and its stop at the exchange for what was bought. A trader that is still busy with the
    candle before leaves one out, and is asked again a minute later."""

    def is_bought() -> bool:
        if not day.exchange.truth()["trades"]:
            day.exchange.close_minutes(60_000, BUY)
        return day.is_protected()

    day.trader.until(is_bought, "a position under a stop", 150)
    (position,) = day.get("positions")["items"]
    (stop,) = day.standing_stops()
    assert (stop["clientOrderId"], stop["type"]) == (position["stop_order_id"], "STOP_LOSS")
    assert Decimal(stop["origQty"]) == Decimal(position["quantity"])
    assert Decimal(stop["stopPrice"]) == Decimal(position["stop_loss_price"])
    filled = next(each for each in day.exchange.truth()["orders"] if each["side"] == "BUY")
    assert stop["time"] - filled["updateTime"] < 5000 * PATIENCE
    assert Decimal(day.get("status")["max_loss_if_server_dies"]) > 0


def puts_a_cancelled_stop_back(day: Day) -> None:
    (stop,) = day.standing_stops()
    day.exchange.do("owner.cancel", stop["clientOrderId"])
    day.trader.until(day.standing_stops, "the stop to be back")
    assert day.standing_stops()[0]["clientOrderId"] != stop["clientOrderId"]
    day.trader.until(day.is_protected, "the trader to know")


def pauses_and_resumes(day: Day) -> None:
    """Safer is instant, riskier wants the second factor."""
    paused = day.post("pause")
    assert (paused.status_code, paused.json()["state"], paused.json()["reason"]) == (200, "PAUSED", "manual")
    assert day.post("resume").status_code == 403
    assert day.post("resume", otp="000000").status_code == 403
    assert day.get("status")["state"] == "PAUSED"
    resumed = day.post("resume", otp=day.trader.codes.next())
    assert (resumed.status_code, resumed.json()["state"]) == (200, "TRADING")


def everything_goes_wrong(day: Day) -> None:
    """Errors repeat what they were sent, streams break, answers are pages: all of it is written down at DEBUG."""
    exchange, end = day.exchange, time.monotonic() + 60
    said = f"{KEY} {SECRET}"
    exchange.do("faults.add", "error", "GET /api/v3/openOrders", code=-1000, msg=f"no: {said}")
    exchange.do("faults.add", "html", "GET /api/v3/time", status=502)
    exchange.do("faults.add", "raw", "GET /api/v3/ticker/bookTicker", body=f"no JSON: {said}")
    exchange.do("streams.user.drop")
    exchange.do("streams.market.drop")
    while exchange.get("faults.waiting") and time.monotonic() < end:
        time.sleep(0.1)
    assert exchange.get("faults.waiting") == []
    day.trader.until(lambda: day.get("status")["state"] == "TRADING" and day.is_protected(), "calm")


def closes(day: Day) -> None:
    (position,) = day.get("positions")["items"]
    closing = f"positions/{position['id']}/close"
    day.trader.until(lambda: day.post(closing).status_code == 202, "the close, once no reconciliation is under way")
    day.trader.until(lambda: not day.get("positions")["items"], "the close")
    assert day.standing_stops() == []
    assert sum(map(Decimal, day.exchange.truth()["balances"]["BTC"])) < Decimal("0.00001")
    (trade,) = day.trader.until(lambda: day.get("trades")["items"], "the trade")
    assert (trade["position_id"], trade["exit_reason"]) == (position["id"], "manual")
    assert Decimal(day.get("status")["cash"]) == sum(map(Decimal, day.exchange.truth()["balances"]["USD"]))


def keeps_its_secrets(day: Day) -> None:
    """In no file of the trader, in nothing that it printed or answered."""
    for path in ("orders", "fills", "decisions", "events", "audit", "settings", "logs?limit=1000"):
        if day.process.poll() is None:
            day.get(path)
    texts = {f"answer {number}": text for number, text in enumerate(day.said)}
    for path in sorted(day.trader.folder.rglob("*")):
        if path.is_file():
            texts[path.relative_to(day.trader.folder).as_posix()] = path.read_bytes().decode("latin-1")
    assert {"output.txt", "data/trader.db", "data/logs/trader.log"} <= set(texts)
    assert "no: ***" in texts["output.txt"], "what repeats a secret was written down"
    listen_key = day.exchange.get("user_data.listen_key")
    secrets = {"key": KEY, "secret": SECRET, "listenKey": listen_key, "seed": TOTP, "password": PASSWORD}
    assert all(secrets.values())
    found = {where: [name for name, value in secrets.items() if value in text] for where, text in texts.items()}
    assert {where: names for where, names in found.items() if names} == {}
    assert [where for where, text in texts.items() if SIGNATURE.search(text)] == []
