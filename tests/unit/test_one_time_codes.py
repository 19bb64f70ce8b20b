"""The codes that other tests sign in with are taken whenever they are made, and however late they are checked."""

import pytest

from services.auth.codes import used_step
from tests.one_time_codes import OneTimeCodes

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class Watch:
    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += seconds


@pytest.mark.parametrize("late", [0.0, 0.2, 29.9])
@pytest.mark.parametrize("second", [0.0, 0.1, 15.0, 29.0, 29.999])
def test_a_code_is_taken_wherever_in_its_half_minute_it_was_made(second: float, late: float) -> None:
    watch, last = Watch(1_800_000_000 + second), 0
    codes = OneTimeCodes(SEED, watch.now, watch.wait)
    for _ in range(5):
        code = codes.next()
        watch.wait(late)
        step = used_step(SEED, code, watch.at, last)
        assert step is not None
        assert step > last
        last = step


def test_two_codes_cost_no_waiting_and_the_third_half_a_minute_at_most() -> None:
    watch = Watch(1_800_000_010)
    codes = OneTimeCodes(SEED, watch.now, watch.wait)
    given = [codes.next(), codes.next()]
    assert watch.at == 1_800_000_010
    given.append(codes.next())
    assert 1_800_000_030 <= watch.at < 1_800_000_031
    assert len(set(given)) == 3
