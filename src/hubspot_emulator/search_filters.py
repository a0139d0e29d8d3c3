"""What a search asks for: filters compared as HubSpot compares them, in SQL where a column holds the value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations, parsing, timestamps
from hubspot_emulator.http import ApiError
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.property_definition import Definition

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Values = Mapping[str, str]
Predicate = Callable[[Values], bool]

OPERATORS = frozenset(
    {
        "BETWEEN",
        "CONTAINS_TOKEN",
        "EQ",
        "GT",
        "GTE",
        "HAS_PROPERTY",
        "IN",
        "LT",
        "LTE",
        "NEQ",
        "NOT_CONTAINS_TOKEN",
        "NOT_HAS_PROPERTY",
        "NOT_IN",
    }
)
_NEEDS_VALUES = frozenset({"IN", "NOT_IN"})
_NEEDS_NOTHING = frozenset({"HAS_PROPERTY", "NOT_HAS_PROPERTY"})
_SQL = {"EQ": "=", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_TOKEN = re.compile(r"[^\W_]+")
_ASKED_TOKEN = re.compile(r"(?:[^\W_]|\*)+")


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One comparison."""

    name: str
    operator: str
    value: str = ""
    high: str = ""
    values: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Group:
    """Filters that all must hold: what columns can tell, as SQL, and the rest; `every` is all of them."""

    where: list[str] = field(default_factory=list)
    parameters: list[int] = field(default_factory=list)
    rest: list[Predicate] = field(default_factory=list)
    every: list[Predicate] = field(default_factory=list)


def parse_filter(raw: object) -> Filter:
    """Read one filter of a body."""
    parts = parsing.fields(raw, {"propertyName", "operator", "value", "highValue", "values"}, where="a filter")
    operator = parts.get("operator")
    if operator not in OPERATORS:
        raise ApiError(400, f"operator {operator} is unknown; known are {', '.join(sorted(OPERATORS))}")
    name = parsing.text(parts.get("propertyName"), where="a filter's propertyName")
    needed = ["values"] if operator in _NEEDS_VALUES else [] if operator in _NEEDS_NOTHING else ["value"]
    needed += ["highValue"] if operator == "BETWEEN" else []
    missing = [part for part in needed if parts.get(part) is None]
    if missing:
        raise ApiError(400, f"A filter with operator {operator} on {name} needs {missing[0]}")
    return Filter(
        name=name,
        operator=operator,
        value=_text(parts.get("value")),
        high=_text(parts.get("highValue")),
        values=tuple(_text(each) for each in parsing.items(parts.get("values"), where="a filter's values")),
    )


def build_group(portal: Portal, kind: ObjectType, filters: Sequence[Filter]) -> Group:
    """Build the comparisons of one group."""
    group = Group()
    for each in filters:
        if each.name.startswith("associations."):
            _add_association(portal, kind, each, group)
            continue
        definition = portal.properties(kind.type_id).get(each.name)
        if definition is None or definition.archived:
            raise ApiError(400, f'Property "{each.name}" does not exist for {kind.name}: it cannot be filtered by')
        predicate = build_predicate(definition, each)
        group.every.append(predicate)
        if not _add_column(kind, definition, each, group):
            group.rest.append(predicate)
            _add_key(portal, kind, definition, each, group)
    return group


def column(kind: ObjectType, name: str) -> str | None:
    """Name the column that holds a property, if one does."""
    return {
        "hs_object_id": "id",
        kind.created_property: "created_ms",
        kind.modified_property: "updated_ms",
    }.get(name)


def comparable(definition: Definition) -> Callable[[str], Any]:
    """Give the function that makes a property's texts comparable; it raises ValueError for what is none."""
    if definition.name == "hs_object_id":
        return int
    if definition.type == "number":
        return float
    if definition.type in {"date", "datetime"}:
        return timestamps.parse_ms
    return str if definition.type == "enumeration" else str.lower


def build_predicate(definition: Definition, asked: Filter) -> Predicate:
    """Build the comparison of one property with one filter; a property that is not set matches NOT_HAS_PROPERTY only."""
    name, operator = definition.name, asked.operator
    if operator == "HAS_PROPERTY":
        return lambda values: bool(values.get(name))
    if operator == "NOT_HAS_PROPERTY":
        return lambda values: not values.get(name)
    if operator in {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}:
        patterns = _token_patterns(asked.value)
        wanted = operator == "CONTAINS_TOKEN"
        return lambda values: bool(values.get(name)) and _has_tokens(patterns, values[name]) == wanted
    test = _build_test(definition, asked)

    def matches(values: Values) -> bool:
        value = values.get(name)
        if not value:
            return False
        try:
            return test(value)
        except ValueError:
            return False  # a number property may hold "N/A", which is neither more nor less

    return matches


def _build_test(definition: Definition, asked: Filter) -> Callable[[str], bool]:
    read = comparable(definition)

    def given(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise ApiError(400, f"{text} is not a value that {definition.name} can be compared with") from error

    operator = asked.operator
    if operator in {"IN", "NOT_IN"}:
        # Texts must be given in lower case: the property's value is lowered, the given ones are not.
        wanted = {each if definition.type == "string" else given(each) for each in asked.values}
        return lambda value: bool(_parts(definition, read, value) & wanted) == (operator == "IN")
    low = given(asked.value)
    if operator in {"EQ", "NEQ"}:
        return lambda value: (low in _parts(definition, read, value)) == (operator == "EQ")
    if operator == "BETWEEN":
        high = given(asked.high)
        return lambda value: bool(low <= read(value) <= high)
    compare: dict[str, Callable[[Any], bool]] = {
        "GT": lambda value: bool(value > low),
        "GTE": lambda value: bool(value >= low),
        "LT": lambda value: bool(value < low),
        "LTE": lambda value: bool(value <= low),
    }
    test = compare[operator]
    return lambda value: test(read(value))


def _parts(definition: Definition, read: Callable[[str], Any], value: str) -> set[Any]:
    if definition.multiple:
        return set(value.split(";"))
    return {read(value)}


def _add_column(kind: ObjectType, definition: Definition, asked: Filter, group: Group) -> bool:
    """Put a filter into SQL if a column holds the property."""
    name = column(kind, definition.name)
    if name == "id" and asked.operator == "IN":
        group.where.append(_id_list(int(each) for each in asked.values))
        return True
    if name is None or asked.operator not in {*_SQL, "BETWEEN"}:
        return False
    read = comparable(definition)
    low = read(asked.value)
    if asked.operator == "GTE" and low <= 0 and name != "id":
        raise ApiError(500, "internal error", category=None)  # observed: GTE epoch 0 breaks HubSpot's search
    if asked.operator == "BETWEEN":
        group.where.append(f"{name} BETWEEN ? AND ?")
        group.parameters += [low, read(asked.high)]
    else:
        group.where.append(f"{name} {_SQL[asked.operator]} ?")
        group.parameters.append(low)
    return True


def _add_key(portal: Portal, kind: ObjectType, definition: Definition, asked: Filter, group: Group) -> None:
    """Narrow a search by unique value to its holders, so that it need not look at every record."""
    if asked.operator not in {"EQ", "IN"} or not (definition.unique or definition.name == kind.key_property):
        return
    keys = asked.values if asked.operator == "IN" else (asked.value,)
    if definition.name != kind.key_property:
        return  # compared in any case, held in one
    holders = [portal.holder(kind.type_id, definition.name, key.lower()) for key in keys]
    group.where.append(_id_list(holder for holder in holders if holder is not None))


def _add_association(portal: Portal, kind: ObjectType, asked: Filter, group: Group) -> None:
    """The pseudo-property `associations.{type}` equals the id of an associated record."""
    if asked.operator not in {"EQ", "IN"}:
        raise ApiError(400, f"{asked.name} can be compared by EQ and IN only, not {asked.operator}")
    other = portal.types.resolve(asked.name.removeprefix("associations."))
    keys = asked.values if asked.operator == "IN" else (asked.value,)
    ids: set[str] = set()
    for key in keys:
        links = associations.links_of(portal, other.type_id, int(key)) if key.isdigit() else []
        ids |= {link["toId"] for link in links if link["toObject"] == kind.name}
    group.where.append(_id_list(map(int, ids)))
    group.every.append(lambda values: values.get("hs_object_id") in ids)


def _id_list(ids: Iterable[int]) -> str:
    return f"id IN ({','.join(map(str, sorted(ids)))})"


def _token_patterns(value: str) -> list[re.Pattern[str]]:
    """Split what is sought into tokens, `*` standing for any part of one: `*@example.org` is `*`, `example`, `org`."""
    return [re.compile(token.replace("*", ".*")) for token in _ASKED_TOKEN.findall(value.lower())]


def _has_tokens(patterns: Sequence[re.Pattern[str]], value: str) -> bool:
    """Tell whether the tokens occur side by side."""
    tokens = _TOKEN.findall(value.lower())
    starts = range(len(tokens) - len(patterns) + 1)
    return any(
        all(pattern.fullmatch(token) for pattern, token in zip(patterns, tokens[start:], strict=False))
        for start in starts
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return parsing.text(value, where="a filter's value")
