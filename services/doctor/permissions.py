"""Who can read and change what is private, and who can reach the dashboard."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from services.database.looking import database_file
from services.doctor.check import Check, Status, note, ok, wrong
from services.doctor.installation import Installation
from services.settings import salvaging
from services.settings.addresses import is_loopback

OK = Status.OK
READ, WRITE = 0o044, 0o022


def _mode(path: Path) -> int | None:
    """None where there is no such file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def secrets_in_clear(here: Installation) -> Check | None:
    """Names only."""
    file = here.env_file
    names = salvaging.secrets_in_clear(file)
    if file is None or not names:
        return None
    mode = file.stat().st_mode
    if mode & (READ | WRITE):
        return wrong("secrets in clear", f"others can read {file}, and secrets stand in it", f"run: chmod 600 {file}")
    cure = f"seal them, one by one: main.py secrets set {names[0]}"
    return note("secrets in clear", f"{file} holds {', '.join(names)} as plain text", cure)


def data_directory(here: Installation) -> Check:
    folder = here.settings.data_dir
    subject = "data directory"
    mode = _mode(folder)
    if mode is None:
        return note(subject, f"{folder} is not there yet", "the first start makes it")
    if not folder.is_dir():
        return wrong(subject, f"{folder} is no directory", "move it away, or set TRADER_DATA_DIR")
    if mode & WRITE:
        return wrong(subject, f"others can change what is in {folder} (mode {mode:04o})", f"run: chmod go-w {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return wrong(subject, f"{folder} cannot be written by this user", "run as its owner, or change who owns it")
    return ok(subject, f"{folder} (mode {mode:04o})")


def private_files(here: Installation) -> Check | list[Check]:
    """Database, keys and sealed secrets are their owner's alone."""
    found = [path for path in _private(here) if path.is_symlink() or path.exists()]
    bad = [check for path in found if (check := _judged(path))]
    if bad:
        return bad
    names = ", ".join(path.name for path in found)
    return ok("private files", f"{names}: for their owner only" if names else "none there yet")


def _judged(path: Path) -> Check | None:
    mode = _mode(path)
    if mode is None:
        return wrong("private files", f"{path} is a link that leads nowhere", "put the file itself there")
    if mode & 0o077:
        return wrong("private files", f"{path} is open to others (mode {mode:04o})", f"run: chmod 600 {path}")
    if not os.access(path, os.R_OK):
        return wrong("private files", f"{path} cannot be read by this user", "run as its owner")
    return None


def _private(here: Installation) -> Iterator[Path]:
    settings = here.settings
    database = database_file(here.database_url)
    if database is not None:
        yield from (database.with_name(f"{database.name}{end}") for end in ("", "-wal", "-shm"))
    yield settings.secrets_key_file
    yield from (settings.data_dir / name for name in ("secrets.sealed", "api.key"))


def open_to_the_network(here: Installation) -> Check:
    settings = here.settings
    where, public = f"{settings.host} port {settings.port}", settings.public_url or ""
    if is_loopback(settings.host):
        return ok("dashboard", f"listens on {where}, for this machine only")
    if public.startswith("https://"):
        return ok("dashboard", f"listens on {where}, opened as {public}")
    return note(
        "dashboard",
        f"listens on {where}, where others may reach it, and no https address is set",
        "put a proxy with TLS in front and set TRADER_PUBLIC_URL, or set TRADER_HOST to 127.0.0.1",
    )
