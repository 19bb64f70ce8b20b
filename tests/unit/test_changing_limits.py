"""Limits changed while it trades: by name, what is safer at once, the rest at midnight, and nothing undone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app import codec
from app.core.limits import changed, differing, is_safer, named
from app.core.messages import ChangeRisk, TakeBack, TimePassed
from app.core.rules import EntryOrder, RiskLimits
from tests.builders import NOON, Desk, d, some_rules
from tests.core_stories import EASY

MIDNIGHT = NOON + timedelta(hours=12)


class Person:
    """Who changes limits, one at a time, as the door for people does it."""

    def __init__(self) -> None:
        self.desk = Desk(rules=some_rules(risk=EASY)).start()
        self._number = 0

    @property
    def limits(self) -> RiskLimits:
        return self.desk.engine.state.rules.risk

    @property
    def waiting(self) -> list[tuple[str, str]]:
        return [(change.name, change.value) for change in self.desk.engine.state.pending]

    def changes(self, name: str, value: Decimal | int, *, now: bool, seen: RiskLimits | None = None) -> str:
        self._number += 1
        before = seen or self.limits
        self.desk.tell(
            ChangeRisk(
                at=self.desk.now,
                id=f"c{self._number}",
                actor="me",
                limits=changed(before, {name: value}),
                name=name,
                value=str(value),
                now=now,
                before=before,
            )
        )
        return f"c{self._number}"

    def waits_until_midnight(self) -> None:
        self.desk.now = MIDNIGHT
        self.desk.tell(TimePassed(at=MIDNIGHT))


# ---------------------------------------------------------------- in the engine


def test_a_limit_tightened_while_another_waits_is_still_tight_after_midnight() -> None:
    me = Person()
    me.changes("position_size_pct", d(8), now=False)
    me.changes("daily_loss_limit_pct", d(3), now=True)
    me.waits_until_midnight()
    assert (me.limits.position_size_pct, me.limits.daily_loss_limit_pct) == (8, 3)


def test_of_two_that_wait_both_come() -> None:
    me = Person()
    me.changes("position_size_pct", d(8), now=False)
    me.changes("stop_loss_pct", d(7), now=False)
    me.waits_until_midnight()
    assert (me.limits.position_size_pct, me.limits.stop_loss_pct) == (8, 7)
    assert me.waiting == []


def test_the_last_word_on_a_limit_counts_whichever_way_it_goes() -> None:
    me = Person()
    me.changes("position_size_pct", d(8), now=False)
    me.changes("position_size_pct", d(9), now=False)
    assert me.waiting == [("position_size_pct", "9")]
    me.changes("position_size_pct", d(2), now=True)
    assert me.waiting == []
    me.waits_until_midnight()
    assert me.limits.position_size_pct == 2


def test_what_came_into_force_after_somebody_looked_is_not_undone() -> None:
    me = Person()
    seen = me.limits
    me.changes("position_size_pct", d(8), now=False)
    me.waits_until_midnight()
    me.changes("max_open_positions", 2, now=True, seen=seen)
    assert (me.limits.position_size_pct, me.limits.max_open_positions) == (8, 2)


def test_one_of_two_is_taken_back_and_the_other_comes() -> None:
    me = Person()
    first = me.changes("position_size_pct", d(8), now=False)
    me.changes("stop_loss_pct", d(7), now=False)
    me.desk.tell(TakeBack(at=me.desk.now, id="t", actor="me", change_id=first))
    me.waits_until_midnight()
    assert (me.limits.position_size_pct, me.limits.stop_loss_pct) == (EASY.position_size_pct, 7)


def test_midnight_while_the_program_was_down_counts_although_the_file_does_not_know_it_yet() -> None:
    me = Person()
    me.changes("position_size_pct", d(8), now=False)
    me.desk.now = MIDNIGHT + timedelta(hours=1)
    me.desk.restart()
    assert me.limits.position_size_pct == 8
    assert me.waiting == []


def test_before_midnight_a_restart_keeps_what_waits() -> None:
    me = Person()
    me.changes("position_size_pct", d(8), now=False)
    me.desk.restart()
    assert me.limits.position_size_pct == EASY.position_size_pct
    assert me.waiting == [("position_size_pct", "8")]


def test_commands_of_an_earlier_version_are_read_as_they_were_meant() -> None:
    command = ChangeRisk(at=NOON, id="1", actor="me", limits=EASY, name="n", value="v", now=True)
    text = codec.encode(command).replace('"before":null,', "")
    assert codec.decode(text) == command


# ---------------------------------------------------------------- by name


def test_every_limit_has_a_name_and_comes_back_by_it() -> None:
    limits = RiskLimits()
    names = named(limits)
    assert names["trailing.distance_pct"] == 3
    assert names["entry.order"] is EntryOrder.LIMIT_IOC
    assert changed(RiskLimits(position_size_pct=d(1), trailing=None), names) == limits
    assert set(named(RiskLimits(trailing=None))) == set(names)


def test_only_what_differs_is_told() -> None:
    after = changed(RiskLimits(), {"entry.cooldown_candles": 3, "stop_loss_pct": d(5)})
    assert differing(RiskLimits(), after) == {"entry.cooldown_candles": 3}
    with pytest.raises(KeyError):
        changed(RiskLimits(), {"size": 1})


def test_no_trailing_stays_none_when_something_else_is_changed() -> None:
    off = RiskLimits(trailing=None)
    assert changed(off, {"stop_loss_pct": d(4)}) == replace(off, stop_loss_pct=d(4))
    assert changed(off, {"trailing.distance_pct": d(2)}).trailing.distance_pct == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "before", "after", "safer"),
    [
        ("position_size_pct", d(5), d(4), True),
        ("position_size_pct", d(5), d(6), False),
        ("daily_loss_limit_pct", d(15), None, False),
        ("daily_loss_limit_pct", None, d(15), True),
        ("entry.cooldown_candles", 1, 2, True),
        ("entry.cooldown_candles", 2, 1, False),
        ("entry.min_depth_pct", d(100), d(50), False),
        ("buy_threshold", d(70), d(80), True),
        ("buy_threshold", d(70), d(60), False),
        ("sell_threshold", d(70), d(80), False),
        ("sell_threshold", d(70), d(60), False),
        ("stop_loss_pct", d(5), d(3), False),  # a stop too near sells too early
        ("stop_loss_pct", d(5), d(7), False),
        ("trailing.distance_pct", d(3), d(2), False),
        ("entry.order", EntryOrder.MARKET, EntryOrder.LIMIT_IOC, False),
        ("max_open_positions", 4, 1, True),
    ],
)
def test_which_way_is_safer(name: str, before: object, after: object, safer: bool) -> None:
    assert is_safer(name, before, after) is safer  # type: ignore[arg-type]
