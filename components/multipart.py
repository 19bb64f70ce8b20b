"""The file in a form, as it comes in: never the whole of it in memory, never its name."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from components.problems import Problem

FIELD = "file"
MOST_PARTS = 8
MOST_BESIDE = 16 * 1024  # bytes of other parts, and of headers
ONE_FILE = "send a form (multipart/form-data) with one `file`"


async def file_in(stream: AsyncIterator[bytes], content_type: str) -> AsyncIterator[bytes]:
    """The content of the part `file`. Problem where the body is no form, or has no file in it, or two."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise Problem(415, ONE_FILE)
    form = _Form(boundary)
    try:
        async for chunk in stream:
            for piece in form.write(chunk):
                yield piece
        form.end()
    except FormParserError as error:
        raise Problem(422, f"the form cannot be read; {ONE_FILE}") from error


class _Form:
    """What the parser tells of the parts, piece by piece."""

    def __init__(self, boundary: bytes) -> None:
        self._pieces: list[bytes] = []
        self._name, self._value = b"", b""
        self._in_file, self._ended = False, False
        self._parts = self._files = self._beside = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> list[bytes]:
        """What of the file was in this chunk."""
        self._parser.write(chunk)
        pieces, self._pieces = self._pieces, []
        return pieces

    def end(self) -> None:
        if not self._ended:
            raise Problem(422, f"the form does not end; {ONE_FILE}")
        if not self._files:
            raise Problem(422, f"file: it is missing; {ONE_FILE}")

    def _begin(self) -> None:
        self._parts += 1
        self._in_file = False
        if self._parts > MOST_PARTS:
            raise Problem(422, f"the form has too many parts; {ONE_FILE}")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._in_file = parse_options_header(self._value)[1].get(b"name") == FIELD.encode()
            self._files += self._in_file
            if self._files > 1:
                raise Problem(422, f"file: there are two; {ONE_FILE}")
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
        else:
            self._count(end - start)

    def _count(self, length: int) -> None:
        self._beside += length
        if self._beside > MOST_BESIDE:
            raise Problem(422, f"the form holds too much beside the file; {ONE_FILE}")

    def _end(self) -> None:
        self._ended = True
