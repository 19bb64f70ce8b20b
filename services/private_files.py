"""Small files that only their owner may read, such as keys: read strictly, written whole or not at all.

Refuses what others could read or swap. Never shows what is in a file.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path

from app.core.errors import ConfigError
from app.seam import token

_OTHERS = 0o077


def read_private(path: Path, what: str, most: int = 64 * 1024) -> bytes | None:
    """All of it, or None where there is no such file. `what` tells people what the file is for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        if path.is_symlink():
            raise _symlink(path, what) from None
        return None
    except OSError as error:
        if path.is_symlink():
            raise _symlink(path, what) from None
        raise ConfigError(
            f"{path}: {what} cannot be read ({error.strerror}); check who owns it and its folder"
        ) from None
    try:
        _refuse_open_to_others(os.fstat(descriptor).st_mode, path, what)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(descriptor)
    if not data.strip():
        raise ConfigError(f"{path}: {what} is empty; put back your copy of it, or delete it")
    if len(data) > most:
        raise ConfigError(f"{path}: {what} is larger than {most // 1024} KB; put back your copy of it, or delete it")
    return data


def _refuse_open_to_others(mode: int, path: Path, what: str) -> None:
    if not stat.S_ISREG(mode):
        is_a = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise ConfigError(f"{path}: {what} should be here, but it is {is_a}; move it away")
    if mode & _OTHERS:
        mode = stat.S_IMODE(mode)
        raise ConfigError(f"{path}: {what} can be read by others (mode {mode:04o}); run: chmod 600 {path}")


def _symlink(path: Path, what: str) -> ConfigError:
    return ConfigError(f"{path}: {what} must not be a symbolic link; put the file itself there")


def write_private(path: Path, data: bytes, what: str, *, mode: int = 0o600, only_new: bool = False) -> bool:
    """Write beside, flush to disk, rename over: a crash leaves the old file or the new one.

    `only_new`: never replaces; False where the file was there already.
    """
    beside = path.with_name(f".{path.name}.{token(6)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(beside, data, mode, path)
            if only_new:
                os.link(beside, path)
            else:
                os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"{path}: {what} cannot be written ({error.strerror}); check space and permissions") from None
    return True


def _write(beside: Path, data: bytes, mode: int, like: Path) -> None:
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        with suppress(FileNotFoundError, PermissionError):  # root leaves a file with whom it belonged to
            state = os.stat(like)
            os.fchown(descriptor, state.st_uid, state.st_gid)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """While one process changes what belongs together in `folder`, others wait. Not to be entered twice."""
    if not folder.is_dir():  # nothing in it yet that must be kept together
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flock(descriptor, LOCK_SH if shared else LOCK_EX)
        yield
    finally:
        os.close(descriptor)
