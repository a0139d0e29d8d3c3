"""Property histories of a generated portal: values of some records as people, integrations and HubSpot changed them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hubspot_emulator import owners
from hubspot_emulator.family import Family
from hubspot_emulator.people import QUIET_MS
from hubspot_emulator.samples import COMPANY, CONTACT, DAY_MS, DEAL, Samples
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SOURCES = ("API", "AUTOMATION_PLATFORM", "CRM_UI", "CRM_UI", "CRM_UI", "FORM", "IMPORT", "INTEGRATION")
RECORDS_PER_EDITED = 20
MOST = 400
SPAN_MS = 60 * DAY_MS


def fill(portal: Portal, seed: int) -> None:
    """Change one contact, company and deal of twenty, each one to four times since it was modified last."""
    rng = Random(f"histories {seed}")  # noqa: S311 - repeatable on purpose
    last = portal.now_ms() - QUIET_MS
    make = Samples(portal, owners.live_ids(portal), portal.now_ms())
    for type_id in (CONTACT, COMPANY, DEAL):
        table = portal.table(type_id)
        count = min(MOST, table.live_count() // RECORDS_PER_EDITED)
        sql = f"SELECT id, updated_ms FROM {table.name} WHERE state = {State.LIVE:d} ORDER BY id LIMIT ?"
        for record_id, updated in rng.sample(portal.db.execute(sql, (50_000,)).fetchall(), count):
            first = max(updated, last - SPAN_MS)
            for moment in sorted(rng.randint(first, last) for _ in range(rng.randint(1, 4))):
                drawn = make.build_change(rng, type_id, portal.values_of(type_id, record_id))
                changes = {name: value for name, value in drawn.items() if value}
                with portal.acting(moment, rng.choice(SOURCES)):
                    portal.update_record(type_id, record_id, changes, request="generator")


FAMILY = Family(fill=fill)
