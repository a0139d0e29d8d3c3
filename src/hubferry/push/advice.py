"""What to do about a refusal, in a sentence, by HubSpot's codes and words."""

from __future__ import annotations

import re

_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"INVALID_EMAIL|is invalid",
        "Correct the e-mail address in the source; HubSpot refuses unknown top-level domains too.",
    ),
    (
        r"INVALID_OPTION|not one of the allowed options",
        "Use one of the property's options, or add the option in HubSpot.",
    ),
    (r"pipeline stage", "Use the id of a stage of the record's pipeline."),
    (r"READ_ONLY_VALUE|read only", "Take this property out of the sync: HubSpot sets it."),
    (r"PROPERTY_DOESNT_EXIST|does not exist", "Create the property in HubSpot, or take it out of the sync."),
    (r"MISSING_(CONDITIONAL_)?REQUIRED_PROPERTY", "Map the required property, or fill it in the source."),
    (
        r"already has that value|CONFLICT|already exists",
        "Another record has this unique value: merge the two in HubSpot, or correct the row.",
    ),
    (r"OBJECT_NOT_FOUND|No \w+ with ID", "The record was archived or deleted meanwhile; push again to look anew."),
    (
        r"INVALID_ASSOCIATION_TYPE",
        "The label belongs to another pair of objects or was deleted; push again to read the labels anew.",
    ),
    (r"itself", "Take the record's own key out of its links."),
    (
        r"LIMIT|[Ll]imit|at most|[Tt]oo many",
        "The record has as many links as HubSpot allows; remove some, or raise the limit in HubSpot.",
    ),
    (
        r"INVALID_(LONG|DATE|INTEGER)|was not a valid",
        "Correct the value in the source: it is not of the property's type.",
    ),
    (r"MISSING_SCOPES", "Give the app the missing scope, then push again."),
)


def render_advice(message: str, category: str | None = None) -> str:
    """Give the next step for a refusal."""
    text = f"{category or ''} {message}"
    return next(
        (advice for pattern, advice in _ADVICE if re.search(pattern, text)),
        "Correct the row in the source as HubSpot's message says; it is tried again when it changes, and by later pushes.",
    )
