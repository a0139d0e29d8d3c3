"""What an action of a flow may say, by its type. The emulator keeps actions as they were sent and runs none (HS-57)."""

from __future__ import annotations

from collections.abc import Mapping

from hubspot_emulator import parsing
from hubspot_emulator.http import ApiError

FIELDS: Mapping[str, frozenset[str]] = {
    name: frozenset({"actionId", "type", *own})
    for name, own in {
        "AB_TEST_BRANCH": ("testBranches",),
        "CUSTOM_CODE": ("connection", "inputFields", "outputFields", "runtime", "secretNames", "sourceCode"),
        "LIST_BRANCH": ("defaultBranch", "defaultBranchName", "listBranches"),
        "SINGLE_CONNECTION": ("actionTypeId", "actionTypeVersion", "connection", "fields"),
        "STATIC_BRANCH": ("defaultBranch", "defaultBranchName", "inputValue", "staticBranches"),
        "WEBHOOK": ("authSettings", "connection", "method", "queryParams", "webhookUrl"),
    }.items()
}
_CONNECTION = ("edgeType", "nextActionId")


def check(actions: object) -> None:
    """Refuse a list of actions of which one has a type or a field that nobody knows."""
    for each in parsing.items(actions, where="actions"):
        if not isinstance(each, dict):
            raise parsing.invalid_json("Cannot deserialize an action: an object is needed")
        kind = each.get("type")
        if not isinstance(kind, str) or kind not in FIELDS:
            raise ApiError(400, f"An action's type must be one of {', '.join(sorted(FIELDS))}, not {kind}")
        parsing.fields(each, FIELDS[kind], where="an action")
        for name in ("connection", "defaultBranch"):
            if each.get(name) is not None:
                parsing.fields(each[name], _CONNECTION, where=f"an action's {name}")
