"""What error bodies mean: recorded and documented shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hubferry.hubspot import retry
from hubferry.hubspot.refusals import Failure, Kind, build_error, parse_failure, parse_retry_after

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "hubspot" / "recorded" / "errors"
NEEDED = "One or more of the following scopes are required."
SCOPE_BODIES = [
    {"errors": [{"message": NEEDED, "context": {"requiredGranularScopes": ["a.read", "b.read"]}}]},
    {"message": NEEDED, "context": {"requiredGranularScopes": ["a.read", "b.read"]}, "category": "MISSING_SCOPES"},
    {"message": "You do not have permissions to view object type X in portal 1 (requires one of [a.read, b.read])"},
    {"message": "This oauth-token (CIabc) does not have proper permissions! (requires any of [a.read, b.read])"},
    {"message": "EXTERNAL auth request is missing required 'a.read' scope."},
]


def failure(status: int, body: object = None, **headers: str) -> Failure:
    text = b"<html>" if body is None else json.dumps(body).encode()
    return parse_failure(status, {name.replace("_", "-"): value for name, value in headers.items()}, text, now=0.0)


@pytest.mark.parametrize("body", SCOPE_BODIES)
def test_the_scope_is_named_whatever_the_body_of_the_403(body: object) -> None:
    error = build_error("GET /x", failure(403, body), show_message=True)

    assert "'a.read'" in str(error)
    assert "CIabc" not in str(error)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("companies-read", "crm.objects.companies.read"),
        ("custom-object-read", "crm.objects.custom.read"),
        ("sales-email-read", "sales-email-read"),
    ],
)
def test_a_scope_bears_the_name_under_which_an_app_is_given_it(old: str, new: str) -> None:
    body = {"message": f"You do not have permissions to view object type X in portal 1 (requires one of [{old}])"}

    assert f"'{new}'" in str(build_error("GET /x", failure(403, body), show_message=True))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            {"policyName": "TEN_SECONDLY_ROLLING", "message": "You have reached your ten_secondly_rolling limit."},
            Kind.BURST,
        ),
        ({"policyName": "DAILY", "message": "You have reached your daily limit."}, Kind.DAILY),
        ({"message": "You have reached your daily limit."}, Kind.DAILY),
        ({"policyName": "SECONDLY", "message": "You have reached your secondly limit."}, Kind.SECONDLY),
        ({"message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}, Kind.SECONDLY),
        ({"message": "You have reached your ten_secondly_rolling limit."}, Kind.BURST),
        (None, Kind.BURST),
    ],
)
def test_the_limits_are_told_apart_with_or_without_a_policy(body: object, kind: Kind) -> None:
    assert failure(429, body).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Kind.BROKEN) for status in (500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526)),
        *((status, Kind.REFUSED) for status in (400, 404, 405, 409, 413, 414)),
        (423, Kind.LOCKED),
        (477, Kind.MIGRATION),
        (530, Kind.TOKEN_MALFORMED),
        (302, Kind.REDIRECT),
    ],
)
def test_every_status_has_its_kind_also_with_an_html_body(status: int, kind: Kind) -> None:
    assert failure(status).kind is kind


def test_a_token_that_expired_decades_ago_was_never_one() -> None:
    body = {"message": "The OAuth token used to make this call expired 1795420800 second(s) ago."}

    assert failure(401, body).kind is Kind.TOKEN_MALFORMED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 3.0),
        ("0", 1.0),
        ("3", 3.0),
        ("9999999", 60.0),
        ("Thu, 01 Jan 1970 00:00:20 GMT", 20.0),
        ("soon", 3.0),
        ("-5", 1.0),
    ],
)
def test_a_retry_after_is_believed_within_bounds(text: str | None, seconds: float) -> None:
    headers = {} if text is None else {"Retry_After": text}

    assert retry.wait_seconds(failure(429, None, **headers), 1, 1.0) == seconds


def test_a_lock_is_waited_for_at_least_two_seconds() -> None:
    assert retry.wait_seconds(failure(423), 1, 0.0) == 2.0


def test_a_refused_search_waits_one_to_three_seconds() -> None:
    body = {"message": "You have reached your secondly limit."}

    assert [retry.wait_seconds(failure(429, body), attempt, jitter) for attempt, jitter in [(1, 0.0), (9, 1.0)]] == [
        1,
        3,
    ]


def test_waits_grow_and_stay_under_a_minute() -> None:
    waits = [retry.wait_seconds(failure(502), attempt, 1.0) or 0.0 for attempt in range(1, 40)]

    assert waits == sorted(waits)
    assert waits[-1] <= 60.0


def test_a_date_of_a_retry_after_in_the_past_is_no_wait() -> None:
    assert parse_retry_after("Thu, 01 Jan 1970 00:00:20 GMT", 100.0) == 0.0


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings are not in this checkout")
@pytest.mark.parametrize(
    ("pattern", "kind"),
    [("*_403_*", Kind.SCOPE), ("*secondly*", Kind.SECONDLY), ("*_524_*", Kind.BROKEN), ("*_409_*", Kind.REFUSED)],
)
def test_recorded_bodies_mean_what_they_meant(pattern: str, kind: Kind) -> None:
    found = sorted(RECORDED.glob(pattern))

    assert found
    for path in found:
        status = next(int(word) for word in path.stem.split("_") if word.isdigit() and len(word) == 3)
        parsed = parse_failure(status, {}, path.read_bytes(), now=0.0)
        assert parsed.kind is kind
        if kind is Kind.SCOPE:
            assert "HubSpot does not name" not in str(build_error("GET /x", parsed, show_message=True))
