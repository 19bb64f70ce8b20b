"""One value of a YAML text replaced, added or cut out where it stands: every other character stays, comments too.

Says None where that cannot be (a section would be replaced or begun): then the tree is written anew, and what was
written over several lines is put back as it was.
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
    if node is None:
        return _added(text, parts, value)
    if isinstance(node, ScalarNode) and isinstance(value, (bool, int, Decimal, str)):
        new = _scalar(value)
    elif isinstance(node, SequenceNode) and isinstance(value, list):
        if not node.flow_style:
            return _lines_replaced(text, node, value)
        new = _wrapped([_scalar(each) for each in value], node.start_mark.column, "[]")
    else:
        return None
    start, end = node.start_mark.index, node.end_mark.index
    if "\n" in text[start:end] and isinstance(node, ScalarNode):
        return None
    tail = text[end:]
    if isinstance(node, ScalarNode):
        tail = _aligned(tail, len(new) - (end - start))
    return text[:start] + new + tail


def removed_in_place(text: str, parts: Sequence[str]) -> str | None:
    """Without a key and what it holds; other lines, and comments between them, stay."""
    parent = _found(text, parts[:-1])
    if not isinstance(parent, MappingNode) or len(parent.value) < 2:
        return None
    pair = next((pair for pair in parent.value if pair[0].value == parts[-1]), None)
    if pair is None:
        return text
    if parent.flow_style:
        return _bracketed_anew(text, parent, [_written(text, each) for each in parent.value if each is not pair])
    start = text.rfind("\n", 0, pair[0].start_mark.index) + 1
    end = text.find("\n", _end(pair[1]))
    return text[:start] + (text[end + 1 :] if end >= 0 else "")


def _added(text: str, parts: Sequence[str], value: object) -> str | None:
    """A new name in a map that is written in brackets."""
    parent = _found(text, parts[:-1])
    if not isinstance(parent, MappingNode) or not parent.flow_style or not parent.value:
        return None
    if isinstance(value, list):
        new = f"[{', '.join(_scalar(each) for each in value)}]"
    elif isinstance(value, (bool, int, Decimal, str)):
        new = _scalar(value)
    else:
        return None
    written = [_written(text, each) for each in parent.value]
    return _bracketed_anew(text, parent, [*written, f"{_scalar(parts[-1])}: {new}"])


def _written(text: str, pair: tuple[Node, Node]) -> str:
    return " ".join(text[pair[0].start_mark.index : pair[1].end_mark.index].split())


def _bracketed_anew(text: str, node: Node, items: Sequence[str]) -> str | None:
    start, end = node.start_mark.index, node.end_mark.index
    if "#" in text[start:end]:  # perhaps a comment
        return None
    return text[:start] + _wrapped(items, node.start_mark.column, "{}") + text[end:]


def _lines_replaced(text: str, node: SequenceNode, values: Sequence[object]) -> str | None:
    """Of a list with each value on a line of its own: lines whose value stays are kept as they are."""
    if not values or not all(isinstance(item, ScalarNode) for item in node.value):
        return None
    start = text.rfind("\n", 0, node.start_mark.index) + 1
    end = text.find("\n", _end(node))
    end = len(text) if end < 0 else end + 1
    kept: dict[str, str] = {}
    for item in node.value:
        first = text.rfind("\n", 0, item.start_mark.index) + 1
        last = text.find("\n", item.end_mark.index)
        kept[item.value] = text[first : last + 1 if last >= 0 else len(text)].rstrip("\n")
    indent = " " * node.start_mark.column
    lines = [kept.get(str(value)) or f"{indent}- {_scalar(value)}" for value in values]
    return text[:start] + "".join(f"{line}\n" for line in lines) + text[end:]


def _end(node: Node) -> int:
    """Where it ends: a section's own mark stands behind the blank lines and comments after it."""
    if isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, MappingNode) else last)
    return int(node.end_mark.index)


def with_lines_kept(old: str, new: str) -> str:
    """`new`, with every list or value in brackets that says the same as in `old` on the lines it had there."""
    before = dict(_of_lines(YAML(typ="rt").compose(old)))
    after = sorted(_of_lines(YAML(typ="rt").compose(new)), key=lambda each: each[1][0], reverse=True)
    for path, (start, end, said) in after:
        was = before.get(path)
        if was is not None and was[2] == said and "\n" in old[was[0] : was[1]]:
            new = new[:start] + old[was[0] : was[1]] + new[end:]
    return new


Span = tuple[int, int, object]  # from behind the key to the value's end, and what it says


def _of_lines(node: Node | None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Span]]:
    if not isinstance(node, MappingNode) or node.flow_style:
        return
    for key, value in node.value:
        here = (*path, str(key.value))
        if isinstance(value, SequenceNode) or (isinstance(value, MappingNode) and value.flow_style):
            yield here, (key.end_mark.index, _end(value), _said(value))
        yield from _of_lines(value, here)


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


def _wrapped(items: Sequence[str], column: int, brackets: str) -> str:
    """In brackets, on as many lines as it takes, none broken within an item."""
    hard = "\u00a0"  # a blank within an item
    texts = [item.replace(" ", hard) for item in items]
    indent = " " * (column + 1)
    lines = textwrap.wrap(
        ", ".join(texts),
        width=max(WIDTH, column + 40),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{brackets[0]}{chr(10).join(lines).strip(' ').replace(hard, ' ')}{brackets[1]}"
