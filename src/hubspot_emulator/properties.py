"""The properties API: definitions and their groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import definitions, parsing, property_definition, scopes, timestamps
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.routing import versioned

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

TYPES = {
    "bool": {"booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "enumeration": {"booleancheckbox", "checkbox", "radio", "select"},
    "number": {"number", "calculation_equation"},
    "phone_number": {"phonenumber"},
    "string": {"text", "textarea", "html", "file", "phonenumber", "calculation_equation"},
}
UNIQUE_LIMIT = 10
NO_UNIQUE = {"feedback_submissions", "marketing_events", "products"}
_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
NEW = {
    "name",
    "label",
    "type",
    "fieldType",
    "groupName",
    "description",
    "options",
    "displayOrder",
    "hasUniqueValue",
    "hidden",
    "formField",
    "externalOptions",
    "referencedObjectType",
    "calculationFormula",
    "currencyPropertyName",
    "dataSensitivity",
    "numberDisplayHint",
    "showCurrencySymbol",
    "textDisplayHint",
}
HINTS = {"externalOptionsReferenceType", "optionSortStrategy", "searchableInGlobalSearch"}
"""What the properties of a new object schema may say beside that."""
_CHANGEABLE = NEW - {"name", "hasUniqueValue", "dataSensitivity", "referencedObjectType", "externalOptions"}
_OLD_SCOPES = {"companies", "contacts", "deals"}
"""Objects whose refusals name the scope as it was called before: recorded for companies."""
_IGNORED = {"dataSensitivity", "name"}
"""What a change may say of a property without effect (recorded, another name than the path's too)."""
_USER_ID = "293199"


def list_properties(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer all definitions at once, archived ones or the others."""
    parsing.known_parameters(request, ("archived", "dataSensitivity", "locale", "properties"))
    kind = _kind(portal, request)
    archived = parsing.flag(request, "archived")
    sensitivity = parsing.one(request, "dataSensitivity") or "non_sensitive"
    found = [
        definition.raw
        for definition in portal.properties(kind.type_id).values()
        if definition.archived == archived and definition.raw.get("dataSensitivity", "non_sensitive") == sensitivity
    ]
    return json_response({"results": found})


def fetch_property(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one definition."""
    parsing.known_parameters(request, ("archived", "dataSensitivity", "locale", "properties"))
    kind = _kind(portal, request)
    return json_response(_existing(portal, kind, request.params["name"], archived=parsing.flag(request, "archived")))


def create_property(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a property; one archived under that name comes back as it is described now."""
    parsing.known_parameters(request, ())
    raw = create(portal, _kind(portal, request), parsing.fields(request.json(), NEW))
    answer = json_response(raw, status=201)
    location = f"{request.base_url}{request.path}/{raw['name']}"
    return ApiResponse(status=201, body=answer.body, headers={"Location": location})


def update_property(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change a definition; `options` replaces the whole list."""
    parsing.known_parameters(request, ())
    kind = _kind(portal, request)
    raw = _existing(portal, kind, request.params["name"], archived=False)
    changes = parsing.fields(request.json(), _CHANGEABLE | _IGNORED)
    changes = {name: value for name, value in changes.items() if name not in _IGNORED}
    only_options = set(changes) <= {"options", "description", "label", "groupName", "displayOrder", "hidden"}
    if raw["modificationMetadata"].get("readOnlyDefinition") and not only_options:
        raise ApiError(400, f"The definition of {raw['name']} is read only")
    updated = raw | changes | {"updatedAt": timestamps.render_ms(portal.now_ms()), "updatedUserId": _USER_ID}
    _check_shape(updated)
    updated["options"] = _options(updated.get("options"))
    portal.add_property(kind.type_id, updated)
    return json_response(updated)


def archive_property(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Archive a property of the portal's own; its values are no longer shown."""
    parsing.known_parameters(request, ())
    _archive(portal, _kind(portal, request), request.params["name"])
    return ApiResponse(status=204)


def read_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer definitions by name; names that do not exist share one error."""
    parsing.known_parameters(request, ("locale",))
    kind = _kind(portal, request)
    body, inputs = parsing.inputs(request, {"name"}, {"archived", "dataSensitivity"})
    known = portal.properties(kind.type_id)
    archived = bool(body.get("archived"))
    names = [parsing.text(each.get("name"), where="an input's name") for each in inputs]
    found = [known[name].raw for name in names if name in known and known[name].archived == archived]
    have = {raw["name"] for raw in found}
    missing = [name for name in names if name not in have]
    message = "Some properties do not exist for the object type."
    errors = [_error("OBJECT_NOT_FOUND", message, {"name": missing})] if missing else []
    return _batch_answer(portal, found, errors, 200)


def create_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add properties; those whose name is taken are listed beside those that were added."""
    parsing.known_parameters(request, ())
    kind = _kind(portal, request)
    _, inputs = parsing.inputs(request, NEW)
    created: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for each in inputs:
        try:
            created.append(create(portal, kind, each))
        except ApiError as error:
            if error.status != 409:
                raise
            errors.append(_error(error.category, error.message, {"name": [each["name"]]}, error.sub_category))
    return _batch_answer(portal, created, errors, 201)


def archive_batch(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Archive several properties."""
    parsing.known_parameters(request, ())
    kind = _kind(portal, request)
    _, inputs = parsing.inputs(request, {"name"})
    for each in inputs:
        _archive(portal, kind, parsing.text(each.get("name"), where="an input's name"))
    return ApiResponse(status=204)


def list_groups(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer the groups that definitions stand in, and those made by hand."""
    parsing.known_parameters(request, ("locale",))
    return json_response({"results": list(groups_of(portal, _kind(portal, request)).values())})


def fetch_group(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Answer one group."""
    parsing.known_parameters(request, ("locale",))
    return json_response(_group(portal, _kind(portal, request), request.params["groupName"]))


def create_group(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Add a group."""
    parsing.known_parameters(request, ())
    kind = _kind(portal, request)
    body = parsing.fields(request.json(), {"name", "label", "displayOrder"})
    name = parsing.text(body.get("name"), where="name")
    if name in groups_of(portal, kind):
        raise ApiError(409, f"A property group named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS")
    group = {"name": name, "label": body.get("label") or name, "displayOrder": body.get("displayOrder", -1)}
    group["archived"] = False
    _store_group(portal, kind, group)
    return json_response(group, status=201)


def update_group(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change a group's label or place."""
    parsing.known_parameters(request, ())
    kind, name = _kind(portal, request), request.params["groupName"]
    group = _group(portal, kind, name) | parsing.fields(request.json(), {"label", "displayOrder"})
    _store_group(portal, kind, group)
    return json_response(group)


def archive_group(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Remove a group that no property stands in; one that does not exist is removed already."""
    parsing.known_parameters(request, ())
    kind, name = _kind(portal, request), request.params["groupName"]
    used = [each.name for each in portal.properties(kind.type_id).values() if each.raw.get("groupName") == name]
    if any(not portal.properties(kind.type_id)[each].archived for each in used):
        raise ApiError(
            400,
            f"Property group {name} still has properties: move or archive them first",
            sub_category="PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES",
        )
    if name in groups_of(portal, kind):
        _store_group(portal, kind, _group(portal, kind, name) | {"archived": True})
    return ApiResponse(status=204)


def _group(portal: Portal, kind: ObjectType, name: str) -> dict[str, Any]:
    groups = groups_of(portal, kind)
    if name not in groups:
        raise ApiError(404, f"Property group {name} does not exist", category="OBJECT_NOT_FOUND")
    return groups[name]


def _store_group(portal: Portal, kind: ObjectType, group: dict[str, Any]) -> None:
    blob = msgspec.json.encode(group)
    portal.db.execute("INSERT OR REPLACE INTO property_groups VALUES (?, ?, ?)", (kind.type_id, group["name"], blob))


def _kind(portal: Portal, request: ApiRequest) -> ObjectType:
    return portal.types.resolve(request.params["objectType"])


def _existing(portal: Portal, kind: ObjectType, name: str, *, archived: bool) -> dict[str, Any]:
    definition = portal.properties(kind.type_id).get(name)
    if definition is None or definition.archived != archived:
        raise ApiError(404, f'Property "{name}" does not exist', category="OBJECT_NOT_FOUND")
    return dict(definition.raw)


def create(portal: Portal, kind: ObjectType, given: dict[str, Any]) -> dict[str, Any]:
    """Add a property as a create describes it, or raise ApiError; give its definition."""
    missing = sorted({"name", "label", "type", "fieldType", "groupName"} - {key for key in given if given[key]})
    if missing:
        raise ApiError(400, f"A property needs {', '.join(missing)}")
    name = str(given["name"])
    if not set(name) <= _NAME_LETTERS or not name[0].isalpha() or len(name) > 100:
        raise ApiError(
            400, f"{name} is no property name: lower-case letters, digits and _ only, a letter first, at most 100"
        )
    known = portal.properties(kind.type_id).get(name)
    if known is not None and not known.archived:
        raise ApiError(
            409,
            f"A property named '{name}' already exists.",
            category="OBJECT_ALREADY_EXISTS",
            sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
        )
    if given["groupName"] not in groups_of(portal, kind):
        raise ApiError(400, f"Property group {given['groupName']} does not exist")
    _check_shape(given)
    _check_unique(portal, kind, given)
    now = timestamps.render_ms(portal.now_ms())
    raw = property_definition.build_raw(name, given["label"], given["type"], given["fieldType"])
    audit = {"createdAt": now, "updatedAt": now, "createdUserId": _USER_ID, "updatedUserId": _USER_ID}
    raw = raw | audit | given | {"options": _options(given.get("options"))}
    portal.add_property(kind.type_id, raw)
    return raw


def _check_shape(raw: dict[str, Any]) -> None:
    fits = TYPES.get(raw["type"])
    field_type = raw["fieldType"]
    if fits is None:
        raise ApiError(400, f"type {raw['type']} is unknown; known are {', '.join(sorted(TYPES))}")
    if field_type not in fits and not str(field_type).startswith("calculation_"):
        raise ApiError(400, f"fieldType {field_type} does not fit type {raw['type']}: use {', '.join(sorted(fits))}")


def _check_unique(portal: Portal, kind: ObjectType, raw: dict[str, Any]) -> None:
    if not raw.get("hasUniqueValue"):
        return
    own = [each for each in portal.properties(kind.type_id).values() if each.unique and not _is_built_in(each.raw)]
    refused = kind.name in NO_UNIQUE or (kind.name == "notes" and not portal.knobs.notes_take_unique_properties)
    if refused or len(own) >= UNIQUE_LIMIT:
        raise ApiError(
            400,
            f"{kind.name} cannot have another unique property: it has {len(own)}"
            f" and may have {0 if refused else UNIQUE_LIMIT}",
        )


def _is_built_in(raw: object) -> bool:
    return isinstance(raw, dict) and bool(raw.get("hubspotDefined"))


def _options(given: object) -> list[dict[str, Any]]:
    options = []
    for order, each in enumerate(parsing.items(given, where="options")):
        parts = parsing.fields(each, {"label", "value", "description", "displayOrder", "hidden"}, where="an option")
        if "label" not in parts or "value" not in parts:
            raise ApiError(400, "An option needs a label and a value")
        options.append({"displayOrder": order, "hidden": False} | parts)
    values = [each["value"] for each in options]
    if len(set(values)) < len(values):
        raise ApiError(400, "Two options have the same value")
    return options


def _archive(portal: Portal, kind: ObjectType, name: str) -> None:
    known = portal.properties(kind.type_id).get(name)
    if known is None or known.archived:
        return  # archiving is idempotent
    if _is_built_in(known.raw):
        raise ApiError(400, f"{name} is HubSpot's own and cannot be archived")
    now = timestamps.render_ms(portal.now_ms())
    portal.add_property(kind.type_id, {**known.raw, "archived": True, "archivedAt": now})


def groups_of(portal: Portal, kind: ObjectType) -> dict[str, dict[str, Any]]:
    """Give the groups that are not archived, by name: those that definitions stand in, and those made by hand."""
    found = definitions.groups([definition.raw for definition in portal.properties(kind.type_id).values()])
    by_name = {group["name"]: group for group in found if group["name"]}
    own = portal.db.execute("SELECT definition FROM property_groups WHERE type_id = ? ORDER BY name", (kind.type_id,))
    by_name |= {group["name"]: group for group in (msgspec.json.decode(blob) for (blob,) in own)}
    return {name: group for name, group in by_name.items() if not group["archived"]}


def _error(
    category: str | None, message: str, context: dict[str, list[str]], sub_category: str | None = None
) -> dict[str, Any]:
    error: dict[str, Any] = {"status": "error", "category": category, "message": message, "context": context}
    return error | ({"subCategory": sub_category} if sub_category else {})


def _batch_answer(
    portal: Portal, results: Sequence[object], errors: Sequence[dict[str, Any]], status: int
) -> ApiResponse:
    now = timestamps.render_ms(portal.now_ms())
    body: dict[str, Any] = {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return json_response(body, status=207 if errors else status)


def _routes(
    method: str, suffix: str, handler: Callable[[Portal, ApiRequest], ApiResponse], *, writes: bool = False
) -> tuple[Route, Route]:
    needed = scopes.write_schema if writes else _read_scopes
    return versioned("properties", method, "/{objectType}" + suffix, handler, scopes=needed)


def _read_scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Refuse in the words that these calls have of their own (HS-40, recorded)."""
    needed = scopes.read_schema(portal, request)
    if not any(wanted <= request.granted for wanted in needed):
        kind = _kind(portal, request)
        legacy = kind.type_id if kind.is_custom else f"legacyObjectType={kind.singular.upper()}"
        granular = sorted({scope for wanted in kind.read_scopes for scope in wanted})
        named = [f"{kind.name}-read"] if kind.name in _OLD_SCOPES else granular
        raise ApiError(
            403,
            f"You do not have permissions to view object type ObjectTypeId{{{legacy}}} in portal {portal.portal_id}"
            f" (requires one of [{', '.join(named)}])",
            category=None,
        )
    return needed


ROUTES: tuple[Route, ...] = (
    *_routes("GET", "", list_properties),
    *_routes("POST", "", create_property, writes=True),
    *_routes("GET", "/{name}", fetch_property),
    *_routes("PATCH", "/{name}", update_property, writes=True),
    *_routes("DELETE", "/{name}", archive_property, writes=True),
    *_routes("POST", "/batch/read", read_batch),
    *_routes("POST", "/batch/create", create_batch, writes=True),
    *_routes("POST", "/batch/archive", archive_batch, writes=True),
    *_routes("GET", "/groups", list_groups),
    *_routes("POST", "/groups", create_group, writes=True),
    *_routes("GET", "/groups/{groupName}", fetch_group),
    *_routes("PATCH", "/groups/{groupName}", update_group, writes=True),
    *_routes("DELETE", "/groups/{groupName}", archive_group, writes=True),
)
