"""A plan as people read it: every kind of step has rows of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hubferry.cli.app import main
from hubferry.cli.plan_text import SECTIONS
from hubferry.project import Change, UpdateRecord
from hubferry.push.draft import KINDS
from hubspot_emulator.server import Emulator

SYNC = """\
query: |
  SELECT * FROM (
    SELECT contact_number, email, 'Changed' AS first_name, 'Pilot' AS job_title, 1 AS place FROM hubspot.contacts
    WHERE email IS NOT NULL AND jobtitle IS NOT NULL AND _hubferry_deleted_at IS NULL
    UNION ALL
    SELECT 'Z-1', 'zoe@example.com', 'Zoe', 'Pilot', 3
    UNION ALL
    SELECT 'Z-2', 'not an address', 'Zed', 'Pilot', 4
    UNION ALL
    SELECT max_by(contact_number, id::BIGINT), max_by(email, id::BIGINT), 'Changed', NULL, 2 FROM hubspot.contacts
    WHERE email IS NOT NULL AND jobtitle IS NOT NULL AND _hubferry_deleted_at IS NULL
  ) QUALIFY row_number() OVER (PARTITION BY email ORDER BY place DESC) = 1 ORDER BY place
key: contact_number
object: contacts
mode: upsert
match: email
fields:
  email: email
  contact_number: contact_number
  firstname: first_name
  jobtitle: {column: job_title, on_null: clear}
"""


@pytest.fixture
def project(tmp_path: Path, portal_factory: object) -> Path:
    portal: Emulator = portal_factory(contacts=120)  # type: ignore[operator]
    assert main(["init", str(tmp_path), "--demo", "--quiet"]) == 0
    file = tmp_path / "hubferry.yml"
    file.write_text(re.sub(r"base_url: .*", f"base_url: {portal.base_url}", file.read_text()))
    (tmp_path / "syncs" / "contacts.yml").write_text(SYNC)
    assert main(["pull", "--project", str(tmp_path), "--select", "contacts", "--quiet"]) == 0
    return tmp_path


def test_many_steps_of_one_kind_hide_no_other(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "contacts", "--project", str(project), "--limit", "2", "--quiet"]) == 0

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    titles = ["records of which values are cleared:", "records to change:", "new records:", "invalid:"]
    assert [line for line in lines if line in titles] == titles
    cleared, changed, new, invalid = (lines.index(title) for title in titles)
    assert any("-> (cleared)" in line for line in lines[cleared:changed])
    assert sum(line.startswith("~ ") for line in lines[changed:new]) == 2
    assert "... and more" in lines[changed:new]
    assert any("zoe@example.com" in line for line in lines[new:invalid])
    assert any(line.startswith("! row Z-2") for line in lines[invalid:])


def test_a_plan_of_one_row_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "contacts", "--row", "Z-1", "--project", str(project), "--quiet"]) == 0

    said = capsys.readouterr().out
    assert "of row Z-1 alone" in said
    assert "1 new, 0 changed" in said


def test_a_plan_that_is_over_a_guard_is_not_said_to_be_ready(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "contacts", "--project", str(project), "--quiet"]
    assert main(command) == 0
    assert "To apply exactly this" in capsys.readouterr().out
    with (project / "syncs" / "contacts.yml").open("a") as file:
        file.write("guards: {max_creates: 0}\n")

    assert main(command) == 0
    said = capsys.readouterr().out
    assert "it will not be applied" in said
    assert "To apply" not in said


def test_every_step_stands_in_exactly_one_section() -> None:
    def update(new: str) -> UpdateRecord:
        return UpdateRecord(row_key="1", object="contacts", record_id="1", changes=(Change("jobtitle", "old", new),))

    for kind in KINDS.values():
        found = [each for each in SECTIONS if kind in each.kinds]
        if kind == "update":
            assert [sum(each.accepts(update(new)) for each in found) for new in ("", "new")] == [1, 1]
        else:
            assert len(found) == 1, kind
