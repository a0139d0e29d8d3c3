"""HubSpot's own property definitions, from the data files, and the shape of a portal's own."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec

from hubspot_emulator.object_types import STANDARD

Definition = dict[str, Any]

DATA = resources.files("hubspot_emulator") / "data"


@functools.cache
def _encoded(object_name: str) -> bytes:
    file = DATA / f"{object_name}.json"
    return (file if file.is_file() else DATA / "other.json").read_bytes()


def built_in(type_id: str) -> list[Definition]:
    """Give the definitions a new portal has for an object type; the caller may change them.

    A type without a file (custom objects among them) has the few properties that every record has.
    """
    name = next((kind.name for kind in STANDARD if kind.type_id == type_id), "other")
    definitions: list[Definition] = msgspec.json.decode(_encoded(name))["properties"]
    return definitions


def portal_defined(
    name: str,
    label: str,
    *,
    kind: str = "string",
    field: str = "text",
    group: str,
    options: Iterable[str] = (),
    unique: bool = False,
    created: str = "2024-09-05T17:14:04.747Z",
) -> Definition:
    """Build the definition of a property that a user added; `options` are values, their labels are made of them."""
    return {
        "updatedAt": created,
        "createdAt": created,
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": field,
        "description": "",
        "groupName": group,
        "options": [
            {"label": value.replace("_", " ").capitalize(), "value": value, "displayOrder": order, "hidden": False}
            for order, value in enumerate(options)
        ],
        "createdUserId": "12282590",
        "updatedUserId": "12282590",
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "archived": False,
        "hasUniqueValue": unique,
        "hidden": False,
        "modificationMetadata": {
            "archivable": True,
            "readOnlyDefinition": False,
            "readOnlyOptions": False,
            "readOnlyValue": False,
        },
        "formField": True,
        "dataSensitivity": "non_sensitive",
    }


def groups(definitions: Iterable[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """Name the groups these definitions stand in, in the form of the properties API, by name."""
    names = sorted({definition["groupName"] for definition in definitions})
    return [
        {"name": name, "label": name.replace("_", " ").capitalize(), "displayOrder": order, "archived": False}
        for order, name in enumerate(names)
    ]
