"""Who may call: the tokens a portal knows, their scopes, and the call that tells a token's owner its scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hubspot_emulator import oauth_store, parsing, timestamps
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Route, json_response
from hubspot_emulator.oauth_store import Grant
from hubspot_emulator.object_types import STANDARD, ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

ALL_SCOPES = frozenset(
    {
        "account-info.security.read",
        "automation",
        "cms.membership.access_groups.write",
        "communication_preferences.read",
        "communication_preferences.read_write",
        "communication_preferences.statuses.batch.read",
        "communication_preferences.statuses.batch.write",
        "communication_preferences.write",
        "content",
        "crm.export",
        "crm.import",
        "crm.lists.read",
        "crm.lists.write",
        "crm.objects.custom.read",
        "crm.objects.custom.write",
        "crm.objects.owners.read",
        "crm.schemas.appointments.read",
        "crm.schemas.appointments.write",
        "crm.schemas.courses.read",
        "crm.schemas.courses.write",
        "crm.schemas.custom.read",
        "crm.schemas.custom.write",
        "crm.schemas.leads.read",
        "crm.schemas.leads.write",
        "crm.schemas.listings.read",
        "crm.schemas.listings.write",
        "crm.schemas.orders.read",
        "crm.schemas.orders.write",
        "crm.schemas.services.read",
        "crm.schemas.services.write",
        "forms",
        "forms-uploaded-files",
        "marketing.campaigns.read",
        "marketing.campaigns.revenue.read",
        "marketing.campaigns.write",
        "oauth",
        "scheduler.meetings.meeting-link.read",
        "sales-email-read",
        "settings.users.read",
        "settings.users.teams.read",
        "settings.users.teams.write",
        "settings.users.write",
    }
    | {
        f"crm.schemas.{name}.{verb}"
        for name in (
            *("carts", "commercepayments", "companies", "contacts", "deals", "invoices", "projects", "quotes"),
            *("subscriptions", "tickets"),
        )
        for verb in ("read", "write")
    }
    | {f"crm.schemas.{name}.read" for name in ("line_items", "products")}
    | {scope for kind in STANDARD for scopes in (*kind.read_scopes, *kind.write_scopes) for scope in scopes}
)

ENTERPRISE_SCOPES = frozenset(
    {
        "communication_preferences.statuses.batch.read",
        "communication_preferences.statuses.batch.write",
        "crm.objects.custom.read",
        "crm.objects.custom.write",
        "crm.schemas.custom.read",
        "crm.schemas.custom.write",
    }
)
"""What only an Enterprise account can grant to an app, whatever it asks for (HS-54, HS-55)."""

_NOT_FOUND = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at"
    " https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_SCOPES_PAGE = "https://developers.hubspot.com/scopes"


class Tokens:
    """The tokens of one portal; an empty registry knows every `pat-` token and gives it all scopes."""

    def __init__(self, known: Mapping[str, frozenset[str] | None] | None = None) -> None:
        self._known = dict(known or {})
        self._portal: Portal | None = None

    def open(self, portal: Portal) -> None:
        """Know the tokens too that this portal gives to apps."""
        self._portal = portal

    def _granted(self, token: str) -> Grant | None:
        if self._portal is None or token in self._known or token.startswith("pat-"):
            return None
        with self._portal.lock:
            found = oauth_store.find(self._portal.db, token)
        return None if found is None or found.use == "refresh_token" else found

    def oauth_client(self, token: str) -> str | None:
        """Name the app that a token was given to by OAuth; None for the portal's own tokens."""
        found = self._granted(token)
        return found.client_id if found else None

    def scopes(self, token: str) -> frozenset[str] | None:
        """Give a token's scopes, of those that the account's plan can grant; None for a token that it does not know."""
        found = self._asked(token)
        is_below = self._portal is not None and self._portal.tier != "enterprise"
        return found - ENTERPRISE_SCOPES if found is not None and is_below else found

    def _asked(self, token: str) -> frozenset[str] | None:
        granted_to_app = self._granted(token)
        if self._portal is not None and granted_to_app is not None:
            return None if granted_to_app.is_expired(self._portal.now_ms()) else granted_to_app.scopes
        if not self._known:
            return ALL_SCOPES if token.startswith("pat-") else None
        if token not in self._known:
            return None
        granted = self._known[token]
        return ALL_SCOPES if granted is None else granted | {"oauth"}

    def authenticate(self, header: str | None) -> str:
        """Give the token of an Authorization header; ApiError 401 in HubSpot's two ways of refusing one."""
        scheme, _, token = (header or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise ApiError(401, _NOT_FOUND, category="INVALID_AUTHENTICATION")
        if self.scopes(token) is None:
            self._refuse_expired(token)
            # HS-39: a token HubSpot cannot read counts as one that expired in 1970.
            raise ApiError(
                401,
                "The OAuth token used to make this call expired 20354 day(s) ago.",
                category="EXPIRED_AUTHENTICATION",
                context={"expire time": ["1970-01-01T00:00:00Z"]},
            )
        return token

    def _refuse_expired(self, token: str) -> None:
        """Say how long ago an app's token ended (HS-59)."""
        found = self._granted(token)
        if self._portal is None or found is None or found.expires_ms is None:
            return
        seconds = (self._portal.now_ms() - found.expires_ms) // 1000
        size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), (1, "second"))
        raise ApiError(
            401,
            f"The OAuth token used to make this call expired {seconds // size} {unit}(s) ago.",
            category="EXPIRED_AUTHENTICATION",
            context={"expire time": [timestamps.render_ms(found.expires_ms)]},
        )

    def require(
        self, token: str, alternatives: Sequence[frozenset[str]], *, taken: frozenset[str] = frozenset()
    ) -> None:
        """Raise ApiError 403 unless the token has all scopes of one of the alternatives (HS-40), less those taken away."""
        granted = (self.scopes(token) or frozenset()) - taken
        if not alternatives or any(wanted <= granted for wanted in alternatives):
            return
        missing = sorted({scope for wanted in alternatives for scope in wanted - granted})
        raise ApiError(
            403,
            "This app hasn't been granted all required scopes to make this call."
            f" Read more about required scopes here: {_SCOPES_PAGE}.",
            category="MISSING_SCOPES",
            errors=[
                {
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": missing},
                }
            ],
            links={"scopes": _SCOPES_PAGE},
        )

    def routes(self) -> tuple[Route, ...]:
        """Build the introspection call: any token may ask about a token it holds."""
        template = "/oauth/v2/private-apps/get/access-token-info"
        return (Route(method="POST", template=template, handler=self._introspect, version="v2", kind="uncounted"),)

    def _introspect(self, portal: Portal, request: ApiRequest) -> ApiResponse:
        parsing.known_parameters(request, ())
        body = parsing.fields(request.json(), {"tokenKey"})
        token = parsing.text(body.get("tokenKey"), where="tokenKey")
        granted = self.scopes(token)
        if granted is None:
            status = portal.knobs.unknown_token_info_status
            category = "OBJECT_NOT_FOUND" if status == 404 else "INVALID_AUTHENTICATION"
            raise ApiError(status, "resource not found: no app of this portal has that token", category=category)
        return json_response({"userId": 293199, "hubId": portal.portal_id, "appId": 111111, "scopes": sorted(granted)})


def read_scopes(*kinds: ObjectType) -> tuple[frozenset[str], ...]:
    """Build the sets of scopes of which one suffices to read all these object types."""
    return _together([kind.read_scopes for kind in kinds])


def write_scopes(*kinds: ObjectType) -> tuple[frozenset[str], ...]:
    """Build the sets of scopes of which one suffices to write all these object types."""
    return _together([kind.write_scopes for kind in kinds])


def _together(needs: Sequence[Sequence[frozenset[str]]]) -> tuple[frozenset[str], ...]:
    combined: list[frozenset[str]] = [frozenset()]
    for alternatives in needs:
        combined = [one | other for one in combined for other in alternatives]
    return tuple(combined)
