"""One exchange and one trader, each its own process: started, steered, killed, looked at from outside."""

import http.client
import json
import random
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.blackbox import oracle
from tests.exchange_process import ExchangeProcess
from tests.live_process import BUY, HOLD, SELL, LiveTrader
from tests.trader_process import PASSWORD

__all__ = ["BUY", "HOLD", "SELL", "World"]

SETTLED_SECONDS = 90.0


@dataclass
class World:
    """A trader that may be killed as often as one likes; `check` says what that broke."""

    folder: Path
    exchange: ExchangeProcess
    seed: int = 1
    reconciled_after: list[float] = field(default_factory=list)  # seconds from the start of a process
    longest_bare: float = 0.0
    patience: float = 1.0  # of a machine that has other things to do, too: so many times as long may a position be bare
    longest_bare_awake: float = 0.0  # the same without the time from a kill to the next RECONCILED
    blind: list[tuple[int, int]] = field(default_factory=list)  # from each kill to the next RECONCILED, in ms
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trader = LiveTrader(self.folder, exchange=self.exchange)
        self.chance = random.Random(self.seed)
        self.price = 60_000.0
        self.process: subprocess.Popen[str] | None = None
        self.died_at: float | None = time.time()  # None while a trader lives that was RECONCILED once
        self.api = httpx.Client(verify=False)
        self._token = ""
        self._told: set[str] = set()

    # ---------------------------------------------------------------- life and death

    def spawn(self) -> None:
        self.started_at = time.time()
        self.process = self.trader.start()

    def reconciled(self) -> None:
        """Until the trader says itself that it has the exchange's truth."""
        end = time.monotonic() + 120
        while not self._is_well():
            assert self.process is not None
            assert self.process.poll() is None, f"it ended by itself: {self.output()}"
            assert time.monotonic() < end, f"not RECONCILED within two minutes: {self.output()}"
            time.sleep(0.05)
        now = time.time()
        self.reconciled_after.append(now - self.started_at)
        self.blind.append((int((self.died_at or now) * 1000), int(now * 1000)))
        self.died_at = None
        self.api.close()
        self.api = httpx.Client(base_url=self.trader.url, timeout=30, headers=self._signed_in(), verify=False)

    def _is_well(self) -> bool:
        """Asked without any library: while the trader starts, the processor is wanted elsewhere."""
        line = http.client.HTTPConnection("127.0.0.1", self.trader.port, timeout=5)
        try:
            line.request("GET", "/health")
            return line.getresponse().status == 200
        except OSError:
            return False
        finally:
            line.close()

    def _signed_in(self) -> dict[str, str]:
        """A token outlives the process that gave it."""
        if not self._token:
            body = {"username": "admin", "password": PASSWORD, "otp": self.trader.codes.next()}
            answer = httpx.post(f"{self.trader.url}/api/v1/token", json=body, timeout=30)
            self._token = answer.json()["access_token"]
        return {"authorization": f"Bearer {self._token}"}

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.dead(5)

    def dead(self, seconds: float) -> bool:
        """Whether SIGKILL came to it within so many seconds."""
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        assert code == -signal.SIGKILL, f"it ended by itself with {code}: {self.output()}"
        self.died_at = self.died_at or time.time()
        return True

    def end(self) -> int:
        """In good order."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def gone(self) -> None:
        """Whatever happened: nothing of it is left."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.api.close()

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()[-4000:]

    # ---------------------------------------------------------------- the market

    def rise(self, per_cent: float) -> None:
        self.price = round(self.price * (1 + per_cent / 100), 2)
        self.exchange.quote(self.price)

    def candle_is_due(self) -> bool:
        newest = int(self.exchange.get("candles.newest"))
        return int(time.time() * 1000) >= newest + 120_000

    def candle(self, volume: int) -> None:
        """The next minute that is over, with an opinion in its volume; waits for it to be over."""
        while not self.exchange.close_minutes(self.price, volume):
            time.sleep(0.1)

    # ---------------------------------------------------------------- looking

    def items(self, kind: str) -> list[dict[str, Any]]:
        return list(self.api.get(f"/api/v1/{kind}?limit=1000").json()["items"])

    def status(self) -> dict[str, Any]:
        return dict(self.api.get("/api/v1/status").json())

    def books(self) -> oracle.Books:
        return oracle.Books(
            status=self.status(),
            positions=self.items("positions"),
            orders=self.items("orders"),
            fills=self.items("fills"),
        )

    def settle(self) -> list[str]:
        """Until the two parties agree and every position has its stop, or what they differ in after a long while."""
        end = time.monotonic() + SETTLED_SECONDS
        while (wrong := oracle.disagreements(self.exchange.truth(), self.books())) and time.monotonic() < end:
            time.sleep(0.1)
        return wrong

    def check(self) -> list[str]:
        """Everything that must be true once the trader has recovered. Remembers what was wrong and the worst time."""
        wrong = self.settle()
        truth = self.exchange.truth()
        wrong += self._bare(truth)
        wrong += oracle.doubled(truth)
        wrong += oracle.too_early(self.exchange.requests(), int(self.started_at * 1000))
        wrong += oracle.acted_blindly(self.journal())
        self.exchange.do("requests.clear")
        self.wrong += wrong
        return wrong

    def _bare(self, truth: dict[str, Any]) -> list[str]:
        """Positions that had no stop for too long, each told once, with what of it was the start itself."""
        now = int(time.time() * 1000)
        times = oracle.bare_times(truth, now)
        self.longest_bare = max([self.longest_bare, *times.values()])
        awake = oracle.bare_times(truth, now, self.blind)
        self.longest_bare_awake = max([self.longest_bare_awake, *awake.values()])
        longest = oracle.LONGEST_BARE_SECONDS * self.patience
        late = [id for id, bare in times.items() if bare > longest and id not in self._told]
        self._told.update(late)
        start = self.reconciled_after[-1]
        return [f"position {id} had no stop for {times[id]:.1f} s; the start alone took {start:.1f} s" for id in late]

    def journal(self) -> list[tuple[str, list[str]]]:
        """Kinds of the journal's messages and of the actions that each led to, in order."""
        connection = sqlite3.connect(f"file:{self.folder}/data/trader.db?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT message, actions FROM journal ORDER BY seq").fetchall()
        finally:
            connection.close()
        return [
            (json.loads(message)["type"], [action["type"] for action in json.loads(actions)])
            for message, actions in rows
        ]
