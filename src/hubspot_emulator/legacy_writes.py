"""Writing contacts and companies of v1, as old connectors still do (HS-63)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hubspot_emulator import legacy_bodies, parsing, reading, writing
from hubspot_emulator.family import Family
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.legacy_bodies import Wanted
from hubspot_emulator.writing import InvalidValuesError, KeyTakenError

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]


def create(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Create a contact and answer its profile; one whose e-mail is taken is a conflict that shows who has it."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve("contacts")
    try:
        record_id = writing.create(portal, kind, {"properties": _values(request)}, request)
    except InvalidValuesError as error:
        raise _invalid(error) from error
    except KeyTakenError as error:
        raise _taken(portal, error.holder) from error
    row = portal.table(kind.type_id).row(record_id)
    assert row is not None
    return json_response(legacy_bodies.contact(portal, row, Wanted(granted=request.granted, history=True)))


def create_or_update(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change the contact of an e-mail, or create one."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve("contacts")
    email, values = request.params["email"], _values(request)
    record_id = writing.find_target(portal, kind, email, "email")
    is_new = record_id is None
    try:
        if record_id is None:
            record_id = writing.create(portal, kind, {"properties": {"email": email} | values}, request)
        else:
            writing.update(portal, kind, record_id, values, request)
    except InvalidValuesError as error:
        raise _invalid(error) from error
    return json_response({"vid": record_id, "isNew": is_new})


def merge(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Merge a contact into another; the answer is a word."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve("contacts")
    primary = reading.find_id(portal, kind, request.params["vid"], None)
    body = parsing.fields(request.json(), {"vidToMerge"})
    merged = reading.find_id(portal, kind, parsing.text(body.get("vidToMerge"), where="vidToMerge"), None)
    if primary is None or portal.record_state(kind.type_id, primary) != "live":
        raise ApiError(404, "contact does not exist", category=None)
    if merged is None or merged == primary or portal.record_state(kind.type_id, merged) != "live":
        message = "vid to merge is not a valid contact or is already in the process of being merged"
        raise ApiError(400, message, category=None)
    portal.merge_records(kind.type_id, primary, merged, request=request.correlation_id)
    return ApiResponse(body=b"SUCCESS", content_type="text/plain")


def update_companies(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Change companies some time later: the answer tells nothing of them, and what cannot be done is dropped."""
    parsing.known_parameters(request, ())
    kind = portal.types.resolve("companies")
    for each in parsing.items(request.json(), where="the body"):
        given = parsing.fields(each, {"objectId", "properties"}, where="a company")
        record_id = writing.find_target(portal, kind, parsing.text(given.get("objectId"), where="objectId"), None)
        parts = [
            parsing.fields(part, {"name", "value"}, where="a property")
            for part in parsing.items(given.get("properties"), where="properties")
        ]
        values = {parsing.text(part.get("name"), where="name"): part.get("value") for part in parts}
        if record_id is not None and values:
            with suppress(InvalidValuesError):
                writing.update(portal, kind, record_id, values, request)
    return ApiResponse(status=202)


def _values(request: ApiRequest) -> dict[str, Any]:
    """Read `[{"property", "value"}]` as an object."""
    body = parsing.fields(request.json(), {"properties"})
    given = parsing.items(body.get("properties"), where="properties")
    parts = [parsing.fields(each, {"property", "value"}, where="a property") for each in given]
    return {parsing.text(each.get("property"), where="property"): each.get("value") for each in parts}


def _invalid(error: InvalidValuesError) -> ApiError:
    results = [
        {"isValid": False, "message": each.message, "error": each.code, "name": each.name} for each in error.problems
    ]
    return ApiError(400, "Property values were not valid", category=None, more={"validationResults": results})


def _taken(portal: Portal, holder: int) -> ApiError:
    row = portal.table("0-1").row(holder)
    assert row is not None
    body = legacy_bodies.contact(portal, row, Wanted(granted=frozenset(), names=()))
    identities = [
        {key: value for key, value in each.items() if not key.startswith("is-")}
        | ({"isPrimary": True} if each.get("is-primary") else {})
        for each in body["identity-profiles"][0]["identities"]
    ]
    profile = {
        "vid": holder,
        "identity": identities,
        "linkedVid": [],
        "isContact": True,
        "savedAtTimestamp": row.updated_ms,
    }
    more = {"identityProfile": profile, "error": "CONTACT_EXISTS"}
    return ApiError(409, "Contact already exists", category=None, more=more)


def _needs(scope: str) -> Callable[[Portal, ApiRequest], Sequence[frozenset[str]]]:
    return lambda portal, request: (frozenset({scope}),)  # noqa: ARG005


FAMILY = Family(
    routes=tuple(
        Route(
            method="POST",
            template=template,
            handler=handler,
            version="v1",
            scopes=_needs(f"crm.objects.{template.split('/')[1]}.write"),
        )
        for template, handler in (
            ("/companies/v1/batch-async/update", update_companies),
            ("/contacts/v1/contact", create),
            ("/contacts/v1/contact/createOrUpdate/email/{email}", create_or_update),
            ("/contacts/v1/contact/merge-vids/{vid}", merge),
        )
    )
)
