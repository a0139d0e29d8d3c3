"""The table of docs/reference/emulator.md: how much of the emulator is checked against HubSpot. Its figures are minimums.

`python -m conformance` in tests/contract writes it anew.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from conformance.checks import Outcome
from conformance.recordings import Replay

PAGE = Path(__file__).parents[3] / "docs/reference/emulator.md"
BEGIN, END = "<!-- conformance: written by the suite of tests/contract -->", "<!-- conformance: end -->"
_ROW = re.compile(r"^\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) of (\d+) \|$", flags=re.MULTILINE)
Row = tuple[int, int, int, int]
"""Operations served, checked; recordings matched, held."""


def count(outcomes: Iterable[Outcome], replays: Iterable[Replay]) -> dict[str, Row]:
    """Count by family."""
    served, checked, matched, held = (Counter[str]() for _ in range(4))
    for each in outcomes:
        served[each.family] += 1
        checked[each.family] += not each.reason
    for replay in replays:
        held[replay.family] += 1
        matched[replay.family] += not replay.reason
    names = sorted(served)
    return {name: (served[name], checked[name], matched[name], held[name]) for name in names}


def render(rows: Mapping[str, Row]) -> str:
    """Render the section between its markers."""
    lines = [BEGIN, "| family | operations served | checked | recordings matched |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {row[0]} | {row[1]} | {row[2]} of {row[3]} |" for name, row in rows.items()]
    return "\n".join([*lines, END])


def read_page() -> dict[str, Row]:
    """Read the figures that the page claims."""
    section = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    found = _ROW.findall(section)
    return {
        name: (int(served), int(checked), int(matched), int(held)) for name, served, checked, matched, held in found
    }


def write_page(rows: Mapping[str, Row]) -> None:
    """Put the section into the page."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    if not begin:
        raise ValueError(f"{PAGE.name} has no line {BEGIN}")
    PAGE.write_text(before + render(rows) + rest.partition(END)[2], encoding="utf-8")
