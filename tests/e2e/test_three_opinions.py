"""The real program with a language model, news services and feeds on loopback: three opinions in every decision."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.model_stand_in import GOOD, ModelProcess, Saying
from tests.news_stand_ins import NewsProcess, Story
from tests.trader_process import TraderProcess, write_market

pytestmark = pytest.mark.xdist_group("sigkill")

KEY = "deepseek-key-c4n4ry-9"
VOTERS = ["deepseek_analyzer", "technical_indicators", "news_analyzer"]
YML = (
    "timeframe: 5m\ncycle_seconds: 300\nstrategies:\n"
    "  deepseek_analyzer: {enabled: true, weight: 50, ask: cycle, every_seconds: 300}\n"
    "  technical_indicators: {enabled: true, weight: 30}\n"
    "  news_analyzer: {enabled: true, weight: 20, ask: cycle}\n"
)
GOOD_NEWS = "Bitcoin surges to a record high as institutional adoption grows"


@pytest.fixture
def outside() -> Iterator[tuple[ModelProcess, NewsProcess]]:
    with ModelProcess() as model, NewsProcess() as news:
        news.tell("cryptopanic", Story(GOOD_NEWS, "https://www.coindesk.com/1"))
        news.tell("newsapi", Story(GOOD_NEWS, "https://www.reuters.com/2", outlet="Reuters"))
        news.tell("rss", Story("Bitcoin miner opens a second site in Texas", "https://example.org/3"))
        yield model, news


@pytest.fixture
def trader(tmp_path: Path, outside: tuple[ModelProcess, NewsProcess]) -> TraderProcess:
    model, news = outside
    market = write_market(tmp_path / "market.csv", days=20)
    settings = {**news.settings, "DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": model.url, "TRADER_LOG_LEVEL": "DEBUG"}
    trader = TraderProcess(tmp_path, f"replay:{market}", speed="1500", settings=settings)
    (tmp_path / "config/strategies.yml").write_text(YML)
    return trader


class Watch:
    def __init__(self, trader: TraderProcess, api: httpx.Client) -> None:
        self.trader, self.api = trader, api

    def newest(self) -> dict[str, Any]:
        row = self.api.get("/api/v1/decisions?limit=1").json()["items"][0]
        decision: dict[str, Any] = self.api.get(f"/api/v1/decisions/{row['id']}").json()
        return decision

    def until(self, what: str, **statuses: str) -> dict[str, Any]:
        """A decision in which these strategies stand so."""

        def there() -> Any:
            decision = self.newest()
            now = {term["strategy"]: term["status"] for term in decision["vote"]["terms"]}
            return decision if all(now.get(name) == status for name, status in statuses.items()) else None

        found: dict[str, Any] = self.trader.until(there, what, 90)
        return found

    def insights(self) -> dict[str, Any]:
        row: dict[str, Any] = self.api.get("/api/v1/insights").json()
        return row


def market_at(api: httpx.Client) -> datetime:
    return datetime.fromisoformat(api.get("/api/v1/status").json()["market_at"])


def test_three_opinions_and_what_each_rests_on(
    trader: TraderProcess, outside: tuple[ModelProcess, NewsProcess]
) -> None:
    model, _ = outside
    with trader.running(), trader.signed_in() as api:
        watch = Watch(trader, api)
        trader.until(lambda: api.get("/api/v1/decisions?limit=1").json()["items"], "a decision", 90)
        trader.until(lambda: any(len(each["sources"]) == 2 for each in watch.newest()["news"]), "news told twice")
        decision = watch.until("three opinions", **dict.fromkeys(VOTERS, "ok"))
        text = decision["vote"]["text"]
        assert [term["strategy"] for term in decision["vote"]["terms"]] == VOTERS
        assert "deepseek_analyzer BUY 74 × 50" in text
        assert GOOD_NEWS in decision["prompt"]
        assert json.loads(decision["answer"]) == GOOD
        assert decision["prompt_template"] == "market-1"
        told = {story["title"]: story for story in decision["news"]}
        assert sorted(told[GOOD_NEWS]["sources"]) == ["coindesk.com", "reuters.com"]
        assert told[GOOD_NEWS]["sentiment"] == "bullish"
        assert decision["vote"]["without_headline"].startswith("without “")

        seen = watch.insights()
        assert {source["name"]: source["status"] for source in seen["news_sources"]} == dict.fromkeys(
            ("CryptoPanic", "NewsAPI", "127.0.0.1"), "ok"
        )
        assert (seen["analyst"]["status"], float(seen["analyst"]["budget_usd"])) == ("ok", 10)
        assert float(seen["analyst"]["spent_usd"]) > 0
        assert seen["regime"] == "trending"
        assert seen["indicators"]["rsi"] is not None
        assert len(seen["indicators"]["curves"]["macd_histogram"]) == 60
        titles = [story["title"] for story in api.get("/api/v1/news").json()["items"]]
        assert sorted(titles) == sorted([GOOD_NEWS, "Bitcoin miner opens a second site in Texas"])
        rows = {row["name"]: row for row in api.get("/api/v1/strategies").json()["items"]}
        assert {name: rows[name]["status"] for name in VOTERS} == dict.fromkeys(VOTERS, "running")
        assert rows["deepseek_analyzer"]["performance"]["signals_generated"] >= 0

        model.say(*[Saying(status=401)] * 200)  # the key is revoked
        failed = watch.until("the refusal", deepseek_analyzer="failed")
        assert "deepseek_analyzer failed (counts as HOLD × 50)" in failed["vote"]["text"]
        assert watch.insights()["analyst"]["status"] == "refused"
        assert any(gate["gate"] == "deepseek_analyzer" for gate in watch.insights()["why_not"])
        trader.until(
            lambda: "analyst" in [alert["event"] for alert in api.get("/api/v1/alerts").json()["items"]],
            "the alert",
        )

        assert api.post("/api/v1/pause").status_code == 200
        before = api.get("/api/v1/status").json()["market_at"]
        trader.until(lambda: api.get("/api/v1/status").json()["market_at"] > before, "the last question's answer")
        asked, before = len(model.asked()), market_at(api)
        trader.until(lambda: market_at(api) - before > timedelta(hours=3), "36 cycles to pass")
        assert len(model.asked()) == asked, "a paused trader asks nobody"
        assert watch.insights()["recommendation"].startswith("paused (manual)")
        day = decision["at"][:10]
    assert KEY not in (trader.folder / "output.txt").read_text()
    assert "c4n4ry" not in (trader.folder / "output.txt").read_text()
    replayed = trader.command("replay", day)
    assert replayed.returncode == 0, replayed.stdout
    assert "the chain is whole" in trader.command("audit", "verify").stdout
