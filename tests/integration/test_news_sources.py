"""The news over real HTTP: what each source tells, how it fails, and that no key is ever seen."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from services.news.source import SourceDown
from services.news.web import Web, _allowed, _public
from tests.news_cases import Desk, MemoryNewsStore
from tests.news_stand_ins import NEWSAPI, NEWSAPI_KEY, PANIC, PANIC_KEY, NewsProcess, Story, news_stand_ins

SURGE = Story("Bitcoin surges past $100K", "https://www.coindesk.com/markets/surge?utm_source=x")
BAN = Story("Nigeria bans crypto exchanges", "https://www.reuters.com/ban")


async def test_one_story_from_three_sources_is_told_once_with_its_outlets() -> None:
    async with news_stand_ins() as news, Desk(news) as desk:
        news.tell(PANIC, Story("Bitcoin Surges Past $100,000", "https://coindesk.com/markets/surge/"))
        news.tell("rss", SURGE)
        news.tell(NEWSAPI, Story("Bitcoin surges past $100K", "https://www.theblock.co/post/1", outlet="The Block"))
        await desk.desk.poll()
        (event,) = desk.desk.events(desk.clock.now())
        assert sorted(event.sources) == ["coindesk.com", "theblock.co"]
        assert (event.sentiment, event.score) == ("bullish", 0.8)
        assert {state.status for state in desk.desk.sources()} == {"ok"}
        assert [row.sources for row in desk.store.rows.values()] == [event.sources]
        assert desk.store.inserted == 1
        assert desk.told >= 1


@pytest.mark.parametrize("feed", ["rss", "atom", "rdf"])
async def test_every_kind_of_feed_is_read(feed: str) -> None:
    async with news_stand_ins() as news, Desk(news, only=(), feeds=[feed]) as desk:
        news.tell(feed, BAN, SURGE)
        await desk.desk.poll()
        found = {event.title: event for event in desk.desk.events(desk.clock.now())}
        assert set(found) == {SURGE.title, BAN.title}
        assert found[BAN.title].severity == "high"
        assert found[BAN.title].source == "reuters.com"


async def test_a_feed_that_has_not_changed_is_not_sent_again() -> None:
    async with news_stand_ins() as news, Desk(news, only=()) as desk:
        news.tell("rss", SURGE)
        await desk.desk.poll()
        desk.clock.wait(minutes=5)
        await desk.desk.poll()
        assert "if-none-match" in news.asked[-1].headers
        assert news.count("rss") == 2
        assert desk.status("127.0.0.1") == ("ok", "")
        news.tell("rss", BAN)
        desk.clock.wait(minutes=5)
        await desk.desk.poll()
        assert set(desk.titles) == {SURGE.title, BAN.title}


async def test_each_source_keeps_its_own_pace() -> None:
    async with news_stand_ins() as news, Desk(news) as desk:
        for _ in range(31):  # half an hour, looked at each minute
            await desk.desk.poll()
            desk.clock.wait(minutes=1)
        assert (news.count(PANIC), news.count("rss")) == (7, 7)
        assert news.count(NEWSAPI) == 3  # each quarter of an hour


async def test_a_plan_of_a_hundred_questions_a_day_is_kept() -> None:
    async with news_stand_ins() as news, Desk(news, only=("NewsAPI",), feeds=()) as desk:
        (asking,) = desk.desk._askings
        asking.source.pace = timedelta(minutes=1)  # type: ignore[misc]
        for _ in range(120):
            await desk.desk.poll()
            desk.clock.wait(minutes=1)
        assert news.count(NEWSAPI) == 100
        status, error = desk.status("NewsAPI")
        assert (status, "100 questions a day" in error) == ("used_up", True)
        desk.clock.wait(hours=22.1)
        await desk.desk.poll()
        assert news.count(NEWSAPI) == 101
        assert desk.status("NewsAPI")[0] == "ok"


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("who", "name", "fault", "status", "words"),
    [
        (PANIC, "CryptoPanic", {"status": 401, "body": "{}"}, "refused", "paste CRYPTOPANIC_API_KEY again"),
        (PANIC, "CryptoPanic", {"status": 402, "body": "{}"}, "refused", "wants to be paid"),
        (PANIC, "CryptoPanic", {"status": 403, "body": "{}"}, "refused", "look at the plan"),
        (PANIC, "CryptoPanic", {"status": 404, "body": ""}, "refused", "CRYPTOPANIC_BASE_URL"),
        (PANIC, "CryptoPanic", {"status": 429, "body": "{}"}, "used_up", "429"),
        (PANIC, "CryptoPanic", {"status": 502, "body": "<html>"}, "failing", "502"),
        (PANIC, "CryptoPanic", {"status": 301, "headers": {"location": "https://evil.example/"}}, "refused", "moved"),
        (PANIC, "CryptoPanic", {"body": '{"status": "api_error", "info": "Token not found"}'}, "failing", "wrong with"),
        (PANIC, "CryptoPanic", {"body": '{"info": "Monthly quota exceeded"}'}, "used_up", "quota"),
        (PANIC, "CryptoPanic", {"body": "<html><h1>API quota exceeded</h1>"}, "used_up", "page about its quota"),
        (PANIC, "CryptoPanic", {"body": "<html><h1>Welcome</h1>"}, "failing", "page instead of news"),
        (PANIC, "CryptoPanic", {"body": "[]"}, "failing", "no form we know"),
        (PANIC, "CryptoPanic", {"body": '{"results": null}'}, "failing", "without a list"),
        (PANIC, "CryptoPanic", {"body": ""}, "failing", "empty"),
        (PANIC, "CryptoPanic", {"body": "[" * 100_000}, "failing", "far more parts"),
        (PANIC, "CryptoPanic", {"body": "[" * 15_000}, "failing", "broke off"),
        (PANIC, "CryptoPanic", {"cut": 300}, "failing", "broke off"),
        (PANIC, "CryptoPanic", {"huge": True}, "failing", "more than 2 MB"),
        (PANIC, "CryptoPanic", {"hang": True}, "failing", "within 2 s"),
        (NEWSAPI, "NewsAPI", {"status": 401, "body": '{"status":"error","code":"apiKeyInvalid"}'}, "refused", "again"),
        (NEWSAPI, "NewsAPI", {"status": 426, "body": '{"status":"error","code":"x"}'}, "refused", "a paid one"),
        (NEWSAPI, "NewsAPI", {"status": 429, "body": '{"status":"error","code":"rateLimited"}'}, "used_up", "429"),
        (NEWSAPI, "NewsAPI", {"body": '{"status":"error","code":"apiKeyExhausted"}'}, "used_up", "quota"),
        (NEWSAPI, "NewsAPI", {"body": '{"status":"error","code":"apiKeyDisabled"}'}, "refused", "NEWSAPI_API_KEY"),
        (NEWSAPI, "NewsAPI", {"body": '{"status":"error","code":"unexpectedError"}'}, "failing", "trouble"),
        (NEWSAPI, "NewsAPI", {"body": '{"status":"error","code":["odd"]}'}, "refused", "our question"),
        (NEWSAPI, "NewsAPI", {"status": 500, "body": "oops"}, "failing", "500"),
        (NEWSAPI, "NewsAPI", {"body": '{"status":"ok","articles":{}}'}, "failing", "without a list"),
        ("rss", "127.0.0.1", {"body": "<html><body>hello</body></html>"}, "failing", "something else than a feed"),
        ("rss", "127.0.0.1", {"body": "not xml"}, "failing", "something else than a feed"),
        ("rss", "127.0.0.1", {"status": 404, "body": ""}, "refused", "NEWS_RSS_URLS"),
        ("rss", "127.0.0.1", {"status": 503, "headers": {"retry-after": "7200"}}, "failing", "503"),
        ("rss", "127.0.0.1", {"status": 302, "headers": {"location": "http://10.0.0.1/feed"}}, "failing", "plain http"),
        ("rss", "127.0.0.1", {"status": 302, "headers": {"location": "https://10.0.0.1/"}}, "failing", "private"),
        ("rss", "127.0.0.1", {"status": 302, "headers": {"location": "https://169.254.169.254"}}, "failing", "private"),
        ("rss", "127.0.0.1", {"status": 302, "headers": {"location": "file:///etc/passwd"}}, "failing", "another kind"),
        ("rss", "127.0.0.1", {"status": 302, "headers": {"location": "/feeds/rss.xml"}}, "failing", "on and on"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_told_and_disturbs_no_other(
    who: str, name: str, fault: dict[str, Any], status: str, words: str
) -> None:
    seconds = 2 if "hang" in fault else 30
    async with news_stand_ins() as news, Desk(news, feeds=("rss", "rss2"), seconds=seconds) as desk:
        news.tell("rss2", BAN)
        news.tell(who, SURGE)
        news.fail(who, **fault)
        await desk.desk.poll()
        assert desk.titles == [BAN.title]
        found, error = desk.status(name)
        assert (found, words in error) == (status, True), error
        assert not any(secret in error for secret in (PANIC_KEY, NEWSAPI_KEY, "://"))
        others = [state.status for state in desk.desk.sources() if state.name != name]
        assert set(others) == {"ok"}
        news.mend(who)
        desk.clock.wait(hours=2)
        await desk.desk.poll()
        assert desk.status(name)[0] == "ok"
        assert SURGE.title in desk.titles, "it was told the next time"


async def test_a_source_that_says_when_is_left_alone_until_then() -> None:
    async with news_stand_ins() as news, Desk(news, only=("CryptoPanic",), feeds=()) as desk:
        news.fail(PANIC, status=429, headers={"retry-after": "7200"})
        await desk.desk.poll()
        desk.clock.wait(hours=1.9)
        await desk.desk.poll()
        assert news.count(PANIC) == 1
        desk.clock.wait(hours=0.2)
        await desk.desk.poll()
        assert news.count(PANIC) == 2


async def test_a_refusal_is_tried_hourly_and_a_failure_ever_more_seldom() -> None:
    async with news_stand_ins() as news, Desk(news, only=("CryptoPanic",)) as desk:
        news.fail(PANIC, status=401, body="{}")
        news.fail("rss", status=500, body="")
        for _ in range(6 * 60):
            await desk.desk.poll()
            desk.clock.wait(minutes=1)
        assert news.count(PANIC) == 6
        assert news.count("rss") == 9  # after 5, 10, 20, 40 and then each 60 minutes


async def test_what_stands_before_a_break_in_a_feed_is_kept_and_the_rest_comes_later() -> None:
    async with news_stand_ins() as news, Desk(news, only=()) as desk:
        news.tell("rss", BAN, SURGE)
        news.fail("rss", cut=330)
        await desk.desk.poll()
        assert desk.titles == [BAN.title]
        news.mend("rss")
        desk.clock.wait(minutes=6)
        await desk.desk.poll()
        assert set(desk.titles) == {BAN.title, SURGE.title}


async def test_a_hanging_source_delays_no_other() -> None:
    async with news_stand_ins() as news, Desk(news, seconds=60) as desk:
        news.fail(PANIC, hang=True)
        news.tell("rss", SURGE)
        polling = asyncio.ensure_future(desk.desk.poll())
        async with asyncio.timeout(30):
            while not desk.store.rows:
                await asyncio.sleep(0.01)
        assert not polling.done()
        assert desk.titles == [SURGE.title]
        polling.cancel()


async def test_a_packed_answer_may_not_unpack_beyond_its_bound() -> None:
    import gzip

    from aiohttp import web

    bomb = gzip.compress(b"x" * 200_000_000)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"content-encoding": "gzip"})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    asked = Web()
    with pytest.raises(SourceDown, match="more than 2 MB"):
        await asked.get(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    await asked.close()
    await runner.cleanup()


async def test_no_key_is_ever_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        assert logging.getLogger(name).level >= logging.WARNING, "at INFO it tells whole addresses"
    async with news_stand_ins() as news:
        for fault in ({"status": 500}, {"status": 401}, {"body": "garbage"}, {"hang": True}, {"status": 302}, {}):
            async with Desk(news, feeds=[f"{news.feed('rss')}?key=c4n4ry-3"], seconds=0.3) as desk:
                for who in (PANIC, NEWSAPI, "rss"):
                    news.tell(who, SURGE)
                    news.fail(who, **fault)  # type: ignore[arg-type]
                await desk.desk.poll()
                told = f"{desk.desk.sources()} {desk.store.rows}"
                assert "c4n4ry" not in told
    async with Desk(feeds=(), sources=()) as desk:
        await desk.desk.poll()
    said = "\n".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records)
    assert "CryptoPanic" in said
    assert "c4n4ry" not in said
    assert {asked.query.get("auth_token") for asked in news.asked if asked.who == PANIC} == {PANIC_KEY}
    assert {asked.headers.get("x-api-key") for asked in news.asked if asked.who == NEWSAPI} == {NEWSAPI_KEY}


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("169.254.169.254", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_gone_to(address: str, public: bool) -> None:
    assert _public(address) is public


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://0x7f.1/"])
async def test_nobody_leads_us_to_this_machine(url: str) -> None:
    import httpx

    with pytest.raises((SourceDown, OSError)):
        await _allowed(httpx.URL(url), near=False)


async def test_a_name_that_stands_for_a_private_address_is_not_gone_to(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    async def lookup(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("192.168.0.10", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    with pytest.raises(SourceDown, match="private network"):
        await _allowed(httpx.URL("https://rebind.example/feed"), near=False)


def test_the_stand_ins_run_as_a_process_too() -> None:
    async def ask(settings: dict[str, str]) -> list[str]:
        async with Desk(only=(), feeds=()) as desk:
            from app.seam import Tasks
            from services.news.rss import Feed

            feed = Feed(
                name="x",
                url=settings["NEWS_RSS_URLS"],
                pace=timedelta(0),
                web=desk.web,
                clock=desk.clock,
                tasks=Tasks(),
            )
            return [item.title for item in await feed.ask()]

    with NewsProcess() as news:
        news.tell("rss", SURGE)
        assert asyncio.run(ask(news.settings)) == [SURGE.title]
        news.fail("rss", status=500)
        with pytest.raises(SourceDown):
            asyncio.run(ask(news.settings))
        news.mend("rss")
        assert news.count("rss") == 2


# ---------------------------------------------------------------- what is kept


async def test_what_was_known_is_known_after_a_restart() -> None:
    store = MemoryNewsStore()
    async with news_stand_ins() as news:
        news.tell("rss", SURGE, BAN)
        async with Desk(news, store=store) as before:
            await before.desk.poll()
        async with Desk(news, store=store) as after:
            news.fail("rss", status=500)
            await after.desk.poll()
            assert set(after.titles) == {SURGE.title, BAN.title}
            news.mend("rss")
            after.clock.wait(minutes=6)
            await after.desk.poll()
        assert store.inserted == 2


async def test_a_store_that_is_away_loses_nothing() -> None:
    async with news_stand_ins() as news, Desk(news) as desk:
        news.tell("rss", SURGE)
        desk.store.fail = True
        await desk.desk.poll()
        assert news.count("rss") == 0, "what was known must be read first"
        desk.store.fail = False
        await desk.desk.poll()
        desk.store.fail = True
        news.tell("rss", BAN)
        desk.clock.wait(minutes=6)
        await desk.desk.poll()
        assert set(desk.titles) == {SURGE.title, BAN.title}
        assert len(desk.store.rows) == 1
        desk.store.fail = False
        await desk.desk.poll()
        assert len(desk.store.rows) == 2
