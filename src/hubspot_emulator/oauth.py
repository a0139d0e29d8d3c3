"""OAuth without the page on which a user agrees: tokens for codes, refreshing, asking and revoking (HS-59)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from hubspot_emulator import limits, oauth_store, parsing
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.oauth_store import Grant
from hubspot_emulator.tokens import ALL_SCOPES

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

APP_ID, USER_ID = 111_111, 293_199
_MAIL, _DOMAIN = "integration-test@example.com", "demo.example.com"
_FORM = "application/x-www-form-urlencoded"
_TOKEN_FIELDS = {
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "redirect_uri",
    "refresh_token",
    "scope",
}
_ASK_FIELDS = {"client_id", "client_secret", "token", "token_type_hint"}
_OFTEN_SECONDS = 10.0

Form = Mapping[str, str]


class RefusedError(Exception):
    """A token call that is refused: v1's status, RFC 6749's error, and the reason."""

    def __init__(self, status: str, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Build the body that the version has for it."""
        if request.version == "v1":
            body = {"status": self.status, "message": self.message, "correlationId": request.correlation_id}
        else:
            body = {"error": self.error, "error_description": self.message}
        return json_response(body, status=400)


class OAuth:
    """The calls; how often tokens were asked for is counted here."""

    def __init__(self) -> None:
        self._window: limits.Window | None = None

    def routes(self) -> tuple[Route, ...]:
        """Build the family's routes: none of them needs a token."""
        new = ("v3", "2026-03", "2026-09")
        calls: list[tuple[str, str, Callable[[Portal, ApiRequest], ApiResponse], str]] = [
            ("POST", "/oauth/v1/token", self.grant, "v1"),
            ("GET", "/oauth/v1/access-tokens/{token}", describe_access, "v1"),
            ("GET", "/oauth/v1/refresh-tokens/{token}", describe_refresh, "v1"),
            ("DELETE", "/oauth/v1/refresh-tokens/{token}", delete_refresh, "v1"),
            *(("POST", f"/oauth/{version}/token", self.grant, version) for version in new),
            *(("POST", f"/oauth/{version}/token/introspect", introspect, version) for version in new),
            *(("POST", f"/oauth/{version}/token/revoke", revoke, version) for version in new),
        ]
        return tuple(
            Route(method=method, template=template, handler=handler, version=version, kind="uncounted", public=True)
            for method, template, handler, version in calls
        )

    def grant(self, portal: Portal, request: ApiRequest) -> ApiResponse:
        """Give tokens for a code, a refresh token, or the client's own credentials."""
        form = _form(request, _TOKEN_FIELDS)
        often = portal.knobs.oauth_calls_per_ten_seconds
        if often:
            self._window = self._window or limits.Window(often, _OFTEN_SECONDS)
            if not self._window.admit(portal.clock.monotonic()):
                return limits.refuse_burst(request.correlation_id)
        try:
            return json_response(_grant(portal, form, request.version))
        except RefusedError as refused:
            return refused.answer(request)


def _grant(portal: Portal, form: Form, version: str) -> dict[str, Any]:
    client = (_needed(form, "client_id"), _needed(form, "client_secret"))
    kind = form.get("grant_type")
    if kind == "authorization_code":
        _needed(form, "redirect_uri")
        if not oauth_store.spend_code(portal, _needed(form, "code")):
            raise RefusedError("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
        refresh = oauth_store.issue(portal, "refresh_token", client, _scopes(form))
    elif kind == "refresh_token":
        refresh = _refresh_token(portal, form.get("refresh_token", ""), client)
    elif kind == "client_credentials":
        grant = oauth_store.issue(portal, "client_credentials", client, _scopes(form))
        return _tokens(portal, grant, None, version)
    else:
        message = "grant_type must be authorization_code, refresh_token or client_credentials"
        raise RefusedError("BAD_GRANT_TYPE", "unsupported_grant_type", message)
    return _tokens(portal, oauth_store.issue(portal, "access_token", client, refresh.scopes), refresh, version)


def _refresh_token(portal: Portal, token: str, client: tuple[str, str]) -> Grant:
    found = oauth_store.find(portal.db, token)
    if found is None or found.use != "refresh_token":
        raise RefusedError("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")
    if found.client_id != client[0]:
        raise RefusedError("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
    if found.secret != client[1]:
        raise RefusedError("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")
    return found


def _scopes(form: Form) -> frozenset[str]:
    asked = frozenset(form.get("scope", "").split())
    if unknown := sorted(asked - ALL_SCOPES):
        raise RefusedError("BAD_SCOPES", "invalid_scope", f"unknown scope {unknown[0]}")
    return (asked or ALL_SCOPES) | {"oauth"}


def _tokens(portal: Portal, access: Grant, refresh: Grant | None, version: str) -> dict[str, Any]:
    parts: dict[str, Any] = {"token_type": "bearer", "access_token": access.token}
    parts["expires_in"] = oauth_store.LIFETIME_SECONDS
    if refresh is not None:
        parts["refresh_token"] = refresh.token
    if version == "v1":
        return parts
    who = {"hub_id": portal.portal_id, "user_id": USER_ID}
    return parts | {"token_use": access.use, "scopes": sorted(access.scopes)} | who


def introspect(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Tell what a token of this client may do; one that is unknown or over is only said to be not active."""
    form = _form(request, _ASK_FIELDS)
    try:
        found = _own(portal, form)
    except RefusedError as refused:
        return refused.answer(request)
    if found is None or found.is_expired(portal.now_ms()):
        return json_response({"active": False})
    more = {"active": True, "token_use": found.use, "app_id": APP_ID, "client_id": found.client_id}
    body = _description(portal, found) | more
    return json_response(body | ({"is_private_distribution": False} if found.expires_ms is not None else {}))


def revoke(portal: Portal, request: ApiRequest) -> ApiResponse:
    """End a token of this client; an unknown one is as good as ended."""
    form = _form(request, _ASK_FIELDS)
    try:
        found = _own(portal, form)
    except RefusedError as refused:
        return refused.answer(request)
    if found is not None:
        oauth_store.revoke(portal, found.token)
    return json_response({})


def _own(portal: Portal, form: Form) -> Grant | None:
    client = (_needed(form, "client_id"), _needed(form, "client_secret"))
    found = oauth_store.find(portal.db, _needed(form, "token"))
    if found is not None and (found.client_id, found.secret) != client:
        raise RefusedError("BAD_CLIENT_ID", "invalid_client", "the token belongs to another client")
    return found


def describe_access(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Tell what an access token may do, the old way."""
    found = _known(portal, request, "access_token")
    return json_response(_description(portal, found) | {"app_id": APP_ID, "is_private_distribution": False})


def describe_refresh(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Tell what a refresh token stands for, the old way."""
    found = _known(portal, request, "refresh_token")
    return json_response(_description(portal, found) | {"client_id": found.client_id})


def delete_refresh(portal: Portal, request: ApiRequest) -> ApiResponse:
    """Forget a refresh token; access tokens made from it live on until their end."""
    oauth_store.revoke(portal, _known(portal, request, "refresh_token").token)
    return ApiResponse(status=204)


def _known(portal: Portal, request: ApiRequest, use: str) -> Grant:
    parsing.known_parameters(request, ())
    found = oauth_store.find(portal.db, request.params["token"])
    if found is None or found.use != use or found.is_expired(portal.now_ms()):
        raise ApiError(404, f"resource not found: no such {use} of this portal", category="OBJECT_NOT_FOUND")
    return found


def _description(portal: Portal, grant: Grant) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "token": grant.token,
        "user": _MAIL,
        "hub_domain": _DOMAIN,
        "scopes": sorted(grant.scopes),
        "hub_id": portal.portal_id,
        "user_id": USER_ID,
        "token_type": "refresh" if grant.expires_ms is None else "access",
    }
    if grant.expires_ms is not None:
        parts["expires_in"] = (grant.expires_ms - portal.now_ms()) // 1000
        parts["signed_access_token"] = _signed(portal, grant)
    return parts


def _signed(portal: Portal, grant: Grant) -> dict[str, Any]:
    return {
        "expiresAt": grant.expires_ms,
        "scopes": "",
        "hubId": portal.portal_id,
        "userId": USER_ID,
        "appId": APP_ID,
        "signature": "",
        "scopeToScopeGroupPks": "",
        "newSignature": "",
        "hublet": "na1",
        "trialScopes": "",
        "trialScopeToScopeGroupPks": "",
        "isUserLevel": False,
        "installingUserId": USER_ID,
        "isServiceAccount": False,
        "audience": "api",
        "appInstallId": str(APP_ID),
        "isPrivateDistribution": False,
    }


def _form(request: ApiRequest, known: set[str]) -> Form:
    """Read the form; v1 takes its fields from the address too."""
    if request.content_type.partition(";")[0].strip().lower() != _FORM:
        raise ApiError(415, f"{request.method} {request.path} takes {_FORM}, not {request.content_type or 'nothing'}")
    parsing.known_parameters(request, known if request.version == "v1" else ())
    given = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    if unknown := sorted(set(given) - known):
        raise ApiError(400, f"Unknown form field {unknown[0]}; known are: {', '.join(sorted(known))}")
    return {name: values[-1] for name, values in {**request.query, **given}.items()}


def _needed(form: Form, name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise RefusedError(f"MISSING_{name.upper()}", "invalid_request", f"missing {name}")
    return value
