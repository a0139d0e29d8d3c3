"""How the things look that several calls without an OpenAPI file answer with; `documented` says which call has which.

`name?` is a key that an answer may lack, a list holds what its elements may be, `{"*": ..}` stands for any key.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
TEXT, NUMBER, FLAG, ANY = "<text>", "<number>", "<flag>", "<any>"
MAYBE_NUMBER, MAYBE_TEXT = (NUMBER, "<null>"), (TEXT, "<null>")

ENGAGEMENT: Json = {
    "engagement": {
        "id": NUMBER,
        "portalId": NUMBER,
        "active": FLAG,
        "createdAt": NUMBER,
        "lastUpdated": NUMBER,
        "createdBy?": NUMBER,
        "modifiedBy?": NUMBER,
        "ownerId?": NUMBER,
        "type": TEXT,
        "uid?": TEXT,
        "timestamp?": NUMBER,
        "source?": TEXT,
        "sourceId?": TEXT,
        "allAccessibleTeamIds": [NUMBER],
        "bodyPreview?": TEXT,
        "bodyPreviewHtml?": TEXT,
        "bodyPreviewIsTruncated": FLAG,
        "queueMembershipIds": [NUMBER],
        "gdprDeleted": FLAG,
    },
    "associations": {
        f"{name}Ids": [NUMBER]
        for name in ("contact", "company", "deal", "owner", "workflow", "ticket", "content", "quote", "marketingEvent")
    },
    "attachments": [{"id": NUMBER}],
    "scheduledTasks?": [
        {
            "engagementId": NUMBER,
            "portalId": NUMBER,
            "engagementType": TEXT,
            "taskType": TEXT,
            "timestamp": NUMBER,
            "uuid": TEXT,
        }
    ],
    "metadata": {"*": ANY},
}
OPTION: Json = {
    "description": TEXT,
    "value": TEXT,
    "readOnly": ("<null>", FLAG),
    "label": TEXT,
    "displayOrder": NUMBER,
    "hidden": FLAG,
    "doubleData": MAYBE_NUMBER,
}
PROPERTY: Json = {
    **dict.fromkeys(("name", "label", "description", "groupName", "type", "fieldType", "displayMode"), TEXT),
    **dict.fromkeys(("createdAt", "updatedAt", "createdUserId", "updatedUserId"), MAYBE_NUMBER),
    **dict.fromkeys(
        ("textDisplayHint", "numberDisplayHint", "referencedObjectType", "currencyPropertyName"), MAYBE_TEXT
    ),
    **dict.fromkeys(("optionsAreMutable", "deleted", "showCurrencySymbol"), ("<null>", FLAG)),
    **dict.fromkeys(("readOnlyDefinition", "hubspotDefined", "isCustomizedDefault", "searchableInGlobalSearch"), FLAG),
    **dict.fromkeys(("hasUniqueValue", "formField", "readOnlyValue", "hidden", "mutableDefinitionNotDeletable"), FLAG),
    **dict.fromkeys(("favorited", "calculated", "externalOptions"), FLAG),
    **dict.fromkeys(("displayOrder", "favoritedOrder"), NUMBER),
    "options": [OPTION],
}
VERSION: Json = {
    "value": TEXT,
    "source-type": TEXT,
    "source-id": MAYBE_TEXT,
    "source-label": MAYBE_TEXT,
    "source-vids?": [NUMBER],
    "updated-by-user-id?": MAYBE_NUMBER,
    "timestamp": NUMBER,
    "selected": FLAG,
}
CONTACT: Json = {
    "vid": NUMBER,
    "canonical-vid": NUMBER,
    "merged-vids": [NUMBER],
    "portal-id": NUMBER,
    "is-contact": FLAG,
    "addedAt?": NUMBER,
    "properties": {"*": {"value": TEXT, "versions?": [VERSION]}},
    "form-submissions": [
        {
            "conversion-id": TEXT,
            "timestamp": NUMBER,
            "form-id": TEXT,
            "portal-id": NUMBER,
            "title": TEXT,
            "form-type?": TEXT,
            "page-url?": TEXT,
            "page-title?": TEXT,
            "page-id?": TEXT,
            "contact-associated-by": [TEXT],
            "meta-data": "<list>",
        }
    ],
    "list-memberships?": [
        {"static-list-id": NUMBER, "internal-list-id": NUMBER, "timestamp": NUMBER, "vid": NUMBER, "is-member": FLAG}
    ],
    "identity-profiles": [
        {
            "vid": NUMBER,
            "saved-at-timestamp": NUMBER,
            "deleted-changed-timestamp": NUMBER,
            "identities": [
                {"type": TEXT, "value": TEXT, "timestamp": NUMBER, "is-primary?": FLAG, "is-secondary?": FLAG}
            ],
        }
    ],
    "merge-audits": [
        {
            "canonical-vid": NUMBER,
            "vid-to-merge": NUMBER,
            "timestamp": NUMBER,
            "entity-id": TEXT,
            "user-id": NUMBER,
            "num-properties-moved": NUMBER,
            "merged_from_email?": VERSION,
            "merged_to_email?": VERSION,
            "first-name?": TEXT,
            "last-name?": TEXT,
        }
    ],
}
OLD_PROPERTIES: Json = {
    "*": {
        "value": TEXT,
        "timestamp": NUMBER,
        "source": TEXT,
        "sourceId": TEXT,
        "versions": [
            {"name": TEXT, "value": TEXT, "timestamp": NUMBER, "source": TEXT, "sourceId": TEXT, "sourceVid": [NUMBER]}
        ],
    }
}
COMPANY: Json = {
    "portalId": NUMBER,
    "companyId": NUMBER,
    "isDeleted": FLAG,
    "properties": OLD_PROPERTIES,
    "additionalDomains": "<list>",
    "stateChanges": "<list>",
    "mergeAudits": "<list>",
}
DEAL: Json = {
    "portalId": NUMBER,
    "dealId": NUMBER,
    "isDeleted": FLAG,
    "associations": {f"associated{name}": [NUMBER] for name in ("Vids", "CompanyIds", "DealIds", "TicketIds")},
    "properties": OLD_PROPERTIES,
    "imports": "<list>",
    "stateChanges": "<list>",
}
EVENT: Json = {
    "id": TEXT,
    "created": NUMBER,
    "type?": TEXT,
    "recipient?": TEXT,
    "portalId": NUMBER,
    "appId": NUMBER,
    "appName?": TEXT,
    "emailCampaignId": NUMBER,
    **dict.fromkeys(("dropReason?", "dropMessage?", "from?", "subject?", "response?", "category?", "status?"), TEXT),
    **dict.fromkeys(("source?", "sourceId?", "url?", "referer?", "userAgent?", "deviceType?", "ipAddress?"), TEXT),
    **dict.fromkeys(("requestedBy?", "portalSubscriptionStatus?", "hmid?", "sendId?"), TEXT),
    **{key: [TEXT] for key in ("replyTo?", "cc?", "bcc?")},
    **{key: {"id": TEXT, "created": NUMBER} for key in ("sentBy?", "causedBy?", "obsoletedBy?")},
    **dict.fromkeys(("attempt?", "duration?", "linkId?", "emailCampaignGroupId?", "requestedByUserId?"), NUMBER),
    **dict.fromkeys(("filteredEvent?", "bounced?"), FLAG),
    "smtpId?": MAYBE_TEXT,
    "browser?": {
        **dict.fromkeys(("name", "family", "producer", "producerUrl", "type", "url"), TEXT),
        "version": [TEXT],
    },
    "location?": {
        **dict.fromkeys(("city", "state", "country"), TEXT),
        **dict.fromkeys(("latitude?", "longitude?"), NUMBER),
        "zipcode?": TEXT,
    },
    "subscriptions?": [
        {
            "id": NUMBER,
            "status": TEXT,
            "legalBasisChange?": {"legalBasisType": TEXT, "legalBasisExplanation?": TEXT, "optState": TEXT},
        }
    ],
}
CAMPAIGN: Json = {"id": NUMBER, "lastUpdatedTime": NUMBER, "appId": NUMBER, "appName": TEXT}
FORM: Json = {
    **dict.fromkeys(
        ("guid", "name", "action", "method", "cssClass", "redirect", "submitText", "notifyRecipients"), TEXT
    ),
    **dict.fromkeys(("inlineMessage", "formType"), TEXT),
    **dict.fromkeys(("portalId", "createdAt", "updatedAt"), NUMBER),
    **dict.fromkeys(("deletable", "captchaEnabled", "cloneable", "editable"), FLAG),
    "formFieldGroups": [{"fields": [{"*": ANY}], "default": FLAG}],
}
USER: Json = {"userId": NUMBER, "userEmail": TEXT}
SOURCE: Json = {"source": TEXT, "serviceName": TEXT}
WORKFLOW: Json = {
    "id": NUMBER,
    "name": TEXT,
    "type": TEXT,
    "description": TEXT,
    "enabled": FLAG,
    "portalId": NUMBER,
    "insertedAt": NUMBER,
    "updatedAt": NUMBER,
    "originalAuthorUserId": NUMBER,
    "lastUpdatedByUserId": NUMBER,
    "personaTagIds": "<list>",
    "contactListIds": dict.fromkeys(("enrolled", "active", "completed", "succeeded"), NUMBER),
    "contactCounts": dict.fromkeys(("active", "enrolled"), NUMBER),
    "creationSource": {
        "sourceApplication": SOURCE,
        "createdByUser": USER,
        "createdAt": NUMBER,
        "clonedFromWorkflowId?": NUMBER,
    },
    "updateSource": {"sourceApplication": SOURCE, "updatedByUser": USER, "updatedAt": NUMBER},
    "migrationStatus?": {
        **dict.fromkeys(("portalId", "workflowId", "flowId"), NUMBER),
        **dict.fromkeys(("migrationStatus", "enrollmentMigrationStatus"), TEXT),
        **dict.fromkeys(("lastSuccessfulMigrationTimestamp", "enrollmentMigrationTimestamp"), MAYBE_NUMBER),
        "platformOwnsActions": FLAG,
    },
}
STAGE_V1 = {"label": TEXT, "displayOrder": NUMBER, "active": FLAG, "createdAt": NUMBER, "updatedAt": NUMBER}
DEAL_PIPELINE: Json = {
    **dict.fromkeys(("pipelineId", "label"), TEXT),
    **dict.fromkeys(("active", "staticDefault"), FLAG),
    "displayOrder": NUMBER,
    "stages": [
        {
            **dict.fromkeys(("stageId", "label"), TEXT),
            **dict.fromkeys(("active", "closedWon"), FLAG),
            **dict.fromkeys(("probability", "displayOrder"), NUMBER),
        }
    ],
}
