"""One strategy process and the talk with it: JSON lines over its stdin and stdout.

Its environment is empty: no secret reaches it. What its strategies print reaches the log, and only that.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from app.codec import to_plain
from app.core.errors import StrategyError
from app.core.model import Candle, MarketData, NewsEvent
from app.seam import clock

WORKER = Path(__file__).resolve().parent.parent / "strategies" / "worker.py"
LONGEST_MESSAGE = 1_000_000  # bytes, either way
PRINTED_LINES = 50  # of what strategies print, kept per second; the rest waits, and slows the one that prints
LONGEST_PRINT = 500
SHIFTED = 20  # candles that a window may have moved on to be continued instead of sent whole

log = logging.getLogger("strategies")

Request = dict[str, Any]


class Gone(Exception):
    """The process died, hung, or spoke nonsense."""


class Worker:
    """One living strategy process and the talk with it."""

    def __init__(self, process: asyncio.subprocess.Process, prints: "_Prints") -> None:
        self._process = process
        self._prints = prints
        self._number = 0
        self.sent: dict[str, tuple[Candle, ...]] = {}
        self.loaded: set[str] = set()

    @classmethod
    async def start(cls, directory: Path) -> "Worker":
        """Isolated, by path, with an empty environment, in a session of its own."""
        reading, writing = os.pipe()
        prints = await _Prints.of(reading)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-X", "utf8", str(WORKER), str(directory)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=writing,
                limit=LONGEST_MESSAGE,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            prints.close()
            raise
        finally:
            os.close(writing)
        return cls(process, prints)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def exchange(self, request: Request, seconds: float) -> Request:
        """Send and wait for the answer. Raises Gone when there is none in time."""
        self._number += 1
        text = json.dumps({**request, "id": self._number}, separators=(",", ":")) + "\n"
        if len(text) > LONGEST_MESSAGE:
            raise StrategyError(f"{request['name']}: would be shown {len(text):,} bytes; at most {LONGEST_MESSAGE:,}")
        writer = cast("asyncio.StreamWriter", self._process.stdin)  # None only where it were no pipe
        with contextlib.suppress(ConnectionError):  # a dead one is noticed by the missing answer
            writer.write(text.encode())
        return await self.receive(self._number, seconds)

    async def receive(self, number: int | None, seconds: float) -> Request:
        reader = cast("asyncio.StreamReader", self._process.stdout)
        try:
            async with asyncio.timeout(seconds):
                line = await reader.readline()
                if not line:
                    raise Gone(_died(await self._process.wait()))
                answer = json.loads(line)
        except TimeoutError as error:
            raise Gone(f"gave no answer within {seconds:g} s") from error
        except ValueError as error:  # no JSON, or a line beyond the limit
            raise Gone("broke the talk between the processes") from error
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise Gone("broke the talk between the processes")
        return answer

    def ask_request(self, do: str, name: str, data: MarketData, news: Sequence[NewsEvent]) -> Request:
        """What is asked ("question" or "ask"); of the candles only those that it was not sent before."""
        keep = _overlap(self.sent.get(name, ()), data.candles)
        self.sent[name] = data.candles
        return {
            "do": do,
            "name": name,
            "symbol": data.symbol,
            "timeframe": data.timeframe,
            "at": data.at.isoformat(),
            "price": str(data.price),
            "seconds": data.candles[0].seconds if data.candles else 0,
            "keep": keep,
            "candles": [_row(candle) for candle in data.candles[keep:]],
            "order_book": to_plain(data.order_book),
            "news": to_plain(tuple(replace(event, url="") for event in news)),  # strangers' addresses are long
        }

    async def log_prints(self) -> None:
        """What strategies print goes to the log, so many lines a second; a dead one's flood is cut off."""
        rest, lines = b"", 0
        try:
            while chunk := await self._prints.read():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    log.info("%s", _printable(line))
                rest = rest[-LONGEST_PRINT:]
                lines += len(whole) or 1
                if lines > PRINTED_LINES:
                    if not self.alive:
                        break
                    lines = 0
                    await clock.sleep(1)
            if rest:
                log.info("%s", _printable(rest))
        finally:
            self._prints.close()

    def kill(self) -> None:
        """End the process and whatever it started."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def ended(self) -> None:
        await self._process.wait()


class _Prints:
    """The reading end of a process's stderr. A pipe of our own: its small buffer slows one that floods it."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self._reader = reader
        self._transport = transport

    @classmethod
    async def of(cls, descriptor: int) -> "_Prints":
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=8192)
        pipe = os.fdopen(descriptor, "rb", 0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        return cls(reader, transport)

    async def read(self) -> bytes:
        return await self._reader.read(4096)

    def close(self) -> None:
        self._transport.close()


def _overlap(before: tuple[Candle, ...], now: tuple[Candle, ...]) -> int:
    """How many candles at the end of `before` begin `now`."""
    if not before or not now:
        return 0
    for gone in range(min(len(before), SHIFTED)):
        count = min(len(before) - gone, len(now))
        if count == len(before) - gone and before[gone] == now[0] and before[gone:] == now[:count]:
            return count
    return 0


def _row(candle: Candle) -> list[Any]:
    return [
        round(candle.opened_at.timestamp() * 1000),
        *(str(value) for value in (candle.open, candle.high, candle.low, candle.close, candle.volume)),
    ]


def _died(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "died: it used more computing time than one answer may"
    if code == -signal.SIGKILL:
        return "died: it was killed, perhaps for want of memory"
    return f"died (exit code {code})"


def _printable(line: bytes) -> str:
    """One line of log, however it was meant."""
    text = line.decode("utf-8", "replace")[:LONGEST_PRINT]
    return "".join(each if each.isprintable() else " " for each in text)
