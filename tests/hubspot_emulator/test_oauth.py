"""OAuth: tokens for codes, their half hour, refreshing, asking, revoking, and limits of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

VERSIONS = ["v1", "v3", "2026-03", "2026-09"]
CLIENT = {"client_id": "client-1", "client_secret": "planted-secret"}
CODE = {"grant_type": "authorization_code", "redirect_uri": "http://127.0.0.1/back", **CLIENT}
Call = Callable[..., Any]
Post = Callable[..., tuple[int, Any]]


@pytest.fixture
def post(emulator: Emulator, pool: urllib3.PoolManager) -> Post:
    """Post a form without a token: `post("/oauth/v1/token", **fields)`."""
    return poster(emulator, pool)


def poster(emulator: Emulator, pool: urllib3.PoolManager) -> Post:
    def post(path: str, **fields: str) -> tuple[int, Any]:
        answer = pool.request("POST", emulator.base_url + path, fields=fields, encode_multipart=False)
        return answer.status, answer.json()

    return post


def refresh(token: str, **more: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token, **CLIENT, **more}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_code_gives_a_token_that_is_good_for_half_an_hour(
    version: str, post: Post, call: Call, emulator: Emulator
) -> None:
    status, tokens = post(f"/oauth/{version}/token", code="one", **CODE)

    def ask() -> Any:
        return call("GET", "/crm/objects/2026-09/contacts", token=tokens["access_token"])

    assert (status, tokens["expires_in"]) == (200, 1800)
    assert ask().status == 200
    emulator.clock.sleep(1799)
    assert ask().status == 200
    emulator.clock.sleep(4)
    late = ask()
    assert (late.status, late.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert late.json()["message"] == "The OAuth token used to make this call expired 3 second(s) ago."
    assert late.json()["context"] == {"expire time": ["2026-11-23T08:30:00Z"]}


def test_refreshing_gives_a_new_token_with_the_same_scopes(post: Post, call: Call, emulator: Emulator) -> None:
    scope = "crm.objects.contacts.read oauth"
    _, first = post("/oauth/2026-09/token", code="one", scope=scope, **CODE)
    emulator.clock.sleep(3600)

    status, second = post("/oauth/2026-09/token", **refresh(first["refresh_token"]))

    assert (status, second["refresh_token"]) == (200, first["refresh_token"])
    assert second["access_token"] != first["access_token"]
    assert (second["scopes"], second["hub_id"]) == (scope.split(), emulator.portal.portal_id)
    assert call("GET", "/crm/objects/2026-09/contacts", token=second["access_token"]).status == 200
    assert call("GET", "/crm/objects/2026-09/deals", token=second["access_token"]).status == 403


def test_v1_answers_four_fields_and_later_versions_who_and_what(post: Post) -> None:
    _, old = post("/oauth/v1/token", code="one", **CODE)
    _, new = post("/oauth/v3/token", code="two", **CODE)
    _, own = post("/oauth/v3/token", grant_type="client_credentials", **CLIENT)

    assert set(old) == {"access_token", "expires_in", "refresh_token", "token_type"}
    assert set(new) - set(old) == {"hub_id", "scopes", "token_use", "user_id"}
    assert "refresh_token" not in own
    assert (new["token_use"], own["token_use"]) == ("access_token", "client_credentials")


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"refresh_token": "none"}, "BAD_REFRESH_TOKEN", "invalid_grant"),
        ({"client_id": "client-2"}, "BAD_CLIENT_ID", "invalid_client"),
        ({"client_secret": "wrong"}, "BAD_CLIENT_SECRET", "invalid_client"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE", "unsupported_grant_type"),
        ({"client_id": ""}, "MISSING_CLIENT_ID", "invalid_request"),
    ],
)
def test_a_refusal_has_the_shape_of_its_version(change: dict[str, str], status: str, error: str, post: Post) -> None:
    _, tokens = post("/oauth/v1/token", code="one", **CODE)
    form = refresh(tokens["refresh_token"]) | change

    old, new = post("/oauth/v1/token", **form), post("/oauth/2026-09/token", **form)

    assert (old[0], old[1]["status"], new[0], new[1]["error"]) == (400, status, 400, error)
    assert set(old[1]) == {"status", "message", "correlationId"}
    assert set(new[1]) == {"error", "error_description"}
    assert "planted-secret" not in str(old) + str(new)


def test_a_code_is_good_once(post: Post) -> None:
    post("/oauth/v1/token", code="one", **CODE)

    assert post("/oauth/v1/token", code="one", **CODE)[1]["status"] == "BAD_AUTH_CODE"


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_introspection_tells_what_lives_and_only_that_the_rest_does_not(
    version: str, post: Post, emulator: Emulator
) -> None:
    _, tokens = post(f"/oauth/{version}/token", code="one", scope="crm.objects.contacts.read", **CODE)

    def ask(token: str) -> Any:
        return post(f"/oauth/{version}/token/introspect", token=token, **CLIENT)[1]

    emulator.clock.sleep(60)
    access, kept = ask(tokens["access_token"]), ask(tokens["refresh_token"])
    emulator.clock.sleep(3600)

    assert (access["active"], access["token_use"], access["expires_in"]) == (True, "access_token", 1740)
    assert (access["scopes"], access["client_id"]) == (["crm.objects.contacts.read", "oauth"], "client-1")
    assert (kept["active"], kept["token_use"], "expires_in" in kept) == (True, "refresh_token", False)
    assert ask(tokens["access_token"]) == ask("none") == {"active": False}
    assert ask(tokens["refresh_token"])["active"] is True


def test_what_is_revoked_is_unknown(post: Post, call: Call) -> None:
    _, tokens = post("/oauth/v3/token", code="one", **CODE)

    for name in ("access_token", "refresh_token"):
        assert post("/oauth/v3/token/revoke", token=tokens[name], **CLIENT)[0] == 200

    answer = call("GET", "/crm/objects/2026-09/contacts", token=tokens["access_token"])
    assert (answer.status, answer.json()["context"]) == (401, {"expire time": ["1970-01-01T00:00:00Z"]})
    assert post("/oauth/v3/token", **refresh(tokens["refresh_token"]))[0] == 400


def test_the_old_way_of_asking_and_deleting(post: Post, call: Call) -> None:
    _, tokens = post("/oauth/v1/token", code="one", **CODE)
    access, kept = tokens["access_token"], tokens["refresh_token"]

    described = call("GET", f"/oauth/v1/access-tokens/{access}").json()

    assert (described["token"], described["token_type"], described["expires_in"]) == (access, "access", 1800)
    assert call("GET", f"/oauth/v1/refresh-tokens/{kept}").json()["client_id"] == "client-1"
    assert call("DELETE", f"/oauth/v1/refresh-tokens/{kept}").status == 204
    assert call("GET", f"/oauth/v1/refresh-tokens/{kept}").status == 404
    assert call("GET", "/crm/objects/2026-09/contacts", token=access).status == 200


def test_an_app_has_a_limit_of_its_own_and_none_a_day(portal_factory: Any, pool: Any, caller_of: Any) -> None:
    emulator = portal_factory(contacts=0)
    call, post = caller_of(emulator), poster(emulator, pool)
    token = post("/oauth/v1/token", code="one", **CODE)[1]["access_token"]
    again = post("/oauth/v1/token", code="two", **CODE)[1]["access_token"]

    answers = [call("GET", "/crm/objects/2026-09/contacts?limit=1", token=token) for _ in range(110)]
    refused = call("GET", "/crm/objects/2026-09/contacts?limit=1", token=again)

    assert {answer.status for answer in answers} == {200}
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in answers[0].headers
    assert (refused.status, refused.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert call("GET", "/crm/objects/2026-09/contacts?limit=1").status == 200
    assert emulator.limits.usage().used == 1


def test_the_token_endpoint_can_be_limited(portal_factory: Any, pool: Any) -> None:
    emulator = portal_factory(contacts=0, knobs=Knobs(oauth_calls_per_ten_seconds=2))
    post = poster(emulator, pool)

    statuses = [post("/oauth/v1/token", code=str(number), **CODE)[0] for number in range(3)]
    emulator.clock.sleep(11)

    assert statuses == [200, 200, 429]
    assert post("/oauth/v1/token", code="later", **CODE)[0] == 200


def test_a_form_is_needed_and_its_unknown_fields_are_named(post: Post, call: Call) -> None:
    assert call("POST", "/oauth/v1/token", json=CODE).status == 415
    status, body = post("/oauth/v1/token", code="one", colour="red", **CODE)
    assert (status, "colour" in body["message"]) == (400, True)
    assert call("POST", "/oauth/v2/token", json={}).status == 404
