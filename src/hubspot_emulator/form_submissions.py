"""What visitors sent through forms: one scan a form, the latest first, and no contact id (HS-48)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hubspot_emulator import documents, paging, parsing
from hubspot_emulator.documents import Document
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

KIND = "forms"
SCHEMA = """
CREATE TABLE IF NOT EXISTS form_submissions (
    form_id TEXT, at_ms INTEGER, id TEXT, body BLOB NOT NULL, PRIMARY KEY (form_id, at_ms, id)) WITHOUT ROWID;
"""


class Submission(NamedTuple):
    """One submission; `values` are (name, value) pairs, a name once for each of its values."""

    form_id: str
    at_ms: int
    id: str
    values: Sequence[tuple[str, str]]
    page_url: str


class Sent(NamedTuple):
    """A submission as the contact who sent it shows it."""

    form_id: str
    at_ms: int
    id: str
    page_url: str
    title: str
    form_type: str


def of_email(portal: Portal, email: str) -> list[Sent]:
    """Give what the person of an e-mail sent, the latest first."""
    changes = portal.db.total_changes
    known: dict[str, list[Sent]]
    counted, known = portal.shapes.get("sent forms", (None, {}))
    if counted != changes:
        known = _by_email(portal)
        portal.shapes["sent forms"] = (changes, known)
    return known.get(email.lower(), [])


def _by_email(portal: Portal) -> dict[str, list[Sent]]:
    forms = {form.id: form for form in documents.all_of(portal, KIND)}
    found: dict[str, list[Sent]] = {}
    rows = portal.db.execute("SELECT form_id, at_ms, id, body FROM form_submissions ORDER BY at_ms DESC, id DESC")
    for form_id, at_ms, submission_id, raw in rows:
        body = msgspec.json.decode(raw)
        form = forms.get(form_id)
        title, kind = (form.body["name"], form.body["formType"].upper()) if form else ("", "HUBSPOT")
        sent = Sent(form_id, at_ms, submission_id, body["pageUrl"], title, kind)
        for value in body["values"]:
            if value["name"] == "email":
                found.setdefault(value["value"].lower(), []).append(sent)
    return found


def scopes(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:  # noqa: ARG001
    """Give what forms and their submissions need."""
    return (frozenset({"forms"}),)


def find_form(portal: Portal, form_id: str, *, archived: bool = False) -> Document:
    """Give a form; ApiError 404 when there is none in that state."""
    form = documents.find(portal, KIND, form_id)
    if form is None or form.archived is not archived:
        raise ApiError(404, f"resource not found: form {form_id}", category="OBJECT_NOT_FOUND")
    return form


def load(portal: Portal, submissions: Iterable[Submission]) -> None:
    """Store submissions."""
    portal.db.executemany(
        "INSERT INTO form_submissions VALUES (?, ?, ?, ?)",
        ((each.form_id, each.at_ms, each.id, msgspec.json.encode(_render(each))) for each in submissions),
    )


def list_submissions(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of one form's submissions, the latest first."""
    parsing.known_parameters(request, ("after", "limit"))
    form = find_form(portal, request.params["formId"])
    if form.body["formType"] == "blog_comment":
        text = f"FORM_TYPE_NOT_ALLOWED: submissions of the blog comment form {form.id} cannot be read"
        error = {"message": text, "errorType": "FORM_TYPE_NOT_ALLOWED"}
        raise ApiError(400, text, category=None, errors=[error])
    limit = parsing.limit(request, default=20, most=50)
    at_ms, last_id = _position(request)
    rows = portal.db.execute(
        "SELECT at_ms, id, body FROM form_submissions WHERE form_id = ? AND (at_ms, id) < (?, ?)"
        " ORDER BY at_ms DESC, id DESC LIMIT ?",
        (form.id, at_ms, last_id, limit + 1),
    ).fetchall()
    answer: dict[str, Any] = {"results": [msgspec.Raw(body) for _, _, body in rows[:limit]]}
    if len(rows) > limit:
        at_ms, last_id, _ = rows[limit - 1]
        answer["paging"] = paging.build_next(request, f"{at_ms}:{last_id}")
    return json_response(answer)


def _position(request: ApiRequest) -> tuple[int, str]:
    token = parsing.one(request, "after")
    if token is None:
        return 1 << 62, ""
    at_ms, _, last_id = paging.decode_token(token).partition(":")
    if not at_ms.isdecimal():
        raise ApiError(400, f"Invalid paging token {token!r} in after: pass on what the last page gave, unchanged")
    return int(at_ms), last_id


def _render(submission: Submission) -> dict[str, Any]:
    return {
        "conversionId": submission.id,
        "submittedAt": submission.at_ms,
        "values": [{"name": name, "value": value, "objectTypeId": "0-1"} for name, value in submission.values],
        "pageUrl": submission.page_url,
    }


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every submission with its form, by form, the latest first; those of an archived form cannot be read."""
    archived = {form.id for form in documents.all_of(portal, KIND, archived=True)}
    rows = portal.db.execute("SELECT form_id, body FROM form_submissions ORDER BY form_id, at_ms DESC, id DESC")
    for form_id, body in rows:
        state = "archived" if form_id in archived else "live"
        yield {"formId": form_id, **msgspec.json.decode(body), "state": state}


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        template="/form-integrations/v1/submissions/forms/{formId}",
        handler=list_submissions,
        version="v1",
        scopes=scopes,
    ),
)
