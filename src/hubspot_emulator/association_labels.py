"""The portal's own association labels: definitions, one id a direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations
from hubspot_emulator.association_types import USER_DEFINED, LinkType
from hubspot_emulator.http import ApiError

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


def find_label(portal: Portal, from_type: str, to_type: str, type_id: int) -> LinkType:
    """Give a label of the portal by id; ApiError for one it does not have or that HubSpot defined."""
    ways = associations.direction(portal, from_type, to_type)
    found = ways.by_key.get((USER_DEFINED, type_id))
    if found is None:
        if any(key[1] == type_id for key in ways.by_key):
            raise ApiError(400, f"Association type {type_id} is defined by HubSpot and cannot be changed or deleted")
        raise ApiError(404, f"No association label with type id {type_id} exists", category="OBJECT_NOT_FOUND")
    return found


def rename_label(portal: Portal, found: LinkType, label: str, inverse_label: str | None) -> None:
    """Change the texts; ids and name stay."""
    update = "UPDATE association_types SET label = ? WHERE kind = ?"
    old_inverse = portal.db.execute("SELECT label FROM association_types WHERE kind = ?", (found.inverse,)).fetchone()[
        0
    ]
    symmetric = old_inverse == found.label
    if inverse_label is not None or symmetric:
        portal.db.execute(update, (label if inverse_label is None else inverse_label, found.inverse))
    portal.db.execute(update, (label, found.kind))


def delete_label(portal: Portal, found: LinkType) -> None:
    """Remove a definition and its inverse; ApiError while a record still has it."""
    if associations.kind_in_use(portal, found.kind):
        message = f"Association label {found.label!r} is still used by records; remove it from them first"
        raise ApiError(400, message, sub_category="crm.associations.LABEL_IN_USE")
    portal.db.execute("DELETE FROM association_types WHERE kind IN (?, ?)", (found.kind, found.inverse))


def render_type(link_type: LinkType) -> dict[str, Any]:
    """Build a type as labels and reads show it."""
    return {"category": link_type.category, "typeId": link_type.type_id, "label": link_type.label}
