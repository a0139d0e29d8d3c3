"""The account's details, its use of the day's calls, and what a token may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from hubspot_emulator.server import Emulator

PortalFactory = Callable[..., Emulator]
INTROSPECTION = "/oauth/v2/private-apps/get/access-token-info"


def request(pool: urllib3.PoolManager, emulator: Emulator, method: str, path: str, **more: Any) -> tuple[int, Any]:
    answer = pool.request(method, emulator.base_url + path, **more)
    return answer.status, answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}])
def test_a_call_without_a_token_is_told_so(emulator: Emulator, pool: urllib3.PoolManager, headers: Any) -> None:
    status, answer = request(pool, emulator, "GET", "/account-info/2026-09/details", headers=headers)

    assert (status, answer["category"]) == (401, "INVALID_AUTHENTICATION")
    assert answer["message"].startswith("Authentication credentials not found.")


def test_a_wrong_token_counts_as_expired_and_is_not_repeated(emulator: Emulator, pool: urllib3.PoolManager) -> None:
    headers = bearer("planted-secret")
    status, answer = request(pool, emulator, "GET", "/account-info/2026-09/details", headers=headers)

    assert (status, answer["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert answer["context"] == {"expire time": ["1970-01-01T00:00:00Z"]}
    assert "planted-secret" not in str(answer)


def test_a_registered_token_has_its_scopes_only_and_others_are_unknown(
    portal_factory: PortalFactory, pool: urllib3.PoolManager
) -> None:
    tokens = {"pat-reader": frozenset({"crm.objects.contacts.read"}), "pat-all": None}
    emulator = portal_factory(contacts=0, tokens=tokens)

    def ask(token: str, path: str) -> int:
        return request(pool, emulator, "GET", path, headers=bearer(token))[0]

    assert ask("pat-reader", "/crm/objects/2026-09/contacts") == 200
    assert ask("pat-reader", "/crm/objects/2026-09/companies") == 403
    assert ask("pat-reader", "/crm/owners/2026-09") == 403
    assert ask("pat-reader", "/crm/pipelines/2026-09/deals") == 200
    assert ask("pat-reader", "/account-info/2026-09/details") == 200
    assert ask("pat-all", "/crm/objects/2026-09/companies") == 200
    assert ask("pat-other", "/crm/objects/2026-09/contacts") == 401


def test_introspection_tells_a_tokens_scopes(portal_factory: PortalFactory, pool: urllib3.PoolManager) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-reader": frozenset({"crm.objects.contacts.read"})})

    def ask(token: str) -> tuple[int, Any]:
        return request(pool, emulator, "POST", INTROSPECTION, json={"tokenKey": token}, headers=bearer("pat-reader"))

    assert ask("pat-reader") == (
        200,
        {
            "userId": 293199,
            "hubId": emulator.portal.portal_id,
            "appId": 111111,
            "scopes": ["crm.objects.contacts.read", "oauth"],
        },
    )
    assert ask("pat-other")[0] == 404


def test_a_missing_scope_names_its_alternatives(portal_factory: PortalFactory, pool: urllib3.PoolManager) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-none": frozenset()})

    status, answer = request(pool, emulator, "GET", "/crm/objects/2026-09/line_items", headers=bearer("pat-none"))

    assert (status, answer["category"]) == (403, "MISSING_SCOPES")
    assert answer["links"] == {"scopes": "https://developers.hubspot.com/scopes"}
    assert answer["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.line_items.read", "e-commerce"]


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_details_identify_the_portal(emulator: Emulator, pool: urllib3.PoolManager, version: str) -> None:
    status, answer = request(pool, emulator, "GET", f"/account-info/{version}/details", headers=bearer("pat-test"))

    assert status == 200
    assert answer["portalId"] == emulator.portal.portal_id
    assert (answer["utcOffset"], answer["utcOffsetMilliseconds"]) == ("-05:00", -18_000_000)


def test_usage_counts_the_days_calls_and_starts_anew_at_midnight(
    portal_factory: PortalFactory, pool: urllib3.PoolManager
) -> None:
    emulator = portal_factory(contacts=0, tier="starter")
    path = "/account-info/2026-09/api-usage/daily/private-apps"

    def usage() -> Any:
        return request(pool, emulator, "GET", path, headers=bearer("pat-test"))[1]["results"][0]

    first, second = usage(), usage()
    older = request(pool, emulator, "GET", "/account-info/v3/api-usage/daily", headers=bearer("pat-test"))[1]
    emulator.clock.sleep(86_400)
    tomorrow = usage()

    assert (first["name"], first["usageLimit"]) == ("private-apps-api-calls-daily", 250_000)
    assert second["currentUsage"] == first["currentUsage"] + 1
    assert (older["results"][0]["name"], older["results"][0]["currentUsage"]) == (
        "api-calls-daily",
        second["currentUsage"] + 1,
    )
    assert tomorrow["currentUsage"] == first["currentUsage"]
    assert first["resetsAt"] == "2026-11-24T05:00:00Z"
    assert tomorrow["resetsAt"] == "2026-11-25T05:00:00Z"
