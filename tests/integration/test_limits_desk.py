"""Limits changed by a person: second factor, midnight, audit, and the file that a restart reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.control import Controls
from app.core.errors import ConfigError, SecondFactorNeeded
from app.core.messages import TimePassed
from app.core.model import Candle
from app.core.rules import RiskLimits
from app.limits_desk import LimitsDesk
from app.ports import Conflict, Who
from app.strategy_files import Unfit
from services.settings import load_rules
from services.settings.limits import RiskFile
from tests.builders import NOON, a_candle, a_start, d, some_rules
from tests.integration.test_control_and_view import ME, Floor

CODED = Who(username="admin", address="127.0.0.1", otp="123456")
MIDNIGHT = NOON + timedelta(hours=12)


class LimitsFloor(Floor):
    """A trader whose risk.yml lies in `config`."""

    def __init__(self, config: Path) -> None:
        super().__init__()
        self.config = config
        numbers = iter(range(1000))
        self.desk = LimitsDesk(
            self.session,
            RiskFile(config, self.tasks),
            self.in_file,
            new_id=lambda: f"r{next(numbers)}",
            clock=self.clock,
            tasks=self.tasks,
        )
        self.session.observe(self.desk.hear)
        self.control = Controls(
            self.session,
            second_factor=self.codes,
            record=lambda **line: self.audit.append(line),
            acknowledge=self.acknowledge,
            tasks=self.tasks,
            new_id=lambda: f"c{next(numbers)}",
            live=False,
            limits=self.desk,
        )

    @property
    def in_file(self) -> RiskLimits:
        return load_rules(self.config).rules.risk

    @property
    def in_force(self) -> RiskLimits:
        return self.session.engine.state.rules.risk

    @property
    def waiting(self) -> list[tuple[str, str]]:
        return [(each.name, each.value) for each in self.desk.look().pending]

    def with_factor(self) -> None:
        self.codes.is_enrolled = True
        self.codes.known.add("123456")

    async def start(self) -> None:
        self.tasks.start(self.session.run(), "session")
        await self.session.start(a_start(instrument=self.instrument, rules=some_rules(risk=self.in_file)))
        await self.session.drained()

    async def midnight(self) -> None:
        self.time.advance(MIDNIGHT)
        self.session.post(TimePassed(at=MIDNIGHT))
        await self.session.drained()

    async def until_file_says(self, name: str, value: object) -> None:
        async with asyncio.timeout(5):
            while getattr(self.in_file, name) != value:
                await asyncio.sleep(0.005)


def first_candle() -> Candle:
    return a_candle("50000", at=NOON)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[LimitsFloor]:
    (tmp_path / "risk.yml").write_text("# mine\nposition_size_pct: 5  # of equity\n")
    made = LimitsFloor(tmp_path)
    await made.start()
    await made.minute("50000")
    yield made
    await made.tasks.stop()


async def test_a_tighter_limit_counts_at_once_without_a_code_and_stands_in_the_file(floor: LimitsFloor) -> None:
    floor.codes.is_enrolled = True
    await floor.control.change_limits(ME, {"position_size_pct": "3.5", "entry.cooldown_candles": 4})
    assert (floor.in_force.position_size_pct, floor.in_force.entry.cooldown_candles) == (d("3.5"), 4)
    assert floor.in_file == floor.in_force
    text = (floor.config / "risk.yml").read_text()
    assert text.startswith("# mine\nposition_size_pct: 3.5")
    assert "# of equity" in text
    told = [(line["action"], line["target"], line["detail"], line["actor"]) for line in floor.audit]
    assert told == [
        ("change_limits", "position_size_pct", "3.5 at once", "admin"),
        ("change_limits", "entry.cooldown_candles", "4 at once", "admin"),
    ]


async def test_a_looser_limit_needs_a_fresh_code_and_waits_for_midnight(floor: LimitsFloor) -> None:
    floor.with_factor()
    with pytest.raises(SecondFactorNeeded):
        await floor.control.change_limits(ME, {"position_size_pct": 8})
    assert floor.waiting == []
    await floor.control.change_limits(CODED, {"position_size_pct": 8})
    with pytest.raises(SecondFactorNeeded):  # a code works once
        await floor.control.change_limits(CODED, {"stop_loss_pct": 6})
    assert floor.waiting == [("position_size_pct", "8")]
    assert floor.in_force.position_size_pct == floor.in_file.position_size_pct == 5
    await floor.midnight()
    assert floor.in_force.position_size_pct == 8
    await floor.until_file_says("position_size_pct", 8)
    assert floor.in_file == floor.in_force


async def test_tighter_and_looser_in_one_wish_each_take_their_way(floor: LimitsFloor) -> None:
    floor.with_factor()
    await floor.control.change_limits(CODED, {"max_open_positions": 2, "trailing.distance_pct": d("2.5")})
    assert floor.in_force.max_open_positions == 2
    assert floor.waiting == [("trailing.distance_pct", "2.5")]


async def test_a_change_that_waits_is_taken_back_without_a_code(floor: LimitsFloor) -> None:
    await floor.control.change_limits(ME, {"position_size_pct": 8})
    (waits,) = floor.desk.look().pending
    floor.codes.is_enrolled = True
    await floor.control.take_back(ME, waits.id)
    with pytest.raises(KeyError):
        await floor.control.take_back(ME, waits.id)
    await floor.midnight()
    assert floor.in_force.position_size_pct == 5


async def test_asking_for_what_counts_now_takes_back_what_waits(floor: LimitsFloor) -> None:
    await floor.control.change_limits(ME, {"position_size_pct": 8})
    await floor.control.change_limits(ME, {"position_size_pct": 5})
    assert floor.waiting == []


async def test_what_only_goes_together_is_refused_alone_and_not_taken_apart(floor: LimitsFloor) -> None:
    with pytest.raises(Unfit, match="max_exposure_pct would be 4; it must be at least position_size_pct"):
        await floor.control.change_limits(ME, {"max_exposure_pct": 4})
    await floor.control.change_limits(ME, {"max_exposure_pct": 5, "position_size_pct": 5})
    await floor.control.change_limits(ME, {"max_exposure_pct": 9, "position_size_pct": 8})
    exposure = next(each for each in floor.desk.look().pending if each.name == "max_exposure_pct")
    with pytest.raises(Conflict, match="take that back first"):
        await floor.control.take_back(ME, exposure.id)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("position_size_pct", 50, "between 0.5 and 10"),
        ("position_size_pct", "five", "plain digits"),
        ("position_size_pct", float("nan"), "plain digits"),
        ("position_size_pct", None, "a number between"),
        ("daily_loss_limit_pct", "null", "plain digits"),
        ("max_open_positions", 2.5, "whole number"),
        ("max_open_positions", True, "whole number"),
        ("entry.order", "any", "limit_ioc"),
        ("simulation.fee_pct", 0, "no limit that can be changed"),
        ("size", 1, "no limit that can be changed"),
    ],
)
async def test_what_cannot_be_changes_nothing(floor: LimitsFloor, name: str, value: object, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        await floor.control.change_limits(ME, {"max_open_positions": 1, name: value})
    assert floor.in_force == floor.in_file == RiskLimits()
    assert floor.audit == []


async def test_what_cannot_be_saved_is_not_commanded(floor: LimitsFloor) -> None:
    (floor.config / "risk.yml").write_text("position_size_pct: five\n")
    with pytest.raises(ConfigError):
        await floor.control.change_limits(ME, {"position_size_pct": 3})
    assert floor.in_force.position_size_pct == 5


async def test_a_change_that_came_into_force_while_the_file_was_broken_is_written_later(floor: LimitsFloor) -> None:
    good = (floor.config / "risk.yml").read_text()
    await floor.control.change_limits(ME, {"position_size_pct": 8})
    (floor.config / "risk.yml").write_text("position_size_pct: five\n")
    await floor.midnight()
    assert floor.in_force.position_size_pct == 8
    (floor.config / "risk.yml").write_text(good)
    await floor.control.change_limits(ME, {"max_open_positions": 3})  # the next wish does not wait for the next try
    assert floor.in_file.max_open_positions == 3


async def test_how_much_is_used_stands_beside_the_limits(floor: LimitsFloor) -> None:
    await floor.buy()
    face = floor.desk.look()
    assert face.used["open_positions"] == face.used["entries_today"] == 1
    assert Decimal(4) < face.used["exposure_pct"] < Decimal(6)
    keys = {key.name: key for key in face.keys}
    assert (keys["position_size_pct"].low, keys["position_size_pct"].high) == ("0.5", "10")
    assert keys["entry.order"].options == ("limit_ioc", "market")
    assert set(keys) == set(face.values)
