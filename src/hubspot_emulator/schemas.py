"""The SQL that makes a portal's tables: a line a family. Modules named here import nothing of the portal."""

from __future__ import annotations

from hubspot_emulator import (
    association_limits,
    associations,
    custom_objects,
    documents,
    email_events,
    event_occurrences,
    event_participations,
    flow_store,
    form_submissions,
    lists,
    oauth_store,
    pipeline_store,
    property_rules,
    subscriptions,
    user_store,
)
from hubspot_emulator.exports import tables as exports
from hubspot_emulator.imports import tables as imports

SCHEMAS: tuple[str, ...] = (
    property_rules.SCHEMA,
    associations.SCHEMA,
    custom_objects.SCHEMA,
    documents.SCHEMA,
    exports.SCHEMA,
    flow_store.SCHEMA,
    email_events.SCHEMA,
    event_occurrences.SCHEMA,
    event_participations.SCHEMA,
    form_submissions.SCHEMA,
    imports.SCHEMA,
    lists.SCHEMA,
    subscriptions.SCHEMA,
    oauth_store.SCHEMA,
    user_store.SCHEMA,
    pipeline_store.SCHEMA,
    association_limits.SCHEMA,
)
