"""Headlines of a file on a replayed market: told when it gets there, and once; a real month; the loop stays free."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from services.news import read_headlines
from tests.loop_lag import Lag
from tests.news_cases import HEADLINES, Desk, MemoryNewsStore, SetClock
from tests.news_stand_ins import Story, news_stand_ins

MARCH = datetime(2023, 3, 1, tzinfo=UTC)


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "headlines.csv"
    path.write_text(text, encoding="utf-8")
    return path


async def test_a_headline_is_news_when_the_market_gets_there(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        "published_at,title,source,url\n2023-03-10T12:00:00Z,Binance hacked,CoinDesk,\n"
        '2023-03-10T15:00:00+02:00,"Bitcoin surges, at last",,https://www.reuters.com/x\n',
    )
    clock = SetClock(datetime(2023, 3, 10, 11, tzinfo=UTC))
    async with Desk(headlines=read_headlines(path), clock=clock) as desk:
        assert desk.desk.configured
        await desk.desk.poll()
        assert desk.titles == []
        clock.wait(hours=1)
        assert desk.titles == ["Binance hacked"]
        await desk.desk.poll()
        assert (desk.told, len(desk.store.rows)) == (1, 1)
        clock.wait(hours=1)
        assert desk.titles == ["Bitcoin surges, at last", "Binance hacked"]
        (newest, first) = desk.desk.events(clock.at)
        assert (newest.source, newest.seen_at) == ("reuters.com", newest.published_at)
        assert first.source == "CoinDesk"
        clock.wait(hours=72)
        assert desk.titles == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: names no columns"),
        ("published_at,title\n", "holds no headline"),
        ("when,title\n2023-03-10T12:00:00Z,x\n", "line 1: names no columns"),
        ("published_at,title,text\n", "line 1: 'title' stands twice"),
        ("published_at,title\n2023-03-10T12:00:00,x\n", "line 2: published_at '2023-03-10T12:00:00' names no zone"),
        ("published_at,title\n2023-03-10T12:00:00Z,x\nyesterday,x\n", "line 3: published_at is 'yesterday'"),
        ("published_at,title\n2023-03-10T12:00:00Z,a,b\n", "line 2: has 3 fields, not 2"),
        ("published_at,title\n2023-03-10T12:00:00Z,\n", "line 2: has no title"),
        ("published_at,title\n1970-01-01T00:00:00Z,x\n", "line 2: published_at is"),
        ('published_at,title\n2023-03-10T12:00:00Z,"x\n', "double quotes"),
    ],
)
def test_a_file_that_is_half_right_is_refused_with_its_cure(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        read_headlines(a_file(tmp_path, text))
    assert words in str(wrong.value)


async def test_a_month_of_real_headlines_is_stored_once() -> None:
    if not HEADLINES.exists():
        pytest.skip("the shared data (../shared/data) is not there")
    headlines = read_headlines(HEADLINES)
    month = [each for each in headlines if MARCH <= each.published_at < MARCH + timedelta(days=31)]
    store, clock = MemoryNewsStore(), SetClock(MARCH)
    for day in range(31):  # a trader that is started anew each day
        async with Desk(headlines=month, clock=clock, store=store) as desk:
            for _ in range(24):
                clock.at = MARCH + timedelta(days=day, hours=_ + 1)
                shown = desk.desk.events(clock.at)
                assert all(event.seen_at <= clock.at for event in shown)
                await desk.desk.poll()
            await desk.desk.close()
    titles = Counter(event.title for event in store.rows.values())
    assert store.inserted == len(store.rows)
    assert 0.9 * len(month) < len(store.rows) <= len(month)
    assert max(titles.values()) <= 2, "the same words again within three days are the same story"
    severities = Counter(event.severity for event in store.rows.values())
    assert severities["low"] > severities["medium"] > severities["high"] > 0
    print(len(month), len(store.rows), severities)


async def test_the_loop_is_not_held_by_answers_full_of_news() -> None:
    async with news_stand_ins() as news, Desk(news) as desk:
        for who in ("cryptopanic", "newsapi", "rss"):
            told = [
                Story(f"Bitcoin wallet {n} of {who} moves coins {'x' * 200}", f"https://{who}.example/{n}")
                for n in range(100)
            ]
            news.tell(who, *told)
        async with Lag() as lag:
            await desk.desk.poll()
        assert len(desk.store.rows) == 300
    print(f"longest wait of the loop: {lag.held_up * 1000:.1f} ms")
    assert lag.held_up < 0.25, "on a busy machine; about 10 ms on an idle one"
