"""Which headlines are shown, and which is the strongest."""

from datetime import timedelta

import pytest

from app.headlines import MOST_SHOWN, sort_out, strongest
from tests.builders import NOON, a_story


@pytest.mark.parametrize(
    ("severity", "score", "sources", "shown"),
    [
        ("high", 0.9, ("coindesk.com",), False),
        ("high", 0.0, ("coindesk.com",), False),
        ("high", -0.19, (), False),
        ("high", -0.2, ("coindesk.com",), True),
        ("high", 0.9, ("coindesk.com", "reuters.com"), True),
        ("medium", 0.9, ("coindesk.com",), True),
        ("low", 0.9, (), True),
    ],
)
def test_what_is_grave_and_does_not_sound_bad_needs_two_sources(
    severity: str, score: float, sources: tuple[str, ...], shown: bool
) -> None:
    story = a_story("Something", severity=severity, score=score, sources=sources)
    sorted_out = sort_out([story])
    assert (sorted_out.shown, sorted_out.withheld) == (((story,), ()) if shown else ((), (story,)))


def test_the_newest_hundred_are_shown() -> None:
    stories = [a_story(f"Story {number}") for number in range(MOST_SHOWN + 20)]
    assert sort_out(stories).shown == tuple(stories[:MOST_SHOWN])


def test_force_is_severity_times_clearness_halved_every_twelve_hours() -> None:
    grave = a_story("Grave", severity="high", score=-0.5)
    clear = a_story("Clear", severity="medium", score=0.9)
    assert strongest([clear, grave], NOON) is grave
    old = a_story("Grave", severity="high", score=-0.5, published_at=NOON - timedelta(hours=13))
    assert strongest([clear, old], NOON) is clear
    assert strongest([], NOON) is None
    tomorrow = a_story("Early", severity="high", score=-0.5, published_at=NOON + timedelta(hours=1))
    assert strongest([clear, tomorrow], NOON) is tomorrow
