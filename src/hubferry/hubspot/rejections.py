"""Which input of a batch HubSpot refused, and why, as its answers say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hubferry.errors import RefusedError
from hubferry.hubspot import refusals

_EXISTING = (re.compile(r"Existing ID:\s*(\d+)"), re.compile(r"(\d+) already has that value"))
_QUOTED = re.compile(r"(?:Email address |\"message\\?\":\\?\"|^)(\S+) (?:is invalid|was not (?:a valid|one of))")
_SYSTEMIC = ("Unable to infer object type", "Unable to perform ")
"""Beginnings of refusals that do not depend on the rows: taking the batch apart would only repeat them."""


@dataclass(frozen=True)
class Rejection:
    """HubSpot's refusal of one input, in its own words, which can hold property values: for the rejected table only."""

    message: str
    category: str | None = None
    correlation_id: str | None = None
    errors: tuple[Mapping[str, Any], ...] = ()
    existing_id: str | None = None
    """The record that already holds a unique value, where HubSpot names it."""

    def __repr__(self) -> str:
        return f"Rejection(category={self.category!r}, correlation_id={self.correlation_id!r})"


class BatchError(msgspec.Struct):
    """One error of a batch answer; it can name several inputs."""

    message: str = ""
    category: str | None = None
    subCategory: str | None = None  # noqa: N815
    correlationId: str | None = None  # noqa: N815
    context: dict[str, Any] = {}
    errors: list[Any] = []
    id: str | None = None
    objectWriteTraceId: str | None = None  # noqa: N815

    def named(self, name: str) -> tuple[str, ...]:
        """Give the values of the context under a name, as text."""
        return tuple(refusals.parse_context(self.context).get(name, ()))

    def trace_ids(self) -> tuple[str, ...]:
        """Give the trace ids of the inputs this is about, none where it names none."""
        return self.named("objectWriteTraceId") or tuple(filter(None, [self.objectWriteTraceId]))

    def build_rejection(self) -> Rejection:
        """Make the rejection of each input it names."""
        existing = self.named("existingId")
        return Rejection(
            refusals.redact(self.message),
            self.category,
            self.correlationId,
            tuple(each for each in self.errors if isinstance(each, dict)),
            existing[0] if existing else parse_existing_id(self.message),
        )


def build_rejection(error: RefusedError) -> Rejection:
    """Make the rejection of a single input from the refusal of its whole call."""
    existing = error.context.get("existingId", ())
    return Rejection(
        error.text,
        error.category,
        error.correlation_id,
        tuple(error.errors),
        existing[0] if existing else parse_existing_id(error.text),
    )


def parse_existing_id(message: str) -> str | None:
    """Find the id of the record that is in the way; HubSpot often leaves it out."""
    return next((found[1] for pattern in _EXISTING if (found := pattern.search(message))), None)


def is_systemic(error: RefusedError) -> bool:
    """Tell whether every row would be refused alike: the object or the matching property is wrong."""
    return error.text.startswith(_SYSTEMIC) or error.status == 405


def find_named(error: RefusedError, keys: Sequence[str], values: Sequence[Sequence[str]]) -> frozenset[int]:
    """Give the positions of the inputs that a refusal of the whole call names: by id, by unique value, or by a value it quotes.

    Nobody relies on it: whoever is named is sent alone, and the others without them.
    """
    named = {text for name in ("ids", "id") for text in error.context.get(name, ())}
    for text in error.context.get("missingObjectPropertyValueCoordinates", ()):
        named.add(text.partition(":")[2])
    found = {position for position, key in enumerate(keys) if key and key in named}
    if not found:
        quoted = set(_QUOTED.findall(error.text))
        found = {
            position for position, some in enumerate(values) if any(f"value={each}}}" in error.text for each in some)
        } or {position for position, some in enumerate(values) if quoted.intersection(some)}
    return frozenset(found)


def halves(items: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Cut a batch in two."""
    middle = len(items) // 2
    return items[:middle], items[middle:]
