"""Secrets at rest: the key file and what is refused of it, sealing, the store, precedence, and the commands."""

import base64
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from app.core.errors import ConfigError
from services.auth import key_file
from services.logs import Redactor
from services.private_files import locked, write_private
from services.secrets import Kept, Vault, is_sealed, key_id
from services.secrets.commands import SecretSettings
from services.secrets.keys import KeyFile
from services.settings import load_settings

KEY, SECRET = "BINANCEUS_API_KEY", "BINANCEUS_API_SECRET"
VALUE = "cAnArY-4f1d9e7b2c"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def vault(data: Path) -> Vault:
    return Vault(data / "secrets.key", data)


def env(data: Path, **more: str) -> dict[str, str]:
    return {"TRADER_DATA_DIR": str(data), **more}


def refused(work: Callable[[], object]) -> str:
    """The one line that people read; it never shows the value."""
    with pytest.raises(ConfigError) as caught:
        work()
    line = str(caught.value)
    assert "\n" not in line
    assert VALUE not in line
    return line


# ---------------------------------------------------------------- sealing


def test_what_is_sealed_opens_again_and_looks_different_each_time(vault: Vault) -> None:
    first, second = vault.seal(KEY, VALUE), vault.seal(KEY, VALUE)
    assert first != second
    assert first.startswith(f"sealed:v1:{vault.keys.read()[0].id}:")
    assert VALUE not in first
    assert vault.open(KEY, first) == vault.open(KEY, second) == VALUE
    assert vault.open(KEY, vault.seal(KEY, "ä" * 3000)) == "ä" * 3000


def test_a_sealed_value_cannot_be_moved_under_another_name(vault: Vault) -> None:
    text = vault.seal(SECRET, VALUE)
    line = refused(lambda: vault.open(KEY, text, ".env line 3"))
    assert line.startswith(f".env line 3: {KEY} was changed, or sealed under another name; ")
    assert "secrets set" in line


def test_a_changed_or_cut_text_does_not_open(vault: Vault) -> None:
    text = vault.seal(KEY, VALUE)
    head, _, body = text.rpartition(":")
    for at in (0, 12, 20, len(body) - 2):
        other = "A" if body[at] != "A" else "B"
        refused(lambda body=body[:at] + other + body[at + 1 :]: vault.open(KEY, f"{head}:{body}"))  # type: ignore[misc]
    for odd in ("sealed:", "sealed:v1:", head, text[:-1] + "!", "sealed:v2" + text[9:], text[:30], text[:-3]):
        assert KEY in refused(lambda odd=odd: vault.open(KEY, odd))  # type: ignore[misc]


def test_a_text_names_its_key_and_a_stranger_s_key_is_told(vault: Vault, tmp_path: Path) -> None:
    stranger = Vault(tmp_path / "other.key", tmp_path)
    text = stranger.seal(KEY, VALUE)
    vault.seal(KEY, "x")
    line = refused(lambda: vault.open(KEY, text, "environment"))
    assert f"was sealed with key {key_id(text)}, which is not in the key file" in line
    assert str(vault.keys.path) in line


# ---------------------------------------------------------------- the key file


def test_the_key_file_is_made_at_first_need_for_its_owner_alone(vault: Vault) -> None:
    assert not vault.keys.path.exists()
    vault.seal(KEY, VALUE)
    assert vault.keys.path.stat().st_mode & 0o777 == 0o600
    before = vault.keys.path.read_bytes()
    vault.seal(SECRET, VALUE)
    assert vault.keys.path.read_bytes() == before
    (key,) = vault.keys.read()
    assert len(key.value) == 32
    assert repr(key) == f"Key({key.id})"
    assert list(vault.folder.glob(".*")) == []


def test_two_processes_that_need_it_at_once_make_one_key(data: Path) -> None:
    found: list[str] = []
    start = threading.Barrier(8)

    def one() -> None:
        start.wait()
        found.append(KeyFile(data / "secrets.key").made()[0].id)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == 1
    assert len(found) == 8


def loose(path: Path) -> None:
    path.chmod(0o640)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def huge(path: Path) -> None:
    path.write_bytes(b"x" * 70_000)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (loose, "can be read by others (mode 0640); run: chmod 600 "),
        (a_link, "must not be a symbolic link"),
        (a_dead_link, "must not be a symbolic link"),
        (a_directory, "it is a directory; move it away"),
        (a_pipe, "it is no regular file"),
        (empty, "is empty; put back your copy"),
        (huge, "is larger than 64 KB"),
    ],
)
@pytest.mark.parametrize("which", ["secrets.key", "api.key"])
def test_keys_that_others_could_read_or_swap_are_refused_alike(
    data: Path, which: str, spoil: object, says: str
) -> None:
    path = data / which
    use = {"secrets.key": KeyFile(path).made, "api.key": lambda: key_file(path)}[which]
    use()
    spoil(path)  # type: ignore[operator]
    line = refused(use)
    assert line.startswith(f"{path}: ")
    assert says in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_key_file_that_cannot_be_read_is_told(vault: Vault) -> None:
    vault.seal(KEY, VALUE)
    vault.keys.path.chmod(0)
    assert "cannot be read (Permission denied)" in refused(vault.keys.read)


def test_a_key_file_that_may_not_be_opened_is_told(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.seal(KEY, VALUE)

    def no(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", no)
    assert "cannot be read (Permission denied); check who owns it" in refused(vault.keys.read)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(text.split()[-1], text.split()[-1][:-5]),
        lambda text: text.replace(text.split()[-1], "A" + text.split()[-1][1:] if text.split()[-1][0] != "A" else "B"),
        lambda text: text.replace(text.split()[-2], "00000000"),
        lambda text: text + "rubbish\n",
        lambda text: text + "\xff\n",
        lambda text: "# only a comment\n",
    ],
)
def test_a_damaged_key_file_is_refused_whole(vault: Vault, change: Callable[[str], str]) -> None:
    vault.seal(KEY, VALUE)
    before = vault.keys.path.read_text()
    vault.keys.path.write_text(change(before))
    line = refused(vault.keys.read)
    assert "put back your copy" in line
    assert before.split()[-1] not in line


def test_a_lost_key_file_is_told_with_the_cure_and_no_second_key_is_made(vault: Vault, data: Path) -> None:
    vault.keep(Kept({KEY: vault.seal(KEY, VALUE)}))
    vault.keys.path.unlink()
    line = refused(lambda: load_settings(env(data), None))
    assert line.startswith(f"sealed store: {KEY} cannot be opened: the key file ")
    assert f"set it again with: main.py secrets set {KEY}" in line
    line = refused(lambda: vault.seal(SECRET, VALUE))
    assert f"({KEY}) with: main.py secrets set NAME --remove" in line
    assert not vault.keys.path.exists()
    SecretSettings(env(data), None).set(KEY, VALUE)  # the last one that waited: setting it again is the cure
    assert load_settings(env(data), None).binanceus_api_key is not None


# ---------------------------------------------------------------- the store, and who wins


def test_the_store_is_one_private_file_written_whole(vault: Vault, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SecretSettings(env(data), None).set(KEY, VALUE)
    assert vault.store.stat().st_mode & 0o777 == 0o600
    assert VALUE not in vault.store.read_text()
    before = vault.store.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, full)
            line = refused(lambda: SecretSettings(env(data), None).set(SECRET, VALUE))
        assert "cannot be written (No space left on device)" in line
        assert vault.store.read_bytes() == before
        assert sorted(each.name for each in data.iterdir()) == ["secrets.key", "secrets.sealed"]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format":1}', '{"format":1,"values":{"A":1},"given_out":{},"in_env_file":{}}', "\xff"]
)
def test_a_damaged_store_is_refused(vault: Vault, data: Path, text: str) -> None:
    write_private(vault.store, text.encode("latin-1"), "x")
    assert "is damaged" in refused(lambda: load_settings(env(data), None))


def test_a_store_of_a_newer_version_is_refused(vault: Vault, data: Path) -> None:
    write_private(vault.store, b'{"format": 2}', "x")
    assert "newer version" in refused(lambda: load_settings(env(data), None))


def test_the_environment_wins_over_env_and_env_over_the_store(vault: Vault, data: Path, tmp_path: Path) -> None:
    def key(environ: dict[str, str], file: Path | None) -> str:
        found = load_settings(environ, file).binanceus_api_key
        return found.reveal() if found else ""

    file = tmp_path / ".env"
    SecretSettings(env(data), None).set(KEY, "from-the-store")
    assert key(env(data), None) == "from-the-store"
    file.write_text(f"{KEY}={vault.seal(KEY, 'from-the-file')}\n")
    assert key(env(data), file) == "from-the-file"
    assert key(env(data, **{KEY: vault.seal(KEY, "from-outside")}), file) == "from-outside"
    held = tmp_path / "held"
    held.write_text(vault.seal(KEY, "from-x-file") + "\n")
    assert key(env(data, **{f"{KEY}_FILE": str(held)}), file) == "from-x-file"
    assert key(env(data, **{KEY: ""}), None) == "from-the-store"


def test_the_database_s_address_may_be_sealed(vault: Vault, data: Path) -> None:
    address = f"postgresql+psycopg://trader:{VALUE}@db/trader"
    SecretSettings(env(data), None).set("DATABASE_URL", address)
    settings = load_settings(env(data), None)
    assert settings.database_url.reveal() == address
    assert VALUE not in repr(settings)


def test_a_key_file_elsewhere_is_used(data: Path, tmp_path: Path) -> None:
    environ = env(data, TRADER_SECRETS_KEY_FILE=str(tmp_path / "usb" / "my.key"))
    SecretSettings(environ, None).set(KEY, VALUE)
    assert (tmp_path / "usb/my.key").exists()
    assert not (data / "secrets.key").exists()
    assert load_settings(environ, None).binanceus_api_key is not None


def test_what_is_sealed_is_still_checked_as_its_setting(vault: Vault, data: Path, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"\n\nSMTP_URL={vault.seal('SMTP_URL', VALUE)}\n")
    assert refused(lambda: load_settings(env(data), file)).startswith(f"{file} line 3: SMTP_URL is not right; ")
    vault.keep(Kept({KEY: vault.seal(KEY, f" {VALUE}")}))
    assert (
        refused(lambda: load_settings(env(data), None)) == f"sealed store: {KEY} begins or ends with a blank; remove it"
    )
    vault.keep(Kept({KEY: vault.seal(KEY, "")}))
    assert "is empty" in refused(lambda: load_settings(env(data), None))


def test_what_is_no_secret_is_not_opened(vault: Vault, data: Path) -> None:
    line = refused(lambda: load_settings(env(data, TRADER_HOST=vault.seal("TRADER_HOST", "127.0.0.1")), None))
    assert line == "environment: TRADER_HOST is no secret, so it is not sealed; write its value as it is"
    vault.keep(Kept({"OLD_NAME": vault.seal("OLD_NAME", VALUE)}))
    assert "OLD_NAME is no secret setting; run: main.py secrets set OLD_NAME --remove" in refused(
        lambda: load_settings(env(data), None)
    )
    assert any("is no secret setting" in line for line in SecretSettings(env(data), None).listed(False))
    SecretSettings(env(data), None).remove("OLD_NAME")
    load_settings(env(data), None)


def test_a_value_in_clear_in_the_store_is_refused(vault: Vault, data: Path) -> None:
    vault.keep(Kept({KEY: VALUE}))
    vault.seal(KEY, "x")
    assert "is no whole sealed value" in refused(lambda: load_settings(env(data), None))


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("BINANCEUS_API_KEYS", "did you mean BINANCEUS_API_KEY?"),
        ("TRADER_PORT", "TRADER_PORT is no secret; write it into .env"),
        ("NONSENSE", "secrets list shows all"),
        (VALUE, "not the name of a setting"),
        (f"{KEY}={VALUE}", "not the name of a setting"),
    ],
)
def test_only_secret_settings_are_sealed(data: Path, name: str, says: str) -> None:
    assert says in refused(lambda: SecretSettings(env(data), None).set(name, VALUE))
    assert list(data.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [(KEY, f"{VALUE} x"), (KEY, f"{VALUE}\r"), (KEY, f'"{VALUE}"'), ("SMTP_URL", VALUE), (KEY, VALUE * 1000)],
)
def test_a_wrong_value_is_refused_before_anything_is_written(data: Path, name: str, value: str) -> None:
    line = refused(lambda: SecretSettings(env(data), None).set(name, value))
    assert line.startswith(f"{name} ")
    assert line.endswith("; nothing was changed")
    assert list(data.iterdir()) == []


def test_a_sealed_text_may_be_set_too(vault: Vault, data: Path) -> None:
    desk = SecretSettings(env(data), None)
    (text,) = desk.seal_only(KEY, VALUE)
    assert vault.kept().values == {}
    desk.set(KEY, text)
    assert vault.open(KEY, vault.kept().values[KEY]) == VALUE
    refused(lambda: desk.set(SECRET, text))


def test_set_says_when_somebody_else_wins_and_remove_takes_out(vault: Vault, data: Path) -> None:
    desk = SecretSettings(env(data, **{KEY: "elsewhere"}), None)
    assert "but environment gives" in desk.set(KEY, VALUE)[1]
    assert desk.remove(KEY) == [f"{KEY} is no longer in the sealed store"]
    assert vault.kept().values == {}
    assert f"{KEY} is not in the sealed store; environment gives it" in refused(lambda: desk.remove(KEY))
    assert "did you mean" in refused(lambda: desk.remove("BINANCEUS_API_KEYS"))


def test_list_says_where_everything_comes_from_and_no_value(vault: Vault, data: Path, tmp_path: Path) -> None:
    file, held = tmp_path / ".env", tmp_path / "held"
    held.write_text(VALUE)
    token = vault.seal("TWILIO_AUTH_TOKEN", VALUE)
    file.write_text(f"# mine\nTWILIO_AUTH_TOKEN={token}\nNEWSAPI_API_KEY_FILE={held}\n")
    environ = env(data, **{KEY: VALUE, "DEEPSEEK_API_KEY": vault.seal(KEY, VALUE)})
    desk = SecretSettings(environ, file)
    desk.set(SECRET, VALUE)
    said = "\n".join(desk.listed(False))
    assert VALUE not in said
    assert str(len(VALUE)) not in said.replace(str(tmp_path), "").replace(key_id(token), "")
    rows = {row["name"]: row for row in json.loads(desk.listed(True)[0])}
    assert (rows[KEY]["source"], rows[KEY]["sealed"]) == ("environment", False)
    assert rows["TWILIO_AUTH_TOKEN"]["source"] == f"{file} line 2"
    assert (rows["TWILIO_AUTH_TOKEN"]["sealed"], rows["TWILIO_AUTH_TOKEN"]["key_id"]) == (True, key_id(token))
    assert "file of NEWSAPI_API_KEY_FILE" in rows["NEWSAPI_API_KEY"]["source"]
    assert (rows[SECRET]["source"], rows[SECRET]["sealed"], rows[SECRET]["fault"]) == ("sealed store", True, "")
    assert "another name" in rows["DEEPSEEK_API_KEY"]["fault"]
    assert rows["SMTP_URL"]["set"] is False
    assert VALUE not in json.dumps(rows)


def test_list_works_without_the_key_file(vault: Vault, data: Path) -> None:
    desk = SecretSettings(env(data), None)
    desk.set(KEY, VALUE)
    vault.keys.path.unlink()
    assert any(line.startswith(KEY) and "is not there" in line for line in desk.listed(False))


def test_no_second_key_is_made_while_env_waits_for_the_first(vault: Vault, data: Path, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{SECRET}={vault.seal(SECRET, VALUE)}\n")
    vault.keys.path.unlink()
    assert "the key file" in refused(lambda: SecretSettings(env(data), file).set(KEY, VALUE))
    assert not vault.keys.path.exists()


def test_who_changes_waits_for_who_reads(data: Path) -> None:
    inside, seen = threading.Event(), []

    def change() -> None:
        inside.wait()
        with locked(data):
            seen.append("changed")

    thread = threading.Thread(target=change)
    thread.start()
    with locked(data, shared=True), locked(data, shared=True):
        inside.set()
        thread.join(timeout=0.2)
        seen.append("read")
    thread.join()
    assert seen == ["read", "changed"]


# ---------------------------------------------------------------- what the logs must not show


def test_sealed_secrets_are_starred_out_of_logs_in_every_form_a_library_gives_them(data: Path) -> None:
    odd = "p@ss w%rd/+ä="
    given = {
        KEY: VALUE,
        "SMTP_URL": "smtp://me%40example.org:" + quote_plus(VALUE + "+/") + "@mail.example.org:587",
        "TWILIO_ACCOUNT_SID": "AC0123456789",
        "TWILIO_AUTH_TOKEN": "twilio-token-1",
        "APPRISE_URLS": "ntfy://mytopic-very-secret, tgram://123456789:aaaBBBcccDDD/chatid-of-mine",
        "ALERT_PING_URL": "https://ping.example.org/0b7c3c1e-aaaa-bbbb-cccc-1234567890ab",
        "TRADER_ADMIN_PASSWORD": odd,
    }
    for name, value in given.items():
        SecretSettings(env(data), None).set(name, value)
    settings = load_settings(env(data), None)
    redactor = Redactor(settings.secrets())
    plain = VALUE + "+/"
    for text in (
        VALUE,
        plain,
        quote_plus(plain),
        odd,
        quote_plus(odd),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"me@example.org:{plain}".encode()).decode(),
        base64.b64encode(f"\0me@example.org\0{plain}".encode()).decode(),
        base64.b64encode(b"AC0123456789:twilio-token-1").decode(),
        "mytopic-very-secret",
        "aaaBBBcccDDD",
        "chatid-of-mine",
        "0b7c3c1e-aaaa-bbbb-cccc-1234567890ab",
    ):
        shown = redactor.text(f"before {text} after")
        assert text.rstrip("=") not in shown, text
        assert shown.startswith("before ")
        assert shown.endswith(" after")
    assert redactor.text("mail.example.org ping.example.org") == "mail.example.org ping.example.org"


def test_is_sealed_is_told_by_the_beginning() -> None:
    assert is_sealed("sealed:v9:whatever")
    assert not is_sealed("Sealed:v1")
    assert key_id("sealed:v1:short") == ""
