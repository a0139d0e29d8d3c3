"""The limiter: what the server sees, whatever the network does."""

from __future__ import annotations

import heapq
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from hubferry.hubspot.limits import Limiter, Window
from hubspot_emulator.clock import VirtualClock


def arrivals(window: Window, delays: list[tuple[float, float]]) -> list[float]:
    """Send one call per (way there, way back), as early as the window allows; give when the server saw each."""
    seen: list[float] = []
    answers: list[float] = []
    now = 0.0
    for there, back in delays:
        while (moment := window.take(now)) is None:
            now = max(now, heapq.heappop(answers))
            window.give(now)
        while answers and answers[0] <= moment:
            window.give(heapq.heappop(answers))
        now = max(now, moment)
        seen.append(moment + there)
        heapq.heappush(answers, moment + there + back)
    return sorted(seen)


def most_within(moments: list[float], seconds: float) -> int:
    return max(sum(1 for each in moments[first:] if each < start + seconds) for first, start in enumerate(moments))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 8), st.floats(0, 8)), min_size=1, max_size=150),
    st.integers(1, 25),
    st.sampled_from([1.0, 10.0]),
)
def test_no_window_at_the_server_holds_more_than_the_limit(
    delays: list[tuple[float, float]], size: int, seconds: float
) -> None:
    seen = arrivals(Window(size, seconds), delays)

    assert most_within(seen, seconds - 1e-6) <= size


def test_permits_are_used_again_ten_seconds_after_their_answer_and_not_later() -> None:
    seen = arrivals(Window(10, 10.0), [(0.125, 0.125)] * 40)

    assert seen[-1] == 3 * 10.25 + 0.125


def test_a_lower_limit_in_the_headers_holds_from_the_next_window_on() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, 190)
    limiter.learn({"X-HubSpot-RateLimit-Max": "100"})

    for _ in range(101):
        with limiter.permit():
            pass

    assert limiter.burst == 100
    assert clock.monotonic() == 10.0


def test_a_higher_limit_in_the_headers_does_not_raise_ours() -> None:
    limiter = Limiter(VirtualClock(), 50)

    limiter.learn({"X-HubSpot-RateLimit-Max": "250"})

    assert limiter.burst == 50


def test_garbage_in_the_headers_changes_nothing() -> None:
    limiter = Limiter(VirtualClock(), 50)

    limiter.learn(
        {"X-HubSpot-RateLimit-Max": "²", "X-HubSpot-RateLimit-Remaining": "-", "X-HubSpot-RateLimit-Daily": ""}
    )

    assert (limiter.burst, limiter.daily) == (50, None)


def test_calls_of_others_seen_in_the_headers_are_left_to_them() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, 190)
    limiter.learn({"X-HubSpot-RateLimit-Max": "190", "X-HubSpot-RateLimit-Remaining": "20"})

    for _ in range(21):
        with limiter.permit():
            pass

    assert clock.monotonic() == 10.0


def test_a_burst_of_429_halves_the_limit_once_and_it_grows_back() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, 190)

    for _ in range(5):
        limiter.slow_down(1.0, search=False)
    halved = limiter.burst
    for _ in range(6):
        clock.advance(10.0)
        limiter.learn({})

    assert (halved, limiter.burst) == (95, 190)


def test_a_429_holds_calls_of_its_kind_only() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, 190, jitter=lambda: 0.0)
    limiter.slow_down(3.0, search=True)

    with limiter.permit():
        counted_at = clock.monotonic()
    with limiter.permit(search=True):
        searched_at = clock.monotonic()

    assert (counted_at, searched_at) == (0.0, 3.0)


def test_searches_are_spaced_to_four_a_second_and_counted_apart() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, 5)
    moments = []

    for _ in range(9):
        with limiter.permit(search=True):
            moments.append(clock.monotonic())

    assert moments == [0.25 * number for number in range(9)]
    assert limiter.share() == 0.0


def test_a_thread_waits_for_an_answer_when_every_permit_is_under_way() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, 1)
    sent = []

    def call() -> None:
        with limiter.permit():
            sent.append(clock.monotonic())

    with limiter.permit():
        thread = threading.Thread(target=call)
        thread.start()
        clock.advance(4.0)
    thread.join()

    assert sent == [14.0]
