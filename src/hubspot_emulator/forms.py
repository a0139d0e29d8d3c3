"""Forms of v3 and the 2026-09 beta, and the older list of v2. Without a type only `hubspot` forms are listed (HS-47)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import documents, form_samples, form_submissions, paging, parsing
from hubspot_emulator.documents import Document
from hubspot_emulator.family import Family
from hubspot_emulator.form_submissions import KIND, find_form, scopes
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.timestamps import render_ms

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

FORM_TYPES = ("hubspot", "captured", "flow", "blog_comment")
_CHANGEABLE = ("archived", "configuration", "displayOptions", "fieldGroups", "legalConsentOptions", "name")


def list_forms(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give a page of forms of the types asked for."""
    parsing.known_parameters(
        request, ("after", "archived", "formTypes", "limit", "properties")
    )  # HS-73: the last is passed over
    limit = parsing.limit(request, default=portal.knobs.form_page, most=portal.knobs.form_page_most)
    found = _of_types(portal, parsing.names(request, "formTypes"), archived=parsing.flag(request, "archived"))
    start = paging.number_token(request) or 0
    answer: dict[str, Any] = {"results": [render(each) for each in found[start : start + limit]]}
    if len(found) > start + limit:
        answer["paging"] = paging.build_next(request, str(start + limit))
    return json_response(answer)


def one_form(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one form of any type."""
    parsing.known_parameters(request, ("archived",))
    return json_response(
        render(find_form(portal, request.params["formId"], archived=parsing.flag(request, "archived")))
    )


def change_form(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Replace the parts of a form that the body has."""
    parsing.known_parameters(request, ())
    form = find_form(portal, request.params["formId"])
    changes = parsing.fields(request.json(), _CHANGEABLE)
    archived = changes.pop("archived", False) is True
    now = portal.now_ms()
    changed = form._replace(updated_ms=now, archived_ms=now if archived else form.archived_ms, body=form.body | changes)
    documents.replace(portal, KIND, changed)
    portal.log_event("update", KIND, form.id, request.correlation_id, {"fields": sorted(changes)})
    return json_response(render(changed))


def archive_form(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Move a form to the bin."""
    parsing.known_parameters(request, ())
    form = find_form(portal, request.params["formId"])
    documents.replace(portal, KIND, form._replace(archived_ms=portal.now_ms()))
    portal.log_event("archive", KIND, form.id, request.correlation_id)
    return ApiResponse(status=204)


def list_forms_v2(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give forms as the v2 API does: a bare array, names in capitals, dates in milliseconds."""
    parsing.known_parameters(request, ("formTypes", "limit", "offset"))
    types = [each.lower() for each in parsing.names(request, "formTypes")]
    found = _of_types(portal, types, archived=False)
    offset = parsing.one(request, "offset") or "0"
    if not offset.isdecimal():
        raise ApiError(400, f"offset must be a whole number, not {offset}")
    limit = parsing.limit(request, default=5000, most=5000)
    page = found[int(offset) : int(offset) + limit]
    return json_response([_render_v2(portal, each) for each in page])


def one_form_v2(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Give one form as the v2 API does."""
    parsing.known_parameters(request, ())
    return json_response(_render_v2(portal, find_form(portal, request.params["formId"])))


def render(form: Document) -> dict[str, Any]:
    """Render a form."""
    shown: dict[str, Any] = {
        "id": form.id,
        "name": form.body["name"],
        "createdAt": render_ms(form.created_ms),
        "updatedAt": render_ms(form.updated_ms),
        "archived": form.archived,
        **form.body,
    }
    if form.archived_ms is not None:
        shown["archivedAt"] = render_ms(form.archived_ms)
    return shown


def _render_v2(portal: Portal, form: Document) -> dict[str, Any]:
    configuration, action = form.body["configuration"], form.body["configuration"]["postSubmitAction"]
    groups = [
        {"fields": [_render_field_v2(each) for each in group.get("fields", ())], "default": True}
        for group in form.body["fieldGroups"]
    ]
    return {
        "portalId": portal.portal_id,
        "guid": form.id,
        "name": form.body["name"],
        "action": "",
        "method": "",
        "cssClass": form.body["displayOptions"].get("cssClass") or "",
        "redirect": action["value"] if action["type"] == "redirect_url" else "",
        "submitText": form.body["displayOptions"]["submitButtonText"],
        "notifyRecipients": ",".join(configuration["notifyRecipients"]),
        "formFieldGroups": groups,
        "createdAt": form.created_ms,
        "updatedAt": form.updated_ms,
        "deletable": configuration["archivable"],
        "inlineMessage": action["value"] if action["type"] == "thank_you" else "",
        "captchaEnabled": configuration["recaptchaEnabled"],
        "cloneable": configuration["cloneable"],
        "editable": configuration["editable"],
        "formType": form.body["formType"].upper(),
    }


def _render_field_v2(field: dict[str, Any]) -> dict[str, Any]:
    kept = {name: field[name] for name in ("name", "label", "fieldType", "required", "hidden")}
    return {**kept, "objectTypeId": field["objectTypeId"], "options": field.get("options", [])}


def _of_types(portal: Portal, types: Sequence[str], *, archived: bool) -> list[Document]:
    wanted = set(types) or {"hubspot"}
    unknown = sorted(wanted - {*FORM_TYPES, "all"})
    if unknown:
        raise ApiError(400, f"formTypes has {unknown[0]}: use {', '.join(FORM_TYPES)} or all")
    found = documents.all_of(portal, KIND, archived=archived)
    return [each for each in found if "all" in wanted or each.body["formType"] in wanted]


def truth(portal: Portal) -> Iterator[dict[str, Any]]:
    """Give every form as the control server shows it."""
    for form in documents.all_of(portal, KIND):
        yield render(form) | {"state": "archived" if form.archived else "live"}


ROUTES: tuple[Route, ...] = (
    *(
        Route(method=method, template=f"/marketing{area}{suffix}", handler=handler, version=version, scopes=scopes)
        for area, version in (("/v3/forms", "v3"), ("/forms/2026-09-beta", "2026-09-beta"))
        for method, suffix, handler in (
            ("GET", "", list_forms),
            ("GET", "/{formId}", one_form),
            ("PATCH", "/{formId}", change_form),
            ("DELETE", "/{formId}", archive_form),
        )
    ),
    Route(method="GET", template="/forms/v2/forms", handler=list_forms_v2, version="v2", scopes=scopes),
    Route(method="GET", template="/forms/v2/forms/{formId}", handler=one_form_v2, version="v2", scopes=scopes),
    *form_submissions.ROUTES,
)

FAMILY = Family(
    routes=ROUTES, truths={"forms": truth, "form_submissions": form_submissions.truth}, fill=form_samples.fill
)
