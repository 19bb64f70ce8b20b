"""`changed(thing, name=value, …)`: a frozen dataclass with slots once more, some of its fields different.

It is `dataclasses.replace` and gives the same, checks included; replace goes through `__init__`, argument by argument,
which the exact engine felt: every trade changes its order, its position and the account some fifty times.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from itertools import repeat
from operator import attrgetter, call
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

__all__ = ["changed"]

Thing = TypeVar("Thing")


class _Parts(NamedTuple):
    """How one class is read and filled."""

    read: Callable[[Any], tuple[Any, ...]]  # all fields at once
    place: dict[str, int]  # of each among them
    setters: tuple[Callable[[Any, Any], None], ...]  # past the freeze, as a frozen `__init__` does it
    check: Callable[[Any], None] | None


@cache
def _parts(kind: type) -> _Parts:
    names = [field.name for field in fields(kind)]
    return _Parts(
        # of one name attrgetter would give the value itself: the class keeps it company
        read=attrgetter(*names, "__class__"),
        place={name: place for place, name in enumerate(names)},
        setters=tuple(getattr(kind, name).__set__ for name in names),
        check=getattr(kind, "__post_init__", None),
    )


_each = deque[None](maxlen=0).extend  # runs through what it is given and keeps nothing


if TYPE_CHECKING:
    from dataclasses import replace as changed  # whose arguments the type checker knows
else:

    def changed(thing: Thing, /, **values: Any) -> Thing:
        """TypeError for a name that it does not have."""
        kind = type(thing)
        parts = _parts(kind)
        row = list(parts.read(thing))
        for name, value in values.items():
            try:
                row[parts.place[name]] = value
            except KeyError:
                raise TypeError(f"{kind.__name__} has no field {name!r}") from None
        copy = object.__new__(kind)
        _each(map(call, parts.setters, repeat(copy), row))
        if parts.check is not None:
            parts.check(copy)
        return copy
