"""Where the emulator departs from HubSpot's OpenAPI files, and what proves that HubSpot does too.

A recording proves a departure when its own body departs in the same words: a test checks each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

SCHEMA_RECORDING = "schemas/get_contacts_with_associations__amp_labs.json"
EVENT_RECORDING = "marketing/marketing_events__amp_labs.json"
FORM_RECORDING = "forms/list_2026_09_beta__amp_labs.json"
LINK_ERRORS = "associations/v4_batch_create_207_errors__amp_labs.json"
LINK_READ = "associations/v4_batch_read_207_no_associations__amp_labs.json"
LINK_CREATE = "associations/v4_batch_create_201__amp_labs.json"

RECORDED_DEVIATIONS: Mapping[str, str] = {
    "AssociationDefinition.createdAt: null": SCHEMA_RECORDING,
    "AssociationDefinition.updatedAt: null": SCHEMA_RECORDING,
    "AssociationDefinition: cardinality is not in the schema": SCHEMA_RECORDING,
    "AssociationDefinition: hasUserEnforcedMaxFromObjectIds is not in the schema": SCHEMA_RECORDING,
    "AssociationDefinition: hasUserEnforcedMaxToObjectIds is not in the schema": SCHEMA_RECORDING,
    "AssociationDefinition: inverseCardinality is not in the schema": SCHEMA_RECORDING,
    "AssociationDefinition: maxFromObjectIds is not in the schema": SCHEMA_RECORDING,
    "AssociationDefinition: maxToObjectIds is not in the schema": SCHEMA_RECORDING,
    "ObjectSchema.createdByUserId: null": SCHEMA_RECORDING,
    "ObjectSchema.updatedByUserId: null": SCHEMA_RECORDING,
    "ObjectSchema: metaType is not in the schema": SCHEMA_RECORDING,
    "ObjectSchema: restorable is not in the schema": SCHEMA_RECORDING,
    "MarketingEventPublicReadResponseV2.endDateTime: null": EVENT_RECORDING,
    "MarketingEventPublicReadResponseV2.eventDescription: null": EVENT_RECORDING,
    "MarketingEventPublicReadResponseV2.eventType: null": EVENT_RECORDING,
    "MarketingEventPublicReadResponseV2.eventUrl: null": EVENT_RECORDING,
    "MarketingEventPublicReadResponseV2.startDateTime: null": EVENT_RECORDING,
    "AssociationSpecWithLabel.label: null": LINK_READ,
    "MultiAssociatedObjectWithLabel.toObjectId: int instead of string": LINK_READ,
    "LabelsBetweenObjectPair.fromObjectId: int instead of string": LINK_CREATE,
    "LabelsBetweenObjectPair.toObjectId: int instead of string": LINK_CREATE,
    "StandardError.subCategory: str instead of object": LINK_ERRORS,
    "StandardError: no context": LINK_ERRORS,
    "StandardError: no errors": LINK_ERRORS,
    "StandardError: no links": LINK_ERRORS,
    "FormDisplayOptions.cssClass: null": FORM_RECORDING,
    "HubSpotFormConfiguration: no lifecycleStages": FORM_RECORDING,
}
"""Violation -> the recording that has it."""

DOCUMENTED_DEVIATIONS: Mapping[str, str] = {
    "status 201 is not listed": "the files of 2026-09 list 200 only, those of 2026-09-beta and the pages 201",
    "status 207 is not listed": "the files of 2026-09 list 200 only, those of 2026-09-beta and the pages 207",
    "POST /oauth/*: status 200 is not listed": "the files of revoke and of 2026-09 list no success; HubSpot's OAuth page does",
    "TokenInfoResponseBaseIF: * is not in the schema": "the file of 2026-09 has the base of the type alone; the page has all",
    "AccessTokenResponse: no token_use": "HubSpot's OAuth page: v1 answers four fields",
    "MarketingEvent*Response*: null": "as recorded on the list of the same events",
    "POST /marketing/*: status 204 is not listed": "the files list no success of calls that answer nothing",
    "PublicUserMarch2026: seatNames is not in the schema": "the page of the users API names it",
}
"""Violation -> what HubSpot's pages say; one that holds for some calls only begins with their method and path."""

OPEN_DEVIATIONS: Mapping[str, str] = {
    "EmailField: no dependentFields": "the recorded form has no field; the file of forms requires the list",
    "MultiLineTextField: no dependentFields": "as above",
    "MultipleCheckboxesField: no dependentFields": "as above",
    "SingleLineTextField: no dependentFields": "as above",
    "CollectionResponseObjectSchemaNoPaging: status is not in the schema": "the file has results only",
    "CollectionResponseObjectSchemaNoPaging: startedAt is not in the schema": "the file has results only",
    "CollectionResponseObjectSchemaNoPaging: completedAt is not in the schema": "the file has results only",
    "ApiSingleConnectionAction.fields.*: str instead of object": "the file types every field of an action as an object",
}
"""Violation -> why it is taken for the emulator's own; each is to be mended or proven, and then struck here."""

ALIASES: Mapping[str, str] = {
    "/crm/v3/objects/deals/splits": "/crm/objects/v3/deals/splits",
    "/crm/v4/associations/definitions": "/crm/associations/v4/definitions",
    "/crm/v4/objects/": "/crm/v3/objects/",
    "/events/2026-": "/events/event-occurrences/2026-",
    "/scheduler/v3": "/scheduler/2026-09",
    "/marketing/v3/marketing-events": "/marketing/marketing-events/v3",
    "/automation/2027-03-beta": "/automation/2026-09-beta",
    "/crm/lists/2026-09/all": "/crm/lists/2026-09-beta/all",
    "/crm/v3/limits": "/crm/limits/2026-09",
    "/crm/v3/property-validations": "/crm/property-validations/2026-09",
    "/crm/v3/schemas": "/crm-object-schemas/v3/schemas",
    "/settings/users/v3": "/settings/v3/users",
    "/settings/v3/users": "/settings/users/v3",
}
"""Start of a path -> start of the path of the same call that the files have."""


EXPLAINED: Mapping[str, str] = {
    "errors/property_doesnt_exist_400_single__segment.json": (
        "a fixture written from the message alone: the answers of HubSpot that were kept whole, to the same refusal,"
        " have `errors` too"
    ),
    "form_submissions/contacts_v1_form_submissions__airbyte.json": (
        "put together from two answers: its contact has a merge but no merged id and no second e-mail, and the page has"
        " neither `has-more` nor `vid-offset`"
    ),
    "search/search_contacts_incremental__amp_labs.json": (
        "the request kept with it is not the one it answers: it asks for `email` alone, the answer has six more"
        " properties"
    ),
    "search/search_contacts_objects_api__amp_labs.json": (
        "an answer of the list, paging and address included, kept as the answer to a search whose filters its records"
        " do not keep"
    ),
}
"""Recording -> why it is not matched. A recording that is not here has to be."""


def is_listed(call: str, violation: str) -> bool:
    """Tell whether a departure of a call (`METHOD path`) from the files is one of those above."""
    listed = (*RECORDED_DEVIATIONS, *DOCUMENTED_DEVIATIONS, *OPEN_DEVIATIONS)
    return violation in listed or any(
        fnmatchcase(text, each) for each in listed if "*" in each for text in (violation, f"{call}: {violation}")
    )


@dataclass(frozen=True)
class Change:
    """What HubSpot does otherwise since a recording: a difference that older recordings may have."""

    difference: str
    """A pattern over the words of `answers.find_differences`; its group is the key."""
    until: str
    """The first day of which the newer form is recorded."""
    evidence: str
    """The recording that has the newer form."""


ENGAGEMENT, OLD_LISTS = "engagements/v1_task__airbyte.json", "lists/v1_static_lists__grouparoo.json"
OLD_CONTACTS = "form_submissions/contacts_v1_form_submissions__airbyte.json"
OLD_PROPERTY = "properties/v1_deals_list__cluedin.json"
OLD_VERSIONS = "objects/v1_property_history__airbyte.json"
CHANGES: tuple[Change, ...] = (
    Change(
        r"(properties)\.hs_lifecyclestage_lead_date is text, recorded moment",
        "2025-11-03",
        "batch/batch_create_201_with_trace_ids_v3__amp_labs.json",
    ),
    Change(r"keys differ: (requestId)", "2022-02-17", "errors/v1_create_or_update_400_invalid_email__grouparoo.json"),
    Change(
        r"has (description|allowsSensitiveProperties|createdByUserId|updatedByUserId)", "2025-03-05", SCHEMA_RECORDING
    ),
    Change(
        r"has properties\[\]\.(dataSensitivity|dateDisplayHint)",
        "2024-10-20",
        "properties/list_contacts_v3_full_2024_10__ruby_hubspot_api.json",
    ),
    Change(
        r"has properties\[\]\.(referencedObjectType)",
        "2024-10-20",
        "properties/list_contacts_v3_full_2024_10__ruby_hubspot_api.json",
    ),
    Change(
        r"has associations\[\]\.(hasUserEnforcedMaxToObjectIds|hasUserEnforcedMaxFromObjectIds|maxToObjectIds|maxFromObjectIds)",
        "2025-03-05",
        SCHEMA_RECORDING,
    ),
    Change(r"lacks contacts\[\]\.form-submissions\[\]\.(page-title|page-id)", "2024-04-21", OLD_CONTACTS),
    Change(r"has contacts\[\]\.form-submissions\[\]\.(form-type|contact-associated-by).*", "2024-04-21", OLD_CONTACTS),
    Change(
        r"has properties\[\]\.(options)\[\].*",
        "2024-10-20",
        "properties/list_contacts_v3_full_2024_10__ruby_hubspot_api.json",
    ),
    Change(r"lacks properties\[\]\.(showCurrencySymbol)", "2026-02-26", "properties/patch_property__amp_labs.json"),
    Change(r"has workflows\[\]\.(migrationStatus).*", "2023-01-31", "workflows/v3_item__airbyte.json"),
    Change(
        r"has (?:results\[\]\.)?(?:engagement|associations)\.(allAccessibleTeamIds|bodyPreview|bodyPreviewIsTruncated"
        r"|contentIds|gdprDeleted|marketingEventIds|queueMembershipIds|quoteIds|ticketIds)",
        "2021-02-23",
        ENGAGEMENT,
    ),
    Change(r"has (?:results\[\]\.)?(attachments|scheduledTasks)", "2021-02-23", ENGAGEMENT),
    Change(r"has results\[\]\.metadata\.(forObjectType|isAllDay)", "2021-02-23", ENGAGEMENT),
    Change(
        r"has \[\]\.(createdAt|createdUserId|currencyPropertyName|deleted|favorited|favoritedOrder|hasUniqueValue"
        r"|isCustomizedDefault|numberDisplayHint|optionsAreMutable|referencedObjectType|searchableInGlobalSearch"
        r"|showCurrencySymbol|textDisplayHint|updatedAt|updatedUserId)",
        "2018-02-01",
        OLD_PROPERTY,
    ),
    Change(r"has \[\]\.options\[\]\.(description|hidden|readOnly|doubleData)", "2018-02-01", OLD_PROPERTY),
    Change(
        r"has \[\]\.(activeUserId|hasContactsAccess|isActive|signature|userIdIncludingInactive)",
        "2019-06-05",
        "owners/v2_list__cluedin.json",
    ),
    Change(r"lacks lists\[\]\.(authorId|deleteable)", "2022-02-17", OLD_LISTS),
    Change(r"has (has-more|offset)", "2022-02-17", OLD_LISTS),
    Change(r"has lists\[\]\.(teamIds)", "2022-02-17", OLD_LISTS),
    Change(
        r"lacks (?:contacts\[\]\.)?(profile-token|profile-url)",
        "2024-04-21",
        OLD_CONTACTS,
    ),
    Change(
        r"has (?:properties\.\w+\.versions|merge-audits)\[\](?:\.merged_\w+_email)?\.(updated-by-user-id)",
        "2023-01-17",
        OLD_VERSIONS,
    ),
    Change(r"has merge-audits\[\]\.(user-id)", "2024-04-21", OLD_CONTACTS),
    Change(r"lacks merge-audits\[\]\.merged_from_email\.(source-vids)(?:\[\])?", "2024-04-21", OLD_CONTACTS),
    Change(
        r"has properties\.(hs_\w+)(?:\..*)?",
        "2024-10-23",
        "objects/post_contacts_v3_201__ruby_hubspot_api.json",
    ),
    Change(
        r"has contacts\[\]\.identity-profiles\[\]\.identities\[\]\.(is-primary)",
        "2018-07-09",
        "objects/v1_contact_profile_after_merge__hubspot_ruby.json",
    ),
)


def find_change(difference: str, moment: float) -> str | None:
    """Name the change that explains a difference of a recording of that time."""
    for each in CHANGES:
        if (
            re.fullmatch(each.difference, difference)
            and moment < datetime.fromisoformat(f"{each.until}T00:00:00Z").timestamp()
        ):
            return each.difference
    return None


def key_pattern(change: Change) -> str:
    """Give the keys that a change is about, as a pattern."""
    return re.findall(r"\((?!\?)([^()]*)\)", change.difference)[-1]
