"""What two answers must have in common: keys and formats of values, and of an error its category and message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[\w.+-]+@[\w.-]+|0-\d+|\d+")
Kinds = dict[str, set[str]]


def find_differences(made: Any, real: Any, *, exact: bool) -> Iterator[str]:
    """Say what an answer lacks of a recorded one, or tells otherwise; with `exact`, also what it has beyond it."""
    ours, theirs = _kinds(made), _kinds(real)
    for path, kinds in theirs.items():
        parent = path.rpartition(".")[0]
        if path not in ours:
            if not parent or ours.get(parent, set()) & {"object"}:
                yield f"lacks {path}"
        elif not (ours[path] & kinds or "null" in ours[path] | kinds):
            yield f"{path} is {'/'.join(sorted(ours[path]))}, recorded {'/'.join(sorted(kinds))}"
    if exact:
        for path in ours:
            parent = path.rpartition(".")[0]
            if path not in theirs and (not parent or "object" in theirs.get(parent, set())):
                yield f"has {path}"


def find_keys(body: Any) -> set[str]:
    """Give every key of a body, wherever it stands."""
    return {path.rpartition(".")[2].removesuffix("[]") for path in _kinds(body)}


def find_error_differences(made: Mapping[str, Any], real: Mapping[str, Any]) -> Iterator[str]:
    """Compare two error bodies: keys, category, message without its ids and names."""
    for name in ("status", "category", "subCategory"):
        if made.get(name) != real.get(name):
            yield f"{name} is {made.get(name)!r}, recorded {real.get(name)!r}"
    if _pattern(made.get("message")) != _pattern(real.get("message")):
        yield f"message is {str(made.get('message'))[:80]!r}, recorded {str(real.get('message'))[:80]!r}"
    beyond = set(made) ^ set(real)
    if beyond:
        yield f"keys differ: {', '.join(sorted(beyond))}"


def _pattern(text: object) -> str:
    return _OWN.sub("#", str(text))


def _kinds(value: Any, path: str = "", into: Kinds | None = None) -> Kinds:
    """Give every path of a body with the kinds of value that stand there; elements of a list are one path."""
    found: Kinds = {} if into is None else into
    if path:
        found.setdefault(path, set()).add(_kind(value))
    if isinstance(value, dict):
        for name, inner in value.items():
            _kinds(inner, f"{path}.{name}" if path else name, found)
    elif isinstance(value, list):
        for inner in value:
            _kinds(inner, f"{path}[]" if path else "[]", found)
    return found


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "moment" if _MOMENT.fullmatch(value) else "null" if value == "" else "text"
    kinds = {dict: "object", list: "list", bool: "boolean"}
    return kinds.get(type(value), "number")


def parse_body(data: bytes) -> Any:
    """Decode an answer; one that is no JSON as the recordings wrap it."""
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return {"_raw_body": data.decode(errors="replace")}
