"""The custom object of a generated portal: cars, some of which belong to contacts."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations, owners
from hubspot_emulator.association_types import CONTACT, USER_DEFINED
from hubspot_emulator.samples import DAY_MS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

MOST_CARS = 200
_MODELS = ("Ampère", "Brisa «4x4»", "Cygnet", "Delta", "Échappée", "Fjord GT")
_QUIET_MS = 1_800_000
_SPAN_MS = 500 * DAY_MS

CARS: dict[str, Any] = {
    "name": "cars",
    "labels": {"singular": "Car", "plural": "Cars"},
    "primaryDisplayProperty": "model",
    "secondaryDisplayProperties": ["vin"],
    "requiredProperties": ["model"],
    "searchableProperties": ["model", "vin"],
    "associatedObjects": ["0-1"],
    "properties": [
        {"name": "model", "label": "Model", "type": "string", "fieldType": "text"},
        {"name": "vin", "label": "VIN", "type": "string", "fieldType": "text", "hasUniqueValue": True},
        {"name": "year", "label": "Year", "type": "number", "fieldType": "number"},
        {"name": "date_received", "label": "Date received", "type": "date", "fieldType": "date"},
        {
            "name": "color",
            "label": "Color",
            "type": "enumeration",
            "fieldType": "select",
            "options": [{"label": name.capitalize(), "value": name} for name in ("black", "blue", "red")],
        },
    ],
}


def fill(portal: Portal, seed: int, create: Callable[[Portal, dict[str, Any]], dict[str, Any]]) -> None:
    """Define cars in a portal that has contacts: one car for ten of them, at most 200; three quarters are somebody's."""
    table = portal.table(CONTACT)
    contacts = [
        record for (record,) in portal.db.execute(f"SELECT id FROM {table.name} WHERE state = 0 ORDER BY id LIMIT 4000")
    ]
    if not contacts:
        return
    rng = Random(f"cars {seed}")  # noqa: S311 - repeatable on purpose
    type_id = create(portal, CARS)["objectTypeId"]
    owner_ids, last = owners.live_ids(portal), portal.now_ms() - _QUIET_MS
    rows = []
    for number in range(1, min(len(contacts) // 10, MOST_CARS) + 1):
        created = last - int(rng.random() * _SPAN_MS)
        rows.append((_car(rng, number, owner_ids), created, created + int(rng.random() * (last - created))))
    cars = list(portal.load_records(type_id, sorted(rows, key=lambda row: row[1])))
    ways = associations.direction(portal, type_id, CONTACT)
    assert ways.default is not None
    pairs = [(car, rng.choice(contacts)) for car in cars if rng.random() < 0.75]
    associations.load_pairs(portal, type_id, CONTACT, USER_DEFINED, ways.default.type_id, pairs)


def _car(rng: Random, number: int, owner_ids: list[str]) -> dict[str, str]:
    values = {"model": rng.choice(_MODELS), "vin": f"{rng.randrange(10**9):09d}WVW{number:05d}"}
    values["year"] = str(rng.randint(1990, 2026))
    if rng.random() < 0.8:
        values["date_received"] = f"{rng.randint(2019, 2025)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if rng.random() < 0.7:
        values["color"] = rng.choice(("black", "blue", "red"))
    if rng.random() < 0.5:
        values["hubspot_owner_id"] = rng.choice(owner_ids)
    return values
