"""Changes a portal wherever a stream reads it: records and lists are edited, deleted, moved, as people and apps do."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from hubferry.streams.definition import Stream
from hubspot_emulator import documents
from hubspot_emulator.server import Emulator
from truth import SOME_PROPERTIES, call_control, fetch_truth

READ_ONLY = {"deal_splits", "feedback_submissions", "users"}
"""Objects whose records HubSpot lets nobody write, or only by calls of their own."""


class Changes:
    """Somebody who works in a portal while it is pulled."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._pool = urllib3.PoolManager()

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API with all scopes."""
        headers = {"Authorization": "Bearer pat-all"}
        answer = self._pool.request(method, self._emulator.base_url + path, json=body, headers=headers)
        assert answer.status < 300, (method, path, answer.data)
        return json.loads(answer.data) if answer.data else None

    def change_everything(self, streams: list[Stream]) -> None:
        """Change something of every stream that can be changed."""
        self.change_records(streams)
        self._change_marketing()
        self._change_lists()
        self._change_automation()
        self._change_account()

    def change_records(self, streams: list[Stream]) -> None:
        """Change records of every object, and let things happen."""
        for stream in streams:
            if stream.reader == "records" and stream.object is not None and stream.object.name not in READ_ONLY:
                pulled = SOME_PROPERTIES.get(stream.name, {}).get("properties")
                self._change_records(stream.object.path_name, pulled)
        counts = {"creates": 6, "edits": 8, "merges": 1, "archives": 2, "associations": 6, "activity": 12}
        call_control(self._emulator.control_url, "POST", "/mutate", {"seed": 3, **counts})

    def _change_records(self, path: str, pulled: list[str] | None) -> None:
        """Archive a record and edit another, in a property that is pulled."""
        listed = self.call("GET", f"/crm/objects/2026-09/{path}?limit=3")["results"]
        definitions = self.call("GET", f"/crm/properties/2026-09/{path}")["results"]
        free = (each["name"] for each in definitions if (pulled is None or each["name"] in pulled) and _is_free(each))
        if listed:
            self.call("DELETE", f"/crm/objects/2026-09/{path}/{listed[-1]['id']}")
        name = next(free, None)
        if len(listed) > 1 and name is not None:
            self.call("PATCH", f"/crm/objects/2026-09/{path}/{listed[0]['id']}", {"properties": {name: "changed"}})

    def _truth(self, name: str) -> list[dict[str, Any]]:
        return [each for each in fetch_truth(self._emulator.control_url, name) if each["state"] == "live"]

    def _change_marketing(self) -> None:
        edited, deleted, *_ = (each["id"] for each in self._truth("forms"))
        self.call("PATCH", f"/marketing/v3/forms/{edited}", {"name": "Renamed"})
        self.call("DELETE", f"/marketing/v3/forms/{deleted}")
        self.call("DELETE", f"/marketing/emails/2026-09/{self._truth('marketing_emails')[0]['id']}")
        status = next(each for each in self._truth("subscription_statuses") if each["status"] == "NOT_SPECIFIED")
        address, number = status["subscriberIdString"], status["subscriptionId"]
        told = {"channel": "EMAIL", "statusState": "UNSUBSCRIBED", "subscriptionId": number}
        self.call("POST", f"/communication-preferences/2026-09/statuses/{address}", told)
        portal = self._emulator.portal
        with portal.lock:
            for kind in ("marketing_campaigns", "marketing_emails"):
                found = documents.all_of(portal, kind, archived=False)[-1]
                body = {**found.body, "language": "de"} if kind == "marketing_emails" else found.body
                documents.replace(portal, kind, found._replace(updated_ms=portal.now_ms(), body=body))
            portal.commit()

    def _change_lists(self) -> None:
        manual = [each["listId"] for each in self._truth("lists") if each["processingType"] == "MANUAL"]
        contacts = [each["id"] for each in self._truth("contacts")]
        made = self.call(
            "POST", "/crm/lists/2026-09", {"name": "New", "objectTypeId": "0-1", "processingType": "MANUAL"}
        )
        self.call("PUT", f"/crm/lists/2026-09/{made['list']['listId']}/memberships/add", contacts[:6])
        members = [each["recordId"] for each in self._truth("list_memberships") if each["listId"] == manual[0]]
        if members:
            self.call("PUT", f"/crm/lists/2026-09/{manual[0]}/memberships/remove", members[:1])
        dynamic = next(each["listId"] for each in self._truth("lists") if each["processingType"] == "DYNAMIC")
        self.call("DELETE", f"/crm/lists/2026-09/{dynamic}")

    def _change_automation(self) -> None:
        flows = self._truth("workflows")
        body = self.call("GET", f"/automation/v4/flows/{flows[0]['id']}")
        told = {
            "id",
            "createdAt",
            "updatedAt",
            "crmObjectCreationStatus",
            "nextAvailableActionId",
            "objectTypeId",
            "flowType",
        }
        sent = {name: value for name, value in body.items() if name not in told}
        self.call("PUT", f"/automation/v4/flows/{flows[0]['id']}", {**sent, "name": "Renamed"})
        self.call("DELETE", f"/automation/v4/flows/{flows[1]['id']}")

    def _change_account(self) -> None:
        users = self._truth("settings_users")
        self.call("PUT", f"/settings/users/2026-03/{users[1]['id']}", {"firstName": "Other"})
        self.call("DELETE", f"/settings/users/2026-03/{users[2]['id']}")
        team = self._truth("teams")[0]["id"]
        self.call("PATCH", f"/settings/teams/2026-09-beta/{team}", {"name": "Renamed"})
        stage = {"label": "One", "displayOrder": 0, "metadata": {"probability": "0.5"}}
        pipeline = {"label": "Fairs", "displayOrder": 9, "stages": [stage]}
        self.call("POST", "/crm/pipelines/2026-09/deals", pipeline)
        ticket = {"label": "More", "displayOrder": 9, "stages": [{**stage, "metadata": {"ticketState": "OPEN"}}]}
        self.call("POST", "/crm/pipelines/2026-09/tickets", ticket)
        cars = self._truth("custom_objects")[0]["objectTypeId"]
        self.call("PATCH", f"/crm-object-schemas/2026-09/schemas/{cars}", {"secondaryDisplayProperties": []})


def _is_free(definition: dict[str, Any]) -> bool:
    """Say whether a person may write any text there."""
    marks = definition["modificationMetadata"]
    rules = definition.get("hasUniqueValue") or definition.get("calculated") or definition["options"]
    is_text = definition["type"] == "string" and definition["fieldType"] in {"text", "textarea"}
    return is_text and not marks["readOnlyValue"] and not rules
