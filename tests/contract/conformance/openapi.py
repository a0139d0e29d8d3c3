"""HubSpot's OpenAPI files: which calls there are, what they take, and whether an answer is what they say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HUBSPOT = Path(__file__).parents[4] / "shared" / "hubspot"
FILES = HUBSPOT / "openapi"
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, eq=False)
class Operation:
    """One method and path of one file."""

    file: str
    method: str
    path: str
    parts: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def query(self) -> list[dict[str, Any]]:
        """Its query parameters."""
        found = [resolve(self.document, each) for each in self.parts.get("parameters", ())]
        return [each for each in found if each["in"] == "query"]

    def answer(self, status: int) -> tuple[bool, Mapping[str, Any] | None]:
        """Give whether the file lists a status, and the schema of its body: None when there is none."""
        found = self.parts["responses"].get(str(status))
        if found is None:
            return False, None
        found = resolve(self.document, found)
        content = found.get("content", {})
        return True, next((each["schema"] for each in content.values() if "json" in str(content)), None)


def resolve(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a local `$ref`."""
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


@cache
def operations() -> tuple[Operation, ...]:
    """Read every operation of every file."""
    found: list[Operation] = []
    for file in sorted(FILES.glob("*.json")):
        document = json.loads(file.read_text())
        for path, methods in document["paths"].items():
            found += [
                Operation(file.name, method.upper(), path, parts, document)
                for method, parts in methods.items()
                if method in METHODS
            ]
    return tuple(found)


@cache
def _by_length() -> Mapping[tuple[str, int], list[tuple[list[str], Operation]]]:
    found: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
    for each in operations():
        steps = each.path.strip("/").split("/")
        found.setdefault((each.method, len(steps)), []).append((steps, each))
    return found


def find_operations(method: str, template: str) -> list[Operation]:
    """Give the operations that a path template covers, those nearest to it first.

    A placeholder of the template covers any step of a file's path, a literal only itself.
    """
    wanted = template.strip("/").split("/")
    ranked: list[tuple[tuple[int, bool], Operation]] = []
    for steps, each in _by_length().get((method, len(wanted)), ()):
        pairs = list(zip(wanted, steps, strict=True))
        if all(mine == theirs or mine.startswith("{") for mine, theirs in pairs):
            literal = [theirs for mine, theirs in pairs if mine.startswith("{") and not theirs.startswith("{")]
            ranked.append(((len(literal), literal != ["contacts"] and bool(literal)), each))
    nearest = min((rank for rank, _ in ranked), default=None)
    return [each for rank, each in sorted(ranked, key=lambda pair: pair[0]) if rank == nearest]


def find_violations(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: object, where: str = ""
) -> Iterator[str]:
    """Say where a value is not what a schema says; a key that the schema does not have is a violation too."""
    if "$ref" in schema:
        where = schema["$ref"].rpartition("/")[2]
        schema = resolve(document, schema)
    if value is None:
        if not schema.get("nullable"):
            yield f"{where}: null"
        return
    if "oneOf" in schema:
        found = [list(find_violations(document, each, value, where)) for each in schema["oneOf"]]
        if all(found):
            yield from min(found, key=len)
        return
    for each in schema.get("allOf", ()):
        yield from find_violations(document, each, value, where)
    yield from _scalar(schema, value, where)
    if isinstance(value, list):
        for each in value:
            yield from find_violations(document, schema.get("items", {}), each, f"{where}[]")
    elif isinstance(value, dict) and "allOf" not in schema:
        yield from _fields(document, schema, value, where)


def _scalar(schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
    kind = schema.get("type")
    if kind is not None and (
        not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind in {"integer", "number"})
    ):
        yield f"{where}: {type(value).__name__} instead of {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not in the enum"
    elif schema.get("format") == "date-time" and isinstance(value, str) and not _MOMENT.fullmatch(value):
        yield f"{where}: {value!r} is no date-time"


def _fields(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: Mapping[str, Any], where: str
) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{where}: no {name}" for name in schema.get("required", ()) if name not in value)
    for name, inner in value.items():
        if name in known:
            yield from find_violations(document, known[name], inner, f"{where}.{name}")
        elif isinstance(others, dict):
            yield from find_violations(document, others, inner, f"{where}.*")
        elif known and others is not True:
            yield f"{where}: {name} is not in the schema"
