"""Source rows as what HubSpot shall hold: texts by property, links by key; or the reasons why a row cannot be sent. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from hubferry.errors import SourceError
from hubferry.push import encode
from hubferry.push.encode import InvalidValueError
from hubferry.push.labels import UnknownLabelError
from hubferry.push.mapping import Field, LinkField, SyncMapping
from hubferry.push.steps import TypeRef
from hubferry.warehouse.names import shorten


@dataclass(frozen=True)
class Problem:
    """Why something of a row cannot be sent."""

    detail: str
    """The property, the column, or the link."""
    message: str
    advice: str


@dataclass(frozen=True)
class Wish:
    """One link that a row asks for: the key in the column, and the types; none when `problem` says why not."""

    field: int
    key: str
    types: tuple[TypeRef, ...]
    problem: Problem | None = None


@dataclass(frozen=True, kw_only=True)
class DesiredRow:
    """What HubSpot shall hold of one row: property -> text ("" clears), and its links."""

    key: str
    values: Mapping[str, str]
    match_value: str | None
    record_id: str | None
    """The record id the row names, where rows are matched by it."""
    wishes: tuple[Wish, ...]
    hash: str
    new_options: tuple[tuple[str, str], ...] = ()
    """Options that the row names and the plan is to add: property and text."""


@dataclass(frozen=True)
class InvalidRow:
    """A row that cannot be sent at all."""

    key: str
    problems: tuple[Problem, ...]


KEY, COPIES, DIGEST, FIELD, LINK, RECORD = "k", "n", "d", "f", "a", "r"
"""Names of the columns that `source` selects; FIELD and LINK are followed by a position."""
LONGEST_KEY_BYTES = 1_000
"""An index of PostgreSQL takes 2,704 bytes of a row: a key, what it is a key of, and what is wrong with it."""


def build_row(mapping: SyncMapping, values: Mapping[str, object], ordinal: int) -> DesiredRow | InvalidRow:
    """Encode one row of the source query."""
    key_column = mapping.sync.block.key
    key = row_key(values[KEY])
    if key is None:
        advice = f"Fill {key_column!r} in the source, or leave such rows out."
        return InvalidRow(f"(row {ordinal})", (Problem(key_column, "the key is NULL or blank", advice),))
    if values[COPIES] != 1:
        advice = f"Make {key_column!r} unique in the source; none of the copies was sent."
        return InvalidRow(
            shorten(key, LONGEST_KEY_BYTES), (Problem(key_column, f"{values[COPIES]} rows have this key", advice),)
        )
    if len(key.encode()) > LONGEST_KEY_BYTES:
        advice = f"Name rows by a shorter key, such as a hash of {key_column!r}."
        long = Problem(key_column, f"the key is longer than {LONGEST_KEY_BYTES:,} bytes", advice)
        return InvalidRow(shorten(key, LONGEST_KEY_BYTES), (long,))
    problems: list[Problem] = []
    encoder = _RowEncoder(mapping, problems)
    texts = encoder.encode(values)
    wishes = tuple(_wishes(mapping, values, problems))
    record_id = _record_id(mapping, values, problems)
    match_value = texts.get(mapping.match.name) if mapping.match else None
    if mapping.match and not match_value and not any(each.detail == mapping.match.name for each in problems):
        advice = "Fill it in the source: without it hubferry cannot tell which record this row is."
        problems.append(Problem(mapping.match.name, "the match property has no value", advice))
    if problems:
        return InvalidRow(key, tuple(problems))
    return DesiredRow(
        key=key,
        values=texts,
        match_value=match_value,
        record_id=record_id,
        wishes=wishes,
        hash=_hash(mapping, texts, record_id, wishes),
        new_options=tuple(encoder.new_options),
    )


def row_key(value: object) -> str | None:
    """Give a key as text, None when it is none."""
    try:
        return None if encode.is_empty(value) else encode.plain_text(value)
    except InvalidValueError as error:
        raise SourceError(
            f"the column `key` cannot name rows: {error}. Cast it to a text or a whole number in the source."
        ) from error


@dataclass
class _RowEncoder:
    """The texts of one row, and what is wrong with it."""

    mapping: SyncMapping
    problems: list[Problem]
    texts: dict[str, str] = field(default_factory=dict)
    new_options: list[tuple[str, str]] = field(default_factory=list)

    def encode(self, values: Mapping[str, object]) -> dict[str, str]:
        """Encode every field."""
        for index, each in enumerate(self.mapping.fields):
            constant = each.column is None and each.sql is None
            self._encode(each, each.constant if constant else values[f"{FIELD}{index}"])
        return self.texts

    def _encode(self, each: Field, value: object) -> None:
        name = each.property.name
        if encode.is_empty(value):
            if each.on_null == "clear":
                self.texts[name] = ""
            elif each.on_null == "error":
                self.problems.append(Problem(name, "no value, and `on_null: error`", "Fill it in the source."))
            return
        unknown: list[str] | None = [] if each.creates_options else None
        prop = each.stages.get(self.texts.get(each.pipeline or "", ""), each.property)
        try:
            self.texts[name] = encode.encode(value, prop, append=each.multi == "append", unknown=unknown)
        except InvalidValueError as error:
            self.problems.append(Problem(name, str(error), _advice(each)))
        else:
            self.new_options += [(name, text) for text in unknown or ()]


def _advice(each: Field) -> str:
    if each.property.external_options:
        return "Correct the value in the source: an id, or the label that only one of them has."
    if each.property.options:
        return "Correct the value in the source, add the option in HubSpot, or write `on_unknown_option: create`."
    return f"Correct the value in the source; {each.property.name!r} is of type {each.property.type}."


def _record_id(mapping: SyncMapping, values: Mapping[str, object], problems: list[Problem]) -> str | None:
    if mapping.record_id_column is None:
        return None
    text = row_key(values[RECORD]) or ""
    if not text and mapping.keyless:
        return None
    if text.isascii() and text.isdigit():
        return text
    problems.append(Problem("hs_object_id", "not a record id: digits only", "Correct the record id in the source."))
    return None


def _wishes(mapping: SyncMapping, values: Mapping[str, object], problems: list[Problem]) -> Iterator[Wish]:
    for index, link in enumerate(mapping.links):
        try:
            entries = parse_links(values[f"{LINK}{index}"])
        except InvalidValueError as error:
            advice = "Give an object of key -> label, null or list of labels, or a list of keys."
            problems.append(Problem(link.origin, str(error), advice))
            continue
        for key, labels in entries.items():
            yield _wish(index, link, key, labels)


class _Pairs(list[tuple[str, object]]):
    """A JSON object whose repeated keys are all kept."""


def parse_links(value: object) -> dict[object, tuple[str | None, ...]]:
    """Read a column of links: a MAP, a STRUCT, JSON text, or a list of keys; each key with its label texts (None: unlabelled)."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value, parse_float=str, object_pairs_hook=_Pairs)
        except ValueError:
            raise InvalidValueError("not JSON") from None
    if encode.is_empty(value):
        return {}
    if isinstance(value, _Pairs):
        pairs: Sequence[tuple[object, object]] = list(value)
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [each if isinstance(each, tuple) else (each, None) for each in value]
    else:
        raise InvalidValueError("not an object or list of keys")
    entries: dict[object, tuple[str | None, ...]] = {}
    for key, labels in pairs:
        if isinstance(key, Mapping | list):
            raise InvalidValueError("a key is a text or a number")
        entries[key] = (*entries.get(key, ()), *_label_texts(labels))
    return entries


def _label_texts(value: object) -> tuple[str | None, ...]:
    texts: list[str | None] = []
    for each in value if isinstance(value, list) else [value]:
        if each is not None and not isinstance(each, str):
            raise InvalidValueError("a label is a text, null, or a list of texts")
        texts.append(each if each and each.strip() else None)
    return tuple(texts) or (None,)


def _wish(index: int, link: LinkField, key: object, labels: Sequence[str | None]) -> Wish:
    try:
        text = _key_text(link, key)
    except InvalidValueError as error:
        shown = str(key)
        detail = link_detail(link.to, shown)
        return Wish(index, shown, (), Problem(detail, f"key: {error}", "Correct the key in the source."))
    try:
        types = {link.labels.find(label, create=link.create_missing_labels) for label in labels}
    except UnknownLabelError as error:
        advice = "Use one of the labels, define this one in HubSpot, or set `create_missing_labels: true`."
        return Wish(index, text, (), Problem(link_detail(link.to, text), str(error), advice))
    return Wish(index, text, tuple(sorted(types, key=lambda each: (each.category, each.type_id))))


def _key_text(link: LinkField, key: object) -> str:
    if encode.is_empty(key):
        raise InvalidValueError("it is NULL or blank")
    if link.by is not None:
        return encode.encode(key, link.by)
    text = encode.plain_text(key).strip()
    if not (text.isascii() and text.isdigit()):
        raise InvalidValueError("not a record id: digits only")
    return text


def link_detail(to: str, key: str) -> str:
    """Name a link of a row, for the rejected table."""
    return f"link to {to} {shorten(key, LONGEST_KEY_BYTES)}"


def _hash(mapping: SyncMapping, values: Mapping[str, str], record_id: str | None, wishes: Sequence[Wish]) -> str:
    """Give a hash of what is asked for, by which entries, and of who decides about it.

    A row whose policy is another one is looked at again, and one that asks for nothing by an entry that was not there.
    """
    entries = [(each.to, each.by.name if each.by else "") for each in mapping.links]
    asked = sorted(
        (
            *entries[wish.field],
            wish.key,
            [(each.category, each.type_id) for each in wish.types],
            wish.problem.message if wish.problem else "",
        )
        for wish in wishes
    )
    parts: list[object] = [sorted(values.items()), record_id, asked]
    if entries:
        parts.append(sorted(entries))
    if mapping.policies:
        parts.append(mapping.policies)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def match_text(row: DesiredRow, mapping: SyncMapping) -> str | None:
    """Give the value that a row is matched by in the form that is compared, as text."""
    if mapping.match is None or row.match_value is None:
        return None
    value = encode.canonical(row.match_value, mapping.match)
    return None if value is None else str(value)


def match_hash(row: DesiredRow, mapping: SyncMapping) -> str | None:
    """Give a hash of that value: enough to find two rows that have the same one."""
    text = match_text(row, mapping)
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
