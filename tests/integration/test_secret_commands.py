"""`main.py secrets` and `main.py user` as a person calls them: piped, wrongly, and at a real terminal."""

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import main
from services.auth import Passwords, SeedRows, User
from services.database import Audit, Database, Users, open_database
from services.secrets import is_sealed, key_id
from services.settings import load_settings
from tests.one_time_codes import OneTimeCodes
from tests.trader_process import ROOT

VALUE = "cAnArY-4f1d9e7b2c"
NAME = "BINANCEUS_API_KEY"
NEW = "four other random words"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`main.py` with these arguments and `piped` as standard input: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("services.auth.recovery.Passwords", lambda: Passwords(memory_kib=8, passes=1))

    def command(*arguments: object, piped: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(piped))
        code = main.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert VALUE not in said.out + said.err
        return code, said.out, said.err

    return command


def test_a_value_is_piped_in_sealed_listed_used_and_removed(run: Run) -> None:
    code, said, _ = run("secrets", "set", NAME, piped=f"{VALUE}\n")
    assert (code, said.startswith(f"{NAME} is sealed in data/secrets.sealed (key ")) == (0, True)
    found = load_settings({}, None).binanceus_api_key
    assert found is not None
    assert found.reveal() == VALUE
    (row,) = (row for row in json.loads(run("secrets", "list", "--json")[1]) if row["set"])
    assert (row["name"], row["source"], row["sealed"]) == (NAME, "sealed store", True)
    assert f"{NAME}          sealed store (sealed, key {row['key_id']})" in run("secrets", "list")[1]
    assert "is new; sealed again with it: 1 in the sealed store" in run("secrets", "rotate")[1]
    assert run("secrets", "set", NAME, "--remove")[0] == 0
    assert load_settings({}, None).binanceus_api_key is None


def test_a_sealed_text_is_printed_alone_for_dot_env(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("secrets", "set", NAME, "--seal-only", piped=VALUE)
    assert code == 0
    assert is_sealed(said.strip())
    (tmp_path / ".env").write_text(f"{NAME}={said}")
    assert f"{NAME}          .env line 1 (sealed, key {key_id(said.strip())})" in run("secrets", "list")[1]
    assert "1 in .env" in run("secrets", "rotate")[1]
    assert load_settings({}, Path(".env")).binanceus_api_key is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ("secrets", "set", NAME, VALUE),
        ("secrets", "set", NAME, "--value", VALUE),
        ("secrets", "set", NAME, f"--value={VALUE}"),
        ("secrets", "set", NAME, "--print", VALUE),
        ("secrets", "set", f"{NAME}={VALUE}"),
        ("secrets", "set", VALUE),
        ("secrets", "set", NAME, "-x", VALUE),
        ("user", "password", "admin", VALUE),
        ("user", "password", "admin", "--password", VALUE),
    ],
)
def test_a_value_as_an_argument_is_refused_and_not_repeated(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, said, error = run(*arguments, piped="something")
    assert (code, said) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_way_to_print_one(run: Run) -> None:
    assert run("secrets", "set", NAME, "--print", piped=VALUE)[0] == 2
    with pytest.raises(SystemExit) as ended:
        run("secrets", "set", NAME, "--remove", "--seal-only", piped=VALUE)
    assert ended.value.code == 2


@pytest.mark.parametrize("piped", ["", "\n", f"{VALUE} \n", f"{VALUE}\r\n", "x" * 20_000, f"{VALUE}\n{VALUE}\n"])
def test_what_is_piped_in_wrongly_is_one_line(run: Run, tmp_path: Path, piped: str) -> None:
    code, _, error = run("secrets", "set", NAME, piped=piped)
    assert code == 2
    assert error.count("\n") == 1
    assert "nothing was changed" in error
    assert list(tmp_path.iterdir()) == []


def test_other_commands_still_say_which_argument_they_do_not_know(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("ledger", "list", "--colour")
    assert ended.value.code == 2
    assert "unrecognized arguments: --colour" in capsys.readouterr().err


def test_a_password_in_an_address_of_a_database_that_is_away_is_not_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("secrets", "set", "DATABASE_URL", piped=f"postgresql+psycopg://trader:{VALUE}@127.0.0.1:9/none")
    for command in (("audit", "verify"), ("secrets", "rotate"), ("user", "password")):
        code, _, error = run(*command, piped=NEW)
        assert code == 2
        assert error.startswith("error: DATABASE_URL: cannot use postgresql+psycopg://trader:***@127.0.0.1:9/none")


# ---------------------------------------------------------------- user


@pytest.fixture
def database(run: Run) -> Any:
    opened = open_database("sqlite:///data/trader.db")
    Users(opened).save_user(User(username="admin", password_hash="nobody-knows", epoch=4))
    yield opened
    opened.close()


def audit_of(database: Database) -> list[tuple[str, ...]]:
    with database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT actor, action, target, result FROM audit ORDER BY id")
        return [tuple(row) for row in rows]


def test_a_lost_password_is_replaced(run: Run, database: Database) -> None:
    code, said, _ = run("user", "password", piped=f"{NEW}\n")
    assert code == 0
    assert "admin has a new password" in said
    user = Users(database).get_user("admin")
    assert user is not None
    assert Passwords().matches(user.password_hash, NEW)
    assert user.epoch == 5
    assert audit_of(database) == [("command line", "new password", "admin", "ok")]
    assert run("user", "password", "Admin", piped="short")[0] == 2
    assert "there is no user 'bob'; there is admin" in run("user", "password", "bob", piped=NEW)[2]


def test_a_second_factor_is_enrolled_rotated_and_removed(run: Run, database: Database) -> None:
    users = Users(database)
    code, said, _ = run("user", "totp", "admin")
    assert code == 0
    seed = said.split("secret: ")[1].split()[0]
    user = users.get_user("admin")
    assert user is not None
    assert is_sealed(user.totp_secret)
    assert "1 in the database" in run("secrets", "rotate")[1]
    again = users.get_user("admin")
    assert again is not None
    assert again.totp_secret != user.totp_secret
    assert SeedRows(users).texts() == {"users.totp_secret:admin": again.totp_secret}
    assert len(OneTimeCodes(seed).next()) == 6
    assert run("user", "totp", "--off")[0] == 0
    gone = users.get_user("admin")
    assert gone is not None
    assert (gone.totp_secret, gone.epoch) == ("", 6)
    assert [line[1] for line in audit_of(database)] == ["second factor enrolled", "second factor removed"]


# ---------------------------------------------------------------- at a terminal


# Opening it makes it the terminal of this session, from which getpass reads and Ctrl-C comes.
OWN_TERMINAL = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A real one: what is typed, and what a person sees of it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, sys.executable, str(ROOT / "main.py"), *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def type(self, after: str, text: str) -> None:
        self.until(lambda: after in self.seen)
        os.write(self.master, f"{text}\n".encode())

    def break_off(self, said: str) -> None:
        """Ctrl-C, and once more after a while: between its question and its waiting Python may overhear the first."""
        end, next_at = time.monotonic() + 60, 0.0
        while said not in self.seen:
            now = time.monotonic()
            assert now < end, self.seen
            if now > next_at:
                os.write(self.master, b"\x03")
                next_at = now + 5
            if not self._read():
                return

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, self.seen
            if not self._read():
                assert true(), self.seen
                return

    def _read(self) -> bool:
        if not select.select([self.master], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self.master, 4096)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode()
        return bool(data)

    def ended(self) -> int:
        end = time.monotonic() + 60
        while self._read():
            assert time.monotonic() < end, self.seen
        code = self.process.wait(timeout=60)
        os.close(self.master)
        return code


def test_at_a_terminal_nothing_that_is_typed_is_shown(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "secrets", "set", NAME)
    terminal.type(f"{NAME} (not shown): ", VALUE)
    assert terminal.ended() == 0
    assert "is sealed in" in terminal.seen
    assert VALUE not in terminal.seen
    found = load_settings({"TRADER_DATA_DIR": str(tmp_path / "data")}, None).binanceus_api_key
    assert found is not None
    assert found.reveal() == VALUE


def test_at_a_terminal_a_password_is_typed_twice_and_a_code_confirms_a_phone(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'data/trader.db'}")
    users = Users(database)
    users.save_user(User(username="admin", password_hash="nobody-knows"))
    Audit(database)

    terminal = Terminal(tmp_path, "user", "password")
    terminal.type("new password of admin (not shown): ", NEW)
    terminal.type("once more: ", NEW + "!")
    assert terminal.ended() == 2
    assert "the two differ; nothing was changed" in terminal.seen
    assert NEW not in terminal.seen

    terminal = Terminal(tmp_path, "user", "totp")
    terminal.until(lambda: "a code from it: " in terminal.seen)
    seed = terminal.seen.split("secret: ")[1].split()[0]
    terminal.type("a code from it: ", OneTimeCodes(seed).next())
    assert terminal.ended() == 0, terminal.seen
    user = users.get_user("admin")
    assert user is not None
    assert is_sealed(user.totp_secret)
    assert user.totp_step > 0
    database.close()


def test_broken_off_at_a_terminal_is_one_line(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "secrets", "set", NAME)
    terminal.until(lambda: "(not shown): " in terminal.seen)
    terminal.break_off("broken off; nothing was changed")
    assert terminal.ended() == 2
    assert "broken off; nothing was changed" in terminal.seen
    assert "Traceback" not in terminal.seen
    assert list(tmp_path.iterdir()) == []
