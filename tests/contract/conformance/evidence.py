"""Where the emulator departs from HubSpot's OpenAPI files, and what proves that HubSpot does too.

A recording proves a departure when its own body departs in the same words: a test checks each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
    "*Field: no dependentFields": "a form that a connector kept (`forms/v3_item__airbyte.json`) has fields without it",
    "MarketingEvent*Response*: null": "as recorded on the list of the same events",
    "POST /marketing/*: status 204 is not listed": "the files list no success of calls that answer nothing",
    "ApiSingleConnectionAction.fields.*: str instead of object": (
        "HubSpot's guide to flows shows texts (`operation`, `list_id`) where the file types every field as an object"
    ),
    "PublicUserMarch2026: seatNames is not in the schema": "the page of the users API names it",
}
"""Violation -> what HubSpot's pages say; one that holds for some calls only begins with their method and path."""

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
    return any(_fits(each, call, violation) for each in _listed())


def find_unused(found: Iterable[tuple[str, str]]) -> list[str]:
    """Give the listed departures that no call has."""
    found = list(found)
    return [each for each in _listed() if not any(_fits(each, *pair) for pair in found)]


def _listed() -> tuple[str, ...]:
    return (*RECORDED_DEVIATIONS, *DOCUMENTED_DEVIATIONS)


def _fits(listed: str, call: str, violation: str) -> bool:
    texts = (violation, f"{call}: {violation}")
    return violation == listed or ("*" in listed and any(fnmatchcase(text, listed) for text in texts))


@dataclass(frozen=True)
class Change:
    """What HubSpot does otherwise since a recording: a difference that older recordings may have."""

    difference: str
    """A pattern over the words of `answers.find_differences`; its group is the key."""
    until: str
    """The first day of which the newer form is recorded."""
    evidence: str
    """The recording that has the newer form."""
    words: str
    """What changed, for docs/reference/emulator.md."""


ENGAGEMENT, OLD_LISTS = "engagements/v1_task__airbyte.json", "lists/v1_static_lists__grouparoo.json"
OLD_CONTACTS = "form_submissions/contacts_v1_form_submissions__airbyte.json"
OLD_PROPERTY = "properties/v1_deals_list__cluedin.json"
PROPERTIES_2024 = "properties/list_contacts_v3_full_2024_10__ruby_hubspot_api.json"
OLD_VERSIONS = "objects/v1_property_history__airbyte.json"
CHANGES: tuple[Change, ...] = (
    Change(
        r"(properties)\.hs_lifecyclestage_lead_date is text, recorded moment",
        "2025-11-03",
        "batch/batch_create_201_with_trace_ids_v3__amp_labs.json",
        "A create answers the dates of lifecycle stages in milliseconds; in 2024 they were ISO.",
    ),
    Change(
        r"keys differ: (requestId)",
        "2022-02-17",
        "errors/v1_create_or_update_400_invalid_email__grouparoo.json",
        "Refusals of v1 no longer have a `requestId`.",
    ),
    Change(
        r"has (description|allowsSensitiveProperties|createdByUserId|updatedByUserId)",
        "2025-03-05",
        SCHEMA_RECORDING,
        "Schemas say who made and changed them, and whether they take sensitive properties.",
    ),
    Change(
        r"has properties\[\]\.(dataSensitivity|dateDisplayHint)",
        "2024-10-20",
        PROPERTIES_2024,
        "Definitions of properties tell their sensitivity and how a date is shown.",
    ),
    Change(
        r"has properties\[\]\.(referencedObjectType)",
        "2024-10-20",
        PROPERTIES_2024,
        "Definitions of properties tell which object their options stand for.",
    ),
    Change(
        r"has associations\[\]\.(hasUserEnforcedMaxToObjectIds|hasUserEnforcedMaxFromObjectIds|maxToObjectIds|maxFromObjectIds)",
        "2025-03-05",
        SCHEMA_RECORDING,
        "Schemas tell the limits of their associations.",
    ),
    Change(
        r"lacks contacts\[\]\.form-submissions\[\]\.(page-title|page-id)",
        "2024-04-21",
        OLD_CONTACTS,
        "Submissions of a contact of v1 no longer name their page.",
    ),
    Change(
        r"has contacts\[\]\.form-submissions\[\]\.(form-type|contact-associated-by).*",
        "2024-04-21",
        OLD_CONTACTS,
        "Submissions of a contact of v1 tell the type of the form and how the contact was known.",
    ),
    Change(
        r"has properties\[\]\.(options)\[\].*",
        "2024-10-20",
        PROPERTIES_2024,
        "A custom object has built-in properties with options, which it had not in 2021.",
    ),
    Change(
        r"lacks properties\[\]\.(showCurrencySymbol)",
        "2026-02-26",
        "properties/patch_property__amp_labs.json",
        "Definitions of properties have `showCurrencySymbol` only where it was set.",
    ),
    Change(
        r"has workflows\[\]\.(migrationStatus).*",
        "2023-01-31",
        "workflows/v3_item__airbyte.json",
        "Workflows of v3 tell which flow they became.",
    ),
    Change(
        r"has (?:results\[\]\.)?(?:engagement|associations)\.(allAccessibleTeamIds|bodyPreview|bodyPreviewIsTruncated"
        r"|contentIds|gdprDeleted|marketingEventIds|queueMembershipIds|quoteIds|ticketIds)",
        "2021-02-23",
        ENGAGEMENT,
        "Engagements of v1 have a preview, teams and queues, and name more kinds of ends.",
    ),
    Change(
        r"has (?:results\[\]\.)?(attachments|scheduledTasks)",
        "2021-02-23",
        ENGAGEMENT,
        "Engagements of v1 list attachments and tasks also where there are none.",
    ),
    Change(
        r"has results\[\]\.metadata\.(forObjectType|isAllDay)",
        "2021-02-23",
        ENGAGEMENT,
        "Tasks of v1 tell what they are about and whether they take a day.",
    ),
    Change(
        r"has \[\]\.(createdAt|createdUserId|currencyPropertyName|deleted|favorited|favoritedOrder|hasUniqueValue"
        r"|isCustomizedDefault|numberDisplayHint|optionsAreMutable|referencedObjectType|searchableInGlobalSearch"
        r"|showCurrencySymbol|textDisplayHint|updatedAt|updatedUserId)",
        "2018-02-01",
        OLD_PROPERTY,
        "Definitions of v1 have seventeen fields more than in 2016.",
    ),
    Change(
        r"has \[\]\.(activeUserId|hasContactsAccess|isActive|signature|userIdIncludingInactive)",
        "2019-06-05",
        "owners/v2_list__cluedin.json",
        "Owners of v2 told their user, while they were answered.",
    ),
    Change(
        r"lacks lists\[\]\.(authorId|deleteable)",
        "2022-02-17",
        OLD_LISTS,
        "Lists of v1 no longer named their author, nor whether they could be deleted.",
    ),
    Change(r"has (has-more|offset)", "2022-02-17", OLD_LISTS, "Static lists of v1 came in pages."),
    Change(r"has lists\[\]\.(teamIds)", "2022-02-17", OLD_LISTS, "Lists of v1 named teams."),
    Change(
        r"lacks (?:contacts\[\]\.)?(profile-token|profile-url)",
        "2024-04-21",
        OLD_CONTACTS,
        "Contacts of v1 no longer have the address of a public profile.",
    ),
    Change(
        r"has (?:properties\.\w+\.versions|merge-audits)\[\](?:\.merged_\w+_email)?\.(updated-by-user-id)",
        "2023-01-17",
        OLD_VERSIONS,
        "Versions of v1 tell who wrote them.",
    ),
    Change(
        r"has merge-audits\[\]\.(user-id)",
        "2024-04-21",
        OLD_CONTACTS,
        "The audit of a merge tells who merged.",
    ),
    Change(
        r"lacks merge-audits\[\]\.merged_from_email\.(source-vids)(?:\[\])?",
        "2024-04-21",
        OLD_CONTACTS,
        "The e-mail in the audit of a merge no longer names whom it came from.",
    ),
    Change(
        r"has properties\.(hs_\w+)(?:\..*)?",
        "2024-10-23",
        "objects/post_contacts_v3_201__ruby_hubspot_api.json",
        "Contacts have properties of HubSpot's own that there were none of in 2018.",
    ),
    Change(
        r"has contacts\[\]\.identity-profiles\[\]\.identities\[\]\.(is-primary)",
        "2018-07-09",
        "objects/v1_contact_profile_after_merge__hubspot_ruby.json",
        "Identities of v1 tell which e-mail is the primary one.",
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
