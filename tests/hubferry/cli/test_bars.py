"""Bars on terminals of any width."""

from __future__ import annotations

import pytest
from rich.console import Console

from hubferry.cli.bars import Bars, Fitted


def drawn(width: int, *, finish: str | None = None) -> list[str]:
    """Give the lines of a bar that is a third through, on a terminal of this width."""
    fitted = Fitted()
    bars = Bars(fitted)
    bars.advance("associations companies-contacts", done=1_000, total=3_000, calls=12, share=0.4)
    if finish is not None:
        bars.finish("associations companies-contacts", note=finish)
    screen = fitted._screen = Console(width=width, force_terminal=True, color_system=None)
    with screen.capture() as captured:
        screen.print(fitted.get_renderable())
    return [line for line in captured.get().splitlines() if line.strip()]


@pytest.mark.parametrize("width", [20, 40, 64, 80, 96, 140])
def test_a_bar_is_one_line_on_a_terminal_of_any_width(width: int) -> None:
    lines = drawn(width)

    assert len(lines) == 1
    assert len(lines[0]) <= width


def test_a_bar_shows_records_calls_and_the_share_of_the_limit() -> None:
    line = drawn(140)[0]

    assert "1,000 of 3,000" in line
    assert "12 calls" in line
    assert "40% of the limit in use" in line


def test_a_task_that_failed_says_so_and_is_not_shown_as_complete() -> None:
    assert "failed" in drawn(140, finish="failed")[0]
    assert "1,000 of 3,000" in drawn(140, finish="failed")[0]
    assert "limit" not in drawn(140, finish="done")[0]
