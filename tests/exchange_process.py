"""The double of Binance.US as a process of its own, steered over its control endpoint in plain calls."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parents[1]
MINUTE = 60_000


@dataclass
class ExchangeProcess:
    """`with ExchangeProcess("BTCUSD") as exchange:`; `do`, `set` and `get` speak to it by name."""

    symbol: str = "BTCUSD"
    price: str = "60000"
    past: int = 30
    behind: int = 1  # so many minutes are over and not told yet
    more: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.binance_us_double", "--symbol", self.symbol, "--price", self.price]
        self.process = subprocess.Popen(
            [*command, "--past", str(self.past), "--behind", str(self.behind), *self.more],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.told: dict[str, str] = json.loads(self.process.stdout.readline())
        self.control = httpx.Client(base_url=self.told["control"], timeout=30, verify=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def settings(self) -> dict[str, str]:
        """What a trader needs to come here."""
        return {
            "BINANCEUS_REST_URL": self.told["rest"],
            "BINANCEUS_WS_URL": self.told["ws"],
            "BINANCEUS_WS_API_URL": self.told["ws_api"],
            "BINANCEUS_API_KEY": self.told["key"],
            "BINANCEUS_API_SECRET": self.told["secret"],
        }

    # ---------------------------------------------------------------- speaking to it

    def do(self, call: str, *given: Any, **named: Any) -> Any:
        return self._answer(self.control.post("/do", json={"call": call, "with": given, "named": named}))

    def set(self, what: str, to: Any) -> Any:
        return self._answer(self.control.post("/set", json={"what": what, "to": to}))

    def get(self, what: str) -> Any:
        return self._answer(self.control.get("/get", params={"what": what}))

    def truth(self) -> dict[str, Any]:
        return dict(self.control.get("/truth").json())

    def requests(self) -> list[dict[str, Any]]:
        return list(self.control.get("/requests").json()["asked"])

    @staticmethod
    def _answer(answer: httpx.Response) -> Any:
        body = answer.json()
        assert answer.status_code == 200, body
        return body["result"]

    # ---------------------------------------------------------------- its market, for strategies that read volumes

    def quote(self, price: float) -> None:
        self.do("market.move", f"{price:.2f}")

    def close_minutes(self, price: float, volume: float) -> int:
        """Tell every minute that is over and was not told yet; the newest one closes with `volume`. How many.

        A trader that is still thinking about one candle is not asked about the next: the newest one comes a bit later.
        """
        over = int(time.time() * 1000) // MINUTE * MINUTE
        opened = range(int(self.get("candles.newest")) + MINUTE, over, MINUTE)
        for at in opened:
            if len(opened) > 1 and at == opened[-1]:
                time.sleep(1)
            self.do("candles.add", at, *[f"{price:.2f}"] * 4, volume if at == opened[-1] else 1)
        return len(opened)
