"""A language model's server on loopback that speaks OpenAI's protocol: it answers as a test tells it to, well or badly.

In a test: `async with ModelStandIn() as model`. As a process: `with ModelProcess() as model`, steered over `/script`.
"""

import asyncio
import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from aiohttp import web

ROOT = Path(__file__).resolve().parents[1]
GOOD = {
    "signal": "BUY",
    "confidence": 74,
    "reasoning": "The trend is up and volume confirms it.",
    "support": 26500,
    "resistance": 28100.5,
    "regime": "trending",
}
USAGE = {"prompt_tokens": 1200, "completion_tokens": 150, "total_tokens": 1350}
USAGE |= {"prompt_cache_hit_tokens": 900, "prompt_cache_miss_tokens": 300}


@dataclass
class Saying:
    """One answer. `content` is what the model writes; `body` replaces the whole HTTP body, `cut` ends it midway."""

    content: Any = json.dumps(GOOD)
    finish_reason: str | None = "stop"
    usage: Any = field(default_factory=lambda: dict(USAGE))
    message: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    wait: float = 0  # seconds of silence before the first byte
    blanks: int = 0  # blank lines before the body, ten a second
    megabytes: int = 0  # of filling within the content
    cut: bool = False

    def text(self) -> str:
        if self.body is not None:
            return self.body
        if self.status != 200:
            return json.dumps({"error": {"message": f"error {self.status}", "type": "error", "code": None}})
        content = self.content if not self.megabytes else "x" * (self.megabytes << 20)
        message = {"role": "assistant", "content": content, **self.message}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "stand-in", "choices": [choice]}
        return json.dumps({**answer, **({} if self.usage is None else {"usage": self.usage})})


Answering = Callable[[dict[str, Any]], Saying]  # the request's JSON → what is said


def obeying(asked: dict[str, Any]) -> Saying:
    """The worst of all models: it does whatever it finds written in its prompt, and buys where nothing else is."""
    told = "\n".join(message["content"] for message in asked["messages"])
    answer: dict[str, Any] = {**GOOD, "signal": "BUY", "confidence": 100, "reasoning": told[-1500:]}
    answer |= {"size": "100%", "symbol": "DOGE/USD", "position_size_pct": 100, "daily_loss_limit_pct": 100}
    answer |= {"action": "close_all", "stop_loss_pct": 0, "tool": "place_order"}
    return Saying(content=json.dumps(answer))


class ModelStandIn:
    """`script` is said first, one a question; then `always` answers. `asked` and `headers` are what came."""

    def __init__(self, always: Answering = lambda _: Saying(), *, key: str = "") -> None:
        self.script: deque[Saying] = deque()
        self.always, self.key = always, key
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    def say(self, *sayings: Saying) -> Self:
        self.script.extend(sayings)
        return self

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/chat/completions", self._answer)
        app.router.add_post("/script", self._scripted)
        app.router.add_get("/asked", self._told)
        app.router.add_get("/models", self._models)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        asked = await request.json()
        self.asked.append(asked)
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": f"wrong key {request.headers}"}}, status=401)
        saying = self.script.popleft() if self.script else self.always(asked)
        response = web.StreamResponse(status=saying.status, headers=saying.headers)
        response.content_type = "application/json"
        if saying.wait:
            await asyncio.sleep(saying.wait)
        await response.prepare(request)
        try:
            for _ in range(saying.blanks):
                await response.write(b"\n")
                await asyncio.sleep(0.1)
            text = saying.text().encode("utf-8", "surrogatepass")
            await response.write(text[: len(text) // 2] if saying.cut else text)
            if saying.cut and request.transport:
                request.transport.abort()
            await response.write_eof()
        except ConnectionError:  # the other side has heard enough
            pass
        return response

    async def _scripted(self, request: web.Request) -> web.Response:
        self.script.extend(Saying(**saying) for saying in await request.json())
        return web.json_response({})

    async def _told(self, request: web.Request) -> web.Response:
        return web.json_response(self.asked)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "stand-in"}]})


@dataclass
class ModelProcess:
    """The same as a process of its own: `url` is its base URL."""

    obeys: bool = False

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.model_stand_in", *(["--obeying"] if self.obeys else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        self.url = str(json.loads(self.process.stdout.readline())["url"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def say(self, *sayings: Saying) -> None:
        httpx.post(f"{self.url}/script", json=[asdict(saying) for saying in sayings]).raise_for_status()

    def asked(self) -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.url}/asked").json())


async def _serve(always: Answering) -> None:
    async with ModelStandIn(always) as model:
        print(json.dumps({"url": model.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(obeying if "--obeying" in sys.argv else lambda _: Saying()))
