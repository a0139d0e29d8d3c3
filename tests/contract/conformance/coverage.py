"""The table of docs/reference/emulator.md: how much of the emulator is checked against HubSpot. Its figures are minimums.

`python -m conformance` in tests/contract writes it anew.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from conformance import evidence
from conformance.checks import Outcome
from conformance.recordings import Replay

PAGE = Path(__file__).parents[3] / "docs/reference/emulator.md"
BEGIN, END = "<!-- conformance: written by the suite of tests/contract -->", "<!-- conformance: end -->"
_ROW = re.compile(r"^\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) of (\d+) \|$", flags=re.MULTILINE)


class Row(NamedTuple):
    """One family's figures."""

    served: int = 0
    """Operations: a method and path of one version."""
    checked: int = 0
    """Called, parameters tried and answer valid, by HubSpot's OpenAPI files."""
    compared: int = 0
    """Not in the files: the answer has the shape that HubSpot's pages or recordings show."""
    assumed: int = 0
    """Not in the files: the answer has the shape that connectors expect."""
    matched: int = 0
    held: int = 0
    """Recordings."""


def count(outcomes: Iterable[Outcome], replays: Iterable[Replay]) -> dict[str, Row]:
    """Count by family."""
    rows: dict[str, Row] = defaultdict(Row)
    for each in outcomes:
        column = "checked" if each.example is None else "assumed" if each.example.is_assumed else "compared"
        _add(rows, each.family, "served", *([] if each.reason else [column]))
    for replay in replays:
        _add(rows, replay.family, "held", *([] if replay.reason else ["matched"]))
    return dict(sorted(rows.items()))


def _add(rows: dict[str, Row], family: str, *columns: str) -> None:
    row = rows[family]
    rows[family] = row._replace(**{column: getattr(row, column) + 1 for column in columns})


def render(rows: Mapping[str, Row]) -> str:
    """Render the section between its markers."""
    names = ("family", "operations served", "checked by the files", "compared with pages or recordings")
    lines = [BEGIN, f"| {' | '.join((*names, 'shape assumed', 'recordings matched'))} |", f"|{'---|' * 6}"]
    total = Row(*(sum(column) for column in zip(*rows.values(), strict=True)))
    for name, row in (*((f"`{name}`", row) for name, row in rows.items()), ("all", total)):
        figures = (row.served, row.checked, row.compared, row.assumed)
        lines.append(f"| {name} | {' | '.join(map(str, figures))} | {row.matched} of {row.held} |")
    return "\n".join([*lines, "", *render_explanations(), END])


def render_explanations() -> list[str]:
    """Render one by one where the emulator is not as the files or as a recording, and why."""
    departures = [
        *((text, f"recorded: `{name}`") for text, name in evidence.RECORDED_DEVIATIONS.items()),
        *evidence.DOCUMENTED_DEVIATIONS.items(),
    ]
    return [
        "### Where answers depart from HubSpot's OpenAPI files",
        "",
        "What HubSpot's file says otherwise, and what proves that HubSpot does not do so either.",
        "",
        *_table(("departure", "proof"), ((f"`{text}`", why) for text, why in departures)),
        "",
        "### What HubSpot does otherwise since a recording",
        "",
        "The emulator answers as HubSpot does today; an older recording may lack what came later, or have what went.",
        "",
        *_table(
            ("change", "seen from", "in the recording"),
            ((each.words, each.until, f"`{each.evidence}`") for each in evidence.CHANGES),
        ),
        "",
        "### Recordings that are not matched",
        "",
        *_table(("recording", "why"), ((f"`{name}`", why) for name, why in evidence.EXPLAINED.items())),
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(each)} |" for each in (head, ("---",) * len(head), *rows)]


def read_page() -> dict[str, Row]:
    """Read the figures that the page claims."""
    section = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return {name: Row(*map(int, figures)) for name, *figures in _ROW.findall(section)}


def write_page(rows: Mapping[str, Row]) -> None:
    """Put the section into the page."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    if not begin:
        raise ValueError(f"{PAGE.name} has no line {BEGIN}")
    PAGE.write_text(before + render(rows) + rest.partition(END)[2], encoding="utf-8")
