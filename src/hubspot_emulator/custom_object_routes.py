"""The schemas of objects: those the portal defines can be made, changed and archived; HubSpot's own are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import associations, custom_object_samples, custom_objects, parsing, properties, timestamps
from hubspot_emulator.association_types import LinkType
from hubspot_emulator.custom_objects import Schema
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Handler, Route, json_response
from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

USER_ID = 12_282_590
MOST_ENDS = 10_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NEVER = "1970-01-01T00:00:00Z"
_PARTS = ("includeAssociationDefinitions", "includeAuditMetadata", "includePropertyDefinitions")
_AUDIT = ("createdAt", "updatedAt", "createdByUserId", "updatedByUserId")
_CHANGEABLE = {
    "allowsSensitiveProperties",
    "description",
    "labels",
    "primaryDisplayProperty",
    "requiredProperties",
    "restorable",
    "searchableProperties",
    "secondaryDisplayProperties",
}
_NEW = (_CHANGEABLE - {"restorable"}) | {
    "associatedObjects",
    "name",
    "properties",
    "shouldCreateSameObjectAssociation",
}
_DESCRIPTIONS = {"contacts": "Any person who interacts with a HubSpot user\u2019s business."}
"""Of HubSpot's own objects: what is recorded."""
_NAMING = ("requiredProperties", "searchableProperties", "secondaryDisplayProperties")
SCOPES_PAGE = "https://developers.hubspot.com/scopes"
_PRODUCT = "enterprise"
"""The plan that an account needs to have objects of its own (HS-55)."""
_READ = ("crm.schemas.custom.read", "crm.objects.custom.read")


def list_schemas(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer every schema of the portal's own at once, archived ones or the others."""
    parsing.known_parameters(request, ("archived", *_PARTS))
    archived = parsing.flag(request, "archived")
    parts = {name for name in _PARTS if parsing.flag(request, name, default=True)}
    found = [schema for schema in custom_objects.stored_schemas(portal.db) if schema["archived"] == archived]
    return json_response({"results": [_render(portal, schema, parts) for schema in found]})


def read_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer schemas by any of their names; names that nothing has are left out."""
    parsing.known_parameters(request, ())
    body = parsing.fields(request.json(), {"inputs", *_PARTS})
    parts = {name for name in _PARTS if body.get(name, True)}
    names = parsing.texts(body.get("inputs"), where="inputs")
    found = [schema for name in names if (schema := _find(portal, name)) is not None]
    return json_response({"results": [_render(portal, schema, parts) for schema in found]})


def fetch_schema(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one schema, of the portal's or of HubSpot's own."""
    parsing.known_parameters(request, _PARTS)
    parts = {name for name in _PARTS if parsing.flag(request, name, default=True)}
    return json_response(_render(portal, _existing(portal, request), parts))


def create_schema(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Define an object type with its properties and associations."""
    parsing.known_parameters(request, ())
    schema = create(portal, parsing.fields(request.json(), _NEW))
    return json_response(_render(portal, schema, _PARTS), status=201)


def update_schema(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change labels, and which properties are shown, searched and required."""
    parsing.known_parameters(request, ())
    schema = _own(portal, request)
    changes = parsing.fields(request.json(), _CHANGEABLE | {"clearDescription"})
    if changes.pop("clearDescription", False):
        changes["description"] = None
    now = timestamps.render_ms(portal.now_ms())
    changed = schema | changes | {"updatedAt": now, "updatedByUserId": USER_ID}
    _check_named(changed, portal.properties(schema["objectTypeId"]))
    custom_objects.store(portal, changed)
    hidden = {"createdByUserId", "metaType", "restorable", "updatedByUserId"}  # an answer to a change lacks them
    hidden |= {"description"} if changed["description"] is None else set()
    shown = {name: value for name, value in changed.items() if name not in hidden}
    return json_response(shown | {"portalId": portal.portal_id})


def archive_schema(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Archive a schema without records; `archived=true` deletes one for good, so that its name is free."""
    parsing.known_parameters(request, ("archived",))
    for_good = parsing.flag(request, "archived")
    schema = _archived(portal, request.params["objectType"]) if for_good else None
    schema = schema or _own(portal, request)
    if portal.table(schema["objectTypeId"]).live_count():
        raise ApiError(400, f"Object type {schema['name']} still has records: delete them before its schema")
    if for_good:
        custom_objects.purge(portal, schema)
    else:
        now = timestamps.render_ms(portal.now_ms())
        custom_objects.store(portal, schema | {"archived": True, "updatedAt": now})
    return ApiResponse(status=204)


def create_association(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Define one more association of a custom object."""
    parsing.known_parameters(request, ())
    schema = _own(portal, request)
    body = parsing.fields(request.json(), {"fromObjectTypeId", "toObjectTypeId", "name"})
    from_kind, to_kind = (
        portal.types.resolve(parsing.text(body.get(part), where=part))
        for part in ("fromObjectTypeId", "toObjectTypeId")
    )
    if schema["objectTypeId"] not in {from_kind.type_id, to_kind.type_id}:
        raise ApiError(400, f"One end of the association must be {schema['objectTypeId']}")
    if associations.direction(portal, from_kind.type_id, to_kind.type_id).default is not None:
        message = f"{from_kind.type_id} and {to_kind.type_id} are associated already"
        raise ApiError(409, message, category="OBJECT_ALREADY_EXISTS")
    name = body.get("name") or f"{from_kind.singular}_to_{to_kind.singular}"
    made = custom_objects.associate(portal, from_kind.type_id, to_kind.type_id, str(name))
    return json_response(_render_association(made, short=True), status=201)


def delete_association(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove an association that no two records have; one that does not exist is removed already."""
    parsing.known_parameters(request, ())
    schema = _own(portal, request)
    key = request.params["associationIdentifier"]
    for found in associations.types_of(portal.db, schema["objectTypeId"]):
        if found.role == "default" and key in {str(found.type_id), found.name}:
            associations.delete_type(portal, found)
            break
    return ApiResponse(status=204)


def create(portal: Portal, given: dict[str, Any]) -> Schema:
    """Define an object type from the body of a create; ApiError with nothing written where it cannot be."""
    missing = sorted({"name", "labels", "properties", "requiredProperties"} - {key for key in given if given[key]})
    if missing:
        raise ApiError(400, f"An object schema needs {', '.join(missing)}")
    name = parsing.text(given["name"], where="name")
    _check_name(portal, name)
    number = custom_objects.next_number(portal.db)
    now = timestamps.render_ms(portal.now_ms())
    schema: Schema = {
        "labels": parsing.fields(given["labels"], {"singular", "plural"}, where="labels"),
        "requiredProperties": parsing.texts(given["requiredProperties"], where="requiredProperties"),
        "searchableProperties": parsing.texts(given.get("searchableProperties"), where="searchableProperties"),
        "primaryDisplayProperty": given.get("primaryDisplayProperty") or given["requiredProperties"][0],
        "secondaryDisplayProperties": parsing.texts(given.get("secondaryDisplayProperties"), where="secondary"),
        "description": given.get("description"),
        "allowsSensitiveProperties": bool(given.get("allowsSensitiveProperties")),
        "archived": False,
        "restorable": True,
        "metaType": "PORTAL_SPECIFIC",
        "id": str(number),
        "fullyQualifiedName": f"p{portal.portal_id}_{name}",
        "createdAt": now,
        "updatedAt": now,
        "createdByUserId": USER_ID,
        "updatedByUserId": USER_ID,
        "objectTypeId": f"2-{number}",
        "name": name,
    }
    custom_objects.store(portal, schema)
    kind = portal.types.resolve(schema["objectTypeId"])
    for each in parsing.items(given["properties"], where="properties"):
        parts = parsing.fields(each, properties.NEW | properties.HINTS, where="a property")
        properties.create(portal, kind, {"groupName": f"{name}_information"} | parts)
    _check_named(schema, portal.properties(kind.type_id))
    wanted = parsing.texts(given.get("associatedObjects"), where="associatedObjects")
    types = [portal.types.resolve(each).type_id for each in wanted]
    types += [kind.type_id] if given.get("shouldCreateSameObjectAssociation") else []
    custom_objects.associate_all(portal, kind, types)
    return schema


def _check_name(portal: Portal, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ApiError(400, f"{name} is no name of an object: letters, digits and underscores only, a letter first")
    taken = [schema for schema in custom_objects.stored_schemas(portal.db) if schema["name"].lower() == name.lower()]
    if taken or portal.types.knows(name):
        raise ApiError(409, f"An object type named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS")
    if len(list(custom_objects.stored_schemas(portal.db))) >= portal.knobs.schema_limit:
        raise ApiError(400, f"This portal has its {portal.knobs.schema_limit} custom objects already")


def _check_named(schema: Mapping[str, Any], known: Collection[str]) -> None:
    named = [each for part in _NAMING for each in schema[part]] + [schema["primaryDisplayProperty"]]
    unknown = sorted({each for each in named if each not in known})
    if unknown:
        raise ApiError(400, f"{schema['name']} has no property {unknown[0]} that could be shown, searched or required")


def _find(portal: Portal, name: str) -> Schema | None:
    if not portal.types.knows(name):
        return None
    kind = portal.types.resolve(name)
    own = (schema for schema in custom_objects.stored_schemas(portal.db) if schema["objectTypeId"] == kind.type_id)
    return next(own, None) or _standard(kind)


def _existing(portal: Portal, request: ApiRequest) -> Schema:
    found = _find(portal, request.params["objectType"])
    if found is None:
        portal.types.resolve(request.params["objectType"])  # raises, in HubSpot's words
        raise AssertionError("a known type has a schema")
    return found


def _own(portal: Portal, request: ApiRequest) -> Schema:
    found = _existing(portal, request)
    if found["metaType"] != "PORTAL_SPECIFIC":
        raise ApiError(400, f"The schema of {found['name']} is HubSpot's own and cannot be changed")
    return found


def _archived(portal: Portal, name: str) -> Schema | None:
    found = (
        schema
        for schema in custom_objects.stored_schemas(portal.db)
        if schema["archived"] and name in {schema["objectTypeId"], schema["name"], schema["fullyQualifiedName"]}
    )
    return next(found, None)


def _standard(kind: ObjectType) -> Schema:
    """Build the schema of an object of HubSpot's own, as far as it is known."""
    name = kind.singular.upper()
    label = kind.singular.replace("_", " ").capitalize()
    return {
        "labels": {"singular": label, "plural": kind.name.replace("_", " ").capitalize()},
        "requiredProperties": list(kind.required),
        "searchableProperties": list(kind.searched),
        "primaryDisplayProperty": (*kind.searched, "hs_object_id")[0],
        "secondaryDisplayProperties": list(kind.searched[1:4]),
        "description": _DESCRIPTIONS.get(kind.name),
        "allowsSensitiveProperties": True,
        "archived": False,
        "restorable": True,
        "metaType": "HUBSPOT",
        "id": kind.type_id.removeprefix("0-"),
        "fullyQualifiedName": name,
        "createdAt": _NEVER,
        "updatedAt": _NEVER,
        "createdByUserId": None,
        "updatedByUserId": None,
        "objectTypeId": kind.type_id,
        "name": name,
    }


def _render(portal: Portal, schema: Schema, parts: Collection[str]) -> Schema:
    type_id = schema["objectTypeId"]
    with_audit = "includeAuditMetadata" in parts
    shown = {name: value for name, value in schema.items() if with_audit or name not in _AUDIT}
    if shown.get("description", "") is None:
        del shown["description"]
    known = portal.properties(type_id).values() if "includePropertyDefinitions" in parts else ()
    types = associations.types_of(portal.db, type_id) if "includeAssociationDefinitions" in parts else ()
    shown["properties"] = [definition.raw for definition in known if not definition.archived]
    shown["associations"] = [_render_association(found) for found in types]
    return shown


def _render_association(found: LinkType, *, short: bool = False) -> dict[str, Any]:
    """Build an association definition: HubSpot's own names are in capitals (recorded)."""
    own = found.category == associations.USER_DEFINED
    ends = {
        "fromObjectTypeId": found.from_type,
        "toObjectTypeId": found.to_type,
        "name": found.name if own else found.name.upper(),
    }
    number = {"id": str(found.type_id), "createdAt": None, "updatedAt": None}
    if short:
        return ends | number
    primary, inverse = found.role == "primary", found.role == "primary_inverse"
    return (
        ends
        | {
            "cardinality": "ONE_TO_ONE" if primary else "ONE_TO_MANY",
            "inverseCardinality": "ONE_TO_ONE" if inverse else "ONE_TO_MANY",
            "hasUserEnforcedMaxToObjectIds": False,
            "hasUserEnforcedMaxFromObjectIds": False,
            "maxToObjectIds": 1 if primary else MOST_ENDS,
            "maxFromObjectIds": 1 if inverse else MOST_ENDS,
        }
        | number
    )


def _read_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Reading a schema of HubSpot's own needs its object's scope, the others one of custom objects."""
    name = request.params.get("objectType", "")
    if not name and (portal.tier != _PRODUCT or not request.granted & set(_READ)):
        raise _refused("custom-object-read")
    standard = portal.types.resolve(name).read_scopes if portal.types.knows(name) else ()
    return (*(frozenset({scope}) for scope in _READ), *standard)


def _refused(scope: str) -> ApiError:
    """Recorded: these calls say in words of their own what a token lacks, or an account that has no custom objects."""
    context = {"requiredGranularScopes": [scope], "links": [SCOPES_PAGE]}
    message = "One or more of the following scopes are required."
    return ApiError(403, message, category="MISSING_SCOPES", context=context)


def _write_scopes(portal: Portal, _request: ApiRequest) -> Sequence[frozenset[str]]:
    if portal.tier != _PRODUCT:
        raise _refused("custom-object-write")
    return (frozenset({"crm.schemas.custom.write"}),)


_CALLS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", list_schemas),
    ("POST", "", create_schema),
    ("POST", "/batch/read", read_batch),
    ("GET", "/{objectType}", fetch_schema),
    ("PATCH", "/{objectType}", update_schema),
    ("DELETE", "/{objectType}", archive_schema),
    ("POST", "/{objectType}/associations", create_association),
    ("DELETE", "/{objectType}/associations/{associationIdentifier}", delete_association),
)

ROUTES: tuple[Route, ...] = tuple(
    Route(
        method=method,
        template=prefix + suffix,
        handler=handler,
        version=version,
        scopes=_read_scopes if method == "GET" or suffix == "/batch/read" else _write_scopes,
    )
    for prefix, version in (
        ("/crm-object-schemas/{version}/schemas", None),
        ("/crm-object-schemas/v3/schemas", "v3"),
        ("/crm/v3/schemas", "v3"),
    )
    for method, suffix, handler in _CALLS
)


def _fill(portal: Portal, seed: int) -> None:
    if portal.tier == _PRODUCT:
        custom_object_samples.fill(portal, seed, create)


def truth(portal: Portal) -> Iterator[Schema]:
    """Give every schema with its definitions, archived ones too."""
    parts = ("includePropertyDefinitions", "includeAssociationDefinitions", "includeAuditMetadata")
    for schema in custom_objects.stored_schemas(portal.db):
        shown = _render(portal, schema, () if schema["archived"] else parts)
        yield {"state": "archived" if schema["archived"] else "live", **shown}


FAMILY = Family(routes=ROUTES, truths={"custom_objects": truth}, fill=_fill)
