"""Text of candle files as blocks of whole lines, read piece by piece: CSV, JSON lists, also inside .gz or .zip.

However large a file is, or says it is, only a block of it is in memory. What is no table of equal lines is refused.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.core.errors import DataError

BLOCK = 4 * 2**20
MAX_BYTES = 4 * 2**30  # as unpacked
MAX_RATIO = 100  # candles shrink to a fifth or a tenth; what shrinks to nothing is a trap
MAX_COLUMNS = 20
MAX_LINE = 4096
ARCHIVES = {b"\x1f\x8b": ".gz", b"PK\x03\x04": ".zip"}
MAGIC = {
    b"\x1f\x8b": "is a gzip archive; unpack it first, or name it .gz",
    b"PK\x03\x04": "is a zip archive or an Excel workbook; unpack it, or save it as CSV (a zip must be named .zip)",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save it as CSV",
    b"BZh": "is a bzip2 archive; unpack it first",
    b"\xfd7zXZ": "is an xz archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "is a zstd archive; unpack it first",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some lines, without the header. `line` is the number of the first one; `header` names the columns, if any."""

    raw: bytes
    line: int
    header: str | None
    columns: int


def blocks(path: Path) -> Iterator[Block]:
    """The lines of a text file. Raises DataError at the first that cannot be part of a table."""
    with _opened(path) as file:
        start = file.read(MAX_LINE)
        is_json = start.lstrip()[:1] == b"["
        pieces = (_json_lines if is_json else _lines)(path, file, start)
        header: str | None = None
        commas, line = -1, 1
        for raw in pieces:
            if commas < 0:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
                commas, is_header = _first_line(path, raw)
                _check(path, raw, line, commas)
                if is_header and not is_json:
                    first, _, raw = raw.partition(b"\n")
                    header, line = first.decode(), 2
            else:
                _check(path, raw, line, commas)
            if raw:
                yield Block(raw=raw, line=line, header=header, columns=commas + 1)
            line += raw.count(b"\n")
        if commas < 0:
            raise DataError(f"{path.name}: is blank; download or export it again")


# ---------------------------------------------------------------- bytes


@contextmanager
def _opened(path: Path) -> Iterator[Readable]:
    """Of an archive the one file inside."""
    with path.open("rb") as plain:
        start = plain.read(8)
        plain.seek(0)
        magic = next((each for each in MAGIC if start.startswith(each)), None)
        if magic is not None and ARCHIVES.get(magic, "?") != path.suffix.lower():
            raise DataError(f"{path.name}: {MAGIC[magic]}")
        try:
            if magic == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=plain) as inside:
                    yield _Guarded(path, inside)
            elif magic == b"PK\x03\x04":
                with zipfile.ZipFile(plain) as archive, archive.open(_only_one(path, archive)) as inside:
                    yield _Guarded(path, inside)
            else:
                yield plain
        except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{path.name}: is a damaged archive; download it again") from error


def _only_one(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [each for each in archive.infolist() if not each.is_dir()]
    if len(files) != 1 or files[0].flag_bits & 1:
        raise DataError(f"{path.name}: holds {len(files)} files or is locked; one CSV without a password is taken")
    if files[0].file_size > MAX_BYTES:
        raise DataError(f"{path.name}: holds {files[0].file_size // 2**20} MB; at most {MAX_BYTES // 2**20} are taken")
    return files[0]


class _Guarded:
    """Counts what comes out of an archive against what went in."""

    def __init__(self, path: Path, inside: Readable) -> None:
        self._path, self._inside, self._out = path, inside, 0
        self._size = path.stat().st_size

    def read(self, size: int) -> bytes:
        data = self._inside.read(size)
        self._out += len(data)
        if self._out > MAX_BYTES or self._out > MAX_RATIO * self._size + BLOCK:
            raise DataError(f"{self._path.name}: unpacks to far more than candles would; it is a trap or damaged")
        return data


# ---------------------------------------------------------------- lines


def _lines(path: Path, file: Readable, start: bytes) -> Iterator[bytes]:
    """Blocks of whole lines; blank ones at the end of the file are left out."""
    too_long = f"is longer than {MAX_LINE} characters; this is no candle file"
    rest, line, data = start, 1, file.read(BLOCK)
    while data:
        whole, data = rest + data, file.read(BLOCK)
        cut = whole.rfind(b"\n", 0, len(whole.rstrip())) + 1  # the last line that something follows is whole
        if cut == 0 and b"\n" not in whole[: MAX_LINE + 1]:
            raise DataError(f"{path.name}: line {line} {too_long}")
        if len(whole) - cut > 2 * BLOCK:
            raise DataError(f"{path.name}: megabytes of nothing follow line {line}; cut them off")
        if cut and data:
            yield whole[:cut]
            line += whole.count(b"\n", 0, cut)
            whole = whole[cut:]
        rest = whole
    if rest := rest.rstrip():
        yield rest + b"\n"


def _json_lines(path: Path, file: Readable, start: bytes) -> Iterator[bytes]:
    """[[1, 2], [3, 4]] as lines of a CSV: "1,2" and "3,4"."""
    broken = DataError(f"{path.name}: is no list of candles such as [[ms, open, high, low, close, volume], …]")
    rest, data, opened = b"", start, False
    while data:
        rest += data.translate(None, b" \t\r\n")
        data = file.read(BLOCK)
        if not opened and len(rest) > 1:
            if not rest.startswith((b"[[", b"[]")):
                raise broken
            rest, opened = rest[2:], True
        cut = rest.rfind(b"],[")
        if cut < 0 and len(rest) > 2 * MAX_LINE:
            raise broken
        if cut > 0:
            yield rest[:cut].replace(b"],[", b"\n") + b"\n"
            rest = rest[cut + 3 :]
    if opened and rest == b"":
        raise DataError(f"{path.name}: holds no candles, an empty list; download it again")
    if not rest.endswith(b"]]"):
        raise DataError(f"{path.name}: the list of candles has no end; download it again")
    yield rest[:-2].replace(b"],[", b"\n") + b"\n"


def _first_line(path: Path, raw: bytes) -> tuple[int, bool]:
    """How many commas each line must have, and whether the first one names the columns."""
    first = raw[: raw.find(b"\n") + 1 or len(raw)]
    _readable(path, first, 1)
    if len(first) > MAX_LINE:
        raise DataError(f"{path.name}: line 1 is longer than {MAX_LINE} characters; this is no candle file")
    commas = first.count(b",")
    for sign, word in ((b";", "semicolons"), (b"\t", "tabs"), (b"|", "bars")):
        if first.count(sign) > commas:
            raise DataError(f"{path.name}: line 1 is separated by {word}; save it with commas and decimal points")
    if commas + 1 > MAX_COLUMNS:
        raise DataError(f"{path.name}: line 1 has {commas + 1} columns; at most {MAX_COLUMNS} are taken")
    if commas + 1 < 6:
        raise DataError(f"{path.name}: line 1 has {commas + 1} columns; date,open,high,low,close,volume are needed")
    return commas, not first.split(b",")[0].strip().strip(b'"').replace(b".", b"", 1).isdigit()


def _readable(path: Path, raw: bytes, line: int) -> None:
    nul = raw.find(b"\0")
    if nul >= 0:
        line += raw.count(b"\n", 0, nul)
        raise DataError(f"{path.name}: line {line} holds a NUL byte; save the file as UTF-8 text")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        raise DataError(f"{path.name}: line {line} is not UTF-8 text; save the file as UTF-8") from error


def _check(path: Path, raw: bytes, first: int, commas: int) -> None:
    """Each line has the first one's columns, is not endless, and closes its quotes."""
    _readable(path, raw, first)
    signs = np.frombuffer(raw, dtype=np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    lengths = np.diff(ends, prepend=-1)
    found = _per_line(signs == ord(","), ends)
    quotes = _per_line(signs == ord('"'), ends)
    wrong = (lengths > MAX_LINE) | (quotes % 2 == 1) | ((found != commas) & (quotes == 0))
    rows = np.flatnonzero(wrong)
    if len(rows) == 0:
        return
    row = int(rows[0])
    number = first + row
    if lengths[row] > MAX_LINE:
        raise DataError(f"{path.name}: line {number} is longer than {MAX_LINE} characters; this is no candle")
    if quotes[row] % 2:
        raise DataError(f"{path.name}: line {number} opens a quote and never closes it; mend the line")
    raise DataError(
        f"{path.name}: line {number} has {found[row] + 1} columns, the first has {commas + 1}; "
        "mend the line (decimals need a point)"
    )


def _per_line(is_sign: NDArray[np.bool_], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many signs stand in each line."""
    return np.diff(np.searchsorted(np.flatnonzero(is_sign), ends), prepend=0)
