"""Changes settings inside the text of a file, so that comments, order and layout of everything else stay as a person left them.

Pure: text in, text out. What comes out is read again by our own reader and compared with what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import yaml as pyyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from hubferry.config import lines
from hubferry.errors import ConfigError

Value = Any
"""What YAML holds: mappings, lists, texts, numbers, booleans, None."""
_NEVER_FOLD = 1_000_000


def change_text(text: str, wanted: Mapping[str, Value], owned: Mapping[str, Value], *, file: str) -> str:
    """Give the text with the settings of `wanted`; others stay, but those of `owned` that are not wanted go.

    `owned` says of which settings the caller decides: name -> None for a value, a mapping for the settings below it, where
    `*` stands for every name (or every item of a list). Raises ConfigError where the text is not YAML.
    """
    lines.parse_yaml(text, file=file)
    editor = _editor(text)
    root = editor.load(text)
    if not isinstance(root, CommentedMap):
        root = CommentedMap()
    _lay_down(root, wanted, owned)
    out = StringIO()
    editor.dump(root, out)
    changed = out.getvalue()
    _check(changed, wanted, file)
    return changed


def _editor(text: str) -> YAML:
    editor = YAML(typ="rt")
    editor.preserve_quotes = True
    editor.width = _NEVER_FOLD
    listed = re.search(r"^( *)[^\s#][^\n]*:[ ]*(?:#[^\n]*)?\n(?:[ ]*(?:#[^\n]*)?\n)*( *)- ", text, re.MULTILINE)
    dash = len(listed[2]) - len(listed[1]) if listed else 2
    editor.indent(mapping=2, sequence=max(dash, 0) + 2, offset=max(dash, 0))
    return editor


def _lay_down(node: CommentedMap, wanted: Mapping[str, Value], owned: Mapping[str, Value]) -> None:
    for name in [name for name in node if name not in wanted and (name in owned or "*" in owned)]:
        del node[name]
    for name, value in wanted.items():
        below = owned.get(name, owned.get("*"))
        held = node.get(name)
        if isinstance(value, Mapping) and isinstance(held, CommentedMap):
            _lay_down(held, value, below or {"*": None})
        elif _is_list(value) and isinstance(held, CommentedSeq):
            _lay_down_list(held, value, below or {})
        elif name not in node or _plain(held) != value:
            node[name] = _build(value, is_block=not _is_small(value))


def _lay_down_list(node: CommentedSeq, wanted: Sequence[Value], owned: Mapping[str, Value]) -> None:
    del node[len(wanted) :]
    for place, value in enumerate(wanted):
        if place >= len(node):
            node.append(_build(value, is_block=False))
        elif isinstance(value, Mapping) and isinstance(node[place], CommentedMap):
            _lay_down(node[place], value, owned.get("*") or {"*": None})
        elif _plain(node[place]) != value:
            node[place] = _build(value, is_block=False)


def _build(value: Value, *, is_block: bool) -> Value:
    """Build a new value as a person would write it: small ones on one line, texts quoted where YAML would misread them."""
    if isinstance(value, Mapping):
        made = CommentedMap((name, _build(each, is_block=not _is_small(each))) for name, each in value.items())
        if not is_block:
            made.fa.set_flow_style()
        return made
    if _is_list(value):
        items = CommentedSeq(_build(each, is_block=False) for each in value)
        if not any(isinstance(each, Mapping) for each in value):
            items.fa.set_flow_style()
        return items
    if isinstance(value, str):
        return _text(value)
    return value


def _text(value: str) -> str:
    if "\n" in value.strip("\n"):
        literal: str = LiteralScalarString(value if value.endswith("\n") else f"{value}\n")
        return literal
    try:
        misread = pyyaml.safe_load(value) != value or pyyaml.safe_load(f"{{a: {value}}}") != {"a": value}
    except pyyaml.YAMLError:
        misread = True
    quoted: str = DoubleQuotedScalarString(value)
    return quoted if misread else value


def _is_small(value: Value) -> bool:
    """A block of a few plain settings fits on one line."""
    return (
        isinstance(value, Mapping) and len(value) <= 5 and not any(isinstance(each, Mapping) for each in value.values())
    )


def _is_list(value: Value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _plain(value: Value) -> Value:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if _is_list(value):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, str) else value


def _check(text: str, wanted: Mapping[str, Value], file: str) -> None:
    """Read the text as every command will; refuse to give one that says something else than was meant."""
    read = lines.parse_yaml(text, file=file).data or {}
    if missing := _first_difference(read, wanted, ""):
        raise ConfigError(
            f"the setting {missing} cannot be written here without changing its meaning; edit it by hand.", file=file
        )


def _first_difference(read: Value, wanted: Value, path: str) -> str:
    if isinstance(wanted, Mapping):
        if not isinstance(read, Mapping):
            return path
        found = (_first_difference(read.get(name), each, f"{path}.{name}".lstrip(".")) for name, each in wanted.items())
        return next(filter(None, found), "")
    if _is_list(wanted):
        if not _is_list(read) or len(read) != len(wanted):
            return path
        found = (
            _first_difference(*each, f"{path}.{place}") for place, each in enumerate(zip(read, wanted, strict=True))
        )
        return next(filter(None, found), "")
    same = read == wanted and type(read) is type(wanted)
    return (
        ""
        if same or (isinstance(wanted, str) and isinstance(read, str) and read.rstrip("\n") == wanted.rstrip("\n"))
        else path
    )
