"""The portal's own association labels: definitions, one id a direction (HS-38)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations, parsing
from hubspot_emulator.association_types import USER_DEFINED, LinkType
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


def find_label(portal: Portal, from_type: str, to_type: str, type_id: int) -> LinkType:
    """Give a label of the portal by id; ApiError for one it does not have or that HubSpot defined."""
    ways = associations.direction(portal, from_type, to_type)
    found = ways.by_key.get((USER_DEFINED, type_id))
    if found is None or found.role == "default":
        if any(key[1] == type_id for key in ways.by_key):
            raise ApiError(400, f"Association type {type_id} is no label and cannot be changed or deleted")
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
    associations.delete_type(portal, found)


def render_type(link_type: LinkType) -> dict[str, Any]:
    """Build a type as labels and reads show it."""
    return {"category": link_type.category, "typeId": link_type.type_id, "label": link_type.label}


def _ends(portal: Portal, request: ApiRequest) -> tuple[str, str]:
    names = request.params["fromObjectType"], request.params["toObjectType"]
    return portal.types.resolve(names[0]).type_id, portal.types.resolve(names[1]).type_id


def list_types(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer every type of the direction, HubSpot's and the portal's."""
    parsing.known_parameters(request, ())
    ways = associations.direction(portal, *_ends(portal, request))
    return json_response({"results": [render_type(found) for found in ways.by_kind.values()]})


def create(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Define a label."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), ("inverseLabel", "label", "name"))
    name, label = (parsing.text(body.get(part), where=part) for part in ("name", "label"))
    inverse = parsing.text(body["inverseLabel"], where="inverseLabel") if body.get("inverseLabel") else None
    from_type, to_type = _ends(portal, request)
    type_id, inverse_id = associations.create_label(portal, from_type, to_type, name, label, inverse)
    made = [(type_id, label)] if inverse is None or inverse_id == type_id else [(inverse_id, inverse), (type_id, label)]
    detail = {"to": to_type, "types": sorted({type_id, inverse_id})}
    portal.log_event("create label", from_type, 0, request.correlation_id, detail)
    return json_response(
        {"results": [{"category": USER_DEFINED, "typeId": made_id, "label": text} for made_id, text in made]}
    )


def rename(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change a label's texts."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), ("associationTypeId", "inverseLabel", "label"))
    type_id = parsing.text(body.get("associationTypeId"), where="associationTypeId")
    label = parsing.text(body.get("label"), where="label")
    inverse = parsing.text(body["inverseLabel"], where="inverseLabel") if body.get("inverseLabel") else None
    rename_label(portal, find_label(portal, *_ends(portal, request), _number(type_id)), label, inverse)
    return ApiResponse(status=204)


def delete(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a label that no record has any more."""
    parsing.known_parameters(request, ())
    type_id = _number(request.params["associationTypeId"])
    delete_label(portal, find_label(portal, *_ends(portal, request), type_id))
    return ApiResponse(status=204)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ApiError(400, f"{text} is not a valid association type id: a whole number is needed")
    return int(text)
