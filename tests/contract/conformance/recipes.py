"""How a call is made that a generated portal can answer: its body, its parameters, and what it needs to be there.

A line of a table is a pattern over `METHOD template` and what goes with it; the first that fits counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from hubspot_emulator import lists

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


def _property(values: Values) -> Json:
    name = f"made_{values['n']}"
    return {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}


def _list(values: Values) -> Json:
    return {"name": f"List {values['n']}", "objectTypeId": "0-1", "processingType": "MANUAL"}


def _label(values: Values) -> Json:
    return {"name": f"label_{values['n']}", "label": f"Label {values['n']}"}


def _stage(values: Values) -> Json:
    return {"label": f"Stage {values['n']}", "displayOrder": 0, "metadata": {"probability": "0.5"}}


def _pipeline(values: Values) -> Json:
    return {"label": f"Pipeline {values['n']}", "displayOrder": 0, "stages": [_stage(values)]}


def _old_values(**given: str) -> Json:
    return {"properties": [{"property": name, "value": value} for name, value in given.items()]}


def _schema(values: Values) -> Json:
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


def _import(values: Values) -> Upload:
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


def _export(_: Values) -> Json:
    return {
        "exportType": "VIEW",
        "exportName": "n",
        "format": "CSV",
        "language": "EN",
        "objectType": "CONTACT",
        "objectProperties": ["email"],
    }


def _limit(_: Values) -> Json:
    return inputs({"category": "HUBSPOT_DEFINED", "typeId": 279, "maxToObjectIds": 5})


def _event_body(values: Values) -> Json:
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
    (r"POST .*/marketing-events/(.*/)?events/upsert$", lambda v: inputs(_event_body(v))),
    (
        r"POST .*/marketing-events/(.*/)?events/delete$",
        lambda v: inputs({"appId": 123, "externalAccountId": "account-1", "externalEventId": v["externalEventId"]}),
    ),
    (r"POST .*/marketing-events/(.*/)?events$", _event_body),
    (r"PUT .*/marketing-events/.*events/", lambda v: _event_body(v) | {"externalEventId": v["externalEventId"]}),
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
    (r"POST .*definitions/configurations/.*batch/(create|update)$", _limit),
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
    (r"POST .*associations/.*labels$", _label),
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
    (r"POST .*/properties/.*batch/create$", lambda v: inputs(_property(v))),
    (r"POST .*/properties/.*batch/archive$", lambda v: inputs({"name": "remarks"})),
    (r"POST .*/properties/.*groups$", _label),
    (r"PATCH .*/properties/.*groups/", lambda v: {"label": "Other"}),
    (r"POST .*/properties/", _property),
    (r"PATCH .*/properties/", lambda v: {"label": "Other"}),
    (r"PUT .*/rule-type/", lambda v: {"ruleArguments": ["50"]}),
    (r"POST .*/schemas/batch/read$", lambda v: inputs("contacts")),
    (r"POST .*/schemas$", _schema),
    (
        r"POST .*/schemas/\{objectType\}/associations$",
        lambda v: {"fromObjectTypeId": v["objectType"], "toObjectTypeId": "0-3", "name": f"link_{v['n']}"},
    ),
    (r"PATCH .*/schemas/", lambda v: {"description": "Things"}),
    (r"POST .*/export/async$", _export),
    (r"POST .*/imports(/[\d-]+)?$", _import),
    (r"POST .*/lists/(.*/)?(search|all)$", lambda v: {"processingTypes": ["MANUAL"]}),
    (r"POST .*/lists/.*idmapping$", lambda v: ["1"]),
    (r"POST .*/lists(/[\d-]*(-beta)?)?$", _list),
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
    (r"(POST|PUT) .*/pipelines/.*\{objectType\}(/\{pipelineId\})?$", _pipeline),
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

# --- what must be there ---------------------------------------------------------------------------------------------


def _make_list(send: Sender) -> Json:
    return dict(send.make("/crm/v3/lists", _list({"n": f"m{send.unique()}"}))["list"])


def _deleted_list(send: Sender) -> Values:
    made = _make_list(send)
    send.make(f"DELETE /crm/v3/lists/{made['listId']}", None)
    return {"listId": made["listId"]}


def _two_lists(send: Sender) -> Values:
    return {"listId": _make_list(send)["listId"], "sourceListId": _make_list(send)["listId"]}


def _spare(send: Sender) -> Values:
    return {"spare": send.make("/crm/v3/objects/contacts", NEW)["id"]}


def _tokens(send: Sender) -> Json:
    form = Form(CLIENT | {"grant_type": "authorization_code", "code": f"m{send.unique()}", "redirect_uri": "http://x"})
    return dict(send.make("/oauth/v1/token", form))


def _flow(send: Sender) -> Values:
    made = send.make("/automation/v4/flows", FLOW | {"name": f"Made {send.unique()}"})
    return {"flow": made["id"], "flowId": made["id"], "revisionId": made["revisionId"]}


def _own_property(send: Sender) -> Values:
    made = send.make("/crm/v3/properties/contacts", _property({"n": f"m{send.unique()}"}))
    return {"name": made["name"]}


def _with_rule(send: Sender) -> Values:
    made = _own_property(send)
    path = f"/crm/property-validations/2026-09/contacts/{made['name']}/rule-type/MAX_LENGTH"
    send.make(f"PUT {path}", {"ruleArguments": ["9"]})
    return made


def _legacy_list(send: Sender) -> Values:
    return {"legacyListId": str(int(_make_list(send)["listId"]) + lists.LEGACY_OFFSET)}


def _empty_group(send: Sender) -> Values:
    return {"groupName": send.make("/crm/v3/properties/contacts/groups", _label({"n": f"m{send.unique()}"}))["name"]}


def _own_schema(send: Sender) -> Values:
    """Take an object that another call made and that deals are not linked to yet, since a portal has 20 at most."""
    found = send.read("/crm-object-schemas/v3/schemas")["results"]
    known = [each for each in found if each["name"].startswith("thing_") and not _is_linked(each, "0-3")]
    made = known[0] if known else send.make("/crm-object-schemas/v3/schemas", _schema({"n": f"m{send.unique()}"}))
    return {"objectType": made["objectTypeId"], "associationIdentifier": made["associations"][0]["id"]}


def _is_linked(schema: Json, other: str) -> bool:
    return any(other in {each["fromObjectTypeId"], each["toObjectTypeId"]} for each in schema["associations"])


def _own_label(send: Sender) -> Values:
    """Take a label that another call made, since a pair of objects has ten at most."""
    found = send.read("/crm/v4/associations/contacts/companies/labels")["results"]
    known = [each["typeId"] for each in found if str(each["label"]).startswith(("Label", "Renamed"))]
    if not known:
        made = send.make("/crm/v4/associations/contacts/companies/labels", _label({"n": f"m{send.unique()}"}))
        known = [made["results"][0]["typeId"]]
    return {"label": str(known[0]), "associationTypeId": str(known[0])}


def _limited(send: Sender) -> Values:
    send.make("/crm/associations/v4/definitions/configurations/contacts/companies/batch/create", _limit({}))
    return {}


def _own_pipeline(send: Sender) -> Values:
    body = _pipeline({"n": f"m{send.unique()}"})
    made = send.make(
        "/crm/v3/pipelines/deals", body | {"stages": [*body["stages"], body["stages"][0] | {"label": "Last"}]}
    )
    return {"objectType": "deals", "pipelineId": made["id"], "stageId": made["stages"][0]["id"]}


def _running_import(send: Sender) -> Values:
    return {"importId": send.make("/crm/v3/imports", _import({"n": f"m{send.unique()}"}))["id"]}


def _done_export(send: Sender) -> Values:
    task = send.make("/crm/v3/exports/export/async", _export({}))["id"]
    return {"taskId": task, "exportId": task}


def _subscription(send: Sender) -> Values:
    found = send.read("/communication-preferences/v3/definitions")["subscriptionDefinitions"]
    return {"subscription": found[0]["id"]}


def _user(send: Sender) -> Values:
    made = send.make("/settings/users/v3", {"email": f"m{send.unique()}@example.com"})["id"]
    team = send.read("/settings/teams/2026-09-beta")["results"][0]["id"]
    return {"user": made, "userId": made, "teamId": team}


def _team_member(send: Sender) -> Values:
    found = _user(send)
    send.make(f"/settings/teams/2026-09-beta/{found['teamId']}/members", {"userId": found["user"], "type": "DEFAULT"})
    return found


def _first_id(send: Sender, kind: str) -> str:
    return str(send.read(f"/crm/v3/objects/{kind}?limit=1")["results"][0]["id"])


def _engagement(send: Sender) -> Values:
    return {"engagementId": _first_id(send, "notes")}


def _company_with_engagement(send: Sender) -> Values:
    found = send.read("/engagements/v1/engagements/paged")["results"]
    linked = next(each["associations"]["companyIds"] for each in found if each["associations"]["companyIds"])
    return {"objectType": "COMPANY", "objectId": str(linked[0])}


def _old_list(send: Sender) -> Values:
    made = _make_list(send)
    send.make(f"PUT /crm/v3/lists/{made['listId']}/memberships/add", [_first_id(send, "contacts")])
    return {"listId": str(int(made["listId"]) + lists.LEGACY_OFFSET)}


def _deal(send: Sender) -> Values:
    return {"deal": _first_id(send, "deals"), "owner": send.read("/crm/v3/owners")["results"][0]["id"]}


def _own_event(send: Sender) -> Values:
    body = _event_body({"n": f"m{send.unique()}"})
    send.make("/marketing/marketing-events/2026-09/events", body)
    path = f"/marketing/marketing-events/2026-09/events/{body['externalEventId']}?externalAccountId=account-1"
    return {
        "objectId": send.read(path)["objectId"],
        **{name: body[name] for name in body if name.startswith("external")},
    }


def _marketing_event(send: Sender) -> Values:
    """Take an event that an app made, which alone has an id of that app's."""
    found = send.read("/marketing/marketing-events/2026-09")["results"]
    made = next(each for each in found if each.get("externalEventId") and "appInfo" in each)
    known = send.read(f"/marketing/marketing-events/2026-09/{made['externalEventId']}/identifiers")
    return {
        "objectId": made["objectId"],
        "marketingEventId": made["objectId"],
        "externalEventId": made["externalEventId"],
        "externalAccountId": known["results"][0]["externalAccountId"],
        "contactIdentifier": _first_id(send, "contacts"),
    }


def _event(send: Sender) -> Values:
    found = send.read("/email/public/v1/events")["events"][0]
    return {"created": str(found["created"]), "eventId": found["id"]}


def _file_of_export(send: Sender) -> Values:
    task = _done_export(send)["taskId"]
    send.pass_time(60)
    address = send.read(f"/crm/v3/exports/export/async/tasks/{task}/status")["result"]
    path, _, query = address.partition("?")
    *_, export_id, name = path.split("/")
    return {"exportId": export_id, "fileName": name, **dict(parse_qsl(query))}


NEEDS: tuple[tuple[str, Callable[[Sender], Values]], ...] = (
    (r"(POST|PUT|PATCH|DELETE) .*/marketing-events/", _own_event),
    (r"/marketing-events/.*\{", _marketing_event),
    (r"(/deal-splits/|/splits/)", _deal),
    (r"PUT .*/lists/.*/restore$", _deleted_list),
    (r"/lists/.*/add-from/", _two_lists),
    (r"GET .*/lists/.*/name/\{listName\}$", lambda send: {"listName": _make_list(send)["name"]}),
    (r"POST .*objects/.*/(merge|gdpr-delete)$", _spare),
    (r"/oauth/v1/access-tokens/", lambda send: {"token": _tokens(send)["access_token"]}),
    (r"/oauth/v1/refresh-tokens/", lambda send: {"token": _tokens(send)["refresh_token"]}),
    (r"/oauth/.*/(introspect|revoke)$", lambda send: {"token": _tokens(send)["access_token"]}),
    (r"(PUT|POST|DELETE|GET) .*/(flows|workflow-id-mappings)/(batch|performance|\{)", _flow),
    (r"GET .*/property-validations/.*\{name\}", _with_rule),
    (r"PUT .*/property-validations/", _own_property),
    (r"GET .*/lists/.*idmapping$", _legacy_list),
    (r"DELETE .*/properties/.*\{name\}$", _own_property),
    (r"DELETE .*/properties/.*groups/", _empty_group),
    (r"(PATCH|DELETE|POST) .*/schemas/\{objectType\}", _own_schema),
    (r"(PUT|DELETE) .*associations/.*/labels", _own_label),
    (r"definitions/configurations/.*batch/(update|purge)$", _limited),
    (r"(PUT|PATCH|DELETE) .*/pipelines/|POST .*/pipelines/.*/stages", _own_pipeline),
    (r"/imports/.*\{importId\}", _running_import),
    (r"/exports/download/", _file_of_export),
    (r"/exports/.*\{(taskId|exportId)\}", _done_export),
    (r"POST .*/(statuses|(un|re)?subscribe)", _subscription),
    (r"/engagements/v1/.*\{engagementId\}", _engagement),
    (r"/engagements/v1/.*\{objectId\}", _company_with_engagement),
    (r"/(forms/v2|form-integrations)/.*\{formId\}", lambda send: {"formId": send.read("/forms/v2/forms")[0]["guid"]}),
    (r"/email/public/v1/events/\{created\}", _event),
    (r"/contacts/v1/contact/merge-vids/", lambda send: {"vid": _first_id(send, "contacts")} | _spare(send)),
    (r"/contacts/v1/contact/createOrUpdate/", lambda send: {"email": f"v{send.unique()}@example.com"}),
    (r"/contacts/v1/lists/\{listId\}", _old_list),
    (r"/contacts/v1/contact/vid/", lambda send: {"vid": _first_id(send, "contacts")}),
    (r"/companies/v2/companies/\{id\}", lambda send: {"id": _first_id(send, "companies")}),
    (r"/deals/v1/deal/\{id\}", lambda send: {"id": _first_id(send, "deals")}),
    (r"/(companies|deals)/.*properties/named/", lambda send: {"name": "createdate"}),
    (r"/crm/v3/objects/\{fromObjectType\}/.*\{type\}", lambda send: {"type": "contact_to_company"}),
    (r"DELETE .*/members/", _team_member),
    (r"(/settings/.*(members|\{userId\}))|/high-usage-report/", _user),
)
"""What a call needs -> the values of its placeholders, and others that its body names."""

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
