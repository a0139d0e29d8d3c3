"""The families of calls beside the core: a line of `FAMILIES` each; their tables a line of `schemas.SCHEMAS`.

`family.Family` says what a family may bring; a module exports it as `FAMILY`.
"""

from __future__ import annotations

from hubspot_emulator import (
    association_limit_calls,
    custom_object_routes,
    deal_splits,
    email_routes,
    engagements,
    event_occurrences,
    forms,
    history_samples,
    legacy_definitions,
    legacy_lists,
    legacy_records,
    legacy_writes,
    list_routes,
    marketing_campaigns,
    marketing_emails,
    marketing_event_writes,
    marketing_events,
    meeting_links,
    object_samples,
    pipeline_writes,
    property_rules,
    teams,
    truths,
    usage_limits,
    users,
    v3_associations,
    workflows,
)
from hubspot_emulator.exports import calls as exports
from hubspot_emulator.family import Family
from hubspot_emulator.imports import calls as imports

FAMILIES: tuple[Family, ...] = (
    property_rules.FAMILY,
    object_samples.FAMILY,
    history_samples.FAMILY,
    truths.FAMILY,
    custom_object_routes.FAMILY,
    engagements.FAMILY,
    exports.FAMILY,
    forms.FAMILY,
    imports.FAMILY,
    list_routes.FAMILY,
    marketing_campaigns.FAMILY,
    marketing_emails.FAMILY,
    marketing_events.FAMILY,
    marketing_event_writes.FAMILY,
    deal_splits.FAMILY,
    email_routes.FAMILY,
    workflows.FAMILY,
    teams.FAMILY,
    users.FAMILY,
    meeting_links.FAMILY,
    event_occurrences.FAMILY,
    pipeline_writes.FAMILY,
    association_limit_calls.FAMILY,
    v3_associations.FAMILY,
    usage_limits.FAMILY,
    legacy_records.FAMILY,
    legacy_writes.FAMILY,
    legacy_definitions.FAMILY,
    legacy_lists.FAMILY,
)
