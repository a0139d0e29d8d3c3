"""What the answers of calls look like that no OpenAPI file has: HubSpot's pages, recordings, or nothing but connectors.

An example stands for all answers of a call: `name?` is a key that an answer may lack, a list holds what its elements
may be, a text of the form `<kind>` any value of that kind, `{"*": ..}` any key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.shapes import (
    ANY,
    CAMPAIGN,
    COMPANY,
    CONTACT,
    DEAL,
    DEAL_PIPELINE,
    ENGAGEMENT,
    EVENT,
    FLAG,
    FORM,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    PROPERTY,
    STAGE_V1,
    TEXT,
    WORKFLOW,
    Json,
)

_KINDS: Mapping[str, tuple[type, ...]] = {
    "<any>": (object,),
    "<flag>": (bool,),
    "<list>": (list,),
    "<null>": (type(None),),
    "<number>": (int, float),
    "<object>": (dict,),
    "<text>": (str,),
}


@dataclass(frozen=True, kw_only=True)
class Example:
    """What one kind of call answers, and where that is written."""

    calls: str
    """A pattern over `METHOD path`."""
    source: str
    body: Any
    is_assumed: bool = False
    """Whether nothing better than the code of connectors is known."""


def find_example(call: str) -> Example | None:
    """Give the example of a call."""
    return next((each for each in EXAMPLES if re.fullmatch(each.calls, call)), None)


def find_departures(example: Any, value: Any, where: str = "the body") -> Iterator[str]:
    """Say where an answer is not as its example."""
    if isinstance(example, tuple):
        tries = [list(find_departures(each, value, where)) for each in example]
        yield from min(tries, key=len)
    elif isinstance(example, str):
        kinds = _KINDS[example]
        if not isinstance(value, kinds) or (isinstance(value, bool) and example == "<number>"):
            yield f"{where}: {type(value).__name__} instead of {example}"
    elif isinstance(example, list):
        if not isinstance(value, list):
            yield f"{where}: {type(value).__name__} instead of a list"
            return
        for each in value:
            yield from find_departures(example[0], each, f"{where}[]")
    elif not isinstance(value, dict):
        yield f"{where}: {type(value).__name__} instead of an object"
    elif "*" in example:
        for each in value.values():
            yield from find_departures(example["*"], each, f"{where}.*")
    else:
        yield from _keys(example, value, where)


def _keys(example: Json, value: Json, where: str) -> Iterator[str]:
    known = {name.removesuffix("?"): inner for name, inner in example.items()}
    yield from (f"{where}: no {name}" for name in example if not name.endswith("?") and name not in value)
    for name, inner in value.items():
        if name in known:
            yield from find_departures(known[name], inner, f"{where}.{name}")
        else:
            yield f"{where}: {name} is not in the example"


EXAMPLES: tuple[Example, ...] = (
    Example(
        calls=r"GET /exports/download/.*", source="HubSpot's page on exports: a CSV file", body={"_raw_body": TEXT}
    ),
    Example(
        calls=r"GET /integrations/v1/me",
        source="account/integrations_v1_me__grouparoo.json",
        body={
            **dict.fromkeys(("timeZone", "accountType", "currency", "utcOffset"), TEXT),
            **dict.fromkeys(("portalId", "utcOffsetMilliseconds"), NUMBER),
        },
    ),
    Example(
        calls=r"GET /integrations/v1/limit/daily",
        source="account/integrations_v1_limit_daily__thread.json",
        body=[
            {
                **dict.fromkeys(("name", "fetchStatus"), TEXT),
                **dict.fromkeys(("usageLimit", "currentUsage", "collectedAt", "resetsAt"), NUMBER),
            }
        ],
    ),
    Example(
        calls=r"GET /crm/v3/objects/\{fromObjectType\}/.*",
        source="HubSpot's own SDKs of v3: CollectionResponseAssociatedId",
        body={"results": [{"id": TEXT, "type": TEXT}], "paging?": {"next": {"after": TEXT, "link?": TEXT}}},
    ),
    Example(
        calls=r"PUT /crm/v3/objects/\{fromObjectType\}/.*",
        source="HubSpot's own SDKs of v3: the record that the link starts at",
        body={
            "id": TEXT,
            "properties": {"*": MAYBE_TEXT},
            "createdAt": TEXT,
            "updatedAt": TEXT,
            "archived": FLAG,
            "url?": TEXT,
            "associations?": {"*": ANY},
        },
    ),
    Example(
        calls=r"DELETE /crm/v3/objects/\{fromObjectType\}/.*", source="HubSpot's own SDKs of v3: 204", body="<null>"
    ),
    Example(
        calls=r"POST /oauth/v2/private-apps/.*",
        source="HubSpot's page on private apps",
        body={"userId": NUMBER, "hubId": NUMBER, "appId": NUMBER, "scopes": [TEXT]},
    ),
    Example(
        calls=r"GET /engagements/v1/engagements/(paged|recent/modified|modified/after|associated/.*)",
        source="engagements/v1_task__airbyte.json, HubSpot's legacy page on engagements",
        body={
            "results": [ENGAGEMENT],
            "hasMore": FLAG,
            "offset?": NUMBER,
            "after?": TEXT,
            "total?": NUMBER,
        },
    ),
    Example(
        calls=r"GET /engagements/v1/engagements/\{engagementId\}",
        source="engagements/v1_task__airbyte.json",
        body=ENGAGEMENT,
    ),
    Example(calls=r"GET /forms/v2/forms", source="HubSpot's legacy page on forms", body=[FORM]),
    Example(calls=r"GET /forms/v2/forms/.*", source="HubSpot's legacy page on forms", body=FORM),
    Example(
        calls=r"GET /form-integrations/v1/.*",
        source="HubSpot's page on form submissions",
        body={
            "results": [
                {
                    "conversionId": TEXT,
                    "submittedAt": NUMBER,
                    "values": [{"name": TEXT, "value": TEXT, "objectTypeId": TEXT}],
                    "pageUrl?": TEXT,
                }
            ],
            "paging?": {"next": {"after": TEXT, "link": TEXT}},
        },
    ),
    Example(
        calls=r"GET /email/public/v1/campaigns(/by-id)?",
        source="HubSpot's legacy page on email campaigns",
        body={"hasMore": FLAG, "offset": TEXT, "campaigns": [CAMPAIGN]},
    ),
    Example(
        calls=r"GET /email/public/v1/campaigns/\{campaignId\}",
        source="campaigns/email_v1_get__airbyte.json",
        body={
            **dict.fromkeys(("appName", "name", "subject?", "processingState", "type", "subType?"), TEXT),
            **dict.fromkeys(("id", "appId", "contentId?", "numIncluded", "numQueued?"), NUMBER),
            **dict.fromkeys(
                ("lastProcessingFinishedAt", "lastProcessingStartedAt", "lastProcessingStateChangeAt"), NUMBER
            ),
            "counters": {"*": NUMBER},
        },
    ),
    Example(
        calls=r"GET /email/public/v1/events",
        source="email_events/v1_dropped__airbyte.json, HubSpot's legacy page on email events",
        body={"hasMore": FLAG, "offset": TEXT, "events": [EVENT]},
    ),
    Example(calls=r"GET /email/public/v1/events/.*", source="email_events/v1_dropped__airbyte.json", body=EVENT),
    Example(
        calls=r"GET /email/public/v1/subscriptions/timeline",
        source="subscriptions/v1_timeline__airbyte.json",
        body={
            "hasMore": FLAG,
            "offset": TEXT,
            "timeline": [
                {
                    "timestamp": NUMBER,
                    "portalId": NUMBER,
                    "recipient": TEXT,
                    "normalizedEmailId": TEXT,
                    "changes": [
                        {
                            **dict.fromkeys(("change", "source", "changeType"), TEXT),
                            **dict.fromkeys(("timestamp", "portalId", "subscriptionId?"), NUMBER),
                            "causedByEvent": {"id": TEXT, "created": NUMBER},
                        }
                    ],
                }
            ],
        },
    ),
    Example(
        calls=r"GET /email/public/v1/subscriptions",
        source="subscriptions/v1_definitions__airbyte.json",
        body={
            "subscriptionDefinitions": [
                {
                    **dict.fromkeys(("id", "portalId", "businessUnitId", "order?"), NUMBER),
                    **dict.fromkeys(("name", "description", "category", "channel", "internalName?"), TEXT),
                    **dict.fromkeys(("active", "internal"), FLAG),
                }
            ]
        },
    ),
    Example(
        calls=r"GET /automation/v3/workflows",
        source="workflows/v3_item__airbyte.json",
        body={"workflows": [WORKFLOW]},
    ),
    Example(
        calls=r"GET /contacts/v1/lists/static",
        source="lists/v1_static_lists__grouparoo.json",
        body={
            "offset": NUMBER,
            "has-more": FLAG,
            "lists": [
                {
                    **dict.fromkeys(("portalId", "listId", "internalListId", "createdAt", "updatedAt"), NUMBER),
                    **dict.fromkeys(("name", "listType"), TEXT),
                    **dict.fromkeys(("archived", "dynamic"), FLAG),
                    **dict.fromkeys(("filters", "teamIds"), "<list>"),
                    "metaData": {
                        **dict.fromkeys(("size", "lastSizeChangeAt", "lastProcessingStateChangeAt"), NUMBER),
                        **dict.fromkeys(("processing", "error"), TEXT),
                        **dict.fromkeys(("listReferencesCount", "parentFolderId"), MAYBE_NUMBER),
                    },
                }
            ],
        },
    ),
    Example(
        calls=r"POST /contacts/v1/lists/.*/add",
        source="lists/v1_list_add__grouparoo.json",
        body={
            "updated": [NUMBER],
            "discarded": [NUMBER],
            "invalidVids": [(NUMBER, TEXT)],
            "invalidEmails": [TEXT],
        },
    ),
    Example(
        calls=r"GET /contacts/v1/lists/.*",
        source="form_submissions/contacts_v1_form_submissions__airbyte.json",
        body={"contacts": [CONTACT], "has-more": FLAG, "vid-offset": NUMBER, "time-offset?": NUMBER},
    ),
    Example(
        calls=r"GET /contacts/v1/contact/vid/.*",
        source="objects/v1_contact_profile_after_merge__hubspot_ruby.json",
        body=CONTACT,
    ),
    Example(
        calls=r"GET /contacts/v1/contact/vids/batch",
        source="objects/v1_contact_profile_after_merge__hubspot_ruby.json",
        body={"*": CONTACT},
    ),
    Example(
        calls=r"POST /contacts/v1/contact",
        source="the profile, objects/v1_contact_profile_after_merge__hubspot_ruby.json",
        body=CONTACT,
        is_assumed=True,
    ),
    Example(
        calls=r"POST /contacts/v1/contact/createOrUpdate/.*",
        source="the code of connectors",
        body={"vid": NUMBER, "isNew": FLAG},
        is_assumed=True,
    ),
    Example(
        calls=r"POST /contacts/v1/contact/merge-vids/.*",
        source="objects/v1_merge_200__hubspot_ruby.json",
        body={"_raw_body": TEXT},
    ),
    Example(
        calls=r"POST /companies/v1/batch-async/update",
        source="batch/v1_companies_batch_async_202__hubspot_ruby.json",
        body="<null>",
    ),
    Example(
        calls=r"POST /engagements/v1/engagements",
        source="engagements/v1_post__hubspot_ruby.json, engagements/v1_note__airbyte.json",
        body=ENGAGEMENT,
    ),
    Example(
        calls=r"GET /owners/v2/owners",
        source="owners/v2_list__cluedin.json",
        body=[
            {
                **dict.fromkeys(("portalId", "ownerId", "createdAt", "updatedAt"), NUMBER),
                **dict.fromkeys(("type", "firstName", "lastName", "email", "signature"), TEXT),
                **dict.fromkeys(("activeUserId?", "userIdIncludingInactive?"), NUMBER),
                **dict.fromkeys(("hasContactsAccess", "isActive"), FLAG),
                "remoteList": [
                    {
                        **dict.fromkeys(("id", "portalId", "ownerId"), NUMBER),
                        **dict.fromkeys(("remoteId", "remoteType"), TEXT),
                        "active": FLAG,
                    }
                ],
            }
        ],
    ),
    Example(
        calls=r"GET /companies/v2/companies/paged",
        source="the schemas of tap-hubspot",
        body={"companies": [COMPANY], "has-more": FLAG, "offset": NUMBER},
        is_assumed=True,
    ),
    Example(
        calls=r"GET /companies/v2/companies/recent/modified",
        source="the schemas of tap-hubspot",
        body={"results": [COMPANY], "hasMore": FLAG, "offset": NUMBER, "total": NUMBER},
        is_assumed=True,
    ),
    Example(
        calls=r"GET /companies/v2/companies/\{id\}", source="the schemas of tap-hubspot", body=COMPANY, is_assumed=True
    ),
    Example(
        calls=r"GET /companies/v2/companies/\{id\}/vids",
        source="the code of connectors",
        body={"vids": [NUMBER], "vidOffset": NUMBER, "hasMore": FLAG},
        is_assumed=True,
    ),
    Example(
        calls=r"GET /deals/v1/deal/paged",
        source="the schemas of tap-hubspot",
        body={"deals": [DEAL], "hasMore": FLAG, "offset": NUMBER},
        is_assumed=True,
    ),
    Example(
        calls=r"GET /deals/v1/deal/recent/modified",
        source="the schemas of tap-hubspot",
        body={"results": [DEAL], "hasMore": FLAG, "offset": NUMBER, "total": NUMBER},
        is_assumed=True,
    ),
    Example(calls=r"GET /deals/v1/deal/\{id\}", source="the schemas of tap-hubspot", body=DEAL, is_assumed=True),
    Example(
        calls=r"GET /(properties|contacts|companies|deals)/.*properties/named/.*",
        source="properties/v1_deals_list__cluedin.json",
        body=PROPERTY,
    ),
    Example(
        calls=r"GET /(properties|contacts|companies|deals)/.*properties",
        source="properties/v1_deals_list__cluedin.json",
        body=[PROPERTY],
    ),
    Example(
        calls=r"GET /crm-pipelines/v1/.*",
        source="HubSpot's legacy page on pipelines",
        body={
            "results": [
                {
                    "pipelineId": TEXT,
                    "objectType": TEXT,
                    "objectTypeId": TEXT,
                    "default": FLAG,
                    **STAGE_V1,
                    "stages": [{"stageId": TEXT, "metadata": {"*": TEXT}, **STAGE_V1}],
                }
            ]
        },
    ),
    Example(
        calls=r"GET /deals/v1/pipelines",
        source="pipelines/v1_deal_pipeline__hubspot_ruby.json",
        body=[DEAL_PIPELINE],
    ),
    Example(
        calls=r"POST /deals/v1/pipelines",
        source="pipelines/v1_deal_pipeline__hubspot_ruby.json",
        body=DEAL_PIPELINE,
    ),
)
