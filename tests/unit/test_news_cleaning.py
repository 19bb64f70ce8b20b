"""Whatever strangers write: titles, addresses, times and outlets, cleaned. Nothing raises, nothing slips through."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.news.cleaning import clean_time, clean_title, clean_url, outlet_key, outlet_of, same_url

PIECES = st.sampled_from(
    [
        "<script>",
        "</script>",
        "<b>",
        "<",
        ">",
        "&lt;",
        "&amp;",
        "&",
        "amp;",
        "#60;",
        "\u202e",
        "\u200b",
        "\x00",
        "…",
        "ﷺ",
    ]
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<b>Bit</b>coin <i>up</i>", "Bitcoin up"),
        ("<script>alert(1)</script>Bitcoin", "Bitcoin"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Bitcoin", "Bitcoin"),
        ("&amp;lt;b&amp;gt;x&amp;lt;/b&amp;gt;", "x"),
        ("a\u202eb\u200bc\ufeffd", "abcd"),
        ("two\n\tlines\r\n  here\x00\x07", "two lines here"),
        ("Ｂｉｔｃｏｉｎ", "Bitcoin"),
        ("BTC < 50k and ETH > 3k", "BTC < 50k and ETH > 3k"),
        ("AT&amp;T", "AT&T"),
        ("🚀 to the 👨\u200d👩\u200d👧 moon", "🚀 to the 👨👩👧 moon"),
        ("e" + "\u0301" * 40 + "x", "é\u0301\u0301x"),
        ("<img src=x onerror=alert(1)", ""),
        (None, ""),
        (12, ""),
    ],
)
def test_a_title_becomes_plain_text(raw: object, clean: str) -> None:
    assert clean_title(raw) == clean


def test_a_title_of_a_megabyte_is_cut() -> None:
    assert len(clean_title("Bitcoin " * 130_000)) <= 300
    assert clean_title("<" * 1_000_000) is not None


@given(st.lists(st.text(max_size=400) | PIECES, max_size=60).map("".join))
def test_a_clean_title_is_short_visible_and_stays_as_it_is(raw: str) -> None:
    title = clean_title(raw)
    assert len(title) <= 300
    assert not [each for each in title if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    assert "<script" not in title.lower()
    assert clean_title(title) == title


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "data:text/html,x", "https://user:pass@host.example/", "http://", "//host.example/x"),
        *("https://host.example/" + "x" * 2000, "https://host.example/a b", 'https://host.example/"x', None, 5),
        *("https://host.example:99999/", "https://[::1", "https://\u0441oindesk.com/x", "https://localhost/x"),
    ],
)
def test_an_address_that_is_none_is_dropped(url: object) -> None:
    assert clean_url(url) == ""


def test_one_page_has_one_address() -> None:
    urls = (
        "https://www.coindesk.com/a/b/?utm_source=rss&id=7",
        "http://coindesk.com/a/b?id=7&fbclid=x#top",
        "https://m.coindesk.com//a/b/?id=7",
    )
    assert {same_url(clean_url(url)) for url in urls} == {"coindesk.com/a/b?id=7"}
    assert same_url("https://coindesk.com/a/b?id=8") not in {same_url(url) for url in urls}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20T12:00:00Z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T14:00:00+02:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T12:00:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 12:00:00 GMT", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 07:00:00 -0500", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        *((text, None) for text in ("", "yesterday", "2026-13-40T00:00:00Z", None, 1700000000, "9" * 50)),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_is_read_strictly(text: object, at: datetime | None) -> None:
    assert clean_time(text) == at


@given(st.text(max_size=60))
def test_nothing_that_is_read_as_time_address_or_outlet_raises(text: str) -> None:
    clean_time(text)
    outlet_key(outlet_of(clean_url(text), text))
    same_url(text)


def test_a_name_and_a_domain_of_one_outlet_are_one() -> None:
    assert outlet_key("The Block") == outlet_key("theblock.co")
    assert outlet_key("CoinDesk") == outlet_key(outlet_of("https://www.coindesk.com/x"))
    assert outlet_key("Cointelegraph.com News") == outlet_key("cointelegraph.com")
    assert outlet_of("https://news.bbc.co.uk/x") == "bbc.co.uk"
    assert outlet_key("reuters.com") != outlet_key("bloomberg.com")
