"""The emulator's clocks."""

from __future__ import annotations

import pytest

from hubspot_emulator.clock import VIRTUAL_START, VirtualClock


def test_virtual_time_stands_still_until_told() -> None:
    clock = VirtualClock()

    assert (clock.time(), clock.monotonic()) == (VIRTUAL_START, 0.0)
    assert clock.time() == VIRTUAL_START


def test_whoever_sleeps_on_a_virtual_clock_moves_it_for_all() -> None:
    clock = VirtualClock(1000.0)

    clock.sleep(2.5)
    clock.advance(10)

    assert (clock.time(), clock.monotonic()) == (1012.5, 12.5)


def test_virtual_time_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        VirtualClock().advance(-1)
