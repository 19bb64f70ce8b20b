"""Files that do everything wrong, dropped beside a good strategy while it trades: none of them ever votes, the good one
always does, and the loop is never held up (F-69, F-70).
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.loop_lag import Lag
from tests.swap_floor import BUYS, SwapFloor, a_file, sha

GOOD = a_file()


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SwapFloor]:
    made = SwapFloor(tmp_path)
    made.write("good", GOOD)
    made.configure(good=GOOD)
    await made.start()
    yield made
    await made.stop()


BAD = {
    "a syntax error": ("def broken(:\n", "loads: SyntaxError: invalid syntax (line 1)"),
    "no strategy in it": ("x = 1\n", "must define one class derived from BaseStrategy; found: none"),
    "the wrong class": ("class Mine:\n    pass\n", "found: none"),
    "4 GB": (a_file("return bytearray(4 << 30)"), "answers: MemoryError"),
    "4 GB, bit by bit": (
        a_file("kept = []\n        while True: kept.append(bytearray(1 << 22))"),
        "answers: MemoryError",
    ),
    "os._exit": (a_file("os._exit(0)"), "answers: it died (exit code 0)"),
    "os._exit on import": (a_file(head="os._exit(3)"), "loads: it died (exit code 3)"),
    "sys.exit": (a_file("sys.exit(1)"), "answers: SystemExit: 1 (NAME.py line 9)"),
    "a BaseException": (
        a_file('raise Odd("no")', head="class Odd(BaseException): pass"),
        "answers: Odd: no (NAME.py line 9)",
    ),
    "a KeyboardInterrupt": (a_file("raise KeyboardInterrupt"), "answers: KeyboardInterrupt (NAME.py line 9)"),
    "recursion": (a_file("return self.analyze(market_data, news_events)"), "answers: RecursionError"),
    "a network call": (a_file("socket.create_connection(('127.0.0.1', 80))"), "PermissionError: [Errno 1]"),
    "a lookup of a name": (a_file("socket.getaddrinfo('example.org', 443)"), "PermissionError: [Errno 1]"),
    "a fork bomb": (a_file("while True: os.fork()"), "PermissionError: [Errno 1]"),
    "a process": (a_file("subprocess.run(['true'])"), "PermissionError: [Errno 1]"),
    "a shot at the trader": (a_file("os.kill(os.getppid(), 9)"), "PermissionError: [Errno 1]"),
    "a limit for the trader": (
        a_file("__import__('resource').prlimit(os.getppid(), 0, (1, 1))"),
        "PermissionError: [Errno 1]",
    ),
    "a processor taken from the trader": (a_file("os.sched_setaffinity(os.getppid(), {0})"), "PermissionError"),
    "the trader's priority": (a_file("os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)"), "PermissionError"),
    "a limit for the trader, past Python": (
        a_file(
            "limits = (ctypes.c_long * 2)(1, 1)\n"
            "        libc = ctypes.CDLL(None, use_errno=True)\n"
            "        if libc.prlimit(os.getppid(), 0, limits, None) == 0: return 0.1\n"
            "        raise OSError(ctypes.get_errno(), 'refused')",
            head="import ctypes",
        ),
        "PermissionError: [Errno 1]",
    ),
    "a file written": (a_file("open('/tmp/written-by-a-strategy', 'w')"), "PermissionError: [Errno 1]"),
    "a file removed": (a_file("os.remove(__file__)"), "PermissionError: [Errno 1]"),
    "an import of the engine": (a_file(head="from app.core.engine import Engine"), "a strategy may not import app"),
    "an import of the trader": (a_file(head="import services.database"), "a strategy may not import services"),
    "an import in a circle": (
        a_file(head="from strategies.NAME import Mine"),
        "ImportError: cannot import name 'Mine'",
    ),
    "another's file": (a_file(head="import strategies.good"), "a strategy may not import strategies.good"),
    "a missing library": (a_file(head="import nosuchlibrary"), "No module named 'nosuchlibrary'"),
    "None": (a_file("return None"), "analyze must return a Signal, not NoneType"),
    "a float": (a_file("return 0.8"), "analyze must return a Signal, not float"),
    "a huge confidence": (a_file('return Signal("BUY", 1e308, "")'), "confidence 1e+308: use a number from 0 to 100"),
    "a confidence in words": (a_file('return Signal("BUY", "90", "")'), "confidence '90': use a number from 0 to 100"),
    "chance": (
        a_file('return Signal("BUY", random.randint(1, 99), "")'),
        "keeps no state, and uses neither chance nor",
    ),
    "memory": (
        a_file(
            'self.calls = getattr(self, "calls", 0) + 1; return Signal("BUY", min(self.calls, 99), "")',
        ),
        "same input, same answer: asked once more answered BUY",
    ),
    "memory in its module": (
        a_file('seen.append(1); return Signal("BUY", min(len(seen), 99), "")', head="seen = []"),
        "same input, same answer: asked once more answered BUY",
    ),
    "hashes that differ by process": (
        a_file('return Signal("BUY", abs(hash("text")) % 99, "")'),
        "a fresh process says the same: it answers otherwise",
    ),
    "its input changed": (
        a_file("frame(market_data)['close'] = 1.0; " + BUYS),
        "analyze changes the candles that it is shown",
    ),
    "its input changed by its indicators": (
        a_file(members="def indicators(self, candles):\n        candles['x'] = 1.0\n        return candles[['x']]\n"),
        "indicators changes the candles that it is shown",
    ),
    "a look ahead": (
        a_file(members="def indicators(self, candles):\n        return DataFrame({'n': candles.close.shift(-1)})\n"),
        "does not look ahead: indicators look ahead: 'n' at candle",
    ),
    "a mean over everything": (
        a_file(
            members="def indicators(self, candles):\n"
            "        return DataFrame({'n': candles.close / candles.close.max()})\n"
        ),
        "does not look ahead: indicators look ahead: 'n' at candle",
    ),
    "signals that say something else": (
        a_file(
            members="def signals(self, candles):\n"
            "        return DataFrame({'action': 'SELL', 'confidence': 1.0}, index=candles.index)\n"
        ),
        "signals says SELL 1.0 and analyze says BUY 90",
    ),
}


HANGING = {
    "an endless loop": (a_file("while True: pass"), "answers: it gave no answer within 1 s"),
    "an endless loop on import": (a_file(head="while True: pass"), "loads: it gave no answer within 1 s"),
    "an import of 30 seconds": (a_file(head="time.sleep(30)"), "loads: it gave no answer within 1 s"),
}


def slug(case: str) -> str:
    """A file's name for a case."""
    return "bad_" + "".join(letter if letter.isalnum() else "_" for letter in case.lower())


async def drop(floor: SwapFloor, bad: dict[str, tuple[str, str]]) -> None:
    """All of them at once, beside the good one that votes before, meanwhile and after."""
    cases = {slug(case): what for case, what in bad.items()}
    async with Lag() as lag:
        for name, (source, _) in cases.items():
            floor.write(name, source.replace("NAME", name))
        await floor.voters.look()
        assert await floor.votes() == {"good": "ok"}  # while they are being proved
        await floor.seen(*cases)
        assert await floor.votes() == {"good": "ok"}
    for name, (_, error) in cases.items():
        row = floor.row(name)
        assert error.replace("NAME", name) in row["error"]
        assert (row["status"], row["enabled"], row["configured"], row["offered"]) == ("failed", False, False, False)
        assert (row["weight"], row["enabled_sha256"]) == (0, None)
    assert lag.held_up < 0.05


@pytest.mark.parametrize("part", range(4))
async def test_bad_files_are_refused_and_disturb_nobody(floor: SwapFloor, part: int) -> None:
    await drop(floor, dict(list(BAD.items())[part::4]))
    assert not Path("/tmp/written-by-a-strategy").exists()


async def test_files_that_hang_are_given_up_and_disturb_nobody(floor: SwapFloor) -> None:
    floor.proof_seconds = 1
    await drop(floor, HANGING)


async def test_what_is_no_file_of_ours_is_refused_with_a_clear_line(floor: SwapFloor, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text(GOOD)
    (floor.strategies / "link.py").symlink_to(tmp_path / "elsewhere.py")
    (floor.strategies / "folder.py").mkdir()
    os.mkfifo(floor.strategies / "pipe.py")
    with (floor.strategies / "large.py").open("wb") as file:
        file.truncate(50_000_000)
    floor.write("Wrong-Name", GOOD)
    floor.write("worker", GOOD)
    async with Lag() as lag:
        await floor.seen()
    expected = {
        "link": "link.py is a symbolic link; put the file itself there",
        "folder": "folder.py is no regular file; put a file there",
        "pipe": "pipe.py is no regular file; put a file there",
        "large": "large.py is larger than 1,000,000 bytes; that is no strategy",
        "Wrong-Name": "'Wrong-Name': a strategy's name has small letters, digits and _ and begins with a letter",
        "worker": "worker is the name of a part of the program; give the file another one",
    }
    assert {name: floor.row(name)["error"] for name in expected} == expected
    assert {floor.row(name)["status"] for name in expected} == {"failed"}
    assert {floor.row(name)["sha256"] for name in expected} == {None}
    assert lag.held_up < 0.05
    assert await floor.votes() == {"good": "ok"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_an_unreadable_file_is_refused(floor: SwapFloor) -> None:
    floor.write("shut", GOOD).chmod(0)
    await floor.seen()
    assert "shut.py cannot be read (Permission denied)" in floor.row("shut")["error"]


async def test_the_name_of_a_shipped_strategy_makes_no_file_a_shipped_one(floor: SwapFloor) -> None:
    floor.write("technical_indicators", GOOD)
    await floor.seen("technical_indicators")
    row = floor.row("technical_indicators")
    assert (row["status"], row["sha256"], row["enabled_sha256"]) == ("offered", sha(GOOD), None)
    assert await floor.votes() == {"good": "ok"}


async def test_its_environment_is_empty_and_what_it_prints_goes_to_the_log(
    floor: SwapFloor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BINANCEUS_API_SECRET", "canary-of-the-key")
    caplog.set_level("INFO", "strategies")
    body = 'seen = open("/proc/self/environ").read() + str(dict(os.environ)); print("printed", seen); '
    floor.write("looks", a_file(body + 'return Signal("HOLD", 1, seen)'))
    await floor.seen("looks")
    assert floor.row("looks")["status"] == "offered"
    await floor.enable("looks")
    assert await floor.votes() == {"good": "ok", "looks": "ok"}
    assert floor.session.engine.state.signals["looks"].reasoning == "{}"
    assert "printed {}" in caplog.text
    assert "canary" not in caplog.text


async def test_a_file_that_changes_while_it_is_proved_is_proved_again(floor: SwapFloor) -> None:
    floor.write("mine", a_file("time.sleep(0.1); " + BUYS))
    await floor.voters.look()
    second = a_file('return Signal("SELL", 50, "second")')
    floor.write("mine", second)
    await floor.seen("mine")
    row = floor.row("mine")
    assert (row["status"], row["sha256"]) == ("offered", sha(second))
    await floor.enable("mine")
    await floor.minute()
    assert floor.session.engine.state.signals["mine"].reasoning == "second"
