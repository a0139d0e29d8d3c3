"""Lists of a generated portal: of every processing type, some for companies and deals, an empty one, a deleted one."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hubspot_emulator import list_members, lists
from hubspot_emulator.list_members import Member
from hubspot_emulator.lists import ListRow
from hubspot_emulator.samples import COMPANY, CONTACT, DAY_MS, DEAL

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

LARGEST = 20_000
"""No generated list has more members: portals of a million contacts are made to be read, not to be listed."""
QUIET_MS = 1_800_000


class Plan(NamedTuple):
    """One list to make."""

    name: str
    type_id: str
    processing_type: str
    share: float
    at_once: bool = False
    """All members joined in one millisecond, as an import adds them."""
    most: int = LARGEST


PLANS = (
    Plan("All contacts", CONTACT, "DYNAMIC", 1.0),
    Plan("Newsletter", CONTACT, "DYNAMIC", 0.2),
    Plan('Warm leads; "spring", 2026', CONTACT, "MANUAL", 0.1),
    Plan("contacts_2025-03-01.csv", CONTACT, "SNAPSHOT", 0.05, at_once=True),
    Plan("Kunden in Köln 🎪", CONTACT, "DYNAMIC", 0.03),
    Plan("Nobody yet", CONTACT, "MANUAL", 0.0),
    Plan("Partners", COMPANY, "MANUAL", 0.15),
    Plan("Big deals", DEAL, "DYNAMIC", 0.2),
    Plan("Old webinar", CONTACT, "MANUAL", 0.05),
)
DELETED = "Old webinar"


def fill(portal: Portal, seed: int) -> None:
    """Make the lists of a portal that has its records."""
    rng = Random(f"lists {seed}")  # noqa: S311 - repeatable on purpose
    records = {type_id: _live_records(portal, type_id) for type_id in (CONTACT, COMPANY, DEAL)}
    small = [
        Plan(f"Audience {number:03}", CONTACT, "MANUAL", 0.2, most=200)
        for number in range(min(60, len(records[CONTACT]) // 100))
    ]
    list_id = 0
    for plan in (*PLANS, *small):
        list_id += 1 + (rng.random() < 0.3) * rng.randint(1, 40)
        _make(portal, rng, plan, list_id, records[plan.type_id])


def _live_records(portal: Portal, type_id: str) -> list[tuple[int, int]]:
    table = portal.table(type_id).name
    return portal.db.execute(
        f"SELECT id, created_ms FROM {table} WHERE state = 0 ORDER BY id LIMIT {LARGEST}"
    ).fetchall()


def _make(portal: Portal, rng: Random, plan: Plan, list_id: int, records: Sequence[tuple[int, int]]) -> None:
    last = portal.now_ms() - QUIET_MS
    created = last - int((0.1 + rng.random()) * 600 * DAY_MS)
    members = list(_members(rng, plan, records, created, last))
    list_members.load(portal, list_id, members)
    deleted = last - rng.randint(1, 60) * DAY_MS if plan.name == DELETED else None
    branch = msgspec.json.encode(_branch(plan)) if plan.processing_type == "DYNAMIC" else None
    row = ListRow(
        id=list_id,
        name=plan.name,
        type_id=plan.type_id,
        processing_type=plan.processing_type,
        created_ms=created,
        updated_ms=created + int(rng.random() * (last - created)),
        deleted_ms=deleted,
        version=rng.randint(1, 5),
        user_id=lists.API_USER + rng.randint(0, 9),
        added_ms=max((member.joined_ms for member in members), default=None),
        removed_ms=last - rng.randint(0, 90) * DAY_MS if rng.random() < 0.3 else None,
        filter_branch=branch,
        folder="Root" if rng.random() < 0.5 else None,
    )
    lists.put(portal, row)


def _members(rng: Random, plan: Plan, records: Sequence[tuple[int, int]], created: int, last: int) -> list[Member]:
    found: list[Member] = []
    for record_id, born in records:
        if plan.share < 1 and rng.random() >= plan.share:
            continue
        first = max(created, born)
        found.append(Member(record_id, last if plan.at_once else first + int(rng.random() * (last - first))))
        if len(found) == plan.most:
            break
    return found


def _branch(plan: Plan) -> dict[str, object]:
    """Build filters as HubSpot shows them; they do not decide who is a member here."""
    name = {CONTACT: "email", COMPANY: "domain", DEAL: "amount"}[plan.type_id]
    condition = {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN", "includeObjectsWithNoValueSet": False}
    wanted = {"filterType": "PROPERTY", "property": name, "operation": condition}
    inner = {
        "filterBranchType": "AND",
        "filterBranchOperator": "AND",
        "filterBranches": [],
        "filters": [wanted],
    }
    return {
        "filterBranchType": "OR",
        "filterBranchOperator": "OR",
        "filterBranches": [inner],
        "filters": [],
    }
