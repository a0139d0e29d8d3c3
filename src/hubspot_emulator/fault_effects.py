"""What faults make of an answer, and of the portal: bodies that HubSpot sends, bodies that nobody should, changes between pages."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import definitions, mutate, timestamps
from hubspot_emulator.fault_actions import JOB_STATES, Action, FaultRuleError
from hubspot_emulator.http import ApiError, ApiResponse, json_response
from hubspot_emulator.limits import refuse

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

CLOUDFLARE_STATUS = 520
"""From here on a gateway answers in HubSpot's place."""
BOMB_BYTES = 50_000_000
_DENIED = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
_MESSAGES = {
    400: ("Invalid input JSON on line 1, column 1: Unexpected end-of-input", None),
    401: ("The OAuth token used to make this call expired 1 second(s) ago.", "EXPIRED_AUTHENTICATION"),
    403: ("This app hasn't been granted all required scopes to make this call.", "MISSING_SCOPES"),
    404: ("resource not found", "OBJECT_NOT_FOUND"),
    409: ("Conflict: the object was changed by somebody else.", "CONFLICT"),
    423: ("This account is locked for a moment. Please try again.", None),
    477: ("This account is being moved to another data center. Please try again later.", "MIGRATION_IN_PROGRESS"),
    500: ("internal error", None),
}
_POLICIES = {
    "DAILY": "You have reached your daily limit.",
    "SECONDLY": "You have reached your secondly limit.",
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
}


def answer(action: Action, correlation_id: str) -> ApiResponse | None:
    """Give the answer that an action has in place of the portal's; None where it has none."""
    build = _REPLACEMENTS.get(action.kind)
    return None if build is None else build(action, correlation_id)


def _expired_page(_action: Action, correlation_id: str) -> ApiResponse:
    message = "The paging token has expired or belongs to another request: start again without it"
    return _envelope(400, message, "VALIDATION_ERROR", correlation_id)


def _address_expired(_action: Action, _correlation_id: str) -> ApiResponse:
    return ApiResponse(status=403, body=_DENIED, content_type="application/xml")


def _revoked(_action: Action, correlation_id: str) -> ApiResponse:
    return _envelope(401, *_MESSAGES[401], correlation_id)


def _empty(_action: Action, _correlation_id: str) -> ApiResponse:
    return ApiResponse()


def _respond(action: Action, correlation_id: str) -> ApiResponse:
    made = _made(action, correlation_id)
    lowered = {name.lower(): value for name, value in action.headers.items()}
    content_type = lowered.pop("content-type", made.content_type)
    return replace(made, headers=lowered, content_type=content_type)


def _made(action: Action, correlation_id: str) -> ApiResponse:
    if not action.hubspots_body:
        return ApiResponse(status=action.status, body=action.body)
    if action.kind == "html" or action.status >= CLOUDFLARE_STATUS:
        return ApiResponse(status=action.status, body=_page(action.status), content_type="text/html")
    if action.status == 429:
        return replace(refuse("TEN_SECONDLY_ROLLING", _POLICIES["TEN_SECONDLY_ROLLING"], correlation_id), headers={})
    if action.status < 400:
        return ApiResponse(status=action.status)
    known = _MESSAGES.get(action.status, _MESSAGES[500 if action.status >= 500 else 400])
    return _envelope(action.status, *known, correlation_id)


def _envelope(status: int, message: str, category: str | None, correlation_id: str) -> ApiResponse:
    return json_response(ApiError(status, message, category=category).envelope(correlation_id), status=status)


def _page(status: int) -> bytes:
    title = "A timeout occurred" if status == 524 else "Bad gateway" if status == 502 else "Web server is down"
    head = f"<title>api.hubapi.com | {status}: {title}</title>"
    body = f"<h1>{title}</h1><p>Error code {status}</p>"
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>{body}</body></html>\n".encode()


def _limit(action: Action, correlation_id: str) -> ApiResponse:
    policy, retry_after = action.options["policy"], str(action.options["retry_after"])
    headers = {"retry-after": retry_after} if retry_after else {}
    if policy in {"SEARCH", "TOKEN"}:
        message = _POLICIES["SECONDLY"] if policy == "SEARCH" else "You have reached your limit of token requests."
        return replace(_envelope(429, message, "RATE_LIMITS", correlation_id), headers=headers)
    return replace(refuse(policy, _POLICIES[policy], correlation_id), headers=headers)


def _gzipped(action: Action, _correlation_id: str) -> ApiResponse:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = action.kind == "gzip_bomb"
    body = packer.compress(b" " * BOMB_BYTES) + packer.flush() if bomb else b"\x1f\x8b\x08\x00" + bytes(range(64))
    return ApiResponse(body=body, headers={"content-encoding": "gzip"})


_REPLACEMENTS: dict[str, Callable[[Action, str], ApiResponse]] = {
    "address_expired": _address_expired,
    "empty": _empty,
    "expired_page": _expired_page,
    "gzip_bomb": _gzipped,
    "gzip_garbage": _gzipped,
    "html": _respond,
    "limit": _limit,
    "respond": _respond,
    "revoke": _revoked,
}


# --- answers that are changed ---------------------------------------------------------------------------------------


def alter(action: Action, given: ApiResponse, now: float) -> ApiResponse:
    """Give the portal's answer as a fault leaves it; one that has nothing of the kind stays as it is."""
    if action.kind == "skew":
        return replace(given, headers={**given.headers, "date": formatdate(now + action.seconds, usegmt=True)})
    if action.kind == "wrong_type":
        return replace(given, content_type=action.options["content_type"])
    change = _CHANGES.get(action.kind)
    return given if change is None or not given.body else replace(given, **change(action, given))


def _bad_text(_action: Action, given: ApiResponse) -> dict[str, Any]:
    """Put a byte that no UTF-8 has into the last text of the body."""
    end = given.body.rfind(b'"')
    return {"body": given.body[:end] + b"\xff" + given.body[end:]}


def _duplicate_keys(_action: Action, given: ApiResponse) -> dict[str, Any]:
    """Say the first key of an object twice, first with null."""
    key, colon, _ = given.body.partition(b":")
    return {"body": key + colon + b"null," + given.body[1:]} if given.body.startswith(b"{") and colon else {}


def _shuffle(_action: Action, given: ApiResponse) -> dict[str, Any]:
    body = _object(given)
    results = body.get("results")
    if isinstance(results, list):
        Random(len(results)).shuffle(results)  # noqa: S311 - repeatable on purpose
    return {"body": msgspec.json.encode(body)}


def _partial(action: Action, given: ApiResponse) -> dict[str, Any]:
    """Leave out the last results of a batch: silently, or as a 207 that names their ids."""
    body = _object(given)
    results = body.get("results")
    if not isinstance(results, list) or not results:
        return {}
    kept = int(len(results) * action.options["keep"])
    lost = [str(each["id"]) for each in results[kept:] if isinstance(each, dict) and "id" in each]
    body["results"] = results[:kept]
    if not action.options["report"]:
        return {"body": msgspec.json.encode(body)}
    error = {
        "status": "error",
        "category": "INTERNAL_ERROR",
        "message": "Some objects could not be handled.",
        "context": {"ids": lost},
    }
    errors = [*body.get("errors", ()), error]
    return {"status": 207, "body": msgspec.json.encode(body | {"numErrors": len(errors), "errors": errors})}


def _page_link(action: Action, given: ApiResponse) -> dict[str, Any]:
    body = _object(given)
    for paging in _pagings(body):
        link = str(paging.get("link") or "https://api.hubapi.com/")
        path = "/" + link.partition("://")[2].partition("/")[2]
        paging["link"] = action.options["host"].rstrip("/") + path
    return {"body": msgspec.json.encode(body)}


def _pagings(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _pagings(each)
    elif isinstance(value, dict):
        paging = value.get("paging")
        if isinstance(paging, dict) and isinstance(paging.get("next"), dict):
            yield paging["next"]
        for each in value.values():
            yield from _pagings(each)


def _object(given: ApiResponse) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(given.body)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


_CHANGES: dict[str, Callable[[Action, ApiResponse], dict[str, Any]]] = {
    "bad_text": _bad_text,
    "duplicate_keys": _duplicate_keys,
    "page_link": _page_link,
    "partial": _partial,
    "shuffle": _shuffle,
}


# --- the portal changes -------------------------------------------------------------------------------------------


def check(action: Action) -> None:
    """Raise FaultRuleError where the change that an action asks for cannot be read."""
    if action.kind == "mutate":
        try:
            msgspec.convert(action.options["mutation"], mutate.Mutation)
        except msgspec.ValidationError as error:
            raise FaultRuleError(f"mutation: {error}") from error


@contextmanager
def changed(action: Action | None, portal: Portal) -> Iterator[None]:
    """Change the portal before a call; what jobs become is changed for that call alone."""
    before = portal.knobs
    if action is not None and action.kind in _WORLD:
        with portal.lock:
            _WORLD[action.kind](action, portal)
            portal.commit()
    try:
        yield
    finally:
        if action is not None and action.kind == "job_ends":
            portal.knobs = before


def _mutate(action: Action, portal: Portal) -> None:
    mutate.mutate(portal, msgspec.convert(action.options["mutation"], mutate.Mutation))


def _index_lag(action: Action, portal: Portal) -> None:
    portal.index_lag_ms = int(action.seconds * 1000)


def _job_ends(action: Action, portal: Portal) -> None:
    knob = JOB_STATES[action.options["job"]]
    portal.knobs = replace(portal.knobs, **{knob: action.options["state"]})


def _change_property(action: Action, portal: Portal) -> None:
    options = action.options
    type_id, name = portal.types.resolve(options["object"]).type_id, options["property"]
    now = timestamps.render_ms(portal.now_ms())
    if options["change"] == "add":
        kind, field = options["type"] or "string", options["fieldType"] or "text"
        added = definitions.portal_defined(name, name, kind=kind, field=field, group="custom", created=now)
        portal.add_property(type_id, added)
        return
    known = portal.properties(type_id).get(name)
    if known is None:
        return
    changes: dict[str, Any] = {"archived": True, "archivedAt": now}
    if options["change"] == "retype":
        changes = {"type": options["type"], "fieldType": options["fieldType"] or known.field_type}
    elif options["change"] == "remove_option":
        kept = [each for each in known.raw.get("options", ()) if each["value"] != options["option"]]
        changes = {"options": kept}
    portal.add_property(type_id, {**known.raw, **changes, "updatedAt": now})


_WORLD: dict[str, Callable[[Action, Portal], None]] = {
    "change_property": _change_property,
    "index_lag": _index_lag,
    "job_ends": _job_ends,
    "mutate": _mutate,
}
