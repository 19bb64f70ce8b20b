"""The Insights tab as a person uses it: why the trader trades or does not, what that rests on, and what is missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from nicegui.testing import User

from app.core.errors import StoreError
from app.core.model import Candle, Direction, SignalStatus
from components.insights_news import web_address
from components.insights_technical import alignment, macd_words, rsi_words
from components.insights_why import distance
from components.price_picture import Marks, options
from tests.builders import d
from tests.e2e.test_dashboard_user import plain, show, signed_in, text_of
from tests.fakes_ui import NOW, Desk, a_strategy_row
from tests.ui_insights import a_look, a_story_row, none_yet, set_fresh, set_insights, some_candles

pytestmark = [
    pytest.mark.xdist_group("nicegui"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:nicegui.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


async def candles(timeframe: str | None, limit: int) -> list[Candle]:
    return some_candles(timeframe, limit)


@asynccontextmanager
async def looking(desk: Desk, news: str = "") -> AsyncIterator[User]:
    """A person who has opened the tab, and waited for what it shows."""
    async with signed_in(desk, candles=candles) as user:
        user.find(marker="tab-insights").click()
        await user.should_see(marker="why-title", retries=20)
        await user.should_see(marker="scores", retries=20)  # the last card
        if news:
            await user.should_see(news, retries=20)
        yield user


def a_desk() -> Desk:
    desk = Desk()
    set_insights(desk)
    return desk


def told(user: User, card: str) -> str:
    """Everything that a card says, in one text."""
    (element,) = user.find(marker=f"insight-{card}").elements
    texts = [str(getattr(each, "text", "") or "") for each in element.descendants()]
    return plain(" ".join(text for text in texts if text)).replace(" ,", ",").replace(" .", ".")


async def test_the_answer_stands_first_with_every_distance_and_the_points_add_up_to_the_score() -> None:
    async with looking(a_desk()) as user:
        await user.should_see("Does not buy now")
        assert text_of(user, "why-text") == "Score 31.7 of 70: needs 38.3 more."
        why = told(user, "why")
        assert "50 % of the weight has one, 60 % are needed: 10 % more" in why
        assert "DeepSeek gave no answer within 20 s" in why
        assert "resting 1 candle(s) after an exit" in why
        assert text_of(user, "without-headline").startswith("Without “Fund buys 9,000 bitcoin”")
        table = told(user, "vote")
        for said in ("failed", "× 50", "BUY 69 %", "+20.7", "BUY 55 %", "+11", "100", "+31.7", "counts as HOLD"):
            assert said in table
        assert "My idea does not vote: switched off." in table


async def test_a_strategy_that_holds_back_says_how_far_its_reading_is() -> None:
    look = a_look()
    look["vote"]["terms"][1] |= {"sign": 0, "product": d(0)}
    desk = a_desk()
    desk.look = look
    async with looking(desk) as user:
        await user.should_see("HOLD 69\u00a0%: RSI 44, buys dips from 40 down")


async def test_what_changes_in_the_engine_is_shown_by_itself() -> None:
    desk = a_desk()
    async with looking(desk) as user:
        await user.should_see("Does not buy now")
        buys = {**a_look()["vote"], "action": Direction.BUY, "score": d(81), "participation_pct": d(100)}
        desk.look = a_look(vote=buys, why_not=[])
        await show(desk, open_positions=1, reason=None, state="PAUSED")
        desk.view.set(state="TRADING")
        await user.should_see("Score 81 of 70: enough.", retries=20)
        desk.look = a_look(vote=buys, why_not=[a_gate("exposure", "exposure would be 22 %, at most 20 %")])
        await show(desk, state="PAUSED", reason="manual")
        await user.should_see("Paused: nothing is bought", retries=20)
        await show(desk, state="TRADING", reason=None)
        await user.should_see("Would buy, but a rule says no", retries=20)
        assert text_of(user, "why-text") == "Exposure would be 22 %, at most 20 %."


def a_gate(gate: str, text: str) -> dict[str, Any]:
    return {"gate": gate, "value": "22", "needed": "20", "text": text}


async def test_a_fresh_trader_says_when_the_first_opinions_come_and_what_is_not_set_up() -> None:
    desk = Desk()
    set_fresh(desk)
    async with looking(desk, news="No headlines: no news source is set up for this market.") as user:
        await user.should_see("No opinions yet")
        assert "First opinions come with the next closed candle, at  10 Mar 2026 16:00 UTC" in told(user, "why")
        assert text_of(user, "why-silent") == "Not set up: DEEPSEEK_API_KEY is not set."
        assert "None on record yet." in told(user, "performance")
        assert "not asked" in told(user, "vote")
        desk.view.strategy_rows = [
            a_strategy_row(error="is shown 500 candles, and 12 are known", performance=none_yet())
        ]
        await show(desk, state="PAUSED")
        await show(desk, state="TRADING")
        await user.should_see("Technical indicators: is shown 500 candles, and 12 are known.", retries=20)
        assert "First opinions" not in told(user, "why")


async def test_the_models_words_its_costs_and_why_it_is_silent() -> None:
    desk = a_desk()
    async with looking(desk) as user:
        await user.should_see("Higher lows on rising volume since Tuesday")
        analysis = told(user, "analysis")
        for said in (
            "BUY 72 %",
            "Regime trending",
            "Support $62,800.00",
            "Resistance $65,900.50",
            "10 Mar 2026 11:20 UTC",
        ):
            assert said in analysis
        assert text_of(user, "analyst-costs").startswith("This month $1.28 of $10.00; 41 questions today.")
        assert text_of(user, "why-silent") == "No fresh answer: DeepSeek gave no answer within 20 s."
        await show(desk, state="PAUSED", reason="manual")
        await user.should_see("Nobody is asked while trading is not open", retries=20)


async def test_the_indicators_have_a_meaning_and_who_was_worse_than_chance_is_pointed_out() -> None:
    async with looking(a_desk()) as user:
        await user.should_see("44.2 · neutral, between 40 and 80")
        technical = told(user, "technical")
        for said in (
            "Relative strength index", "in order: a rising market", "short average (10 candles) $64,100.20",
            "0.8 × the usual", "Support $62,800.00 (−2.3 %)", "Highest of the last 30 candles",
        ):  # fmt: skip
            assert said in technical
        await user.should_see("⚠ News was worse than chance for 30 days.")
        done = told(user, "performance")
        assert "164 opinions, 66 % sure on average. Right 57.3 % of 142 that could be judged; chance is 50 %." in done
        assert "▼ −$31.07" in done
        assert "2026-03-09" in done


@pytest.mark.parametrize(
    ("rsi", "said"),
    [
        (30, "oversold: may rebound (from 30 down)"),
        (44, "neutral, between 30 and 70"),
        (70, "overbought: do not chase"),
    ],
)
def test_an_rsi_is_told_by_its_owners_lines(rsi: float, said: str) -> None:
    assert rsi_words(rsi, 30, 70)[0].startswith(said)


def test_momentum_begins_grows_and_fades() -> None:
    assert macd_words([-1.0, 2.0])[0] == "▲ upward momentum begins"
    assert macd_words([-1.0, -2.0])[0] == "▼ downward momentum grows"
    assert macd_words([2.0, 1.0])[0] == "▲ upward momentum fades"
    assert macd_words([2.0, 0.0])[0] == "on its line: no momentum"


def test_averages_are_in_order_in_reverse_or_mixed() -> None:
    assert alignment({"short": 3.0, "medium": 2.0, "long": 1.0}, 4.0)[0] == "▲ in order: a rising market"
    assert alignment({"short": 1.0, "medium": 2.0, "long": 3.0}, 0.5)[0] == "▼ in reverse order: a falling market"
    assert alignment({"short": 1.0, "medium": 2.0, "long": 3.0}, 4.0)[0] == "mixed; the price is above the long average"


def test_a_score_that_is_high_enough_says_what_else_is_missing() -> None:
    vote = {**a_look()["vote"], "score": d(80)}
    assert distance(vote) == "Score 80 is enough, but only 50 % of 60 % have an opinion."
    assert (
        distance({**vote, "participation_pct": d(100)})
        == "Score 80 is enough, but only strategies that read text agree."
    )
    assert distance({**vote, "score": d(-75)}).endswith("all that is held is sold.")


# ---------------------------------------------------------------- news


async def test_headlines_say_whether_they_count_and_only_web_pages_are_links() -> None:
    desk = a_desk()
    async with looking(desk, news="Fund buys 9,000 bitcoin for its treasury") as user:
        news = told(user, "news")
        assert "13 headlines; 2 grave." in news
        assert "waits for a second source" in news
        assert "counts, told by 2" in news
        assert "CryptoPanic" in news
        assert "100 of 100 questions used" in news
        await user.should_see("<script>alert(1)</script> Prize for everybody")
        links = [each for each in user.find(marker="insight-news").elements.pop().descendants() if each.tag == "a"]
        assert links
        assert all(link.props["href"].startswith("https://") for link in links)
        assert all(link.props["rel"] == "noopener noreferrer" for link in links)
        await user.should_not_see("Headline 13 of a busy day")
        desk.reader.rows["news"].insert(0, a_story_row("160", "Old news of a quiet week"))
        user.find(marker="choose-7").click()
        await user.should_see("Old news of a quiet week")
        assert ("news", 200, 0, {"since": NOW - timedelta(days=7), "until": NOW}) in desk.reader.asked
        user.find(marker="all-news").click()
        await user.should_see("Headline 13 of a busy day")


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.example", "https:evil", "http://[x", "",
     "https:\\\\evil.example"],
)  # fmt: skip
def test_what_is_no_web_page_is_no_link(url: str) -> None:
    assert web_address(url) is None


async def test_news_that_cannot_be_read_are_said_to_be_missing_and_the_rest_is_shown() -> None:
    desk = a_desk()
    desk.reader.failing = StoreError("the database is away")
    async with looking(desk, news="The news could not be read. Try again in a moment.") as user:
        await user.should_see("Does not buy now")
        assert "candles of 4 h" in text_of(user, "chart-words")


# ---------------------------------------------------------------- the chart


async def test_a_person_chooses_how_long_a_candle_is() -> None:
    async with looking(a_desk()) as user:
        await user.should_see("candles of 4\u00a0h")
        user.find(marker="choose-1m").click()
        await user.should_see("candles of 1\u00a0min")


def test_what_happened_stands_on_the_candle_in_which_it_did() -> None:
    seen = some_candles("4h", 4)
    marks = Marks(
        entries=[(seen[1].opened_at.replace(minute=59), d(61_500)), (NOW.replace(year=2020), d(1))],
        exits=[(seen[2].opened_at, d(62_000))],
        stops=[d(60_000)],
        news=[(seen[3].opened_at, "medium"), (seen[3].opened_at, "high")],
        averages={"short": [1.0, 2.0]},
        averages_end=seen[2].opened_at,
    )
    drawn = {each["id"]: each for each in options(seen, marks, d(61_000))["series"]}
    names = options(seen, marks, None)["xAxis"][0]["data"]
    assert drawn["entries"]["data"] == [[names[1], 61_500.0]]
    assert drawn["exits"]["data"] == [[names[2], 62_000.0]]
    assert [line["yAxis"] for line in drawn["candles"]["markLine"]["data"]] == [60_000.0, 61_000.0]
    assert [each["value"] for each in drawn["news"]["data"]] == [[names[3], 0.02, 2]]
    assert drawn["average-short"]["data"] == [None, 1.0, 2.0, None]


def test_no_word_from_outside_gets_into_the_chart() -> None:
    seen = some_candles("4h", 4)
    story = a_story_row("1", "<img onerror=alert(1)>")
    marks = Marks(news=[(seen[0].opened_at, story["severity"])])
    assert "onerror" not in str(options(seen, marks, d(1)))


def test_a_missing_opinion_is_told_apart_from_none() -> None:
    from components.insights_why import said

    assert said({"status": SignalStatus.ABSTAINS, "confidence": 0, "sign": 0})[0] == "abstains"
    assert said({"status": SignalStatus.OK, "confidence": 0, "sign": 0})[0] == "no opinion"
