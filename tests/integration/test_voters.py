"""Strategies enabled, weighed, replaced, broken and deleted while they are asked and the session trades."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app import codec
from app.core.alerts import AlertEvent
from app.core.errors import ConfigError, SecondFactorNeeded, StoreError
from app.core.messages import ChangeVoting
from app.core.model import Direction
from app.faces import Wish
from app.ports import Conflict, Who
from app.replaying import replayed_day
from app.strategy_files import Unfit
from services.settings import load_rules
from tests.builders import NOON
from tests.loop_lag import Lag
from tests.swap_floor import BUYS, ME, SwapFloor, a_file, sha

GOOD = a_file()
FIRST = a_file('return Signal("SELL", 40, "first")')
SECOND = a_file('return Signal("SELL", 60, "second")')
REALLY = 'if market_data.timeframe == "1m": '  # the proof shows hours, so it does not see what follows

Opening = Callable[..., Awaitable[SwapFloor]]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    """Start a trader on these approved files; again: on the same folders, as after a restart."""
    opened: list[SwapFloor] = []

    async def begin(answer_seconds: float = 10, **approved: str) -> SwapFloor:
        for each in opened:
            await each.stop()
        floor = SwapFloor(tmp_path, answer_seconds=answer_seconds)
        opened[:] = [floor]
        if approved:
            for name, text in approved.items():
                floor.write(name, text)
            floor.configure(**approved)
        await floor.start()
        return floor

    yield begin
    for each in opened:
        await each.stop()


async def test_what_is_dropped_waits_for_a_person_and_then_votes_in_the_next_cycle(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    floor.write("mine", FIRST)
    await floor.seen("mine")
    row = floor.row("mine")
    assert (row["status"], row["offered"], row["enabled"], row["weight"]) == ("offered", True, False, 0)
    assert (row["sha256"], row["enabled_sha256"], row["ask"], row["error"]) == (sha(FIRST), None, "candle", None)
    assert [text for event, text in floor.told if event is AlertEvent.STRATEGY] == [
        f"mine: a file that nobody approved yet (SHA-256 {sha(FIRST)}) passed its proof; "
        "enable it in Controls if it is yours"
    ]
    assert await floor.votes() == {"good": "ok"}

    await floor.enable("mine", 70)
    assert await floor.votes() == {"good": "ok", "mine": "ok"}
    row = floor.row("mine")
    assert (row["status"], row["offered"], row["weight"], row["enabled_sha256"]) == (
        *("running", False, 70),
        sha(FIRST),
    )
    text = (floor.config / "strategies.yml").read_text()
    assert text.startswith("# by hand\n")
    assert f"  mine:\n    enabled: true\n    weight: 70\n    sha256: {sha(FIRST)}" in text
    line = floor.audit[-1]
    assert (line["actor"], line["action"], line["target"], line["result"]) == ("admin", "change_strategy", "mine", "ok")
    assert line["detail"] == f"mine: on, weight 70, SHA-256 {sha(FIRST)}"
    assert replayed_day(floor.journal, NOON.replace(hour=0), "1").same


async def test_the_journal_tells_who_changed_what_and_gives_the_same_again(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    path = floor.write("mine", FIRST)
    await floor.seen("mine")
    await floor.enable("mine")
    await floor.minute()
    path.unlink()
    await floor.seen(looks=2)
    await floor.minute()
    messages = [codec.decode(row.message) for row in floor.journal.rows()]
    told = [(message.actor, message.note) for message in messages if isinstance(message, ChangeVoting)]
    assert told == [("admin", f"mine: on, weight 10, SHA-256 {sha(FIRST)}"), ("trader", "mine cannot vote")]
    assert replayed_day(floor.journal, NOON.replace(hour=0), "1").same


async def test_the_last_good_version_goes_on_when_the_file_breaks_and_the_next_one_waits(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    floor.write("mine", "def broken(:\n")
    await floor.seen("mine")
    row = floor.row("mine")
    assert (row["status"], row["offered"], row["enabled_sha256"]) == ("running", False, sha(FIRST))
    assert row["error"] == f"loads: SyntaxError: invalid syntax (line 1); version {sha(FIRST)[:12]} goes on"
    assert await said(floor, "mine") == "first"

    floor.write("mine", SECOND)
    await floor.seen("mine")
    row = floor.row("mine")
    assert (row["status"], row["offered"], row["sha256"], row["enabled_sha256"]) == (
        *("running", True),
        *(sha(SECOND), sha(FIRST)),
    )
    assert await said(floor, "mine") == "first"
    await floor.enable("mine", 30)
    assert await said(floor, "mine") == "second"
    assert floor.row("mine")["offered"] is False


async def said(floor: SwapFloor, name: str) -> str:
    """What it says in the next minute, in the version that the rules name."""
    await floor.minute()
    signal = floor.session.engine.state.signals[name]
    assert signal.asked_at == floor.session.now()
    (rule,) = [rule for rule in floor.voting().strategies if rule.name == name]
    assert signal.sha256 == rule.sha256
    return signal.reasoning


@pytest.mark.parametrize("how", ["broken", "link", "folder"])
async def test_a_restart_beside_a_spoilt_file_still_votes_with_the_last_good_version(
    opening: Opening, how: str
) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    path = floor.strategies / "mine.py"
    path.unlink()
    match how:
        case "broken":
            path.write_text("raise SystemExit\n")
        case "link":
            path.symlink_to(floor.strategies / "good.py")
        case "folder":
            path.mkdir()
    floor = await opening()
    assert await said(floor, "mine") == "first"
    assert floor.row("mine")["status"] == "running"


async def test_an_approved_version_that_is_nowhere_any_more_does_not_vote(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    floor.write("mine", SECOND)
    floor.kept.path(sha(FIRST)).unlink()
    floor = await opening()
    await floor.seen("mine")
    assert floor.row("mine")["status"] == "offered"
    assert await floor.votes() == {"good": "ok"}


async def test_a_kept_version_that_somebody_touched_is_not_run(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    floor.write("mine", "broken(\n")
    floor.kept.path(sha(FIRST)).write_text(SECOND)
    with pytest.raises(ConfigError, match="is not the version that was enabled"):
        await opening()


async def test_switched_on_in_the_file_without_its_hash_is_not_enough(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    config = floor.config / "strategies.yml"
    config.write_text(config.read_text() + "  mine: {enabled: true, weight: 20}\n")
    floor.write("mine", FIRST)
    floor = await opening()
    await floor.seen("mine")
    row = floor.row("mine")
    assert (row["status"], row["enabled"], row["configured"], row["enabled_sha256"]) == ("offered", True, False, None)
    assert await floor.votes() == {"good": "ok"}
    await floor.enable("mine", 20)
    assert await floor.votes() == {"good": "ok", "mine": "ok"}


async def test_a_deleted_file_is_out_of_the_vote_and_put_back_it_votes_again(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    path = floor.strategies / "mine.py"
    decision = await floor.minute()
    assert decision is not None
    path.unlink()
    await floor.seen()
    assert await floor.votes() == {"good": "ok", "mine": "ok"}  # an editor may be about to put a new one there
    await floor.seen()
    row = floor.row("mine")
    assert (row["status"], row["configured"], row["enabled"], row["error"]) == (
        *("not_configured", False, True),
        "there is no file mine.py",
    )
    assert await floor.votes() == {"good": "ok"}
    assert "mine: its file is gone, so it does not vote any more" in [text for _, text in floor.told]
    assert [signal.strategy for signal in decision.signals] == ["good", "mine"]

    path.write_text(FIRST)
    await floor.seen("mine")
    assert await floor.votes() == {"good": "ok", "mine": "ok"}


async def test_off_on_and_another_weight(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    await floor.control.change_strategy(ME, "mine", enabled=False)
    assert await floor.votes() == {"good": "ok"}
    assert floor.row("mine")["status"] == "off"
    await floor.control.change_strategy(ME, "mine", weight=Decimal("2.5"))
    assert await floor.votes() == {"good": "ok"}
    await floor.control.change_strategy(ME, "mine", enabled=True)  # the approved version: no hash is needed
    assert await floor.votes() == {"good": "ok", "mine": "ok"}
    floor = await opening()
    assert (floor.row("mine")["weight"], floor.row("mine")["status"]) == (Decimal("2.5"), "running")


async def test_one_that_is_switched_on_and_never_had_a_weight_is_given_a_small_one(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    floor.write("mine", FIRST)
    await floor.seen("mine")
    await floor.control.change_strategy(ME, "mine", enabled=True, sha256=sha(FIRST))
    assert floor.row("mine")["weight"] == 10


async def test_what_comes_with_the_program_needs_no_hash_and_gets_none(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    shipped = (Path(__file__).parents[2] / "strategies/custom_strategy.py").read_text()
    floor.write("custom_strategy", shipped)
    await floor.seen("custom_strategy")
    assert floor.row("custom_strategy")["status"] in ("off", "offered")
    await floor.control.change_strategy(ME, "custom_strategy", enabled=True, weight=Decimal(5), sha256=sha(shipped))
    assert floor.row("custom_strategy")["status"] == "running"
    assert "sha256" not in (floor.config / "strategies.yml").read_text().partition("custom_strategy")[2]
    error = floor.row("custom_strategy")["error"]
    assert error == "is shown 200 candles, and 4 are known so far"


REFUSED = [
    ("nobody", {"enabled": True}, KeyError, "nobody"),
    ("mine", {}, Unfit, "enabled, weight: give at least one of them"),
    ("mine", {"enabled": True}, Unfit, f"sha256: give the SHA-256 of the file that you looked at; it is {sha(FIRST)}"),
    (
        "mine",
        {"enabled": True, "sha256": "0" * 64},
        Conflict,
        f"mine: the file has changed; its SHA-256 is now {sha(FIRST)}",
    ),
    ("mine", {"enabled": False, "sha256": sha(FIRST)}, Unfit, "sha256: approves a file that is to vote"),
    ("mine", {"weight": Decimal(-1)}, Unfit, "weight: must be from 0 to 1000"),
    ("mine", {"weight": Decimal(1001)}, Unfit, "weight: must be from 0 to 1000"),
    ("mine", {"weight": Decimal("NaN")}, Unfit, "weight: must be from 0 to 1000"),
    ("good", {"weight": Decimal(0)}, Unfit, "weight: at least one strategy must have a weight above 0"),
    ("bad", {"enabled": True, "sha256": sha("broken(\n")}, Conflict, "bad did not pass its proof: loads: SyntaxError"),
    ("gone", {"enabled": True}, Conflict, "gone is not configured: there is no file gone.py"),
]


async def test_what_cannot_be_is_refused_in_words_and_no_code_is_used_up(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    config = floor.config / "strategies.yml"
    config.write_text(config.read_text() + "  gone: {enabled: false, weight: 0}\n")
    floor.write("mine", FIRST)
    floor.write("bad", "broken(\n")
    floor = await opening()
    await floor.seen("mine", "bad")
    floor.codes.is_enrolled = True
    before, rules = config.read_text(), floor.voting()
    for name, wish, error, text in REFUSED:
        with pytest.raises(error) as caught:
            await floor.control.change_strategy(ME, name, **wish)  # type: ignore[arg-type]
        assert text in str(caught.value)
    assert (config.read_text(), floor.voting(), floor.codes.asked) == (before, rules, 0)


async def test_every_change_needs_the_second_factor_a_lower_weight_too(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    floor.codes.is_enrolled = True
    for code in (None, "000000"):
        for wish in ({"enabled": False}, {"weight": Decimal(1)}):
            with pytest.raises(SecondFactorNeeded):
                await floor.control.change_strategy(Who(username="admin", otp=code), "mine", **wish)  # type: ignore[arg-type]
    assert floor.row("mine")["weight"] == 30
    assert {line["result"] for line in floor.audit} == {"refused"}
    await floor.control.change_strategy(ME, "mine", weight=Decimal(1))
    assert floor.row("mine")["weight"] == 1


async def test_a_change_that_cannot_be_journalled_is_taken_out_of_the_file_again(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    before = (floor.config / "strategies.yml").read_text()
    floor.journal.fail_next = True
    with pytest.raises(StoreError):
        await floor.control.change_strategy(ME, "mine", weight=Decimal(5))
    assert (floor.config / "strategies.yml").read_text() == before
    async with asyncio.timeout(10):
        while floor.row("mine")["weight"] != 30:  # the session starts over from its books
            await asyncio.sleep(0.02)


async def test_a_change_that_cannot_be_saved_is_not_made(opening: Opening, tmp_path: Path) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    config = floor.config / "strategies.yml"
    config.rename(tmp_path / "moved.yml")
    config.symlink_to(tmp_path / "moved.yml")
    with pytest.raises(ConfigError, match="symbolic link"):
        await floor.control.change_strategy(ME, "mine", weight=Decimal(5))
    assert floor.row("mine")["weight"] == 30


async def test_where_the_file_names_no_strategy_those_of_the_program_stay(opening: Opening) -> None:
    floor = await opening(good=GOOD)
    shipped = (Path(__file__).parents[2] / "strategies/technical_indicators.py").read_text()
    floor.write("technical_indicators", shipped)
    (floor.config / "strategies.yml").write_text("timeframe: 1m\n")
    floor = await opening()
    await floor.seen("good")
    await floor.control.change_strategy(ME, "good", enabled=True, weight=Decimal(7), sha256=sha(GOOD))
    named = {rule.name: (rule.enabled, rule.weight) for rule in (await opening()).voting().strategies}
    assert named == {
        "deepseek_analyzer": (True, 50),
        "technical_indicators": (True, 30),
        "news_analyzer": (True, 20),
        "good": (True, 7),
    }


async def test_what_a_strategy_needs_may_come_and_go(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    floor.voters.lacks = lambda face: "its key is not set" if face.name == "mine" else ""
    floor.voters.settle()
    assert await floor.votes() == {"good": "ok"}
    row = floor.row("mine")
    assert (row["status"], row["error"]) == ("not_configured", "its key is not set")
    floor.voters.lacks = lambda face: ""
    floor.voters.resting = lambda face: face.name == "mine"
    floor.voters.settle()
    assert await floor.votes() == {"good": "ok", "mine": "ok"}
    assert floor.row("mine")["status"] == "safe_mode"


TURNS_BAD = {
    "loops": "while True: pass",
    "exits": "os._exit(1)",
    "hungry": "return bytearray(4 << 30)",
    "raises": 'raise ValueError("no idea")',
}


async def test_those_that_turn_bad_after_they_were_approved_count_as_hold_and_disturb_nobody(opening: Opening) -> None:
    bad = {name: a_file(f"{REALLY}\n            {body}\n        {BUYS}") for name, body in TURNS_BAD.items()}
    async with Lag() as lag:
        floor = await opening(answer_seconds=1, good=GOOD, **bad)
        assert await floor.votes() == {"good": "ok"} | dict.fromkeys(bad, "failed")
        await floor.minute()
        assert await floor.votes() == {"good": "ok"} | dict.fromkeys(bad, "failed")
    assert lag.held_up < 0.05
    assert {floor.row(name)["status"] for name in bad} == {"failed"}
    assert floor.row("good")["status"] == "running"
    errors = {name: floor.row(name)["error"] for name in bad}
    assert "switched off: twice within an hour" in errors["loops"]
    assert "switched off: twice within an hour" in errors["exits"]
    assert "MemoryError" in errors["hungry"]
    assert "raises: ValueError: no idea (raises.py line 10)" in errors["raises"]
    assert not any(event is AlertEvent.STRATEGIES_FAIL for event, _ in floor.told)

    floor.write("exits", FIRST)
    await floor.seen("exits")
    await floor.enable("exits", 30)  # mended: what the old version did is not held against it
    assert await said(floor, "exits") == "first"
    assert floor.row("exits")["status"] == "running"


async def test_when_all_of_them_fail_nothing_is_bought_and_people_are_told_once(opening: Opening) -> None:
    bad = a_file(f'{REALLY} raise ValueError("no idea")\n        {BUYS}')
    floor = await opening(one=bad, two=bad)
    decision = await floor.minute()
    for _ in range(3):
        decision = await floor.minute() or decision
    assert decision is None or decision.action is Direction.HOLD
    assert floor.session.engine.state.last_decision is not None
    assert floor.session.engine.state.last_decision.action is Direction.HOLD
    assert not floor.session.engine.state.positions
    told = [text for event, text in floor.told if event is AlertEvent.STRATEGIES_FAIL]
    assert len(told) == 1
    assert "none of 2 answers" in told[0]
    assert "ValueError: no idea" in told[0]


async def test_an_answer_of_a_version_that_was_replaced_meanwhile_does_not_count(opening: Opening) -> None:
    slow = a_file(f'{REALLY} time.sleep(0.4)\n        return Signal("SELL", 40, "slow")')
    floor = await opening(good=GOOD, mine=slow)
    floor.write("mine", SECOND)
    await floor.seen("mine")
    minute = asyncio.ensure_future(floor.minute())
    await asyncio.sleep(0.2)
    await floor.control.change_strategy(ME, "mine", enabled=True, weight=Decimal(30), sha256=sha(SECOND))
    await minute
    newest = floor.session.engine.state.signals["mine"]
    assert newest.asked_at < floor.session.now()  # of the minute before
    assert await said(floor, "mine") == "second"


@pytest.mark.skipif(sys.platform != "linux", reason="the filter in the kernel is Linux's")
async def test_the_kernel_refuses_what_python_is_not_asked_about(opening: Opening) -> None:
    body = (
        "libc = ctypes.CDLL(None)\n"
        "        said = [libc.socket(2, 1, 0), libc.fork(), libc.kill(os.getppid(), 0), libc.unlink(b'/nosuch'),\n"
        "                libc.open(b'/tmp/written-by-c', 65, 0o600), libc.open(b'/etc/passwd', 0) > 0]\n"
        '        return Signal("HOLD", 1, repr(said))'
    )
    floor = await opening(good=GOOD, mine=a_file(body))
    assert await said(floor, "mine") == "[-1, -1, -1, -1, -1, True]"
    assert await floor.votes() == {"good": "ok", "mine": "ok"}


async def test_a_file_that_goes_and_a_person_who_changes_another_do_not_undo_each_other(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    (floor.strategies / "mine.py").unlink()
    await floor.voters.look()
    await floor.voters.look()  # what follows waits in the inbox when the person's command is made
    await floor.control.change_strategy(ME, "good", weight=Decimal(5))
    assert floor.row("good")["weight"] == 5
    assert floor.row("mine")["configured"] is False
    assert await floor.votes() == {"good": "ok"}


async def test_several_weights_and_a_threshold_change_together_with_one_code(opening: Opening) -> None:
    floor = await opening(good=GOOD, mine=FIRST)
    floor.codes.is_enrolled = True
    wishes = [Wish(name="good", weight=Decimal(10)), Wish(name="mine", weight=Decimal(90))]
    codeless = replace(ME, otp=None)
    await floor.control.change_votes(ME, wishes, {"buy_threshold": "65"})
    assert floor.codes.asked == 1
    assert {rule.name: rule.weight for rule in floor.voting().strategies} == {"good": 10, "mine": 90}
    assert floor.voting().buy_threshold == 65
    saved = load_rules(floor.config).rules.voting
    assert (saved.buy_threshold, [rule.weight for rule in saved.strategies]) == (65, [10, 90])
    told = [(line["action"], line["target"]) for line in floor.audit]
    assert told == [("change_strategy", "good"), ("change_strategy", "mine"), ("change_threshold", "buy_threshold")]

    await floor.control.change_votes(
        codeless, [], {"buy_threshold": 80, "min_participation": 5}
    )  # harder to buy: no code
    assert (floor.voting().buy_threshold, floor.voting().min_participation) == (80, 5)
    for riskier in ({"buy_threshold": 79}, {"sell_threshold": 90}, {"sell_threshold": 50}):
        with pytest.raises(SecondFactorNeeded):
            await floor.control.change_votes(codeless, [], riskier)
    nothing = [Wish(name=name, weight=Decimal(0)) for name in ("good", "mine")]
    with pytest.raises(Unfit, match="at least one strategy must have a weight"):
        await floor.control.change_votes(ME, nothing, {})
    with pytest.raises(Unfit, match="between 1 and 100"):
        await floor.control.change_votes(ME, [Wish(name="good", weight=Decimal(1))], {"buy_threshold": 101})
    assert {rule.name: rule.weight for rule in floor.voting().strategies} == {"good": 10, "mine": 90}
