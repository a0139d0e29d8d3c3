"""Somebody who makes records, labels and links over HTTP and reads links back, for tests of associations."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from hubspot_emulator.server import Emulator

DATED = "/crm/associations/2026-09"
UNLABELLED, PRIMARY = ("HUBSPOT_DEFINED", 279), ("HUBSPOT_DEFINED", 1)

Link = tuple[str, int]


class Linker:
    """Makes records and calls; every test makes its own records, so the portal can be shared."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.pool = urllib3.PoolManager(headers={"Authorization": "Bearer pat-test"})

    def call(self, method: str, path: str, body: object = None, token: str = "pat-test") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = self.emulator.base_url + path
        answer = self.pool.request(method, url, body=None if body is None else json.dumps(body), headers=headers)
        return answer.status, json.loads(answer.data) if answer.data else None

    def create(self, object_type: str = "contacts", **properties: str) -> int:
        needed = {"contacts": {"firstname": "Ada"}, "companies": {"name": "Acme"}, "deals": {"dealname": "One"}}
        status, record = self.call(
            "POST", f"/crm/objects/2026-09/{object_type}", {"properties": needed.get(object_type, {}) | properties}
        )
        assert status == 201, record
        return int(record["id"])

    def label(self, name: str, inverse: str | None = None, ends: str = "contacts/companies") -> Link:
        """Define a label of that name and text; give its key."""
        body = {"name": name, "label": name.title()} | ({"inverseLabel": inverse} if inverse else {})
        status, answer = self.call("POST", f"{DATED}/{ends}/labels", body)
        assert status == 200, answer
        return "USER_DEFINED", next(each["typeId"] for each in answer["results"] if each["label"] == name.title())

    def link(self, from_id: int, to_id: int, *types: Link, ends: str = "contacts/companies") -> None:
        status, answer = self.call("POST", f"{DATED}/{ends}/batch/create", {"inputs": [pair(from_id, to_id, *types)]})
        assert status == 201, answer

    def read(self, from_id: int, ends: str = "contacts/companies") -> dict[int, set[Link]]:
        """Give the types of link to every other end; empty where there are none."""
        _, answer = self.call("POST", f"{DATED}/{ends}/batch/read", {"inputs": [{"id": str(from_id)}]})
        return {
            end["toObjectId"]: {(each["category"], each["typeId"]) for each in end["associationTypes"]}
            for result in answer["results"]
            for end in result["to"]
        }


def pair(from_id: object, to_id: object, *types: Link) -> dict[str, Any]:
    specs = [{"associationCategory": category, "associationTypeId": type_id} for category, type_id in types]
    return {"from": {"id": str(from_id)}, "to": {"id": str(to_id)}} | ({"types": specs} if types else {})
