"""What must hold whatever happens: random markets, lost answers, half-done requests, restarts, people."""

from collections import Counter

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from app import codec
from tests.property.random_market import Walk, replayed

EXAMPLES, STEPS = 30, 400
WALKS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def walk_all(*, candle_fed: bool) -> Counter[str]:
    """Many walks, each checked after every message, brought to rest, and replayed from its journal alone."""
    counts: Counter[str] = Counter()

    @seed(1)
    @WALKS
    @given(number=st.integers(0, 2**32), steps=st.integers(STEPS // 2, STEPS))
    def one(number: int, steps: int) -> None:
        walk = Walk(number, candle_fed=candle_fed, counts=counts)
        walk.start()
        for _ in range(steps):
            walk.step()
        walk.come_to_rest()
        walk.check_rest()
        assert codec.encode(replayed(walk.journal).state) == codec.encode(walk.engine.state)

    one()
    return counts


def enough_happened(counts: Counter[str]) -> None:
    for what in (
        "trades by stop",
        "trades by trailing_stop",
        "trades by vote",
        "trades by manual",
        "trailing moves",
        "refusals",
        "doubts",
        "half done",
        "lost reports",
        "restarts",
        "from a stored state",
        "day changes",
        "positions at rest",
        "ticks that changed nothing",
    ):
        assert counts[what] >= 5, f"{what}: {counts[what]}"


def test_rules_hold_on_live_prices() -> None:
    enough_happened(walk_all(candle_fed=False))


def test_rules_hold_on_candles() -> None:
    enough_happened(walk_all(candle_fed=True))
