"""One property's definition: HubSpot's JSON, and from it what validation and search ask all the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FREE_TEXT_TYPES = frozenset({"string", "phone_number", "json", "object_coordinates"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A property of an object type."""

    name: str
    type: str
    field_type: str
    options: tuple[str, ...]
    external_options: bool
    """The options live elsewhere (owners, pipelines): any value is accepted here."""
    read_only: bool
    unique: bool
    archived: bool
    sensitivity: str
    """`non_sensitive`, `sensitive` or `highly_sensitive`: who may read the values."""
    raw: Mapping[str, Any]
    """As HubSpot sends it."""

    @property
    def multiple(self) -> bool:
        """Tell whether a value is a `;`-separated list of options."""
        return self.type == "enumeration" and self.field_type == "checkbox"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why one property's value was refused."""

    name: str
    code: str
    message: str


def parse_definition(raw: Mapping[str, Any]) -> Definition:
    """Read HubSpot's JSON of one property; what is absent takes HubSpot's default."""
    metadata = raw.get("modificationMetadata") or {}
    field_type = str(raw.get("fieldType", "text"))
    return Definition(
        name=raw["name"],
        type=raw.get("type", "string"),
        field_type=field_type,
        options=tuple(str(option["value"]) for option in raw.get("options", ())),
        external_options=bool(raw.get("externalOptions")),
        read_only=bool(metadata.get("readOnlyValue") or raw.get("calculated") or field_type.startswith("calculation_")),
        unique=bool(raw.get("hasUniqueValue")),
        archived=bool(raw.get("archived")),
        sensitivity=str(raw.get("dataSensitivity") or "non_sensitive"),
        raw=raw,
    )


def build_raw(name: str, label: str, value_type: str, field_type: str, **more: object) -> dict[str, object]:
    """Build the JSON of a property from the parts that differ; the rest is as for one a user makes."""
    raw: dict[str, object] = {
        "name": name,
        "label": label,
        "type": value_type,
        "fieldType": field_type,
        "description": "",
        "groupName": "",
        "options": [],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "archived": False,
        "hasUniqueValue": False,
        "hidden": False,
        "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
        "formField": False,
        "dataSensitivity": "non_sensitive",
    }
    return raw | more
