"""A kill file that was made or edited by hand stops everybody: nothing in it is guessed to be about another."""

import os
from pathlib import Path

import pytest

from services.kill_seal import KillFile
from tests.builders import NOON

PAPER, REPLAY = "paper simulated BTC/USD k3f9", "paper replay:my candles.csv BTC/USDT a1b2"
AT = NOON.isoformat()


def everybody(folder: Path) -> list[str | None]:
    """What real money, two ledgers of play money and a drill are told."""
    return [KillFile(folder, scope).sealed() for scope in ("live", PAPER, REPLAY, "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "made by hand"),
        (b"\n", "made by hand"),
        (b"   \n", "made by hand"),
        (b"stop!\n", "stop!"),
        (b"stop | because I say so\n", "stop | because I say so"),
        (b"stop | live", "stop | live"),
        (b"stop | paper simulated BTC/USD k3f9", "stop | paper simulated BTC/USD k3f9"),
        (f"{AT} stop | because I say so\n".encode(), f"{AT} stop | because I say so"),
        (f"{AT} stop | live |\n".encode(), f"{AT} stop | live |"),
        (b"h\xf6r auf", "h\ufffdr auf"),
        (b"\xff\xfes\x00t\x00o\x00p\x00", None),
        (b"\x00" * 5000, None),
    ],
)
def test_a_file_made_by_hand_stops_everybody(tmp_path: Path, text: bytes, why: str | None) -> None:
    (tmp_path / "KILLED").write_bytes(text)
    told = everybody(tmp_path)
    assert all(told), "none is let through, and none is given an empty reason"
    assert len(set(told)) == 1
    assert why is None or told[0] == why
    assert all(each is not None and each.isprintable() and len(each) <= 500 for each in told)


def test_a_line_of_a_hand_before_or_after_ours_stops_everybody(tmp_path: Path) -> None:
    for lines in ("\n{}", "{}\n\n", "stop\n{}", "{}\nstop\n"):
        (tmp_path / "KILLED").write_text(lines.format(f"{AT} down 50 % | {PAPER}"))
        assert all(everybody(tmp_path)), lines


@pytest.mark.parametrize("scope", ["live", PAPER, REPLAY])
def test_a_line_of_ours_stops_those_it_was_written_for_whatever_its_reason(tmp_path: Path, scope: str) -> None:
    KillFile(tmp_path, scope).seal("down | 50 % | live", NOON)
    stopped = [each for each in ("live", PAPER, REPLAY) if KillFile(tmp_path, each).sealed() is not None]
    assert stopped == [scope]
    assert KillFile(tmp_path, scope).sealed() == f"{AT} down | 50 % | live"


def test_unlocking_takes_a_hand_s_lines_away_and_leaves_those_of_others(tmp_path: Path) -> None:
    KillFile(tmp_path, PAPER).seal("down 50 %", NOON)
    with (tmp_path / "KILLED").open("a") as file:
        file.write("\nstop | all of it\n")
    KillFile(tmp_path, "live").unseal()
    assert KillFile(tmp_path, "live").sealed() is None
    assert KillFile(tmp_path, PAPER).sealed() == f"{AT} down 50 %"


def test_what_cannot_be_read_stops_everybody(tmp_path: Path) -> None:
    """Such as a folder, a file of somebody else, or a link to nothing."""
    (tmp_path / "a/KILLED").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.symlink(tmp_path / "nowhere", tmp_path / "b/KILLED")
    assert set(everybody(tmp_path / "a")) == {"made by hand"} == set(everybody(tmp_path / "b"))
