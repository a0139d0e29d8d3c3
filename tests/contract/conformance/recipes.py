"""How a call is made that a generated portal can answer: its body, its parameters, and what it needs to be there.

A line of a table is a pattern over `METHOD template` and what goes with it; the first that fits counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

Values = Mapping[str, str]
Json = dict[str, Any]


class Sender(Protocol):
    """What makes the things that a call needs."""

    def make(self, path: str, body: object) -> Any:
        """Send a POST that must succeed and give its answer."""

    def read(self, path: str) -> Any:
        """Send a GET that must succeed and give its answer."""

    def pass_time(self, seconds: float) -> None:
        """Move the portal's clock."""

    def unique(self) -> str:
        """Give a number that was not given before."""


@dataclass(frozen=True)
class Form:
    """A body of `application/x-www-form-urlencoded`."""

    fields: Mapping[str, str]

    def encode(self) -> tuple[bytes, str]:
        """Give the bytes and their content type."""
        return urlencode(self.fields).encode(), "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Upload:
    """A body of `multipart/form-data`: the request of an import and its file."""

    request: Json
    name: str
    content: str

    def encode(self) -> tuple[bytes, str]:
        """Give the bytes and their content type."""
        edge = "conformance"
        disposition = 'Content-Disposition: form-data; name="{}"'
        parts = (
            f"{disposition.format('importRequest')}\r\n\r\n{json.dumps(self.request)}",
            f'{disposition.format("files")}; filename="{self.name}"\r\n\r\n{self.content}',
        )
        return "".join(f"--{edge}\r\n{part}\r\n" for part in parts).encode() + f"--{edge}--\r\n".encode(), (
            f"multipart/form-data; boundary={edge}"
        )


def choose(table: Iterable[tuple[str, Any]], call: str) -> Any:
    """Give what a table has for a call; None where it has nothing."""
    return next((found for pattern, found in table if re.search(pattern, call)), None)


# --- bodies ---------------------------------------------------------------------------------------------------------

TYPES = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
NEW = {"properties": {"firstname": "Ada"}}
CLIENT = {"client_id": "c", "client_secret": "s"}
SUBSCRIBER = "a@example.com"
FLOW: Json = {
    "type": "CONTACT_FLOW",
    "flowType": "WORKFLOW",
    "objectTypeId": "0-1",
    "isEnabled": False,
    "actions": [
        {
            "type": "SINGLE_CONNECTION",
            "actionId": "1",
            "actionTypeId": "0-13",
            "actionTypeVersion": 0,
            "fields": {"operation": "ADD", "list_id": "1"},
        }
    ],
    "timeWindows": [],
    "blockedDates": [],
    "customProperties": {},
}


def inputs(*each: object) -> Json:
    """Build the body of a batch."""
    return {"inputs": list(each)}


def _pair(values: Values) -> Json:
    return {"from": {"id": values["contact"]}, "to": {"id": values["company"]}}


def _typed(values: Values) -> Json:
    return inputs(_pair(values) | {"type": "contact_to_company"})


def build_property(values: Values) -> Json:
    """Build the body that makes a property."""
    name = f"made_{values['n']}"
    return {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}


def build_list(values: Values) -> Json:
    """Build the body that makes a list."""
    return {"name": f"List {values['n']}", "objectTypeId": "0-1", "processingType": "MANUAL"}


def build_label(values: Values) -> Json:
    """Build the body that makes a label or a group."""
    return {"name": f"label_{values['n']}", "label": f"Label {values['n']}"}


def _stage(values: Values) -> Json:
    return {"label": f"Stage {values['n']}", "displayOrder": 0, "metadata": {"probability": "0.5"}}


def build_pipeline(values: Values) -> Json:
    """Build the body that makes a pipeline."""
    return {"label": f"Pipeline {values['n']}", "displayOrder": 0, "stages": [_stage(values)]}


def _old_values(**given: str) -> Json:
    return {"properties": [{"property": name, "value": value} for name, value in given.items()]}


def build_schema(values: Values) -> Json:
    """Build the body that makes a custom object."""
    return {
        "name": f"thing_{values['n']}",
        "labels": {"singular": "Thing", "plural": "Things"},
        "properties": [{"name": "title", "label": "Title", "type": "string", "fieldType": "text"}],
        "requiredProperties": ["title"],
        "primaryDisplayProperty": "title",
        "searchableProperties": ["title"],
        "associatedObjects": ["CONTACT"],
    }


def _status(values: Values) -> Json:
    more = {"legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "asked"}
    return {"subscriptionId": int(values["subscription"]), "channel": "EMAIL", "statusState": "SUBSCRIBED"} | more


def _subscribe(values: Values) -> Json:
    return {"emailAddress": f"n{values['n']}@example.com", "subscriptionId": values["subscription"]}


def _changed_flow(values: Values) -> Json:
    kept = {name: value for name, value in FLOW.items() if name not in {"flowType", "objectTypeId"}}
    return kept | {"name": "Renamed", "revisionId": values["revisionId"]}


def build_import(values: Values) -> Upload:
    """Build the body that starts an import."""
    name = f"contacts{values['n']}.csv"
    columns = [
        {"columnObjectTypeId": "0-1", "columnName": "First", "propertyName": "firstname"},
        {
            "columnObjectTypeId": "0-1",
            "columnName": "Email",
            "propertyName": "email",
            "columnType": "HUBSPOT_ALTERNATE_ID",
        },
    ]
    file = {"fileName": name, "fileFormat": "CSV", "fileImportPage": {"hasHeader": True, "columnMappings": columns}}
    request = {"name": "n", "importOperations": {"0-1": "UPSERT"}, "files": [file]}
    return Upload(request, name, f"First,Email\r\nAda,i{values['n']}@example.com\r\nBad,no-address\r\n")


def build_export(_: Values) -> Json:
    """Build the body that asks for an export."""
    return {
        "exportType": "VIEW",
        "exportName": "n",
        "format": "CSV",
        "language": "EN",
        "objectType": "CONTACT",
        "objectProperties": ["email"],
    }


def build_limit(_: Values) -> Json:
    """Build the body that limits an association."""
    return inputs({"category": "HUBSPOT_DEFINED", "typeId": 279, "maxToObjectIds": 5})


def build_event(values: Values) -> Json:
    """Build the body that makes a marketing event."""
    more = {"eventName": f"Event {values['n']}", "eventOrganizer": "Ada"}
    return more | {"externalAccountId": "account-1", "externalEventId": f"made-{values['n']}"}


def _took_part(values: Values) -> Json:
    return inputs({"vid": int(values["contact"]), "interactionDateTime": 1_700_000_000_000})


_TIMES = {"startDateTime": "2026-01-01T10:00:00Z", "endDateTime": "2026-01-01T11:00:00Z"}

BODIES: tuple[tuple[str, Callable[[Values], object]], ...] = (
    (r"POST .*/marketing-events/.*/email-(create|upsert)$", lambda v: inputs({"email": f"m{v['n']}@example.com"})),
    (r"POST .*/marketing-events/.*subscriberState\}/(create|upsert)$", _took_part),
    (r"POST .*/marketing-events/(.*/)?complete$", lambda v: _TIMES),
    (r"POST .*/marketing-events/(.*/)?batch/archive$", lambda v: inputs({"objectId": v["objectId"]})),
    (
        r"POST .*/marketing-events/(.*/)?batch/update$",
        lambda v: inputs({"objectId": v["objectId"], "eventName": "Renamed"}),
    ),
    (r"POST .*/marketing-events/(.*/)?events/upsert$", lambda v: inputs(build_event(v))),
    (
        r"POST .*/marketing-events/(.*/)?events/delete$",
        lambda v: inputs({"appId": 123, "externalAccountId": "account-1", "externalEventId": v["externalEventId"]}),
    ),
    (r"POST .*/marketing-events/(.*/)?events$", build_event),
    (r"PUT .*/marketing-events/.*events/", lambda v: build_event(v) | {"externalEventId": v["externalEventId"]}),
    (r"PATCH .*/marketing-events/", lambda v: {"eventName": "Renamed"}),
    (r"POST /contacts/v1/contact$", lambda v: _old_values(email=f"v{v['n']}@example.com")),
    (r"POST /contacts/v1/contact/createOrUpdate/", lambda v: _old_values(firstname="Ada")),
    (r"POST /contacts/v1/contact/merge-vids/", lambda v: {"vidToMerge": int(v["spare"])}),
    (r"POST /contacts/v1/lists/.*/add$", lambda v: {"vids": [int(v["contact"])], "emails": []}),
    (
        r"POST /companies/v1/batch-async/update$",
        lambda v: [{"objectId": int(v["company"]), "properties": [{"name": "name", "value": "Renamed"}]}],
    ),
    (
        r"POST /engagements/v1/engagements$",
        lambda v: {
            "engagement": {"type": "NOTE"},
            "associations": {"contactIds": [int(v["contact"])]},
            "metadata": {"body": "A note"},
        },
    ),
    (r"POST /deals/v1/pipelines$", lambda v: {"label": f"Pipeline {v['n']}"}),
    (r"POST .*(/deal-splits/|/splits/)(.*/)?batch/read$", lambda v: inputs({"id": v["deal"]})),
    (
        r"POST .*(/deal-splits/|/splits/)(.*/)?batch/upsert$",
        lambda v: inputs({"id": v["deal"], "splits": [{"ownerId": v["owner"], "percentage": 1.0}]}),
    ),
    (r"POST .*definitions/configurations/.*batch/(create|update)$", build_limit),
    (
        r"POST .*definitions/configurations/.*batch/purge$",
        lambda v: inputs({"category": "HUBSPOT_DEFINED", "typeId": 279}),
    ),
    (r"POST /crm/v3/associations/.*batch/(create|archive)$", _typed),
    (r"POST .*associations/.*batch/associate/default$", lambda v: inputs(_pair(v))),
    (r"POST .*associations/.*batch/(create|labels/archive)$", lambda v: inputs(_pair(v) | {"types": TYPES})),
    (r"POST .*associations/.*batch/read$", lambda v: inputs({"id": v["contact"]})),
    (
        r"POST .*associations/.*batch/archive$",
        lambda v: inputs({"from": {"id": v["contact"]}, "to": [{"id": v["company"]}]}),
    ),
    (r"PUT .*objects/.*/associations/(?!default)", lambda v: TYPES),
    (r"POST .*associations/.*labels$", build_label),
    (r"PUT .*associations/.*labels$", lambda v: {"associationTypeId": int(v["label"]), "label": f"Renamed {v['n']}"}),
    (r"POST .*objects/.*batch/(read|archive)$", lambda v: inputs({"id": v["contact"]})),
    (r"POST .*objects/.*batch/create$", lambda v: inputs(NEW)),
    (r"POST .*objects/.*batch/update$", lambda v: inputs(NEW | {"id": v["contact"]})),
    (
        r"POST .*objects/.*batch/upsert$",
        lambda v: inputs(NEW | {"id": f"u{v['n']}@example.com", "idProperty": "email"}),
    ),
    (r"POST .*objects/.*/search$", lambda v: {"limit": 2}),
    (r"POST .*objects/.*/gdpr-delete$", lambda v: {"objectId": v["spare"]}),
    (r"POST .*objects/.*/merge$", lambda v: {"primaryObjectId": v["contact"], "objectIdToMerge": v["spare"]}),
    (r"(POST|PATCH) /crm/(v3/)?objects/[^/]*(/[^/]*)?(/\{objectId\})?$", lambda v: NEW),
    (r"POST .*/properties/.*batch/read$", lambda v: inputs({"name": "email"}) | {"archived": False}),
    (r"POST .*/properties/.*batch/create$", lambda v: inputs(build_property(v))),
    (r"POST .*/properties/.*batch/archive$", lambda v: inputs({"name": "remarks"})),
    (r"POST .*/properties/.*groups$", build_label),
    (r"PATCH .*/properties/.*groups/", lambda v: {"label": "Other"}),
    (r"POST .*/properties/", build_property),
    (r"PATCH .*/properties/", lambda v: {"label": "Other"}),
    (r"PUT .*/rule-type/", lambda v: {"ruleArguments": ["50"]}),
    (r"POST .*/schemas/batch/read$", lambda v: inputs("contacts")),
    (r"POST .*/schemas$", build_schema),
    (
        r"POST .*/schemas/\{objectType\}/associations$",
        lambda v: {"fromObjectTypeId": v["objectType"], "toObjectTypeId": "0-3", "name": f"link_{v['n']}"},
    ),
    (r"PATCH .*/schemas/", lambda v: {"description": "Things"}),
    (r"POST .*/export/async$", build_export),
    (r"POST .*/imports(/[\d-]+)?$", build_import),
    (r"POST .*/lists/(.*/)?(search|all)$", lambda v: {"processingTypes": ["MANUAL"]}),
    (r"POST .*/lists/.*idmapping$", lambda v: ["1"]),
    (r"POST .*/lists(/[\d-]*(-beta)?)?$", build_list),
    (r"PUT .*/memberships/(add|remove)$", lambda v: [v["contact"]]),
    (r"PUT .*/memberships/add-and-remove$", lambda v: {"recordIdsToAdd": [v["contact"]], "recordIdsToRemove": []}),
    (r"POST .*records/memberships/batch/read$", lambda v: inputs({"objectTypeId": "0-1", "recordId": v["contact"]})),
    (r"POST .*/campaigns/.*batch/read$", lambda v: inputs({"id": "00000000-0000-0000-0000-000000000000"})),
    (r"PATCH .*forms/", lambda v: {"name": f"Form {v['n']}"}),
    (r"POST .*/statuses/batch/(read|unsubscribe-all.*)$", lambda v: inputs(SUBSCRIBER)),
    (r"POST .*/statuses/batch/write$", lambda v: inputs(_status(v) | {"subscriberIdString": SUBSCRIBER})),
    (r"POST .*/statuses/[^/]*$", _status),
    (r"POST .*/links/generate$", lambda v: {"subscriberIdString": SUBSCRIBER}),
    (r"POST .*/(un|re)?subscribe$", _subscribe),
    (r"POST .*/flows$", lambda v: FLOW | {"name": f"Flow {v['n']}"}),
    (r"PUT .*/flows/\{flowId\}$", _changed_flow),
    (r"POST .*/(flows|workflow-id-mappings)/batch/read$", lambda v: inputs({"type": "FLOW_ID", "flowId": v["flow"]})),
    (r"POST .*/teams/[^/]*$", lambda v: {"name": f"Team {v['n']}"}),
    (r"PATCH .*/teams/", lambda v: {"name": f"Team {v['n']}"}),
    (r"POST .*/members$", lambda v: {"userId": v["user"], "type": "EXTRA"}),
    (r"POST .*/members/batch$", lambda v: inputs({"userId": v["user"], "type": "EXTRA"})),
    (r"POST /settings/(users|v3/users)", lambda v: {"email": f"u{v['n']}@example.com", "sendWelcomeEmail": False}),
    (r"PUT /settings/", lambda v: {"firstName": "Ada"}),
    (r"(POST|PUT) .*/pipelines/.*\{objectType\}(/\{pipelineId\})?$", build_pipeline),
    (r"(POST|PUT) .*/pipelines/.*stages", _stage),
    (r"PATCH .*/pipelines/", lambda v: {"label": f"Renamed {v['n']}"}),
    (
        r"POST /oauth/.*/token$",
        lambda v: Form(
            CLIENT | {"grant_type": "authorization_code", "code": v["n"], "redirect_uri": "http://localhost"}
        ),
    ),
    (
        r"POST /oauth/.*(introspect|revoke)$",
        lambda v: Form(CLIENT | {"token": v["token"], "token_type_hint": "access_token"}),
    ),
    (r"POST /oauth/v2/private-apps", lambda v: {"tokenKey": "pat-test"}),
)

# --- query parameters whose value matters ---------------------------------------------------------------------------

QUERIES: tuple[tuple[str, Callable[[Values], Values]], ...] = (
    (r"GET .*/lists/.*idmapping$", lambda v: {"legacyListId": v["legacyListId"]}),
    (r"GET /contacts/v1/contact/vids/batch$", lambda v: {"vid": v["contact"]}),
    (
        r"(GET|POST|PATCH|DELETE) .*/marketing-events/.*(events|attendance)/\{externalEventId",
        lambda v: {"externalAccountId": v["externalAccountId"]},
    ),
    (r"GET /events/(event-occurrences/[\d-]+|v3/events|[\d-]+)$", lambda v: {"eventType": "e_visited_page"}),
    (
        r"GET .*/statuses/|POST .*/(links/generate|statuses/(batch/read|.*unsubscribe-all))",
        lambda v: {"channel": "EMAIL"},
    ),
    (r"GET /exports/download/", lambda v: {name: v[name] for name in ("expires", "signature")}),
    (r"PUT .*/update-list-name$", lambda v: {"listName": f"Renamed {v['n']}"}),
)

FIXED: Values = {
    "toObjectType": "companies",
    "objectTypeId": "0-1",
    "fromObjectTypeId": "0-1",
    "toObjectTypeId": "0-2",
    "groupName": "contactinformation",
    "name": "email",
    "assetType": "FORM",
    "emailAddress": SUBSCRIBER,
    "subscriber": SUBSCRIBER,
    "ruleType": "MAX_LENGTH",
    "subscriberState": "attend",
}
