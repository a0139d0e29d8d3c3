"""Which records hold a value of a property that is not unique: from one list scan, never by search, whose index lags.

Companies are so found by their domains, which HubSpot's API does not take as a key (HS-67): 100 records a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import RecordShape
from hubferry.push.encode import canonical

ALSO = {"domain": "hs_additional_domains"}
"""Further values of a property, `;`-separated, in a property of their own."""


class ValueIndex:
    """Records of one object by the value of one property; the scan is made when the first value is asked for."""

    def __init__(self, client: Client, object_name: str, prop: Property) -> None:
        self._client, self._object, self._property = client, object_name, prop

    def find(self, text: str) -> tuple[str, ...]:
        """Give the ids of the records that hold a value, in order."""
        found = self._records.get(self._key(text), ())
        return tuple(str(each) for each in (sorted(found) if isinstance(found, tuple) else (found,)))

    @cached_property
    def _records(self) -> dict[object, int | tuple[int, ...]]:
        """Most values are held by one record: that is kept without a tuple, for a million of them fit so."""
        names = [self._property.name, *filter(None, [ALSO.get(self._property.name)])]
        shape = RecordShape(names)
        found: dict[object, int | tuple[int, ...]] = {}
        for page in Scan(self._client, self._object, shape).pages():  # which may show a record twice
            for record in page.records:
                record_id = int(record.id)
                for key in {self._key(text) for name in names for text in _split(name, shape.value(record, name))}:
                    held = found.get(key, record_id)
                    others = held if isinstance(held, tuple) else (held,)
                    found[key] = held if record_id in others else (*others, record_id)
        return found

    def _key(self, text: str) -> object:
        return canonical(text, self._property)


def _split(name: str, text: str | None) -> Iterator[str]:
    parts = (text or "").split(";") if name in ALSO.values() else [text or ""]
    yield from (part for part in parts if part)
