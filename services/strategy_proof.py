"""The proof of a strategy's file, from the outside: two throw-away processes, one item after the other.

Neither process ever votes. What is not proved in time is not proved.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.core.errors import StrategyError
from app.ports import StrategyFace
from app.seam import Tasks, clock
from services.strategy_process import WORKER, Gone, Request, Worker

START_SECONDS = 30.0
ITEM_SECONDS = 5.0
LOADS, REPEATS = "loads", "a fresh process says the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that was to be shown; `text` says what was seen, `ms` how long it took."""

    name: str
    passed: bool
    text: str
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """The whole proof. `face` is None where the file would not even load."""

    name: str
    sha256: str
    items: tuple[Item, ...]
    face: StrategyFace | None

    @property
    def passed(self) -> bool:
        return all(item.passed for item in self.items)

    @property
    def error(self) -> str:
        """Why not, in a line; empty where it passed."""
        return next((f"{item.name}: {item.text}" for item in self.items if not item.passed), "")


async def prove(
    name: str,
    sha256: str,
    kept: Path | None,
    *,
    directory: Path | None = None,
    settings: dict[str, Any] | None = None,
    seconds: float = ITEM_SECONDS,
) -> Proved:
    """Prove the bytes in `kept` (or the file in `directory`), up to the first item that fails."""
    begun = {"name": name, "settings": settings or {}, "sha256": sha256, "kept": str(kept) if kept else ""}
    folder = (directory or WORKER.parent).resolve()
    tasks = Tasks()
    first, second = _Attempt(folder, begun, seconds, tasks), _Attempt(folder, begun, seconds, tasks)
    ahead = tasks.start(second.load(), "second proof")
    try:
        items, face = await _first(first)
        if items[-1].passed:
            items.append(await _second(second, ahead, first.digests))
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)
        await first.end()
        await second.end()
        await tasks.stop()
    return Proved(name=name, sha256=face.sha256 if face else sha256, items=tuple(items), face=face)


class _Failed(Exception):
    """An item that did not pass."""


class _Attempt:
    """One throw-away process in which the file is loaded."""

    def __init__(self, folder: Path, begun: Request, seconds: float, tasks: Tasks) -> None:
        self._folder, self._begun, self._seconds, self._tasks = folder, begun, seconds, tasks
        self._worker: Worker | None = None
        self.digests: dict[str, str] = {}
        self.loading_ms = 0.0

    async def load(self) -> StrategyFace:
        try:
            self._worker = await Worker.start(self._folder)
            self._tasks.start(self._worker.log_prints(), "strategy prints")
            await self._worker.receive(None, START_SECONDS)
        except Gone as error:
            raise _Failed(f"the process for the proof does not start: it {error}") from error
        began = clock.monotonic()
        answer = await self._call({**self._begun, "do": "load"})
        self.loading_ms = (clock.monotonic() - began) * 1000
        return StrategyFace(**answer["face"])

    async def items(self) -> list[str]:
        return [str(each) for each in (await self._call({"do": "prove", "item": ""}))["items"]]

    async def prove(self, item: str) -> Item:
        try:
            found = await self._call({"do": "prove", "item": item})
        except _Failed as error:
            return Item(name=item, passed=False, text=str(error), ms=0)
        self.digests[item] = str(found["digest"])
        return Item(name=item, passed=True, text=str(found["text"]), ms=float(found["ms"]))

    async def _call(self, request: Request) -> Request:
        if self._worker is None:
            raise _Failed("the process for the proof does not start")
        try:
            answer = await self._worker.exchange({"name": self._begun["name"], **request}, self._seconds)
        except (Gone, StrategyError) as error:
            raise _Failed(f"it {error}") from error
        if "error" in answer:
            raise _Failed(str(answer["error"]).removeprefix(f"{self._begun['name']}: "))
        return answer

    async def end(self) -> None:
        if self._worker:
            self._worker.kill()
            await self._worker.ended()


async def _first(attempt: _Attempt) -> tuple[list[Item], StrategyFace | None]:
    try:
        face = await attempt.load()
        names = await attempt.items()
    except _Failed as error:
        return [Item(name=LOADS, passed=False, text=str(error), ms=0)], None
    count = face.startup_candles
    items = [Item(name=LOADS, passed=True, text=f"{face.title}, shown {count} candles", ms=attempt.loading_ms)]
    for name in names:
        items.append(await attempt.prove(name))
        if not items[-1].passed:
            break
    return items, face


async def _second(attempt: _Attempt, loading: "asyncio.Task[StrategyFace]", digests: dict[str, str]) -> Item:
    """In another process texts have other hashes, and nothing is left of the calls before."""
    try:
        await loading
        item = await attempt.prove("answers")
    except _Failed as error:
        return Item(name=REPEATS, passed=False, text=str(error), ms=0)
    same = item.passed and attempt.digests["answers"] == digests["answers"]
    text = "the same answers" if same else item.text if not item.passed else "it answers otherwise: it depends on "
    if item.passed and not same:
        text += "something else than what it is shown"
    return Item(name=REPEATS, passed=same, text=text, ms=item.ms)


def text_of(proved: Proved) -> str:
    """One line an item, and what to do next."""
    lines = [f"{'ok' if item.passed else 'NO'} {item.name}: {item.text} ({item.ms:.0f} ms)" for item in proved.items]
    if proved.passed:
        lines.append(f"{proved.name} passed. SHA-256 {proved.sha256}")
    else:
        lines.append(f"{proved.name} did not pass: mend the file, and check it again")
    return "\n".join(lines)


def json_of(proved: Proved) -> str:
    items = [{**asdict(item), "ms": round(item.ms, 1)} for item in proved.items]
    row = {"name": proved.name, "sha256": proved.sha256 or None, "passed": proved.passed, "items": items}
    return json.dumps(row, indent=2, ensure_ascii=False)
