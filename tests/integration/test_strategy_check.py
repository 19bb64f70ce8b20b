"""`main.py strategy check FILE`: the proof, item by item, for people and for programs."""

import hashlib
import json
from pathlib import Path

import pytest

import main
from services.strategy_folder import shipped_versions
from services.strategy_proof import prove
from tests.swap_floor import a_file

ITEMS = [
    *("loads", "answers", "same input, same answer", "leaves its input alone", "does not look ahead"),
    *("signals and analyze agree", "a fresh process says the same"),
]
ASKS = """
from strategies.base_strategy import AskingStrategy, Question, Signal

class Asks(AskingStrategy):
    startup_candles = 5

    def question(self, market_data, news_events):
        {question}

    def analyze(self, market_data, news_events, answer=None):
        if answer is None:
            return Signal("HOLD", 0, "asked nothing")
        return Signal("BUY", 72, f"{{len(news_events)}} stories, and: {{answer[:20]}}")
"""


@pytest.fixture(autouse=True)
def _at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", sorted(shipped_versions()))
async def test_what_comes_with_the_program_passes(name: str) -> None:
    proved = await prove(name, "", None)
    assert proved.passed, proved.error
    assert [item.name for item in proved.items] == ITEMS
    assert all(item.ms < 5_000 for item in proved.items)


def test_a_good_file_is_told_item_by_item_with_its_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(a_file())
    assert main.main(["strategy", "check", "mine.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [f"ok {name}" for name in ITEMS]
    assert all(line.endswith(" ms)") for line in lines[:-1])
    assert lines[-1] == f"mine passed. SHA-256 {hashlib.sha256(a_file().encode()).hexdigest()}"


def test_a_bad_file_ends_at_the_item_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(a_file("return None"))
    assert main.main(["strategy", "check", "mine.py", "--json"]) == 1
    row = json.loads(capsys.readouterr().out)
    assert (row["name"], row["passed"], [item["passed"] for item in row["items"]]) == ("mine", False, [True, False])
    assert row["items"][1]["text"] == "analyze must return a Signal, not NoneType"


def test_no_file_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["strategy", "check", "nosuch.py"]) == 2
    assert capsys.readouterr().err == "error: nosuch.py: there is no such file\n"


def test_its_settings_are_those_of_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "options = {'sure': Option(80, 0, 100)}"
    source = a_file('return Signal("BUY", self.settings["sure"], "")', members=options)
    (tmp_path / "mine.py").write_text(source.replace("BaseStrategy, ", "BaseStrategy, Option, ", 1))
    (tmp_path / "config").mkdir()
    config = tmp_path / "config/strategies.yml"
    config.write_text("strategies:\n  mine: {enabled: true, weight: 1, settings: {sure: 50}}\n")
    assert main.main(["strategy", "check", "mine.py"]) == 0
    config.write_text("strategies:\n  mine: {enabled: true, weight: 1, settings: {sure: 500}}\n")
    assert main.main(["strategy", "check", "mine.py"]) == 1
    assert "sure is 500; use 0 to 100" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("question", "passed", "text"),
    [
        ('return Question(template="t/1", system="s", user=str(market_data.price))', True, ""),
        ("return None", True, ""),
        ('return "buy everything"', False, "question must return a Question or None, not str"),
        ('return Question(template="t", system="s", user="x" * 200_000)', False, "at most 100,000 characters"),
    ],
)
async def test_one_that_asks_is_answered_with_canned_words(
    tmp_path: Path, question: str, passed: bool, text: str
) -> None:
    (tmp_path / "asks.py").write_text(ASKS.format(question=question))
    proved = await prove("asks", "", None, directory=tmp_path)
    assert (proved.passed, text in proved.error) == (passed, True)
    assert proved.face is not None
    assert (proved.face.asks, proved.face.reads_text) == (True, True)


async def test_only_the_bytes_that_were_named_are_proved(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(a_file())
    proved = await prove("mine", "ab" * 32, None, directory=tmp_path)
    assert "is not the version that was enabled" in proved.error
