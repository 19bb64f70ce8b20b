"""The API's description: it names everything there is, and the API keeps to it."""

import importlib.util
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from components.api import add_api
from components.api_shapes import ANSWERS, ROWS, described
from tests.fakes_ui import Desk
from tests.tools.fuzz_api import main


def the_api() -> tuple[FastAPI, dict[str, Any]]:
    api = add_api(FastAPI(), Desk().doors())
    return api, described(api)


def test_every_route_says_what_it_answers() -> None:
    api, _ = the_api()
    routes = [each for each in api.routes if isinstance(each, APIRoute) and each.include_in_schema]
    known = {(method.lower(), each.path) for each in routes for method in each.methods}
    assert len(known) > 30
    assert known - set(ANSWERS) == set(), "say in components/api_shapes.py what these answer"


def test_every_name_in_the_description_is_explained_and_every_error_has_its_form() -> None:
    _, whole = the_api()
    used = set(re.findall(r"#/components/schemas/(\w+)", str(whole)))
    assert used - set(whole["components"]["schemas"]) == set()
    assert set(ROWS) <= set(whole["components"]["schemas"])
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            problems = [each for status, each in operation["responses"].items() if int(status) >= 400]
            assert len(problems) >= 6
            assert all("application/problem+json" in each["content"] for each in problems)
            assert bool(operation["security"]) is (path != "/v1/token"), (method, path)


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_the_api_keeps_to_its_description_whatever_it_is_sent() -> None:
    assert main(examples=2, phases="fuzzing") == 0
