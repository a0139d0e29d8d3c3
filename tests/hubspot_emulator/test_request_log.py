"""The count of what a portal was asked."""

from __future__ import annotations

from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.request_log import RequestLog


def test_calls_are_counted_by_method_route_and_status() -> None:
    log = RequestLog(VirtualClock())
    for status in (200, 200, 429):
        log.record("GET", "/a/{id}", "counted", status)
    log.record("POST", "/a/search", "search", 200)

    summary = log.summary()

    assert summary["by"] == [
        {"method": "GET", "path": "/a/{id}", "status": 200, "count": 2},
        {"method": "GET", "path": "/a/{id}", "status": 429, "count": 1},
        {"method": "POST", "path": "/a/search", "status": 200, "count": 1},
    ]
    assert (summary["total"], summary["rate_limited"]) == (4, 1)


def test_the_fullest_window_is_found_wherever_it_starts() -> None:
    clock = VirtualClock()
    log = RequestLog(clock)
    for gap in (0, 6, 3, 0.9, 0.09, 20):
        clock.advance(gap)
        log.record("GET", "/a", "counted", 200)

    assert log.summary()["max_in_10s"] == 5


def test_calls_ten_seconds_apart_are_in_different_windows() -> None:
    clock = VirtualClock()
    log = RequestLog(clock)
    log.record("GET", "/a", "counted", 200)
    clock.advance(10)
    log.record("GET", "/a", "counted", 200)

    assert log.summary()["max_in_10s"] == 1


def test_searches_and_uncounted_calls_stand_apart() -> None:
    log = RequestLog(VirtualClock())
    log.record("GET", "/a", "counted", 200)
    log.record("GET", "/token", "uncounted", 200)
    for _ in range(3):
        log.record("POST", "/search", "search", 200)

    summary = log.summary()

    assert (summary["total"], summary["max_in_10s"], summary["max_searches_in_1s"]) == (5, 1, 3)


def test_windows_are_over_arrivals_not_answers() -> None:
    clock = VirtualClock()
    log = RequestLog(clock)
    first = log.arrived()
    clock.advance(11)
    second = log.arrived()
    log.record("GET", "/a", "counted", 200, arrived=second)
    log.record("GET", "/a", "counted", 200, arrived=first)

    assert log.summary()["max_in_10s"] == 1


def test_a_reset_forgets_everything() -> None:
    log = RequestLog(VirtualClock())
    log.record("GET", "/a", "counted", 429)

    log.reset()

    assert log.summary() == {"total": 0, "by": [], "max_in_10s": 0, "max_searches_in_1s": 0, "rate_limited": 0}
