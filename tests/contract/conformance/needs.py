"""What must be in a portal before a call can be made: found there or made, and what it is called in the path.

A line of the table is a pattern over `METHOD template`; the first that fits counts.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from conformance import recipes
from conformance.recipes import CLIENT, FLOW, NEW, Form, Json, Sender, Values
from hubspot_emulator import lists


def _make_list(send: Sender) -> Json:
    return dict(send.make("/crm/v3/lists", recipes.build_list({"n": f"m{send.unique()}"}))["list"])


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
    made = send.make("/crm/v3/properties/contacts", recipes.build_property({"n": f"m{send.unique()}"}))
    return {"name": made["name"]}


def _with_rule(send: Sender) -> Values:
    made = _own_property(send)
    path = f"/crm/property-validations/2026-09/contacts/{made['name']}/rule-type/MAX_LENGTH"
    send.make(f"PUT {path}", {"ruleArguments": ["9"]})
    return made


def _legacy_list(send: Sender) -> Values:
    return {"legacyListId": str(int(_make_list(send)["listId"]) + lists.LEGACY_OFFSET)}


def _empty_group(send: Sender) -> Values:
    return {
        "groupName": send.make("/crm/v3/properties/contacts/groups", recipes.build_label({"n": f"m{send.unique()}"}))[
            "name"
        ]
    }


def _own_schema(send: Sender) -> Values:
    """Take an object that another call made and that deals are not linked to yet, since a portal has 20 at most."""
    found = send.read("/crm-object-schemas/v3/schemas")["results"]
    known = [each for each in found if each["name"].startswith("thing_") and not _is_linked(each, "0-3")]
    made = (
        known[0]
        if known
        else send.make("/crm-object-schemas/v3/schemas", recipes.build_schema({"n": f"m{send.unique()}"}))
    )
    return {"objectType": made["objectTypeId"], "associationIdentifier": made["associations"][0]["id"]}


def _is_linked(schema: Json, other: str) -> bool:
    return any(other in {each["fromObjectTypeId"], each["toObjectTypeId"]} for each in schema["associations"])


def _own_label(send: Sender) -> Values:
    """Take a label that another call made, since a pair of objects has ten at most."""
    found = send.read("/crm/v4/associations/contacts/companies/labels")["results"]
    known = [each["typeId"] for each in found if str(each["label"]).startswith(("Label", "Renamed"))]
    if not known:
        made = send.make(
            "/crm/v4/associations/contacts/companies/labels", recipes.build_label({"n": f"m{send.unique()}"})
        )
        known = [made["results"][0]["typeId"]]
    return {"label": str(known[0]), "associationTypeId": str(known[0])}


def _limited(send: Sender) -> Values:
    send.make(
        "/crm/associations/v4/definitions/configurations/contacts/companies/batch/create", recipes.build_limit({})
    )
    return {}


def _own_pipeline(send: Sender) -> Values:
    body = recipes.build_pipeline({"n": f"m{send.unique()}"})
    made = send.make(
        "/crm/v3/pipelines/deals", body | {"stages": [*body["stages"], body["stages"][0] | {"label": "Last"}]}
    )
    return {"objectType": "deals", "pipelineId": made["id"], "stageId": made["stages"][0]["id"]}


def _running_import(send: Sender) -> Values:
    return {"importId": send.make("/crm/v3/imports", recipes.build_import({"n": f"m{send.unique()}"}))["id"]}


def _done_export(send: Sender) -> Values:
    task = send.make("/crm/v3/exports/export/async", recipes.build_export({}))["id"]
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
    body = recipes.build_event({"n": f"m{send.unique()}"})
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
