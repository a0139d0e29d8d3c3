"""`docs/hubspot-behaviours.md` and the code agree on entries and knobs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from hubspot_emulator.knobs import Knobs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/hubspot-behaviours.md").read_text()
ENTRIES = re.findall(r"^### (HS-\d\d) ", PAGE, re.MULTILINE)
CITING = [
    path for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in {".md", ".py"}
]


def test_entries_are_numbered_without_gap_or_repetition() -> None:
    assert [f"HS-{number:02d}" for number in range(1, len(ENTRIES) + 1)] == ENTRIES


def test_every_entry_cited_exists() -> None:
    cited = {(entry, path.name) for path in CITING for entry in re.findall(r"\bHS-\d\d\b", path.read_text())}

    assert [pair for pair in sorted(cited) if pair[0] not in ENTRIES] == []


@pytest.mark.parametrize("knob", [field.name for field in dataclasses.fields(Knobs)])
def test_every_knob_is_explained(knob: str) -> None:
    assert f"`{knob}`" in PAGE


def test_every_entry_says_how_sure_it_is() -> None:
    parts = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]

    unsure = [part[:5] for part in parts if not re.search(r"[Rr]ecorded|[Oo]bserved|[Dd]ocumented|[Aa]ssumed", part)]

    assert unsure == []
