"""Values: dataclasses that are frozen, with slots, by name only; and `changed`, which copies one with other fields.

The exact engine makes some two hundred of them a trade, and `dataclass` fills a frozen one field by field past its own
freeze, which costs six times what filling costs. So a value is filled as a draft, the same class but for the freeze,
and becomes what it is when it is whole. Nobody ever sees a draft.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, dataclass_transform

__all__ = ["changed", "value"]

Thing = TypeVar("Thing")

_FILL = """
def __init__(self, *, {arguments}):
    _thaw(self, _draft)
    {fields}
    self.__class__ = _kind
    {check}
"""
_COPY = """
def copied(thing):
    copy = _new(_draft)
    {fields}
    return copy
"""


class _Making(NamedTuple):
    """How one class is copied: as a draft at first, and checked when it is whole, if it has a check."""

    copied: Callable[[Any], Any]
    check: Callable[[Any], None] | None


_makings: dict[type, _Making] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(kind: type[Thing]) -> type[Thing]:
    """A class decorator."""
    kind = dataclass(frozen=True, slots=True, kw_only=True)(kind)
    parts, check = fields(kind), hasattr(kind, "__post_init__")  # type: ignore[arg-type]
    if not parts or any(part.default_factory is not MISSING for part in parts):
        return kind  # rules and the like, of which few are made
    names = {f"default_{part.name}": part.default for part in parts if part.default is not MISSING}
    taken = [part.name if part.default is MISSING else f"{part.name}=default_{part.name}" for part in parts]
    filled = [f"self.{part.name} = {part.name}" for part in parts]
    names |= {"_thaw": object.__dict__["__class__"].__set__, "_draft": _draft(kind), "_kind": kind}
    kind.__init__ = _compiled(  # type: ignore[method-assign]
        _FILL.format(
            arguments=", ".join(taken), fields="; ".join(filled), check="self.__post_init__()" if check else ""
        ),
        names,
    )
    return kind


if TYPE_CHECKING:
    from dataclasses import replace as changed  # whose arguments the type checker knows
else:

    def changed(thing: Thing, /, **values: Any) -> Thing:
        """`dataclasses.replace`, checks included, at a sixth of its cost. AttributeError for a name that it has not."""
        kind = thing.__class__
        copied, check = _makings.get(kind) or _making(kind)
        copy = copied(thing)
        for name, new in values.items():
            setattr(copy, name, new)
        copy.__class__ = kind
        if check is not None:
            check(copy)
        return copy


def _making(kind: type) -> _Making:
    names = [part.name for part in fields(kind)]
    copied = _compiled(
        _COPY.format(fields="; ".join(f"copy.{name} = thing.{name}" for name in names)),
        {"_new": object.__new__, "_draft": _draft(kind)},
    )
    _makings[kind] = _Making(copied, getattr(kind, "__post_init__", None))
    return _makings[kind]


def _draft(kind: type) -> type:
    thawed = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), thawed)


def _compiled(source: str, names: dict[str, Any]) -> Any:
    """Written out for one class, as `dataclass` itself does it. Nothing from outside gets into `source`."""
    found: dict[str, Any] = {}
    exec(source, names, found)  # noqa: S102
    return next(iter(found.values()))
