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

    A type without a file (custom objects among them) has the few properties that every record has, and those that
    `described.json` has a line for.
    """
    name = next((kind.name for kind in STANDARD if kind.type_id == type_id), "other")
    found: list[Definition] = msgspec.json.decode(_encoded(name))["properties"]
    known = {each["name"] for each in found}
    group = f"{name.rstrip('s')}information"
    return found + [_hubspots(group, *line) for line in _described().get(name, ()) if line[0] not in known]


@functools.cache
def _described() -> Mapping[str, Sequence[Sequence[str]]]:
    lines: Mapping[str, Sequence[Sequence[str]]] = msgspec.json.decode((DATA / "described.json").read_bytes())[
        "objects"
    ]
    return lines


def _hubspots(group: str, name: str, label: str, kind: str, field: str, options: str | None = None) -> Definition:
    """Build the definition of one of HubSpot's own properties; no options, where they live elsewhere."""
    values = ["true", "false"] if kind == "bool" else [value for value in (options or "").split(";") if value]
    raw = portal_defined(name, label, kind=kind, field=field, group=group, options=values)
    for user in ("createdUserId", "updatedUserId", "archived"):
        del raw[user]
    metadata = {"archivable": True, "readOnlyDefinition": True, "readOnlyValue": False}
    return raw | {
        "externalOptions": options == "",
        "hubspotDefined": True,
        "modificationMetadata": metadata | ({"readOnlyOptions": False} if values else {}),
    }


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
