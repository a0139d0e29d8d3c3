"""Where the emulator departs from HubSpot's OpenAPI files, and what proves that HubSpot does too.

A recording proves a departure when its own body departs in the same words: a test checks each.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

SCHEMA_RECORDING = "schemas/get_contacts_with_associations__amp_labs.json"
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
    "/automation/2027-03-beta": "/automation/2026-09-beta",
    "/crm/lists/2026-09/all": "/crm/lists/2026-09-beta/all",
    "/crm/v3/limits": "/crm/limits/2026-09",
    "/crm/v3/property-validations": "/crm/property-validations/2026-09",
    "/crm/v3/schemas": "/crm-object-schemas/v3/schemas",
    "/settings/users/v3": "/settings/v3/users",
    "/settings/v3/users": "/settings/users/v3",
}
"""Start of a path -> start of the path of the same call that the files have."""


def is_listed(call: str, violation: str) -> bool:
    """Tell whether a departure of a call (`METHOD path`) from the files is one of those above."""
    listed = (*RECORDED_DEVIATIONS, *DOCUMENTED_DEVIATIONS, *OPEN_DEVIATIONS)
    return violation in listed or any(
        fnmatchcase(text, each) for each in listed if "*" in each for text in (violation, f"{call}: {violation}")
    )
