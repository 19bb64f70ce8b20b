"""`main.py drill`: what it prints, the certificate it leaves, its exit code, and all that it leaves alone."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import main
from services.database import DatabaseJournal, Ledgers
from services.database.connection import Database
from tests.post_office import MailServer, web_service
from wiring.books import open_books
from wiring.settings import settings_of, version

Run = Callable[..., tuple[int, str, str]]
SCENES = ["daily limit", "kill switch", "outage", "refused stop", "jumped stop", "crash in mid-order"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`main.py drill` in an empty directory: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, **settings: str) -> tuple[int, str, str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = main.main(["drill", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def the_certificate(folder: Path) -> tuple[Path, dict[str, Any]]:
    (path,) = (folder / "data/drills").iterdir()
    return path, json.loads(path.read_text())


def test_a_newcomers_drill_passes_and_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    code, said, error = run()
    assert (code, error) == (0, "")
    lines = said.splitlines()
    assert [line.split(" (")[0] for line in lines if line.startswith("✓")] == [f"✓ {name}" for name in SCENES]
    assert "daily loss limit 15 % lowered to 0.375 %" in said
    assert "– alert channels: no channel for alerts is set up" in said
    path, stored = the_certificate(tmp_path)
    assert lines[-1] == f"passed; certificate: data/drills/{path.name}"
    assert (stored["passed"], stored["channels"], stored["version"]) == (True, [], version())
    assert [scene["name"] for scene in stored["scenarios"]] == SCENES
    assert all(scene["passed"] and scene["seen"] and scene["seconds"] >= 0 for scene in stored["scenarios"])
    assert len(stored["config_sha256"]) == 64
    age = datetime.now(UTC) - datetime.fromisoformat(stored["at"])
    assert 0 <= age.total_seconds() < 120
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_owners_own_limits_are_drilled(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/risk.yml").write_text("daily_loss_limit_pct: 12\nstop_loss_pct: 4\nmax_open_positions: 2\n")
    code, said, _ = run()
    assert code == 0
    assert "daily loss limit 12 % lowered to 0.3 %" in said
    assert "stops 4 % below" in said
    assert "max_open_positions 2 → 4" in said


def test_programs_get_the_certificate_and_nothing_else(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("--json")
    path, stored = the_certificate(tmp_path)
    assert code == 0
    assert json.loads(said) == {**stored, "file": f"data/drills/{path.name}"}


def test_a_message_goes_out_on_each_channel_that_is_set_up(run: Run, tmp_path: Path) -> None:
    post = MailServer().start()
    try:
        code, said, _ = run(SMTP_URL=post.url, ALERT_EMAIL_TO="me@example.com", ALERT_EMAIL_FROM="bot@example.com")
    finally:
        post.stop()
    assert code == 0
    assert "✓ email (" in said
    assert post.subjects == ["[PAPER] Test: this channel works"]
    (channel,) = the_certificate(tmp_path)[1]["channels"]
    assert (channel["name"], channel["passed"], channel["seen"]) == ("email", True, "arrived")


def test_a_channel_that_does_not_work_fails_the_drill_and_hides_nothing(run: Run, tmp_path: Path) -> None:
    post = MailServer().start()
    post.revoked = True
    try:
        code, said, _ = run(SMTP_URL=post.url, ALERT_EMAIL_TO="me@example.com", ALERT_EMAIL_FROM="bot@example.com")
    finally:
        post.stop()
    assert code == 1
    assert said.count("✓") == len(SCENES)
    assert "✗ email (" in said
    assert "FAILED; certificate: " in said
    assert the_certificate(tmp_path)[1]["passed"] is False


def test_a_channel_set_up_by_half_fails_its_line_alone(run: Run) -> None:
    code, said, _ = run(SMTP_URL="smtp://127.0.0.1:2525")
    assert code == 1
    assert said.count("✓") == len(SCENES)
    assert "✗ alert channels (0.0 s): " in said
    assert "ALERT_EMAIL_TO" in said


def test_a_wrong_rule_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/risk.yml").write_text("position_size_pct: 50\n")
    code, said, error = run()
    assert (code, said) == (2, "")
    assert "risk.yml line 1: position_size_pct is 50" in error
    assert not (tmp_path / "data/drills").exists()


def rows(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in names}


def test_beside_a_running_trader_it_leaves_a_certificate_and_a_line_in_the_audit_trail(
    run: Run, tmp_path: Path
) -> None:
    database, ledger = open_books(settings_of())
    running = DatabaseJournal(database, ledger.name, "1")
    try:
        before, files = rows(database), set(os.listdir(tmp_path / "data"))
        assert run()[0] == 0
        after = rows(database)
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {"audit": 1}
        assert [each.name for each in Ledgers(database, min).list()] == [ledger.name]
        with database.reading() as connection:
            line = connection.execute(text("SELECT actor, action, target, detail FROM audit")).one()
        assert tuple(line) == ("command line", "drill", the_certificate(tmp_path)[0].name, "passed")
        assert set(os.listdir(tmp_path / "data")) - files == {"drills"}
    finally:
        running.close()
        database.close()


def test_no_exchange_is_asked_even_with_a_key_for_real_money(run: Run) -> None:
    with web_service() as exchange:
        key = {"BINANCEUS_API_KEY": "k" * 64, "BINANCEUS_API_SECRET": "s" * 64}
        code, said, _ = run(TRADER_MODE="live", BINANCEUS_REST_URL=exchange.url, **key)
    assert code == 0
    assert exchange.asked == []
    assert "k" * 64 not in said


def test_books_that_cannot_be_reached_cost_the_audit_line_and_not_the_drill(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data/trader.db").mkdir(parents=True)
    code, said, error = run()
    assert code == 0
    assert said.splitlines()[-1].startswith("passed; certificate: ")
    assert error.startswith("not in the audit trail: ")
    assert error.count("\n") == 1


def test_nothing_is_left_in_the_temporary_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert run()[0] == 0
    assert os.listdir(tmp_path / "tmp") == []
