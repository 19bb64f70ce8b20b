"""The strategies from the outside: asked with a time limit, in a process replaced when it dies or hangs.

It imports no strategy, and never blocks the loop.
"""

import asyncio
import contextlib
import json
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from app.analyst import Question
from app.core.errors import StrategyError
from app.core.model import MarketData, NewsEvent
from app.core.rules import StrategyRule
from app.ports import StrategyFace
from app.seam import Tasks, clock
from services.strategy_process import WORKER, Gone, Request, Worker

START_SECONDS = 60  # importing pandas on a small, busy server
STRIKES = 2
STRIKE_SECONDS = 3600

log = logging.getLogger("strategies")


class StrategyHost:
    """Implements `app.ports.Strategies`.

    A strategy at whose call the process died or hung twice within an hour is switched off until the trader is
    restarted; the others are asked again in a new process.
    """

    def __init__(
        self, directory: Path | None = None, seconds: float = 10, kept: Callable[[str], Path] | None = None
    ) -> None:
        """`directory` holds the strategy files (default: ours); `seconds` is the limit of one answer.

        `kept` says where a version is kept by its SHA-256: what was approved runs, whatever became of its file.
        """
        self._directory = (directory or WORKER.parent).resolve()
        self._kept = kept
        self._seconds = seconds
        self._tasks = Tasks()
        self._turn = asyncio.Lock()
        self._worker: Worker | None = None
        self._rules: dict[str, StrategyRule] = {}
        self._faces: dict[str, StrategyFace] = {}
        self._strikes: dict[str, deque[float]] = {}
        self._off: dict[str, str] = {}
        self._stopped = False

    async def start(self, rules: Sequence[StrategyRule]) -> Sequence[StrategyFace]:
        """Load every rule's strategy. One that would not load has status "failed" and says why in `error`."""
        self._stopped = False
        self._rules.update({rule.name: rule for rule in rules})
        return [await self._face(rule.name) for rule in rules]

    async def question(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent]) -> Question | None:
        """What the strategy wants to know first; None: nothing. Raises StrategyError."""
        answer = await self._show("question", rule, data, news, {})
        return _question(rule.name, answer.get("question"))

    async def ask(
        self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent], answer: str | None = None
    ) -> tuple[str, Decimal, str]:
        """(BUY, SELL or HOLD, confidence 0-100, reasoning). Raises StrategyError."""
        said = await self._show("ask", rule, data, news, {"answer": answer})
        return _checked(rule.name, said.get("answer"))

    async def readings(self, rule: StrategyRule, data: MarketData, count: int) -> dict[str, list[float | None]]:
        """Each column's newest `count` values. Raises StrategyError."""
        said = await self._show("readings", rule, data, (), {"count": count})
        return _columns(rule.name, said.get("readings"))

    async def _show(
        self, do: str, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent], more: Request
    ) -> Request:
        async with self._turn:
            known = self._rules.get(rule.name)
            if known is None or known.settings != rule.settings or (rule.sha256 and known.sha256 != rule.sha256):
                self._rules[rule.name] = rule
                self._anew(rule)
            worker = await self._ready(rule.name)
            return await self._call(worker, rule.name, worker.ask_request(do, rule.name, data, news) | more)

    async def stop(self) -> None:
        """End the process. A later `start` begins anew."""
        self._stopped = True
        await self._tasks.stop()
        await self._drop()

    def trouble(self, name: str) -> str:
        """Why it is switched off here, or ""."""
        return self._off.get(name, "")

    def forgive(self, name: str) -> None:
        """A person wants it asked again."""
        self._off.pop(name, None)
        self._strikes.pop(name, None)

    def _anew(self, rule: StrategyRule) -> None:
        """Another version, or other settings: to be loaded anew. What an old version did is not held against it."""
        face = self._faces.get(rule.name)
        if face is not None and rule.sha256 and face.sha256 != rule.sha256:
            self.forgive(rule.name)
        if self._worker:
            self._worker.loaded.discard(rule.name)

    async def _face(self, name: str) -> StrategyFace:
        try:
            async with self._turn:
                await self._ready(name)
            return self._faces[name]
        except StrategyError as error:
            return StrategyFace(
                name=name,
                title=name,
                startup_candles=1,
                reads_text=False,
                sha256="",
                status="failed",
                error=str(error),
            )

    async def _ready(self, name: str) -> "Worker":
        """A living process in which `name` is loaded."""
        if self._stopped:
            raise StrategyError(f"{name}: the strategy process is stopped")
        if name in self._off:
            raise StrategyError(self._off[name])
        worker = self._worker
        if worker is None or not worker.alive:
            await self._drop()
            worker = self._worker = await self._spawn(name)
        if name not in worker.loaded:
            await self._load(worker, name)
        return worker

    async def _spawn(self, name: str) -> "Worker":
        worker = await Worker.start(self._directory)
        self._tasks.start(worker.log_prints(), "strategy prints")
        try:
            await worker.receive(None, START_SECONDS)
        except BaseException as error:
            worker.kill()
            if isinstance(error, Gone):
                raise StrategyError(f"{name}: the strategy process does not start ({error}); see the log") from error
            raise
        return worker

    async def _load(self, worker: "Worker", name: str) -> None:
        rule = self._rules[name]
        known = self._faces.get(name)
        settings = {key: json.loads(value) for key, value in rule.settings}
        sha256 = rule.sha256 or (known.sha256 if known else "")
        kept = self._kept(sha256) if self._kept and sha256 else None
        request = {
            "do": "load",
            "name": name,
            "settings": settings,
            "sha256": sha256,
            "kept": str(kept.resolve()) if kept and kept.is_file() else "",  # the worker lives in another folder
        }
        answer = await self._call(worker, name, request)
        self._faces[name] = StrategyFace(**answer["face"])
        worker.loaded.add(name)

    async def _call(self, worker: "Worker", name: str, request: Request) -> Request:
        asked_at = clock.monotonic()
        try:
            answer = await worker.exchange(request, self._seconds)
        except Gone as error:
            await self._replace()
            raise StrategyError(self._strike(name, str(error))) from error
        except StrategyError:
            worker.sent.pop(name, None)
            raise
        except BaseException:  # cancelled midway: what is still to come must not answer the next question
            if clock.monotonic() - asked_at > self._seconds / 2 and not self._stopped:
                self._strike(name, "was given up on while it was still thinking")
            await self._replace()
            raise
        if "error" in answer:
            worker.sent.pop(name, None)
            raise StrategyError(str(answer["error"]))
        return answer

    async def _replace(self) -> None:
        """Another process, with everything loaded, so that the next question need not wait for it."""
        await self._drop()
        if not self._stopped:
            self._tasks.start(self._revive(), "strategy process, again")

    async def _revive(self) -> None:
        for name in tuple(self._faces):
            with contextlib.suppress(StrategyError):
                async with self._turn:
                    await self._ready(name)

    def _strike(self, name: str, what: str) -> str:
        """Note that the process was lost at this strategy's call; returns the sentence that says so."""
        now = clock.monotonic()
        strikes = self._strikes.setdefault(name, deque(maxlen=STRIKES))
        strikes.append(now)
        text = f"{name}: {what}"
        if len(strikes) == STRIKES and now - strikes[0] <= STRIKE_SECONDS:
            text = f"{name} is switched off: twice within an hour its call cost the strategy process "
            text += f"(last: it {what}); mend the file and enable it again, or restart"
            self._off[name] = text
        log.warning("%s", text)
        return text

    async def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker:
            worker.kill()
            await worker.ended()


def _columns(name: str, plain: Any) -> dict[str, list[float | None]]:
    """Finite numbers by their names; anything else is no reading."""
    try:
        return {
            str(column): [float(value) if _finite(value) else None for value in values]
            for column, values in plain.items()
        }
    except (TypeError, AttributeError) as error:
        raise StrategyError(f"{name}: gave no readings") from error


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _question(name: str, plain: Any) -> Question | None:
    """The question, believed only in its exact form."""
    if plain is None:
        return None
    try:
        texts = {part: str(plain[part]) for part in ("template", "system", "user")}
    except (TypeError, KeyError) as error:
        raise StrategyError(f"{name}: asked no question") from error
    return Question(**texts)


def _checked(name: str, answer: Any) -> tuple[str, Decimal, str]:
    """The answer, believed only in its exact form: the other side runs files that are not ours."""
    try:
        action, confidence, reasoning = answer
        sure = Decimal(confidence)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise StrategyError(f"{name}: answered no signal") from error
    if action not in ("BUY", "SELL", "HOLD") or not sure.is_finite() or not 0 <= sure <= 100:
        raise StrategyError(f"{name}: answered no signal")
    return action, sure, str(reasoning)
