"""Whose account it is, and what the token may do."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from hubferry.errors import RefusedError
from hubferry.hubspot.client import Client


@dataclass(frozen=True)
class Account:
    """One portal, as HubSpot describes it."""

    portal_id: int
    time_zone: str
    account_type: str
    ui_domain: str


class _Details(msgspec.Struct):
    portalId: int  # noqa: N815
    timeZone: str = "UTC"  # noqa: N815
    accountType: str = "STANDARD"  # noqa: N815
    uiDomain: str = "app.hubspot.com"  # noqa: N815
    utcOffset: str = "+00:00"  # noqa: N815


class _TokenInfo(msgspec.Struct):
    scopes: list[str]


def fetch_account(client: Client) -> Account:
    """Ask whose token it is: any valid token may; the cheapest proof that it works."""
    details = client.fetch("/account-info/{version}/details", type=_Details).value
    client.remember_zone(details.timeZone, details.utcOffset)
    return Account(details.portalId, details.timeZone, details.accountType, details.uiDomain)


def fetch_scopes(client: Client) -> frozenset[str] | None:
    """Ask which scopes the token has; None for a kind of token that cannot be asked."""
    token = client.token.reveal()
    if not token.startswith("pat-"):
        return None
    path = "/oauth/v2/private-apps/get/access-token-info"
    try:
        return frozenset(client.fetch(path, type=_TokenInfo, body={"tokenKey": token}).value.scopes)
    except RefusedError:
        return None
