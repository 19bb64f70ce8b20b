"""Stories: which are one, how grave they are, and what floods, odd dates and look-alike letters do to them."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest

from services.news.cryptopanic import read_posts
from services.news.feed_text import read_feed
from services.news.newsapi import read_articles
from services.news.same_story import gist, same
from services.news.source import SourceDown
from services.news.web import Answer
from services.news.words import Keywords, about
from tests.news_cases import KEYWORDS, NOW, Room, an_item, shared

ONE = [
    ("SEC approves spot bitcoin ETFs", "US SEC approves spot Bitcoin ETF"),
    ("Bitcoin surges past $100K", "Bitcoin Soars Past $100,000"),
    ("Fed raises interest rates by 25 bps", "Federal Reserve raises interest rates by 25 bps"),
    ("Bitcoin Falls Below $20,000 as Silvergate Worries Mount", "Bitcoin falls below $20K amid Silvergate worries"),
    ("Mt. Gox begins repaying creditors in bitcoin", "Mt. Gox starts repaying creditors in Bitcoin"),
    ("SЕC approves spot bitcoin ETF", "SEC approves spot bitcoin ETF"),
]
TWO = [
    ("SEC approves spot Bitcoin ETF", "SEC rejects spot Bitcoin ETF"),
    ("SEC sues Binance", "Binance sues SEC"),
    ("SEC sues Binance", "SEC sues Coinbase"),
    ("Binance halts withdrawals", "Binance has not halted withdrawals"),
    ("Binance halts bitcoin withdrawals", "Binance resumes bitcoin withdrawals"),
    ("Fed raises interest rates by 25 bps", "Fed cuts interest rates by 25 bps"),
    ("Bitcoin surges past $100K", "Bitcoin surges past $90K"),
    ("Bitcoin rises 5%", "Bitcoin falls 5%"),
    ("El Salvador adopts Bitcoin as legal tender", "El Salvador drops Bitcoin as legal tender"),
]


@pytest.mark.parametrize(("one", "other"), ONE)
def test_one_story_in_other_words_is_one(one: str, other: str) -> None:
    assert same(gist(one), gist(other))
    room = Room()
    room.tell(an_item(one, "https://a.example/1"))
    room.tell(an_item(other, "https://b.example/2"), source="another")
    (event,) = room.events
    assert event.sources == ("a.example", "b.example")


@pytest.mark.parametrize(("one", "other"), TWO)
def test_two_stories_that_only_look_alike_are_two(one: str, other: str) -> None:
    assert not same(gist(one), gist(other))
    assert not same(gist(other), gist(one))


def test_the_earliest_time_stays_and_one_outlet_is_one_source() -> None:
    room = Room()
    room.tell(an_item("Bitcoin surges past $100K", "https://www.coindesk.com/x?utm_source=a"))
    early = (NOW - timedelta(hours=1)).isoformat()
    room.tell(an_item("Bitcoin surges past $100K", "https://cryptopanic.com/n/1", early, outlet="CoinDesk"), source="b")
    (event,) = room.events
    assert event.sources == ("coindesk.com",)
    assert event.published_at == NOW - timedelta(hours=1)
    assert event.seen_at == NOW


@pytest.mark.parametrize(("many", "outlets"), [(False, 1), (True, 2)])
def test_a_feed_cannot_confirm_its_own_story_whomever_it_quotes(many: bool, outlets: int) -> None:
    room = Room()
    for address in ("https://reuters.com/1", "https://bloomberg.com/2"):
        room.tell(an_item("Bitcoin surges past $100K", address), many=many)
    (event,) = room.events
    assert len(event.sources) == outlets


def test_after_a_restart_a_feed_cannot_confirm_what_it_may_have_told_itself() -> None:
    before, after = Room(), Room()
    before.tell(an_item("Bitcoin surges past $100K", "https://reuters.com/1"))
    after.stories.show(after.stories.restore(before.events))
    after.tell(an_item("Bitcoin surges past $100K", "https://bloomberg.com/2"))
    assert len(after.events[0].sources) == 1
    after.tell(an_item("Bitcoin surges past $100K", "https://bloomberg.com/2"), source="CryptoPanic", many=True)
    assert len(after.events[0].sources) == 2


def test_an_outlet_that_tells_it_later_is_not_known_before() -> None:
    room = Room()
    room.tell(an_item("Bitcoin surges past $100K", "https://a.example/1"))
    room.now += timedelta(hours=1)
    room.tell(an_item("Bitcoin surges past $100K", "https://b.example/1"), source="another")
    assert len(room.stories.at(NOW)[0].sources) == 1
    assert len(room.stories.at(room.now)[0].sources) == 2


def test_one_page_under_another_title_is_one_story() -> None:
    room = Room()
    room.tell(an_item("Bitcoin surges past $100K", "https://a.example/live"))
    room.tell(an_item("Crypto markets: live blog", "http://www.a.example/live/?utm_source=x"))
    assert [event.title for event in room.events] == ["Bitcoin surges past $100K"]


def test_after_72_hours_it_is_a_new_story() -> None:
    room = Room()
    room.tell("Bitcoin surges past $100K")
    room.now += timedelta(hours=73)
    assert room.events == []
    assert len(room.tell(an_item("Bitcoin surges past $100K", "", room.now.isoformat()))) == 1


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize("published", ["1970-01-01T00:00:00Z", "2026-11-17T11:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_what_is_older_than_72_hours_is_no_news(published: str) -> None:
    assert Room().tell(an_item("Bitcoin hacked", "", published)) == []


@pytest.mark.parametrize("published", [None, "", "2099-01-01T00:00:00Z", "soon", 17, {"a": 1}])
def test_a_story_of_unknown_age_is_seen_now_and_never_grave(published: Any) -> None:
    room = Room()
    (event,) = room.tell(an_item("Binance hacked", "https://a.example/1", published))
    assert (event.published_at, event.severity) == (NOW, "low")
    room.now += timedelta(hours=80)
    assert room.tell(an_item("Binance hacked", "https://a.example/1", published)) == [], "the same old line"
    (later,) = room.tell(an_item("Kraken hacked", "https://a.example/2", published))
    assert (later.published_at, later.severity) == (room.now, "high"), "it was not there the last time"


def test_a_clock_that_is_a_little_ahead_is_not_believed_beyond_now() -> None:
    (event,) = Room().tell(an_item("Binance hacked", "", (NOW + timedelta(minutes=50)).isoformat()))
    assert (event.published_at, event.severity) == (NOW, "high")


# ---------------------------------------------------------------- floods


def test_ten_thousand_near_duplicates_are_one_story_and_quick() -> None:
    room, begun = Room(), time.process_time()
    for answer in range(100):
        room.tell(
            *(an_item(f"Bitcoin surges past $100K{'!' * n}", f"https://a.example/{answer}-{n}") for n in range(100))
        )
    assert len(room.events) == 1
    assert time.process_time() - begun < 20


def test_ten_thousand_different_stories_are_five_hundred_an_hour() -> None:
    room, begun = Room(), time.process_time()
    for answer in range(100):
        items = (
            an_item(f"Bitcoin wallet {answer * 100 + n} moves coins", f"https://a.example/{answer}-{n}")
            for n in range(100)
        )
        room.tell(*items, source=f"source {answer % 5}")
    assert len(room.stories._known) == 500
    assert room.stories.dropped == 9500
    assert len(room.events) == 300, "no more are shown than anybody can use"
    assert time.process_time() - begun < 60
    room.now += timedelta(hours=1, minutes=1)
    assert len(room.tell(an_item("Binance hacked", "", room.now.isoformat()))) == 1


def test_one_source_does_not_drown_the_others() -> None:
    room = Room()
    for answer in range(10):
        room.tell(*(f"Bitcoin wallet {answer * 100 + n} moves coins" for n in range(100)), source="loud")
    assert len(room.tell("Binance hacked", source="quiet")) == 1
    assert [event.title for event in room.events if event.severity == "high"] == ["Binance hacked"]


def test_a_hundred_of_one_answer_are_looked_at() -> None:
    assert len(Room().tell(*(f"Bitcoin wallet {number} moves coins" for number in range(300)))) == 100


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("title", "severity", "keyword"),
    [
        ("Binance hacked for $570M", "high", "hack"),
        ("SЕC suеs Binance", "high", "sec sue"),
        ("Nigeria bans crypto", "high", "ban"),
        ("SEC approves the first spot bitcoin ETFs", "high", "etf approve"),
        ("Celsius halts all withdrawals", "high", "halt withdrawal"),
        ("Fed raises rates by 75 bps", "high", "raise rates"),
        ("PayPal announces partnership with crypto exchange", "medium", "partnership"),
        ("Small game loses coins to an exploit", "medium", "exploit"),
        ("Could the SEC approve a bitcoin ETF this week?", "medium", "etf approve"),
        ("Bitcoin banks on the banner year", "low", None),
        ("Bitcoin settles in 30 sec, a second layer shows", "low", None),
        ("Bitcoin price holds", "low", None),
    ],
)
def test_how_grave_a_headline_is(title: str, severity: str, keyword: str | None) -> None:
    found, keywords = Keywords(KEYWORDS).found(title)
    assert found == severity, keywords
    assert keyword in keywords if keyword else not keywords


@pytest.mark.parametrize(
    ("title", "yes"),
    [
        ("Bitcoin climbs", True),
        ("Віtсоіn climbs", True),
        ("Fed holds interest rates", True),
        ("BTC trading volume doubles", True),
        ("BTC College bans phones in class", False),
        ("Apple Reports Record Quarterly Earnings", False),
        ("Ten life hacks for your kitchen", False),
    ],
)
def test_what_a_headline_is_about(title: str, yes: bool) -> None:
    assert about(title) is yes
    assert bool(Room().tell(title)) is yes
    assert Room().tell(an_item(title, special=True)), "a source that tells of crypto only needs not say so"


# ---------------------------------------------------------------- answers as they come


def test_the_vendors_examples_are_read() -> None:
    full = read_posts(shared("fixtures/apis/cryptopanic_v2_posts_full.json").read_bytes())
    nulls = read_posts(shared("fixtures/apis/cryptopanic_v2_posts_nulls.json").read_bytes())
    body = shared("fixtures/apis/newsapi_everything.json").read_bytes()
    articles = read_articles(Answer(status=200, headers={}, body=body), None)
    room = Room()
    room.now = room.now.replace(year=2025, month=1, day=15)
    (event,) = room.tell(*full)
    assert (event.title, event.source, event.url) == (
        "Bitcoin Surges Past $100K",
        "coindesk.com",
        "https://coindesk.com/bitcoin-surges",
    )
    assert [event.source for event in room.tell(*nulls)] == ["unknown"]
    assert len(articles) == 2
    assert room.tell(*articles) == [], "Apple's earnings are none of ours"


@pytest.mark.parametrize("row", [{}, {"title": None}, {"title": 5, "source": []}, {"title": "x", "published_at": {}}])
def test_any_part_of_a_post_may_be_missing(row: dict[str, Any]) -> None:
    items = read_posts(json.dumps({"results": [row, None, 5, "x", {"title": "Bitcoin hacked"}]}).encode())
    assert "Bitcoin hacked" in [event.title for event in Room().tell(*items)]


def test_removed_articles_are_left_out() -> None:
    body = json.dumps({"status": "ok", "articles": [{"title": "[Removed]"}, {"title": "Bitcoin hacked"}]}).encode()
    assert [item.title for item in read_articles(Answer(status=200, headers={}, body=body), None)] == ["Bitcoin hacked"]


ITEM = "<rss><channel><item><title>&b;</title></item></channel></rss>"
BOMB = f'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>{ITEM}'
OUTSIDE = f'<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>{ITEM}'


@pytest.mark.parametrize("feed", [BOMB, OUTSIDE, "<a>" * 5000, "", "<html/>"])
def test_a_bomb_or_no_feed_is_refused(feed: str) -> None:
    with pytest.raises(SourceDown):
        read_feed(feed.encode())


def test_html_entities_and_stray_bytes_do_not_break_a_feed() -> None:
    feed = b"\xef\xbb\xbf \n<rss><channel><item><title>Bitcoin&nbsp;&mdash; up\x0b</title></item></channel></rss>"
    (item,), broken = read_feed(feed)
    assert (item.title, broken) == ("Bitcoin\xa0— up", "")


def test_a_title_of_a_megabyte_and_ten_thousand_items_are_cut() -> None:
    items = "".join(f"<item><title>Bitcoin {n} {'x' * 5000 if n == 0 else ''}</title></item>" for n in range(10_000))
    found, _ = read_feed(f"<rss><channel>{items}</channel></rss>".encode())
    assert len(found) == 100
    assert len(found[0].title) <= 4000
