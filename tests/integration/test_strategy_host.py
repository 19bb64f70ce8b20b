"""The real strategy process, with strategies that do everything wrong. The loop never waits for them."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from app.analyst import Question
from app.core.errors import StrategyError
from app.seam import Clock, clock
from services.strategy_host import StrategyHost
from strategies.runtime import LocalStrategies
from tests.loop_lag import Lag
from tests.strategy_cases import a_rule, random_candles, real_candles, shown

FILE = """
import ctypes, os, sys, time
from strategies.base_strategy import BaseStrategy, DataFrame, Option, Signal, frame

class Mine(BaseStrategy):
    startup_candles = 5
    options = {{"sure": Option(80, 0, 100)}}

    def analyze(self, market_data, news_events):
        {body}
"""
GOOD = 'return Signal("BUY", self.settings["sure"], f"close {frame(market_data).close.iloc[-1]:.2f}")'
CANDLES = random_candles(3, 40)
DATA = shown(CANDLES[:5])

Hosting = Callable[..., Awaitable[StrategyHost]]


@pytest.fixture
async def hosting(tmp_path: Path) -> AsyncIterator[Hosting]:
    """Write strategy files, start a host on them; it is stopped afterwards."""
    started: list[StrategyHost] = []

    async def begin(seconds: float = 10, **bodies: str) -> StrategyHost:
        for name, body in {"good": GOOD, **bodies}.items():
            (tmp_path / f"{name}.py").write_text(FILE.format(body=body))
        host = StrategyHost(tmp_path, seconds)
        started.append(host)
        faces = await host.start([a_rule(name) for name in ("good", *bodies)])
        assert {face.status for face in faces} == {"running"}
        return host

    yield begin
    for host in started:
        await host.stop()


async def fails(host: StrategyHost, name: str) -> str:
    with pytest.raises(StrategyError) as caught:
        await host.ask(a_rule(name), DATA, ())
    return str(caught.value)


async def still_works(host: StrategyHost) -> None:
    action, confidence, reasoning = await host.ask(a_rule("good"), DATA, ())
    assert (action, confidence, reasoning) == ("BUY", Decimal("80.00"), f"close {CANDLES[4].close:.2f}")


async def test_a_strategy_is_known_by_its_face_and_asked(hosting: Hosting) -> None:
    host = await hosting()
    face = (await host.start([a_rule("good")]))[0]
    assert (face.name, face.title, face.startup_candles, len(face.sha256)) == ("good", "good", 5, 64)
    await still_works(host)


ASKING = """
from strategies.base_strategy import AskingStrategy, Question, Signal

class Mine(AskingStrategy):
    startup_candles = 5

    def question(self, market_data, news_events):
        {question}

    def analyze(self, market_data, news_events, answer=None):
        return Signal("BUY", 50, f"answered {{answer}} beside {{len(market_data.candles)}} candles")
"""


async def test_one_that_asks_says_what_and_is_given_the_answer(hosting: Hosting, tmp_path: Path) -> None:
    host = await hosting()
    (tmp_path / "asking.py").write_text(ASKING.format(question='return Question(template="t", system="s", user="u")'))
    (tmp_path / "silent.py").write_text(ASKING.format(question="return None"))
    (tmp_path / "odd.py").write_text(ASKING.format(question='return "buy everything"'))
    faces = await host.start([a_rule("asking"), a_rule("silent"), a_rule("odd"), a_rule("good")])
    assert [face.asks for face in faces] == [True, True, True, False]
    assert [face.reads_text for face in faces] == [True, True, True, False]
    assert await host.question(a_rule("asking"), DATA, ()) == Question(template="t", system="s", user="u")
    assert await host.ask(a_rule("asking"), DATA, (), "yes") == ("BUY", 50, "answered yes beside 5 candles")
    assert await host.question(a_rule("silent"), DATA, ()) is None
    assert await host.question(a_rule("good"), DATA, ()) is None
    with pytest.raises(StrategyError, match="question must return a Question or None, not str"):
        await host.question(a_rule("odd"), DATA, ())
    await still_works(host)


async def test_settings_reach_it_also_when_they_change(hosting: Hosting) -> None:
    host = await hosting()
    assert (await host.ask(a_rule("good", sure=61), DATA, ()))[1] == 61
    assert (await host.ask(a_rule("good", sure=62), DATA, ()))[1] == 62
    assert "sure is 101; use 0 to 100" in await fails_with(host, a_rule("good", sure=101))


async def fails_with(host: StrategyHost, rule: object) -> str:
    with pytest.raises(StrategyError) as caught:
        await host.ask(rule, DATA, ())  # type: ignore[arg-type]
    return str(caught.value)


async def test_windows_that_move_on_jump_or_shrink_are_shown_right(hosting: Hosting) -> None:
    body = 'return Signal("HOLD", 50, " ".join(str(each.close) for each in market_data.candles))'
    host = await hosting(echo=body)
    for begin, end in ((0, 5), (1, 6), (1, 6), (2, 9), (20, 25), (3, 8), (4, 30), (25, 30), (26, 31)):
        _, _, reasoning = await host.ask(a_rule("echo"), shown(CANDLES[begin:end]), ())
        assert reasoning == " ".join(str(each.close) for each in CANDLES[end - 5 : end])


@pytest.mark.parametrize("name", ["technical_indicators", "custom_strategy"])
async def test_the_process_answers_exactly_as_the_backtest_does(name: str) -> None:
    candles, host, local, rule = real_candles(), StrategyHost(), LocalStrategies(), a_rule(name)
    try:
        face = (await host.start([rule]))[0]
        assert [face] == local.load([rule])
        local.prepare(name, candles)
        for end in range(face.startup_candles, len(candles) + 1, 7):
            data = shown(candles[end - face.startup_candles : end])
            assert await host.ask(rule, data, ()) == local.ask(rule, data)
    finally:
        await host.stop()


async def test_one_that_loops_for_ever_is_ended_and_after_the_second_time_switched_off(hosting: Hosting) -> None:
    host = await hosting(seconds=1, loops="while True: pass")
    async with Lag() as lag:
        await fails(host, "loops")
        await still_works(host)
        await fails(host, "loops")
    assert lag.held_up < 0.05  # what holds the loop up does so twice
    await still_works(host)
    before = clock.monotonic()
    assert "switched off: twice within an hour" in await fails(host, "loops")
    assert clock.monotonic() - before < 1, "nobody is asked"


async def test_one_that_sleeps_is_ended_too(hosting: Hosting) -> None:
    host = await hosting(seconds=0.5, sleeps="time.sleep(1000)")
    assert await fails(host, "sleeps") == "sleeps: gave no answer within 0.5 s"
    await still_works(host)


async def test_two_losses_more_than_an_hour_apart_are_forgiven(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await hosting(dies="os._exit(7)")
    assert await fails(host, "dies") == "dies: died (exit code 7)"

    class Later(Clock):
        def monotonic(self) -> float:
            return super().monotonic() + 3601

    monkeypatch.setattr("services.strategy_host.clock", Later())
    assert await fails(host, "dies") == "dies: died (exit code 7)"
    assert "switched off" in await fails(host, "dies")
    await still_works(host)


async def test_computing_time_is_bounded_where_the_time_limit_is_long(hosting: Hosting) -> None:
    host = await hosting(seconds=60, loops="while True: pass")
    assert "used more computing time" in await fails(host, "loops")
    await still_works(host)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('raise ValueError("no idea")', "bad: ValueError: no idea (bad.py line 10)"),
        ("sys.exit(3)", "bad: SystemExit: 3 (bad.py line 10)"),
        ("return self.analyze(market_data, news_events)", "RecursionError"),
        ("return None", "bad: analyze must return a Signal, not NoneType"),
        ('return ("BUY", 80, "sure")', "not tuple"),
        ('return Signal("STRONG_BUY", 80, "")', "action 'STRONG_BUY': use BUY, SELL or HOLD"),
        ('return Signal("BUY", 150, "")', "confidence 150: use a number from 0 to 100"),
        ('return Signal("BUY", float("nan"), "")', "confidence nan"),
        ("return bytearray(4 << 30)", "MemoryError"),
        ("return input()", "EOFError"),
    ],
)
async def test_one_that_fails_says_so_and_disturbs_nobody(hosting: Hosting, body: str, message: str) -> None:
    host = await hosting(bad=body)
    assert message in await fails(host, "bad")
    assert message in await fails(host, "bad")
    assert message in await fails(host, "bad")  # a mistake is no strike
    await still_works(host)


async def test_what_it_prints_goes_to_the_log_and_not_into_the_talk(
    hosting: Hosting, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "strategies")
    host = await hosting(prints=r"""print('{"id": 1}\x1b[31m'); os.write(1, b"raw\n"); """ + GOOD)
    assert (await host.ask(a_rule("prints"), DATA, ()))[0] == "BUY"
    await eventually(lambda: [r for r in caplog.messages if '{"id": 1}' in r or r == "raw"], 2)
    assert "\x1b" not in caplog.text


async def eventually(seen: Callable[[], list[str]], count: int) -> None:
    async with asyncio.timeout(10):
        while len(seen()) < count:
            await clock.sleep(0.01)


async def test_one_that_prints_for_ever_floods_neither_the_log_nor_the_loop(
    hosting: Hosting, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "strategies")
    host = await hosting(seconds=1, floods="while True: print('x' * 70)")
    async with Lag() as lag:
        for _ in range(2):
            await fails(host, "floods")
    assert lag.held_up < 0.05
    assert len(caplog.messages) < 500
    await still_works(host)


async def test_a_long_reasoning_is_cut(hosting: Hosting) -> None:
    host = await hosting(talks='return Signal("HOLD", 1, "x" * 2_000_000)')
    assert len((await host.ask(a_rule("talks"), DATA, ()))[2]) == 1000


async def test_it_sees_no_environment_and_no_secret(hosting: Hosting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCEUS_API_SECRET", "very secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    body = """
        own = open("/proc/self/environ", "rb").read()
        return Signal("HOLD", 1, repr((dict(os.environ), own, os.getcwd(), os.getpgid(0) == os.getpid())))"""
    host = await hosting(looks=body)
    assert (await host.ask(a_rule("looks"), DATA, ()))[2] == "({}, b'', '/', True)"


async def test_files_that_cannot_be_used_say_why_and_the_others_go_on(hosting: Hosting, tmp_path: Path) -> None:
    host = await hosting()
    (tmp_path / "typo.py").write_text("def broken(:\n")
    (tmp_path / "empty.py").write_text("from strategies.base_strategy import BaseStrategy\n")
    (tmp_path / "many.py").write_text(FILE.format(body=GOOD) + "\n\nclass Other(Mine):\n    pass\n")
    (tmp_path / "hungry.py").write_text(FILE.format(body=GOOD).replace("= 5", "= 5000"))
    (tmp_path / "large.py").write_bytes(b"#" * 1_000_001)
    (tmp_path / "dies.py").write_text("import os\nos._exit(1)\n")
    expected = {
        "typo": "SyntaxError: invalid syntax (line 1)",
        "empty": "empty.py must define one class derived from BaseStrategy; found: none",
        "many": "found: Mine, Other",
        "hungry": "startup_candles is 5000; use 1 to 1000",
        "large": "larger than 1,000,000 bytes",
        "missing": f"there is no file {tmp_path}/missing.py",
        "../etc/passwd": "a strategy's name has small letters",
        "dies": "dies: died (exit code 1)",
    }
    faces = await host.start([a_rule(name) for name in expected])
    for face, message in zip(faces, expected.values(), strict=True):
        assert face.status == "failed"
        assert message in face.error
    await still_works(host)


async def test_a_file_changed_meanwhile_does_not_slip_in_with_a_new_process(hosting: Hosting, tmp_path: Path) -> None:
    host = await hosting(dies="os._exit(1)")
    (tmp_path / "good.py").write_text(FILE.format(body=GOOD.replace("BUY", "SELL")))
    assert "died" in await fails(host, "dies")
    assert "is not the version that was enabled" in await fails(host, "good")


async def test_giving_up_midway_leaves_no_old_answer_to_a_new_question(hosting: Hosting) -> None:
    host = await hosting(slow="time.sleep(0.3); " + GOOD)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await host.ask(a_rule("slow"), DATA, ())
    await still_works(host)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from services.strategy_host import StrategyHost
from tests.strategy_cases import a_rule

async def main():
    await StrategyHost(Path(sys.argv[1])).start([a_rule("good")])
    print(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_it_dies_with_a_trader_that_is_killed(hosting: Hosting, tmp_path: Path) -> None:
    await hosting()  # writes the file
    trader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, str(tmp_path)), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    said, _ = await trader.communicate()
    await eventually(lambda: [] if running(int(said)) else ["gone"], 1)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def test_after_stop_no_process_is_left_and_nothing_is_answered(hosting: Hosting) -> None:
    host = await hosting(pid='return Signal("HOLD", 1, str(os.getpid()))')
    pid = int((await host.ask(a_rule("pid"), DATA, ()))[2])
    os.kill(pid, 0)
    await host.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "is stopped" in await fails(host, "good")
