"""Forms of a generated portal, of every type, and what was sent through them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, form_submissions
from hubspot_emulator.documents import Document
from hubspot_emulator.form_submissions import KIND, Submission
from hubspot_emulator.people import QUIET_MS, Candidate, build_guid, draw
from hubspot_emulator.samples import DAY_MS, TEXTS, TOPICS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

PLANS: tuple[tuple[str, str], ...] = (
    ("Contact us", "hubspot"),
    ("Newsletter sign-up", "hubspot"),
    ("Demande de démo (fr)", "hubspot"),
    ("#checkout .form", "captured"),
    ("Pop-up: 10% off", "flow"),
    ("Blog comments", "blog_comment"),
    ("Tell me about yourself", "hubspot"),
    (".wpcf7-form", "captured"),
    ("Old webinar", "hubspot"),
)
ARCHIVED = "Old webinar"
MOST_SUBMISSIONS = 5_000
_DEFAULT_STYLE = {
    "fontFamily": "arial, helvetica, sans-serif",
    "backgroundWidth": "100%",
    "labelTextColor": "#33475b",
    "labelTextSize": "11px",
    "helpTextColor": "#7C98B6",
    "helpTextSize": "11px",
    "legalConsentTextColor": "#33475b",
    "legalConsentTextSize": "14px",
    "submitColor": "#ff7a59",
    "submitAlignment": "left",
    "submitFontColor": "#ffffff",
    "submitSize": "12px",
}


def fill(portal: Portal, seed: int) -> None:
    """Make the forms and submissions of a portal that has its contacts."""
    rng = Random(f"forms {seed}")  # noqa: S311 - repeatable on purpose
    senders = draw(portal, rng, MOST_SUBMISSIONS // 2)
    extra = [(f"Landing page {number:02}", "hubspot") for number in range(min(40, len(senders) // 250))]
    last = portal.now_ms() - QUIET_MS
    forms = [_build_form(rng, name, kind, last) for name, kind in (*PLANS, *extra)]
    for form in forms:
        documents.add(portal, KIND, form)
    count = min(MOST_SUBMISSIONS, len(senders) // 2)
    form_submissions.load(portal, _build_submissions(rng, forms, senders, count, last))


def _build_form(rng: Random, name: str, kind: str, last: int) -> Document:
    created = last - int((0.1 + rng.random()) * 600 * DAY_MS)
    updated = created + int(rng.random() * (last - created))
    archived = updated + int(rng.random() * (last - updated)) if name == ARCHIVED else None
    return Document(build_guid(rng), archived, created, updated, _build_body(rng, name, kind))


def _build_body(rng: Random, name: str, kind: str) -> dict[str, Any]:
    with_fields = rng.random() < 0.8  # recorded: a form of which the fields are not shown has no key for them
    group: dict[str, Any] = {"groupType": "default_group", "richTextType": "text"}
    return {
        "name": name,
        "fieldGroups": [group | {"fields": _FIELDS} if with_fields else group],
        "configuration": {
            "language": rng.choice(("en", "fr", "de")),
            "cloneable": True,
            "postSubmitAction": {"type": "thank_you", "value": rng.choice(("", "Thanks for submitting the form."))},
            "editable": True,
            "archivable": True,
            "recaptchaEnabled": False,
            "notifyContactOwner": False,
            "notifyRecipients": ["12282590"],
            "createNewContactForNewEmail": False,
            "prePopulateKnownValues": True,
            "allowLinkToResetKnownValues": False,
            "embedType": "V3",
        },
        "displayOptions": {
            "renderRawHtml": False,
            "theme": "default_style",
            "submitButtonText": "Submit",
            "style": _DEFAULT_STYLE,
            "cssClass": rng.choice((None, "hs-form stacked")),
        },
        "legalConsentOptions": {"type": "none"},
        "formType": kind,
    }


_PLAIN = {"objectTypeId": "0-1", "required": False, "hidden": False}
_FIELDS: list[dict[str, Any]] = [
    _PLAIN
    | {
        "name": "email",
        "label": "Email",
        "required": True,
        "fieldType": "email",
        "validation": {"blockedEmailDomains": [], "useDefaultBlockList": False},
    },
    _PLAIN | {"name": "firstname", "label": "First name", "fieldType": "single_line_text"},
    _PLAIN | {"name": "remarks", "label": "Remarks", "fieldType": "multi_line_text"},
    _PLAIN
    | {
        "name": "topics",
        "label": "Topics",
        "fieldType": "multiple_checkboxes",
        "options": [{"label": each, "value": each, "displayOrder": index} for index, each in enumerate(TOPICS)],
        "defaultValues": [],
    },
]


def _build_submissions(
    rng: Random, forms: list[Document], senders: list[Candidate], count: int, last: int
) -> Iterator[Submission]:
    open_forms = [form for form in forms if form.body["formType"] != "blog_comment"]
    for _ in range(count):
        # A third goes to the first form, so that it has many pages.
        form = open_forms[0] if rng.random() < 0.34 else rng.choice(open_forms)
        sender = rng.choice(senders)
        first = max(form.created_ms, sender.created_ms)
        at_ms = first + int(rng.random() * (last - first))
        url = f"https://www.example.com/p/{rng.randrange(40)}?utm_campaign=a%26b&q=%E2%9C%93"
        yield Submission(form.id, at_ms, build_guid(rng), _build_values(rng, sender), url)


def _build_values(rng: Random, sender: Candidate) -> list[tuple[str, str]]:
    values = [("email", sender.person.email), ("firstname", sender.person.firstname)]
    if rng.random() < 0.3:
        values.append(("remarks", rng.choice(TEXTS)))
    if rng.random() < 0.2:
        values += [("topics", each) for each in rng.sample(list(TOPICS), 2)]  # a box each, the name repeated
    return values
