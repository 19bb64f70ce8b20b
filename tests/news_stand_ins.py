"""Stand-ins for CryptoPanic, NewsAPI and news feeds on loopback, with faults on demand; also as a process of its own.

In the loop of a test: `async with news_stand_ins() as news:`. Beside it: `with NewsProcess() as news:`, or
`python -m tests.news_stand_ins`, which prints its addresses as a line of JSON.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

import httpx
from aiohttp import web

ROOT = Path(__file__).resolve().parents[1]
PANIC_KEY, NEWSAPI_KEY = "panic-key-c4n4ry-1", "newsapi-key-c4n4ry-2"
PANIC, NEWSAPI = "cryptopanic", "newsapi"
HUGE = 3_000_000


@dataclass(frozen=True)
class Story:
    """What a stand-in tells. `published`: any text, or None for none at all; "" for now."""

    title: str
    url: str = ""
    published: str | None = ""
    outlet: str = ""

    def when(self) -> str | None:
        return datetime.now(UTC).isoformat() if self.published == "" else self.published


@dataclass(frozen=True)
class Fault:
    """What goes wrong for one of them: another status or body, latency, an answer that never ends or is huge."""

    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    hang: bool = False
    huge: bool = False
    cut: int | None = None  # so many characters of the true answer


@dataclass(frozen=True)
class Asked:
    who: str
    query: dict[str, str]
    headers: dict[str, str]


class NewsStandIns:
    """The world that they play. `stories` and `faults` are by name: cryptopanic, newsapi, or a feed's name."""

    def __init__(self) -> None:
        self.stories: dict[str, list[Story]] = {}
        self.faults: dict[str, Fault] = {}
        self.asked: list[Asked] = []
        self.url = ""

    # ------------------------------------------------------------ what a test says and reads

    def tell(self, who: str, *stories: Story | str) -> None:
        """The newest first, as all of them do."""
        told = [Story(each) if isinstance(each, str) else each for each in stories]
        self.stories[who] = [*told, *self.stories.get(who, [])]

    def fail(self, who: str, **fault: Any) -> None:
        self.faults[who] = Fault(**fault)

    def mend(self, who: str) -> None:
        self.faults.pop(who, None)

    def count(self, who: str) -> int:
        return sum(each.who == who for each in self.asked)

    def feed(self, name: str) -> str:
        """The address of a feed: rss…, atom… or rdf…, by the beginning of its name."""
        return f"{self.url}/feeds/{name}.xml"

    @property
    def settings(self) -> dict[str, str]:
        """What a trader needs to come here, with one feed named rss."""
        return {
            "CRYPTOPANIC_API_KEY": PANIC_KEY,
            "CRYPTOPANIC_BASE_URL": f"{self.url}/cryptopanic/api/developer/v2",
            "NEWSAPI_API_KEY": NEWSAPI_KEY,
            "NEWSAPI_BASE_URL": f"{self.url}/newsapi/v2",
            "NEWS_RSS_URLS": self.feed("rss"),
        }

    # ------------------------------------------------------------ the servers

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/cryptopanic/api/developer/v2/posts/", self._posts)
        app.router.add_get("/newsapi/v2/everything", self._everything)
        app.router.add_get("/feeds/{name}.xml", self._feed)
        app.router.add_post("/control/tell", self._control_tell)
        app.router.add_post("/control/fail", self._control_fail)
        app.router.add_get("/control/asked", self._control_asked)
        return app

    async def _posts(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("auth_token") != PANIC_KEY:
            return await self._answer(request, PANIC, 401, json.dumps({"info": "Token not found"}))
        own = f"{self.url}{request.path}?auth_token={PANIC_KEY}&page=2"
        rows = [
            {
                "id": number,
                "title": story.title,
                "description": None,
                "published_at": story.when(),
                "kind": "news",
                "source": {"title": story.outlet or None, "domain": story.outlet or urlsplit(story.url).hostname},
                "original_url": story.url or None,
                "url": f"https://cryptopanic.com/news/{number}/x",
                "instruments": [{"code": "BTC"}],
                "votes": None,
            }
            for number, story in enumerate(self.stories.get(PANIC, []))
        ]
        return await self._answer(request, PANIC, 200, json.dumps({"next": own, "previous": None, "results": rows}))

    async def _everything(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("x-api-key") != NEWSAPI_KEY:
            told = {"status": "error", "code": "apiKeyInvalid", "message": "Your API key is invalid."}
            return await self._answer(request, NEWSAPI, 401, json.dumps(told))
        rows = [
            {
                "source": {"id": None, "name": story.outlet},
                "author": None,
                "title": story.title,
                "description": None,
                "url": story.url,
                "publishedAt": story.when(),
            }
            for story in self.stories.get(NEWSAPI, [])
        ]
        told = {"status": "ok", "totalResults": len(rows), "articles": rows}
        return await self._answer(request, NEWSAPI, 200, json.dumps(told))

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        stories = self.stories.get(name, [])
        write = {"atom": as_atom, "rdf": as_rdf}.get(name.rstrip("0123456789"), as_rss)
        tag = f'"{len(stories)}-{hash(tuple(stories)) & 0xFFFF}"'
        if request.headers.get("if-none-match") == tag and name not in self.faults:
            return await self._answer(request, name, 304, "")
        return await self._answer(request, name, 200, write(stories), {"etag": tag}, "application/xml")

    async def _answer(
        self,
        request: web.Request,
        who: str,
        status: int,
        body: str,
        headers: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> web.StreamResponse:
        self.asked.append(Asked(who, dict(request.query), {k.lower(): v for k, v in request.headers.items()}))
        fault = self.faults.get(who)
        if fault is None:
            return web.Response(status=status, text=body, headers=headers, content_type=kind)
        await asyncio.sleep(fault.seconds)
        if fault.hang:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.05)
        body = body if fault.body is None else fault.body
        body = body if fault.cut is None else body[: fault.cut]
        body = body if not fault.huge else body + " " * HUGE
        return web.Response(status=fault.status, text=body, headers=fault.headers, content_type=kind)

    # ------------------------------------------------------------ steered from another process

    async def _control_tell(self, request: web.Request) -> web.Response:
        given = await request.json()
        self.tell(given["who"], *[Story(**each) for each in given["stories"]])
        return web.json_response({})

    async def _control_fail(self, request: web.Request) -> web.Response:
        given = await request.json()
        if given["fault"] is None:
            self.mend(given["who"])
        else:
            self.fail(given["who"], **given["fault"])
        return web.json_response({})

    async def _control_asked(self, _request: web.Request) -> web.Response:
        return web.json_response([[each.who, each.query] for each in self.asked])


def _mail_date(text: str | None) -> str | None:
    try:
        return format_datetime(datetime.fromisoformat(text or ""))
    except ValueError:
        return text


def as_rss(stories: list[Story]) -> str:
    def item(story: Story) -> str:
        date = _mail_date(story.when())
        return (
            f"<item><title>{escape(story.title)}</title><link>{escape(story.url)}</link>"
            f"{'' if date is None else f'<pubDate>{escape(date)}</pubDate>'}"
            f"{f'<source url={quoteattr(story.outlet)}>x</source>' if '://' in story.outlet else ''}</item>"
        )

    items = "".join(map(item, stories))
    head = '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>A feed</title>'
    return f"{head}{items}</channel></rss>"


def as_atom(stories: list[Story]) -> str:
    def entry(story: Story) -> str:
        date = story.when()
        return (
            f'<entry><title type="html">{escape(story.title)}</title>'
            f'<link rel="alternate" href={quoteattr(story.url)}/>'
            f'<link rel="self" href="https://example.org/self"/>'
            f"{'' if date is None else f'<published>{escape(date)}</published>'}</entry>"
        )

    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>A feed</title>{"".join(map(entry, stories))}</feed>'


def as_rdf(stories: list[Story]) -> str:
    def item(story: Story) -> str:
        date = story.when()
        return (
            f"<item rdf:about={quoteattr(story.url)}><title>{escape(story.title)}</title>"
            f"<link>{escape(story.url)}</link>"
            f"{'' if date is None else f'<dc:date>{escape(date)}</dc:date>'}</item>"
        )

    spaces = (
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    return f"<rdf:RDF {spaces}><channel><title>A feed</title></channel>{''.join(map(item, stories))}</rdf:RDF>"


@asynccontextmanager
async def news_stand_ins(port: int = 0) -> AsyncIterator[NewsStandIns]:
    """The servers, in the running loop."""
    news = NewsStandIns()
    runner = web.AppRunner(news.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        news.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield news
    finally:
        await runner.cleanup()


class NewsProcess:
    """The stand-ins as a process of their own, steered in plain calls."""

    def __init__(self, port: int = 0) -> None:
        self._port = port

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.news_stand_ins", str(self._port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.url: str = told["url"]
        self.settings: dict[str, str] = told["settings"]
        self._control = httpx.Client(base_url=f"{self.url}/control", timeout=30, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def tell(self, who: str, *stories: Story | str) -> None:
        told = [Story(each) if isinstance(each, str) else each for each in stories]
        self._control.post("/tell", json={"who": who, "stories": [vars(each) for each in told]}).raise_for_status()

    def fail(self, who: str, **fault: Any) -> None:
        self._control.post("/fail", json={"who": who, "fault": vars(replace(Fault(), **fault))}).raise_for_status()

    def mend(self, who: str) -> None:
        self._control.post("/fail", json={"who": who, "fault": None}).raise_for_status()

    def count(self, who: str) -> int:
        return sum(each[0] == who for each in self._control.get("/asked").json())


async def _main(port: int) -> None:
    async with news_stand_ins(port) as news:
        print(json.dumps({"url": news.url, "settings": news.settings}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
