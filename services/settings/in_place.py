"""One value of a YAML text replaced where it stands: every other character stays, line breaks and comments too.

Says None where that cannot be (the key is not there, or a section would be replaced): then the tree is written anew,
and what was written over several lines is put back as it was.
"""

import io
import textwrap
from collections.abc import Iterator, Sequence
from decimal import Decimal

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from app.core.money import decimal, plain

WIDTH = 118


def replaced_in_place(text: str, parts: Sequence[str], value: object) -> str | None:
    node = _found(text, parts)
    if isinstance(node, ScalarNode) and isinstance(value, (bool, int, Decimal, str)):
        new = _scalar(value)
    elif isinstance(node, SequenceNode) and node.flow_style and isinstance(value, list):
        new = _list(value, node.start_mark.column)
    else:
        return None
    start, end = node.start_mark.index, node.end_mark.index
    if "\n" in text[start:end] and isinstance(node, ScalarNode):
        return None
    tail = text[end:]
    if isinstance(node, ScalarNode):
        tail = _aligned(tail, len(new) - (end - start))
    return text[:start] + new + tail


def with_lines_kept(old: str, new: str) -> str:
    """`new`, with every value in brackets that says the same as in `old` on the lines it had there."""
    before = dict(_bracketed(YAML(typ="rt").compose(old)))
    after = sorted(_bracketed(YAML(typ="rt").compose(new)), key=lambda each: each[1][0], reverse=True)
    for path, (start, end, said) in after:
        was = before.get(path)
        if was is not None and was[2] == said and "\n" in old[was[0] : was[1]]:
            new = new[:start] + old[was[0] : was[1]] + new[end:]
    return new


Span = tuple[int, int, object]  # from behind the key to the value's end, and what it says


def _bracketed(node: Node | None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Span]]:
    if not isinstance(node, MappingNode) or node.flow_style:
        return
    for key, value in node.value:
        here = (*path, str(key.value))
        if not isinstance(value, ScalarNode) and value.flow_style:
            yield here, (key.end_mark.index, value.end_mark.index, _said(value))
        yield from _bracketed(value, here)


def _said(node: Node) -> object:
    if isinstance(node, ScalarNode):
        return node.tag, node.value
    if isinstance(node, MappingNode):
        return [(_said(key), _said(value)) for key, value in node.value]
    return [_said(each) for each in node.value]


def _found(text: str, parts: Sequence[str]) -> Node | None:
    node: Node | None = YAML(typ="rt").compose(text)
    for part in parts:
        if not isinstance(node, MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == part), None)
    return node


def _aligned(tail: str, longer: int) -> str:
    """A comment behind the value stays in its column, as far as there is room."""
    rest = tail.lstrip(" ")
    blanks = len(tail) - len(rest)
    if not rest.startswith("#") or not blanks:
        return tail
    return " " * max(1, blanks - longer) + rest


def _scalar(value: object) -> str:
    """As it may stand anywhere, also in brackets."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return plain(decimal(value))
    yaml = YAML(typ="rt")
    yaml.width = 100_000
    one, out = CommentedSeq([value]), io.StringIO()
    one.fa.set_flow_style()
    yaml.dump(one, out)
    return out.getvalue().strip().removeprefix("[").removesuffix("]")


def _list(values: Sequence[object], column: int) -> str:
    """In brackets, on as many lines as it takes, none broken within a value."""
    hard = "\u00a0"  # a blank within a value
    texts = [_scalar(value).replace(" ", hard) for value in values]
    indent = " " * (column + 1)
    lines = textwrap.wrap(
        ", ".join(texts),
        width=max(WIDTH, column + 40),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"[{chr(10).join(lines).strip(' ').replace(hard, ' ')}]"
