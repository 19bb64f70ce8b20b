"""Strategies over HTTP: rows in the words of the contract, and changes with the second factor."""

from typing import Any

import pytest

from tests.builders import d
from tests.fakes_ui import a_strategy_row
from tests.integration.test_http_api import Program, is_problem, program, stranger

__all__ = ["program", "stranger"]

FIELDS = (
    *("name", "title", "enabled", "configured", "offered", "weight", "reads_text", "ask", "sha256"),
    *("enabled_sha256", "status", "error", "performance"),
)


@pytest.fixture
def two(program: Program) -> Program:
    rows = program.desk.view.strategy_rows
    rows.append(a_strategy_row("mine", enabled=False, weight=d(0), offered=True, enabled_sha256=None, status="offered"))
    rows.append(a_strategy_row(weight=d("2.5")))
    return program


async def test_strategies_in_the_words_of_the_contract(two: Program) -> None:
    answer = (await two.get("strategies")).json()
    assert [row["name"] for row in answer["items"]] == ["mine", "technical_indicators"]
    assert answer["total"] == 2
    assert all(tuple(row) == FIELDS for row in answer["items"])
    assert (await two.get("strategies", params={"limit": 1, "offset": 1})).json()["items"][0]["weight"] == 2.5
    assert (await two.get("strategies/mine")).json() == answer["items"][0]
    assert is_problem(await two.get("strategies/nobody"), 404, "there is no strategy 'nobody'")


async def test_a_change_answers_the_changed_row(two: Program) -> None:
    body = {"enabled": True, "weight": 12.5, "sha256": "ab" * 32}
    answer = await two.post("strategies/mine", json=body)
    assert (answer.status_code, answer.json()["enabled"], answer.json()["weight"]) == (200, True, 12.5)
    assert two.desk.control.orders[-1] == ("change_strategy", "admin", f"mine True 12.5 {'ab' * 32}")
    assert is_problem(await two.post("strategies/nobody", json=body), 404)


async def test_it_needs_the_second_factor_where_one_is_enrolled(two: Program) -> None:
    two.desk.control.code = "123456"
    assert is_problem(await two.post("strategies/mine", json={"weight": 1}), 403, "otp")
    assert (await two.post("strategies/mine", json={"weight": 1, "otp": "123456"})).status_code == 200


async def test_what_the_state_forbids_is_409(two: Program) -> None:
    two.desk.control.refusal = "mine: the file has changed"
    assert is_problem(await two.post("strategies/mine", json={"enabled": True}), 409, "the file has changed")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "enabled, weight"),
        ({"weight": -1}, "weight"),
        ({"weight": 1001}, "weight"),
        ({"weight": "20"}, "weight"),
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": True, "sha256": "short"}, "sha256"),
        ({"enabled": True, "size": 1}, "size"),
        ([], ""),
    ],
)
async def test_a_body_that_cannot_be_is_422(two: Program, body: Any, word: str) -> None:
    assert is_problem(await two.post("strategies/mine", json=body), 422, word)
    assert not two.desk.control.orders


async def test_while_reconciling_nothing_is_changed(two: Program) -> None:
    two.desk.view.set(state="RECONCILING")
    assert is_problem(await two.post("strategies/mine", json={"weight": 1}), 503)
