"""Messages and state as canonical JSON and back: sorted keys, Decimals and times as strings, types by name.

The journal's bytes are made here, so a change of this file's output breaks every hash chain. Never do that.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from app.core import decisions, messages, model, portfolio, rules, state
from app.core.errors import DataError
from app.core.money import plain

T = TypeVar("T")

_REGISTRY: dict[str, type] = {
    name: kind
    for module in (model, decisions, rules, messages, portfolio, state)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}


def register(kind: type[T]) -> type[T]:
    """Let a further dataclass travel (a class decorator)."""
    _REGISTRY[kind.__name__] = kind
    return kind


def utc_text(at: datetime) -> str:
    """RFC 3339 with microseconds and Z: lossless."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(value: object) -> str:
    """Canonical JSON text of a dataclass, or of lists, tuples and dicts of them."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def to_plain(value: Any) -> Any:
    """The JSON-able form; a dataclass becomes an object with its class name under "type"."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):  # half a surrogate pair, which strangers may send, is no text that can be written
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        fields = {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, "of": fields}
    raise TypeError(f"cannot write {type(value).__name__}")


def decode(text: str) -> Any:
    """The inverse of `encode`. Raises DataError for text that is not ours."""
    try:
        return from_plain(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise DataError(f"cannot read a stored message: {error}") from error


def from_plain(data: Any) -> Any:
    """Objects by their class name; a list stays a list."""
    if isinstance(data, list):
        return [from_plain(item) for item in data]
    if isinstance(data, dict):
        if set(data) == {"type", "of"}:
            return _build(_REGISTRY[data["type"]], data["of"])
        return {key: from_plain(item) for key, item in data.items()}
    return data


def _build(kind: type, fields: dict[str, Any]) -> Any:
    readers = _readers(kind)
    return kind(**{name: readers[name](value) for name, value in fields.items() if name in readers})


@cache
def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(kind)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    """How a field of type `hint` is read back from its plain form."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        inner = [_reader(arg) for arg in args if arg is not type(None)]
        first = inner[0] if len(inner) == 1 else from_plain
        return lambda value: None if value is None else first(value)
    if origin is tuple:
        return _tuple_reader(args)
    if origin is list:
        item = _reader(args[0])
        return lambda value: [item(each) for each in value]
    if origin is dict:
        key, item = _reader(args[0]), _reader(args[1])
        return lambda value: {key(name): item(each) for name, each in value.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint is Decimal:
        return Decimal
    if hint is datetime:
        return datetime.fromisoformat
    return from_plain


def _tuple_reader(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        item = _reader(args[0])
        return lambda value: tuple(item(each) for each in value)
    readers = [_reader(arg) for arg in args]
    return lambda value: tuple(read(each) for read, each in zip(readers, value, strict=True))
