"""A new key for everything that is sealed: nothing is ever stranded, wherever the work is cut short."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError
from services.auth import SeedRows, Seeds, User
from services.secrets import Kept, key_id, rotating
from services.secrets.commands import SecretSettings
from services.settings import load_settings
from tests.fakes_ui import MemoryUsers

KEY, SECRET, MAIL = "BINANCEUS_API_KEY", "BINANCEUS_API_SECRET", "SMTP_URL"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DP"
ENV_FILE = """# my settings; keep
TRADER_PORT=9000

export SMTP_URL='{mail}'   # the mail server
OTHER_PROGRAM=sealed:v1:not-ours
TWILIO_AUTH_TOKEN="{token}"
"""


class PowerCut(BaseException):
    """Not even an error: the process is gone."""


class Home:
    """A data directory, a `.env` and users, with something sealed in each of them."""

    def __init__(self, folder: Path) -> None:
        self.data, self.file, self.people = folder / "data", folder / ".env", MemoryUsers()
        self.data.mkdir()
        self.environ = {"TRADER_DATA_DIR": str(self.data)}
        settings = SecretSettings(self.environ, None)
        settings.set(KEY, "the-key")
        settings.set(SECRET, "the-secret")
        mail = settings.seal_only(MAIL, "smtp://me:pass@mail:25")[0]
        token = settings.seal_only("TWILIO_AUTH_TOKEN", "the-token")[0]
        self.file.write_text(ENV_FILE.format(mail=mail, token=token))
        self.file.chmod(0o640)
        self.seeds = Seeds(settings.vault)
        self.people.save_user(User(username="ann", password_hash="h", totp_secret=self.seeds.sealed("ann", SEED)))
        self.people.save_user(User(username="bob", password_hash="h", totp_secret=SEED))  # by an older version
        self.people.save_user(User(username="eve", password_hash="h"))
        self.vault = settings.vault

    def rotate(self) -> list[str]:
        return rotating.run(SecretSettings(self.environ, self.file), SeedRows(self.people))

    def everything(self) -> tuple[str, ...]:
        """As the program opens it."""
        found = load_settings(self.environ, self.file)
        secrets = (found.binanceus_api_key, found.binanceus_api_secret, found.smtp_url, found.twilio_auth_token)
        seeds = (self.seeds.opened(user) for user in self.people.users.values())
        return (*(each.reveal() if each else "" for each in secrets), *seeds)

    def key_ids(self) -> list[str]:
        return [key.id for key in self.vault.keys.read()]


EVERYTHING = ("the-key", "the-secret", "smtp://me:pass@mail:25", "the-token", SEED, SEED, "")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_everything_is_sealed_again_with_a_new_key_and_the_old_one_goes(home: Home) -> None:
    (old,), before = home.key_ids(), home.file.read_text()
    lines = home.rotate()
    (new,) = home.key_ids()
    assert new != old
    assert lines == [
        f"key {new} is new; sealed again with it: 2 in the sealed store, 2 in {home.file}, 2 in the database",
        f"key {old} is gone",
    ]
    assert home.everything() == EVERYTHING
    assert {key_id(text) for text in home.vault.kept().values.values()} == {new}
    assert {key_id(home.people.users[name].totp_secret) for name in ("ann", "bob")} == {new}
    assert home.people.users["eve"].totp_secret == ""
    assert old not in home.file.read_text()
    assert home.file.stat().st_mode & 0o777 == 0o640

    def around(text: str) -> list[str]:
        return [re.sub(r"sealed:v1:[0-9a-f]{8}:[\w-]+", "…", line) for line in text.splitlines()]

    assert around(home.file.read_text()) == around(before)
    assert "sealed:v1:not-ours" in home.file.read_text()


def test_again_and_again(home: Home) -> None:
    seen = {home.key_ids()[0]}
    for _ in range(3):
        home.rotate()
        (new,) = home.key_ids()
        assert new not in seen
        seen.add(new)
        assert home.everything() == EVERYTHING


def test_with_nothing_sealed_there_is_a_key_afterwards(tmp_path: Path) -> None:
    settings = SecretSettings({"TRADER_DATA_DIR": str(tmp_path / "data")}, None)
    assert "sealed again with it: nothing" in rotating.run(settings, SeedRows(MemoryUsers()))[0]
    assert len(settings.vault.keys.read()) == 1


# ---------------------------------------------------------------- what keeps an old key


def test_a_value_in_the_environment_keeps_the_old_key_and_it_is_told_why(home: Home) -> None:
    (old,) = home.key_ids()
    home.environ["NEWSAPI_API_KEY"] = home.vault.seal("NEWSAPI_API_KEY", "x")
    lines = home.rotate()
    assert home.key_ids()[1:] == [old]
    assert lines[1:] == [f"key {old} is kept: environment uses it for NEWSAPI_API_KEY; seal that anew"]
    assert home.everything() == EVERYTHING
    home.environ["NEWSAPI_API_KEY"] = home.vault.seal("NEWSAPI_API_KEY", "x")
    home.rotate()
    assert old not in home.key_ids()


def test_a_file_of_x_file_keeps_the_old_key(home: Home, tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.write_text(home.vault.seal("NEWSAPI_API_KEY", "x"))
    home.file.write_text(home.file.read_text() + f"NEWSAPI_API_KEY_FILE={held}\n")
    (old,) = home.key_ids()
    assert any("file of NEWSAPI_API_KEY_FILE uses it" in line for line in home.rotate())
    assert home.key_ids()[1:] == [old]
    load_settings(home.environ, home.file)


def test_a_text_that_was_given_out_for_use_elsewhere_keeps_its_key(home: Home) -> None:
    settings = SecretSettings(home.environ, home.file)
    (text,) = settings.seal_only("NEWSAPI_API_KEY", "x")
    lines = home.rotate()
    assert any("NEWSAPI_API_KEY was sealed with it for use elsewhere" in line for line in lines)
    assert home.vault.open("NEWSAPI_API_KEY", text) == "x"
    settings.remove("NEWSAPI_API_KEY")
    home.rotate()
    assert key_id(text) not in home.key_ids()


def test_a_dot_env_that_is_not_there_this_time_is_not_stranded(home: Home) -> None:
    home.rotate()
    rotating.run(SecretSettings(home.environ, None), SeedRows(home.people))
    assert len(home.key_ids()) == 2
    assert home.everything() == EVERYTHING


# ---------------------------------------------------------------- refusals


def test_nothing_changes_where_one_value_does_not_open(home: Home) -> None:
    home.vault.keep(Kept({**home.vault.kept().values, KEY: home.vault.seal(SECRET, "x")}))
    before = (home.vault.keys.path.read_bytes(), home.vault.store.read_bytes(), home.file.read_bytes())
    with pytest.raises(ConfigError, match=f"sealed store: {KEY} was changed"):
        home.rotate()
    assert before == (home.vault.keys.path.read_bytes(), home.vault.store.read_bytes(), home.file.read_bytes())


def test_a_seed_cannot_be_moved_to_another_user(home: Home) -> None:
    home.people.save_user(User(username="eve", password_hash="h", totp_secret=home.people.users["ann"].totp_secret))
    with pytest.raises(ConfigError, match=r"database: users\.totp_secret:eve was changed"):
        home.rotate()


# ---------------------------------------------------------------- cut short


def counted(monkeypatch: pytest.MonkeyPatch, home: Home, stop_at: int, after: bool, error: BaseException) -> list[str]:
    """Every step that others can see; the one numbered `stop_at` fails, before or just after it is done."""
    steps: list[str] = []

    def wrap(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def step(*arguments: Any) -> Any:
            steps.append(name)
            mine = len(steps) == stop_at
            if mine and not after:
                raise error
            answer = real(*arguments)
            if mine:
                raise error
            return answer

        monkeypatch.setattr(owner, name, step)

    wrap(os, "replace")
    wrap(home.people, "change_user")
    return steps


def test_wherever_it_is_cut_short_everything_opens_and_a_second_try_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    with monkeypatch.context() as patched:
        whole = Home(tmp_path / "whole")
        steps = counted(patched, whole, 0, False, PowerCut())
        whole.rotate()
    assert len(steps) >= 7
    errors: tuple[Callable[[], BaseException], ...] = (PowerCut, lambda: OSError(28, "No space left on device"))
    cases = [(at, after, error) for at in range(1, len(steps) + 1) for after in (False, True) for error in errors]
    for number, (at, after, error) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        home = Home(tmp_path / str(number))
        with monkeypatch.context() as patched:
            counted(patched, home, at, after, error())
            with pytest.raises((PowerCut, ConfigError, OSError)):
                home.rotate()
        assert home.everything() == EVERYTHING, (at, after, error)
        home.rotate()
        assert home.everything() == EVERYTHING, (at, after, error)
        assert len(home.key_ids()) == 1, (at, after, error)
