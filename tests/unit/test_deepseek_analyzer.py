"""What the language model is shown: figures that are right, headlines that stay data, and the same text each time."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.analyst import Question
from app.core.errors import StrategyError
from app.core.model import MarketData, NewsEvent, OrderBook
from strategies.base_strategy import rows_of, table_of
from strategies.prompting.measures import Level, direction, efficiency, levels, rsi, swings
from strategies.runtime import load
from tests.builders import d
from tests.injections import INJECTIONS
from tests.strategy_cases import candles_of, random_candles, real_candles, shown

STRATEGY = load("deepseek_analyzer", {})
CANDLES = random_candles(5, 500)
DATA = shown(CANDLES)


def a_story(title: str, *, minutes: int = 60, severity: str = "low", **changes: object) -> NewsEvent:
    at = DATA.at - timedelta(minutes=minutes)
    story = NewsEvent(
        id=f"{title[:20]!r}{minutes}",
        published_at=at,
        seen_at=at,
        source="example.org",
        title=title,
        url="https://example.org",
        severity=severity,
        sentiment="neutral",
        score=0.0,
        sources=("example.org",),
    )
    return replace(story, **changes)  # type: ignore[arg-type]


def asked(news: Sequence[NewsEvent] = (), data: MarketData = DATA, **settings: object) -> Question:
    strategy = load("deepseek_analyzer", settings) if settings else STRATEGY
    question = strategy.question(data, tuple(news))
    assert question is not None
    return question


def line(question: Question, begins: str) -> str:
    (found,) = [each for each in question.user.split("\n") if each.startswith(begins)]
    return found


def headlines(question: Question) -> list[str]:
    """The lines between the marks, by the marks."""
    lines = question.user.split("\n")
    (begin,) = [place for place, each in enumerate(lines) if each.startswith("<<<NEWS-")]
    mark = lines[begin].removeprefix("<<<")
    return lines[begin + 1 : lines.index(f"{mark}>>>")]


# ---------------------------------------------------------------- the chart


def test_the_same_is_said_of_the_same_and_nothing_of_what_does_not_change_moves() -> None:
    first, again = asked([a_story("Quiet")]), asked([a_story("Quiet")])
    other = asked([a_story("Loud")], shown(random_candles(6, 500)))
    assert first == again
    assert first.template == "market-1"
    assert other.system == first.system
    assert other.user != first.user
    assert "json" in first.system.lower()


def test_the_example_in_the_prompt_is_itself_a_good_answer() -> None:
    (example,) = re.findall(r"^\{.*\}$", asked().system, re.MULTILINE)
    action, confidence, reasoning = STRATEGY.ask(DATA, (), example)
    assert (action, confidence) == ("HOLD", 55)
    assert reasoning.startswith("Ranging market, support 26500, resistance 28100. ")


@pytest.mark.parametrize("seed", range(8))
def test_every_figure_is_a_number_whatever_the_market_does(seed: int) -> None:
    text = asked(data=shown(random_candles(seed, 500))).user
    assert not re.search(r"\bnan\b|\binf\b|None|e[+-]\d\d", text)


def test_a_market_that_stands_still_without_volume_is_described_too() -> None:
    question = asked(data=shown(candles_of([20_000.0] * 500, [0.0] * 500)))
    assert "RSI 50" in line(question, "MOMENTUM")
    assert line(question, "REGIME").startswith("REGIME ranging")
    assert line(question, "RESISTANCE") == "RESISTANCE none in sight"


def test_a_rise_is_told_as_a_rise_and_a_walk_to_and_fro_as_a_range() -> None:
    rise = [20_000 * 1.002**step for step in range(500)]
    question = asked(data=shown(candles_of(rise)))
    assert line(question, "REGIME").startswith("REGIME trending up")
    assert line(question, "LAST 24 ").startswith("LAST 24 +4.9 %, straightness 1.00")
    assert "rising order" in line(question, "AVERAGES")
    fall = line(asked(data=shown(candles_of(rise[::-1]))), "REGIME")
    assert fall.startswith("REGIME trending down")
    walk = [20_000 + 200 * (abs(step % 20 - 10) - 5) for step in range(500)]
    assert line(asked(data=shown(candles_of(walk))), "REGIME").startswith("REGIME ranging")


def test_levels_are_where_the_price_turned_and_count_their_touches() -> None:
    walk = [20_000.0 + 200 * (abs(step % 20 - 10) - 5) for step in range(500)]  # 19,000 to 21,000
    question = asked(data=shown(candles_of(walk)))
    assert re.match(r"SUPPORT 19000 \(-\d+\.\d %, 2[0-9] touches", line(question, "SUPPORT"))
    assert re.match(r"RESISTANCE 21000 \(\+\d+\.\d %, 2[0-9] touches", line(question, "RESISTANCE"))


def test_measures_by_hand() -> None:
    assert efficiency(table_of(rows_of(candles_of([1, 2, 3, 2])))["close"].to_numpy()) == pytest.approx(1 / 3)
    assert levels([Level(100, 1, 9), Level(101, 1, 4), Level(105, 1, 7)], 2) == [Level(100.5, 2, 4), Level(105, 1, 7)]
    table = table_of(rows_of(candles_of([10, 11, 12, 13, 12, 11, 10, 9, 8, 9, 10, 11])))
    highs, lows = swings(table)
    assert highs == [Level(13, 1, 8)]
    assert lows == [Level(8, 1, 3)]
    assert rsi(table_of(rows_of(candles_of([100 + step for step in range(40)])))["close"]).iloc[-1] == 100
    assert direction(table_of(rows_of(candles_of([100 - step for step in range(60)])))).up == 0


def test_rsi_is_that_of_the_technical_indicators() -> None:
    technical = load("technical_indicators", {})
    candles = real_candles()[-500:]
    _, _, reasoning = technical.ask(shown(candles))
    told = float(re.findall(r"RSI (\d+\.\d)", reasoning)[0])
    assert f"RSI {rsi(table_of(rows_of(candles))['close']).iloc[-1]:.1f}" == f"RSI {told}"


def test_a_gap_is_told() -> None:
    candles = list(candles_of([20_000 + step % 7 for step in range(500)]))
    candles[-3] = replace(candles[-3], open=d(20_500), high=d(20_500))
    assert re.match(r"GAPS in 24 candles: up 2\.\d % 2 ago", line(asked(data=shown(candles)), "GAPS"))


def test_the_order_book_is_told_where_there_is_one() -> None:
    assert line(asked(), "ORDER BOOK") == "ORDER BOOK none on this market"
    bids = tuple((d(19_999 - step), d(9 if step == 4 else 1)) for step in range(20))
    asks = tuple((d(20_001 + step), d("0.5")) for step in range(20))
    book = OrderBook(bids=bids, asks=asks, at=DATA.at)
    told = line(asked(data=replace(DATA, order_book=book)), "ORDER BOOK")
    assert "spread 0.010 %; within 0.5 % bids 28.00, asks 10.00, balance +47 %" in told
    assert told.endswith("walls bid 19995 (9.00, 9x the usual level)")
    one_sided = replace(book, asks=())
    assert line(asked(data=replace(DATA, order_book=one_sided)), "ORDER BOOK") == "ORDER BOOK none on this market"


def test_it_stays_small() -> None:
    """Tokens are counted as pieces of four letters, numbers as pieces of three digits, each sign as one: more than
    tokenisers that know English make of it."""
    news = [a_story(f"{number} " + "word and figure 12 " * 30, minutes=number) for number in range(40)]
    question = asked(news, shown(real_candles()[-500:]))
    pieces = re.findall(r"[A-Za-z]{1,5}|\d{1,3}|[^\sA-Za-z\d]", question.system + question.user)
    assert len(pieces) < 2_700
    assert len(question.system + question.user) < 8_000


# ---------------------------------------------------------------- the headlines


def test_the_most_severe_and_newest_come_first_and_the_old_not_at_all() -> None:
    news = [
        a_story("old", minutes=25 * 60, severity="high"),
        a_story("low and new", minutes=1),
        a_story("high", minutes=300, severity="high", sources=("example.org", "b.org")),
        a_story("medium", minutes=200, severity="medium"),
        a_story("high and newer", minutes=100, severity="high", sentiment="bearish"),
        a_story("from tomorrow", minutes=-600),
    ]
    assert headlines(asked(news)) == [
        '1. 1h ago | high | bearish | example.org | "high and newer"',
        '2. 5h ago | high | neutral | example.org and 1 more | "high"',
        '3. 3h ago | medium | neutral | example.org | "medium"',
        '4. 1m ago | low | neutral | example.org | "low and new"',
    ]
    assert headlines(asked(news, news_items=1, news_hours=72)) == [
        '1. 1h ago | high | bearish | example.org | "high and newer"'
    ]
    assert line(asked(news, news_items=0), "NEWS") == "NEWS none"


@pytest.mark.parametrize("settings", [{"news_items": 21}, {"news_hours": 0}, {"span_long": 500}, {"size": 100}])
def test_settings_keep_their_bounds(settings: dict[str, object]) -> None:
    with pytest.raises(StrategyError):
        load("deepseek_analyzer", settings)


def test_there_are_enough_injections() -> None:
    assert len(set(INJECTIONS)) >= 40


@pytest.mark.parametrize("title", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_hostile_headline_stands_on_one_line_of_the_block_and_nowhere_else(title: str) -> None:
    before, after = a_story("first", minutes=1), a_story("last", minutes=900)
    hostile = a_story(title, minutes=60, source=title, sources=(title, f"{title}2"), severity=title, sentiment=title)
    question, calm = asked([before, hostile, after]), asked([before, after])
    block = headlines(question)
    assert len(block) == 3
    quoted = re.fullmatch(r'3\. 1h ago \| low \| neutral \| [^|"]{1,45} \| "([^"]*)"', block[2])
    assert quoted
    assert len(quoted[1]) <= 300
    inside = set(block[2])
    assert not inside & set("<>{}[]`\\\n\r\x85\u2028\u2029")
    assert all(unicodedata.category(mark) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for mark in inside)
    # Everything around the block is, line for line, what it would be without the headline.
    rest = [each for each in question.user.split("\n") if each not in block and "NEWS-" not in each]
    assert rest == [each for each in calm.user.split("\n") if each not in headlines(calm) and "NEWS-" not in each]
    assert question.system == calm.system
    marks = re.findall(r"NEWS-[0-9a-f]{12}", "\n".join(each for each in question.user.split("\n") if each not in block))
    assert len(marks) == 3
    assert len(set(marks)) == 1
    assert marks[0] not in "\n".join(block)


# ---------------------------------------------------------------- the answer


GOOD = {"signal": "BUY", "confidence": 71.5, "reasoning": "Up.", "support": 19_000, "resistance": None}


def test_an_answer_becomes_a_signal_with_its_levels_in_words() -> None:
    answer = json.dumps({**GOOD, "regime": "trending"})
    assert STRATEGY.ask(DATA, (), answer) == (
        "BUY",
        Decimal("71.5"),
        "Trending market, support 19000, no resistance named. Up.",
    )


@pytest.mark.parametrize(
    "answer",
    [
        *(None, "", "BUY", "[]", "[" * 5_000, "null"),
        *(json.dumps({**GOOD, "signal": each}) for each in ("buy now", None, ["BUY"], {"a": 1})),
        *(json.dumps({**GOOD, "confidence": each}) for each in (101, -1, "74", None, True, [], float("nan"))),
        json.dumps({**GOOD, "reasoning": 5}),
    ],
)
def test_whatever_is_no_opinion_is_none(answer: str | None) -> None:
    assert STRATEGY.ask(DATA, (), answer) == ("HOLD", 0, "No answer of the language model, so no opinion.")


def test_it_is_known_as_one_that_reads_text_and_asks() -> None:
    assert (STRATEGY.face.reads_text, STRATEGY.face.asks, STRATEGY.face.title) == (True, True, "DeepSeek")
