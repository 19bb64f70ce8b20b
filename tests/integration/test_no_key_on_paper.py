"""Paper trading holds no key of the exchange: not in its settings, its environment, its children, or its memory."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.secrets import Vault
from services.settings import load_settings
from tests.trader_process import TraderProcess, write_market
from wiring.settings import forget_key

KEY, SECRET = "trade-key-canary-0123456789abcdef", "trade-secret-canary-0123456789abcdef"
NAMES = ("BINANCEUS_API_KEY", "BINANCEUS_API_SECRET")


def places(tmp_path: Path) -> list[dict[str, str]]:
    """The environment alone, files that it names, and a sealed text in it."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "secret").write_text(SECRET)
    vault = Vault(tmp_path / "data/secrets.key", tmp_path / "data")
    (tmp_path / "data").mkdir()
    return [
        {NAMES[0]: KEY, NAMES[1]: SECRET},
        {f"{NAMES[0]}_FILE": str(tmp_path / "key"), f"{NAMES[1]}_FILE": str(tmp_path / "secret")},
        {NAMES[0]: vault.seal(NAMES[0], KEY), NAMES[1]: vault.seal(NAMES[1], SECRET)},
    ]


def test_settings_of_paper_have_no_key_wherever_it_stands(tmp_path: Path) -> None:
    where = {"TRADER_DATA_DIR": str(tmp_path / "data")}
    for given in places(tmp_path):
        environ = where | given
        kept = load_settings(environ, None)
        assert (kept.binanceus_api_key.reveal(), kept.binanceus_api_secret.reveal()) == (KEY, SECRET)  # type: ignore[union-attr]
        file = tmp_path / ".env"
        file.write_text("".join(f"{name}={text}\n" for name, text in given.items()))
        for settings in (
            load_settings(environ, None, key_for_play=False),
            load_settings(where, file, key_for_play=False),
        ):
            assert (settings.binanceus_api_key, settings.binanceus_api_secret) == (None, None)
        for mode in ("live", "dry-run"):
            settings = load_settings(environ | {"TRADER_MODE": mode}, None, key_for_play=False)
            assert settings.binanceus_api_key is not None


def test_the_mode_of_the_environment_wins_over_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"TRADER_MODE=live\n{NAMES[0]}={KEY}\n{NAMES[1]}={SECRET}\n")
    for mode, there in (("paper", False), ("live", True), ("", True)):
        found = load_settings({"TRADER_MODE": mode}, tmp_path / ".env", key_for_play=False)
        assert (found.binanceus_api_key is not None) is there


def test_what_cannot_be_opened_does_not_keep_paper_from_trading(tmp_path: Path) -> None:
    given = {NAMES[0]: "sealed:v1:nothing", f"{NAMES[1]}_FILE": str(tmp_path / "nowhere")}
    where = {"TRADER_DATA_DIR": str(tmp_path)}
    assert load_settings(where | given, None, key_for_play=False).binanceus_api_key is None


def test_a_sealed_store_with_a_key_is_read_past_it(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secrets.key", tmp_path)
    from dataclasses import replace

    kept = vault.kept()
    vault.keep(
        replace(
            kept,
            values={NAMES[0]: vault.seal(NAMES[0], KEY), "NEWSAPI_API_KEY": vault.seal("NEWSAPI_API_KEY", "n" * 20)},
        )
    )
    found = load_settings({"TRADER_DATA_DIR": str(tmp_path)}, None, key_for_play=False)
    assert found.binanceus_api_key is None
    assert found.newsapi_api_key is not None


def test_the_environment_loses_the_key_and_its_owner_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def given() -> None:
        for name, text in ((NAMES[0], KEY), (f"{NAMES[1]}_FILE", "/run/secrets/x")):
            monkeypatch.setenv(name, text)

    for mode in ("live", "dry-run"):
        given()
        forget_key(load_settings({"TRADER_MODE": mode}, None))
        assert not [name for name in os.environ if name.startswith("BINANCEUS_API")]
        assert capsys.readouterr().err == ""
    given()
    forget_key(load_settings({}, None))
    assert not [name for name in os.environ if name.startswith("BINANCEUS_API")]
    said = capsys.readouterr().err
    assert said.startswith("BINANCEUS_API_KEY: not used, paper trading needs no key")
    assert "remove it" in said
    assert said.count("\n") == 1
    assert KEY not in said
    forget_key(load_settings({}, None))
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- the real process


def family(pid: int) -> Iterator[int]:
    """A process and everybody it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def memory_holds(pid: int, needle: bytes) -> bool:
    """Whether these bytes stand anywhere in what a process can write to. Only root may look: it is closed to others."""
    if not os.access(f"/proc/{pid}/mem", os.R_OK):
        return False
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            with suppress(OSError, ValueError):
                memory.seek(start)
                if needle in memory.read(end - start):
                    return True
    return False


def test_no_child_gets_a_key_that_the_environment_held(tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", 4)
    given = {NAMES[0]: KEY, NAMES[1]: SECRET}
    trader = TraderProcess(tmp_path, f"replay:{market}", speed="60", settings=given)
    process = trader.start()
    try:
        trader.signed_in().close()
        us, *children = family(process.pid)
        assert children
        for child in children:
            assert b"canary" not in Path(f"/proc/{child}/environ").read_bytes()
        with suppress(PermissionError):  # its own user cannot look, root can; nobody can undo what it was started with
            assert b"canary" in Path(f"/proc/{us}/environ").read_bytes()
        assert "remove it from there" in (tmp_path / "output.txt").read_text()
    finally:
        process.terminate()
        process.wait(20)


def test_a_key_in_files_or_sealed_never_comes_into_the_process(tmp_path: Path) -> None:
    market = write_market(tmp_path / "market.csv", 4)
    (tmp_path / "data").mkdir()
    vault = Vault(tmp_path / "data/secrets.key", tmp_path / "data")
    (tmp_path / "key").write_text(KEY)
    given = {f"{NAMES[0]}_FILE": str(tmp_path / "key"), NAMES[1]: vault.seal(NAMES[1], SECRET)}
    trader = TraderProcess(tmp_path, f"replay:{market}", speed="60", settings=given)
    process = trader.start()
    try:
        trader.signed_in().close()
        if not memory_holds(process.pid, b"custom_strategy"):
            pytest.skip("this machine does not let a test look into another process")
        for pid in family(process.pid):
            assert not memory_holds(pid, KEY.encode())
            assert not memory_holds(pid, SECRET.encode())
    finally:
        process.terminate()
        process.wait(20)
