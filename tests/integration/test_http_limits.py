"""Limits and thresholds over HTTP: nested as in risk.yml, bounds beside them, and what a wish is answered with."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.limits import named
from app.core.rules import RiskLimits, VotingRules
from app.faces import LimitsFace, VoteFace, Waits
from app.seam import Tasks
from services.settings.limits import RiskFile, Thresholds
from tests.builders import d
from tests.fakes_ui import NOW
from tests.integration.test_http_api import Program, is_problem, program, stranger

__all__ = ["program", "stranger"]

WAITS = Waits(id="w1", name="position_size_pct", value="8", effective_at=NOW + timedelta(hours=12))


@pytest.fixture
def limits(program: Program) -> Program:
    keys = tuple(RiskFile(Path("config"), Tasks()).keys)
    program.desk.view.limits_now = LimitsFace(
        keys=keys, values=named(RiskLimits()), pending=(WAITS,), used={"day_loss_pct": d("1.25"), "entries_today": 2}
    )
    program.desk.view.vote_now = VoteFace(keys=tuple(Thresholds().keys), rules=VotingRules(buy_threshold=d("72.5")))
    return program


async def test_limits_nested_as_in_the_file_with_bounds_and_what_waits(limits: Program) -> None:
    row = (await limits.get("risk")).json()
    assert row["limits"]["position_size_pct"] == 5
    assert row["limits"]["trailing"] == {"activate_pct": 3, "distance_pct": 3, "min_step_pct": 0.25}
    assert row["bounds"]["position_size_pct"] == [0.5, 10]
    assert row["bounds"]["entry"]["order"] == ["limit_ioc", "market"]
    assert row["defaults"]["entry"]["cooldown_candles"] == 1
    assert "of equity" in row["meaning"]["position_size_pct"]
    waits = {"id": "w1", "name": "position_size_pct", "value": "8", "effective_at": "2026-03-11T00:00:00.000Z"}
    assert row["pending"] == [waits]
    assert row["used"] == {"day_loss_pct": 1.25, "entries_today": 2}
    assert "simulation" not in row["limits"]


async def test_a_change_is_given_by_its_dotted_names(limits: Program) -> None:
    body = {"position_size_pct": 3, "trailing": {"distance_pct": "2.5"}}
    answer = await limits.post("risk", json=body)
    assert answer.status_code == 200
    assert answer.json() == (await limits.get("risk")).json()
    wish = "{'position_size_pct': 3, 'trailing.distance_pct': '2.5'}"
    assert limits.desk.control.orders == [("change_limits", "admin", wish)]


async def test_a_code_is_wanted_where_the_door_wants_one(limits: Program) -> None:
    limits.desk.control.code = "123456"
    assert is_problem(await limits.post("risk", json={"position_size_pct": 9}), 403, "otp")
    assert (await limits.post("risk", json={"position_size_pct": 9, "otp": "123456"})).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"otp": "1"}, {"otp": 5, "position_size_pct": 1}, [], {str(n): 1 for n in range(65)}]
)
async def test_a_body_that_says_nothing_is_422(limits: Program, body: Any) -> None:
    assert is_problem(await limits.post("risk", json=body), 422)
    assert limits.desk.control.orders == []


async def test_what_waits_is_taken_back_by_its_id(limits: Program) -> None:
    answer = await limits.client.delete("/api/v1/risk/pending/w1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert limits.desk.control.orders == [("take_back", "admin", "w1")]
    assert is_problem(await limits.client.delete("/api/v1/risk/pending/w2"), 404)


async def test_thresholds_are_read_and_changed(limits: Program) -> None:
    row = (await limits.get("thresholds")).json()
    assert row["thresholds"] == {"buy_threshold": 72.5, "sell_threshold": 70, "min_participation": 60}
    assert row["bounds"]["buy_threshold"] == [1, 100]
    assert (await limits.post("thresholds", json={"buy_threshold": 80})).json() == row
    assert limits.desk.control.orders == [("change_thresholds", "admin", "{'buy_threshold': 80}")]


@pytest.mark.parametrize("path", ["risk", "thresholds"])
async def test_strangers_learn_nothing_and_nothing_is_changed_while_reconciling(limits: Program, path: str) -> None:
    limits.desk.view.now = replace(limits.desk.view.now, state="RECONCILING")
    assert is_problem(await limits.post(path, json={"buy_threshold": 80}), 503)
    del limits.client.headers["authorization"]
    assert is_problem(await limits.get(path), 401)
    assert is_problem(await limits.post(path, json={"odd": 1}), 401)
    assert is_problem(await limits.client.delete("/api/v1/risk/pending/w1"), 401)
