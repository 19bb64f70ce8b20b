"""Each item of the go-live list by itself: what is good, what is not, and what is only worth knowing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.checklist import Checklist, Verdict
from services.binance_us.standing import Standing
from services.database.looking_at_past import Person, Traded
from services.live_check import books, drill, exchange, wording
from services.live_check.subject import failed, passed, waived
from tests.builders import an_instrument

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = Standing(
    can_trade=True,
    can_withdraw=False,
    account_withdraws=True,
    ip_restricted=True,
    ahead_seconds=0.1,
    not_tradable="",
    instrument=an_instrument(),
    quote_total=Decimal(5_000),
    base_total=Decimal(0),
    ask=Decimal(60_000),
)


@pytest.mark.parametrize(
    ("change", "item", "verdict", "word"),
    [
        ({}, exchange.key, "passed", "may trade"),
        ({"can_trade": False}, exchange.key, "failed", "may not trade"),
        ({"can_trade": None}, exchange.key, "warning", "does not tell"),
        ({}, exchange.withdrawals, "passed", "not allowed"),
        ({"can_withdraw": True, "account_withdraws": False}, exchange.withdrawals, "failed", "key may withdraw"),
        ({"can_withdraw": None, "account_withdraws": False}, exchange.withdrawals, "passed", "not allowed"),
        ({"can_withdraw": None, "account_withdraws": None}, exchange.withdrawals, "warning", "does not tell"),
        ({"can_withdraw": None}, exchange.withdrawals, "failed", "does not tell of the key"),
        ({}, exchange.address, "passed", "only from addresses"),
        ({"ip_restricted": False}, exchange.address, "failed", "from everywhere"),
        ({"ip_restricted": None}, exchange.address, "warning", "does not tell"),
        ({"ahead_seconds": 1.0}, exchange.clock, "passed", "1000 ms ahead of"),
        ({"ahead_seconds": -1.01}, exchange.clock, "failed", "1010 ms behind"),
        ({"ahead_seconds": 1.01}, exchange.clock, "failed", "ahead of"),
        ({}, exchange.symbol, "passed", "BTC/USD is traded"),
        ({"not_tradable": "it is halted; wait"}, exchange.symbol, "failed", "it is halted"),
        ({"instrument": None, "not_tradable": "is not known; wait"}, exchange.symbol, "failed", "is not known"),
    ],
)
def test_what_the_exchange_tells(change: dict[str, object], item, verdict: str, word: str) -> None:  # type: ignore[no-untyped-def]
    found = item(replace(GOOD, **change))  # type: ignore[arg-type]
    assert (found.verdict, found.verdict == "passed" or bool(found.cure)) == (verdict, True)
    assert word in found.seen


@pytest.mark.parametrize(
    ("people", "verdict", "word"),
    [
        ([], "failed", "nobody"),
        ([Person("admin", False)], "failed", "admin has none"),
        ([Person("admin", True), Person("wife", False)], "failed", "wife has none"),
        ([Person("a", False), Person("b", False)], "failed", "a, b have none"),
        ([Person("admin", True)], "passed", "enrolled: admin"),
    ],
)
def test_everybody_who_may_sign_in_needs_a_second_factor(people: list[Person], verdict: str, word: str) -> None:
    found = books.second_factor(people)
    assert found.verdict == verdict
    assert word in found.seen


def on_paper(minutes: int, last: str = "10000", name: str = "paper simulated BTC/USD abcd") -> Traded:
    return Traded(name, minutes, Decimal(10_000), Decimal(last))


@pytest.mark.parametrize(
    ("traded", "verdict", "word"),
    [
        ([], "failed", "nothing was traded"),
        ([on_paper(1439)], "failed", "24.0 hours"),
        ([on_paper(1439), on_paper(1439)], "failed", "24.0 hours"),
        ([on_paper(3), on_paper(1440)], "passed", "1.0 days"),
    ],
)
def test_a_day_on_paper_is_a_day_of_minutes_in_one_ledger(traded: list[Traded], verdict: str, word: str) -> None:
    found = books.paper_day(traded)
    assert found.verdict == verdict
    assert word in found.seen


@pytest.mark.parametrize(
    ("traded", "verdict", "word"),
    [
        ([], "warning", "nothing"),
        ([on_paper(14 * 1440 - 1, "10100")], "warning", "+1.00 %"),
        ([on_paper(14 * 1440, "9999")], "warning", "-0.01 %"),
        ([on_paper(14 * 1440)], "passed", "+0.00 %"),
    ],
)
def test_two_weeks_that_do_not_lose_are_worth_knowing(traded: list[Traded], verdict: str, word: str) -> None:
    found = books.paper_result(traded)
    assert found.verdict == verdict
    assert word in found.seen


# ---------------------------------------------------------------- the fire drill


IN_FORCE = "ab" * 32


def certificate(folder: Path, name: str, **changes: object) -> None:
    (folder / "drills").mkdir(exist_ok=True)
    whole: dict[str, object] = {
        "at": "2026-11-10T12:00:00Z",
        "passed": True,
        "version": "1.2",
        "config_sha256": IN_FORCE,
    }
    whole |= {"scenarios": [{}, {}]} | changes
    (folder / "drills" / f"{name}.json").write_text(json.dumps(whole))


def test_a_young_certificate_that_passed_will_do(tmp_path: Path) -> None:
    assert drill.item(tmp_path, NOW, IN_FORCE).seen == "none is on record"
    certificate(tmp_path, "2026-11-10T12-00-00Z")
    found = drill.item(tmp_path, NOW, IN_FORCE)
    assert (found.verdict, found.seen) == ("passed", "of 2026-11-10 12:00 UTC, version 1.2, passed (2 scenarios)")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"passed": False}, "did not pass"),
        ({"at": "2026-10-21T12:00:00Z"}, "older than 30 days"),
        ({"at": "2026-11-20T13:00:01Z"}, "cannot be believed"),
        ({"at": "2026-11-10T12:00:00"}, "cannot be believed"),
        ({"at": None}, "cannot be believed"),
        ({"passed": "yes"}, "cannot be believed"),
    ],
)
def test_only_the_newest_certificate_counts(tmp_path: Path, change: dict[str, object], word: str) -> None:
    certificate(tmp_path, "2026-11-01T12-00-00Z", at="2026-11-01T12:00:00Z")
    certificate(tmp_path, "2026-11-15T12-00-00Z", **change)
    found = drill.item(tmp_path, NOW, IN_FORCE)
    assert found.verdict == "failed"
    assert word in found.seen
    assert found.cure == "run one: main.py drill"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"at": {}}', "[" * 100_000])
def test_a_certificate_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills/2026-11-15T12-00-00Z.json").write_text(text)
    assert "cannot be believed" in drill.item(tmp_path, NOW, IN_FORCE).seen


@pytest.mark.parametrize("other", ["cd" * 32, "", None])
def test_a_drill_with_another_configuration_counts_and_says_so(tmp_path: Path, other: str | None) -> None:
    certificate(tmp_path, "2026-11-10T12-00-00Z", config_sha256=other)
    found = drill.item(tmp_path, NOW, IN_FORCE)
    assert found.verdict is Verdict.WARNING
    assert found.seen.endswith("passed (2 scenarios), drilled with another configuration")
    assert found.cure == "run one: main.py drill"
    certificate(tmp_path, "2026-11-11T12-00-00Z", config_sha256=other, passed=False)
    assert drill.item(tmp_path, NOW, IN_FORCE).verdict is Verdict.FAILED


def test_almost_thirty_days_are_young_enough(tmp_path: Path) -> None:
    certificate(tmp_path, "x", at=(NOW - timedelta(days=30) + timedelta(seconds=1)).isoformat())
    assert drill.item(tmp_path, NOW, IN_FORCE).verdict is Verdict.PASSED


# ---------------------------------------------------------------- in words


def test_what_is_waived_says_so_and_what_passed_stays_passed() -> None:
    assert waived(passed("a", "fine")).verdict is Verdict.PASSED
    found = waived(failed("a", "missing", "get one"))
    assert (found.verdict, found.cure) == (Verdict.WAIVED, "")
    assert "(missing)" in found.seen


def test_the_list_in_lines_and_as_an_object() -> None:
    found = Checklist(at=NOW, items=(passed("key", "is taken"), failed("clock", "is late", "set it")))
    assert wording.text_of(found).splitlines() == [
        "passed  key: is taken",
        "failed  clock: is late; set it",
        "1 of 2 items fail: real money is not traded",
    ]
    said = json.loads(wording.json_of(found))
    assert said["passed"] is False
    assert said["items"][1] == {"name": "clock", "verdict": "failed", "seen": "is late", "cure": "set it"}
    assert wording.text_of(Checklist(at=NOW, items=(passed("key", "is taken"),))).endswith("ready to go live")
