"""What a handler receives and answers, and what a route is: the seam between HTTP and the portal's rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Headers = Mapping[str, str]
Context = Mapping[str, Sequence[str]]
HUBSPOT = "https://api.hubapi.com"
"""Where HubSpot itself answers."""


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """One call, decoded as far as every family needs it."""

    method: str
    path: str
    params: Mapping[str, str]
    """Values of the template's placeholders, percent-decoded."""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: bytes = b""
    version: str = "2026-09"
    """`v3`, `v4`, or a dated version: families differ in a few shapes."""
    token: str = ""
    granted: frozenset[str] = frozenset()
    """The scopes of the token, for the calls that answer less instead of refusing."""
    content_type: str = ""
    """The Content-Type header as sent: multipart bodies name their boundary there."""
    base_url: str = HUBSPOT
    """The address this call came to, from its Host header: addresses in answers start with it."""
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def json(self) -> Any:
        """Give the decoded body; raise ApiError 400 in HubSpot's words when it is not JSON."""
        try:
            return msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError as error:
            raise ApiError(400, f"Invalid input JSON on line 1, column 1: {error}", category=None) from error


@dataclass(frozen=True, kw_only=True)
class ApiResponse:
    """An answer: `body` is encoded already, so that a family may join pre-encoded fragments."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    content_type: str = "application/json;charset=utf-8"


def json_response(value: object, *, status: int = 200) -> ApiResponse:
    """Encode a value as an answer."""
    return ApiResponse(status=status, body=msgspec.json.encode(value))


class ApiError(Exception):
    """Ends a request with HubSpot's error envelope; `app` fills in the correlation id."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        category: str | None = "VALIDATION_ERROR",
        sub_category: str | None = None,
        context: Context | None = None,
        errors: Sequence[Mapping[str, object]] = (),
        links: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.category, self.sub_category = status, message, category, sub_category
        self.context, self.errors, self.links = context, errors, links
        self.more = more or {}
        """Fields that only one old call has."""

    def envelope(self, correlation_id: str) -> dict[str, object]:
        """Build the body of the answer: absent parts are left out, as HubSpot does."""
        parts: dict[str, object | None] = {
            "status": "error",
            "message": self.message,
            "correlationId": correlation_id,
            "context": self.context,
            "errors": list(self.errors) or None,
            "links": self.links,
            "category": self.category,
            "subCategory": self.sub_category,
            **self.more,
        }
        return {name: value for name, value in parts.items() if value is not None}


Handler = Callable[["Portal", ApiRequest], ApiResponse]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method and path template, e.g. `/crm/objects/{version}/{objectType}/search`; `{version}` matches dated versions only."""

    method: str
    template: str
    handler: Handler
    version: str | None = None
    """The version a template without `{version}` stands for (`v3`, `v4`)."""
    kind: Literal["counted", "search", "uncounted"] = "counted"
    """Which limit it falls under: the ten-second window, the search limit, or none."""
    scopes: Callable[[Portal, ApiRequest], Sequence[frozenset[str]]] | None = None
    """The sets of scopes any one of which suffices; None: any token."""
    until_ms: int | None = None
    """When HubSpot switched the call off, which answers 404 since; None: it is there."""
    public: bool = False
    """Answers without a token, as signed download addresses do; no limit counts it."""
